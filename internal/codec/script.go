package codec

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/trackseal/trackseal/internal/canon"
)

//go:embed surroundings.js
var surroundingsSource string

//go:embed buffer.js
var bufferSource string

// What runs around a script. Compiled once.
var (
	surroundings = goja.MustCompile("surroundings.js", surroundingsSource, true)
	buffer       = goja.MustCompile("buffer.js", bufferSource, true)
	// A const is no member of the global object: only a script sees it by its name.
	offered = goja.MustCompile("offered.js", "[typeof decodeUplink === 'function' ? decodeUplink : undefined, typeof normalizeUplink === 'function' ? normalizeUplink : undefined, "+
		"typeof Decode === 'function' ? Decode : undefined, typeof Decoder === 'function' ? Decoder : undefined]", false)
)

// program is a compiled script, or why it is none.
type program struct {
	code    *goja.Program
	buffer  bool // the script speaks of Buffer and its like
	problem string
}

// compile never reads what a script's comments name: source maps are off.
func compile(source string) (p *program) {
	p = &program{}
	defer func() {
		if x := recover(); x != nil {
			p = &program{problem: fmt.Sprintf("it does not compile: %v", x)}
		}
	}()
	source = strings.TrimPrefix(source, "\ufeff")
	tree, err := goja.Parse("codec.js", source, parser.WithDisableSourceMaps)
	if err != nil {
		// Only now: what parses as a script is run as it stands.
		rewritten := asScript(source)
		var again error
		if tree, again = goja.Parse("codec.js", rewritten, parser.WithDisableSourceMaps); again != nil {
			p.problem = "it does not compile: " + err.Error()
			return p
		}
	}
	if p.code, err = goja.CompileAST(tree, false); err != nil {
		p.problem = "it does not compile: " + err.Error()
	}
	for _, word := range []string{"Buffer", "atob", "btoa", "TextDecoder"} {
		p.buffer = p.buffer || strings.Contains(source, word)
	}
	return p
}

// outOfTime is what an interrupted script is told.
type outOfTime struct{}

// run calls the script once, in a runtime of its own: nothing that a call leaves behind is there in the next.
func (p *program) run(req *request) (r *reply) {
	if p.problem != "" {
		return &reply{Outcome: script, Detail: p.problem}
	}
	defer func() {
		if x := recover(); x != nil {
			r = failed(x)
		}
	}()
	vm := goja.New()
	vm.SetParserOptions(parser.WithDisableSourceMaps) // of eval
	vm.SetMaxCallStackSize(MaxDepth)
	received := time.UnixMilli(req.RecvMS).UTC()
	vm.SetTimeSource(func() time.Time { return received })
	vm.SetRandSource(rand.New(rand.NewPCG(1, 2)).Float64)
	defer watch(vm)()

	around, err := vm.RunProgram(surroundings)
	if err != nil {
		return failed(err)
	}
	if p.buffer {
		if _, err := vm.RunProgram(buffer); err != nil {
			return failed(err)
		}
	}
	run, ok := goja.AssertFunction(around)
	if !ok {
		return &reply{Outcome: script, Detail: "its surroundings are broken"}
	}
	// The script runs inside of the surroundings' try: what it throws is put into words there, within the limits.
	load := func(goja.FunctionCall) goja.Value {
		if _, err := vm.RunProgram(p.code); err != nil {
			panic(err)
		}
		found, err := vm.RunProgram(offered)
		if err != nil {
			panic(err)
		}
		return found
	}
	list := make([]any, len(req.Bytes))
	for i, b := range req.Bytes {
		list[i] = int64(b)
	}
	variables := vm.NewObject()
	for name, value := range req.Variables {
		if err := variables.Set(name, value); err != nil {
			return failed(err)
		}
	}
	v, err := run(goja.Undefined(), vm.ToValue(load), vm.ToValue(req.Kind), vm.NewArray(list...), vm.ToValue(req.FPort), vm.ToValue(req.RecvMS), variables)
	if err != nil {
		return failed(err)
	}
	text, ok := v.Export().(string)
	if !ok || text == "" {
		return &reply{Outcome: script, Detail: "its output is no JSON"}
	}
	mark, rest := text[0], text[1:]
	if mark != '+' {
		return &reply{Outcome: script, Detail: printable(rest)}
	}
	return output(rest)
}

// output puts the members of what came out into order.
func output(text string) *reply {
	if len(text) > 4*MaxOutput {
		return &reply{Outcome: limit, Detail: fmt.Sprintf("output of %d bytes; at most %d", len(text), MaxOutput)}
	}
	var v any
	if err := canon.CheckJSON([]byte(text)); err != nil {
		return &reply{Outcome: script, Detail: "its output is no JSON: " + err.Error()}
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return &reply{Outcome: script, Detail: "its output is no JSON: " + err.Error()}
	}
	var sorted bytes.Buffer
	e := json.NewEncoder(&sorted)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return &reply{Outcome: script, Detail: "its output is no JSON: " + err.Error()}
	}
	decoded := bytes.TrimSuffix(sorted.Bytes(), []byte("\n"))
	if len(decoded) > MaxOutput {
		return &reply{Outcome: limit, Detail: fmt.Sprintf("output of %d bytes; at most %d", len(decoded), MaxOutput)}
	}
	return &reply{Outcome: done, Decoded: decoded}
}

// watch interrupts the script once it has used its processor time. The function that it answers ends the watch.
func watch(vm *goja.Runtime) (stop func()) {
	start := processorTime()
	ended := make(chan struct{})
	var timer *time.Timer
	timer = time.AfterFunc(CallTime, func() {
		select {
		case <-ended:
			return
		default:
		}
		if used := processorTime() - start; used < CallTime {
			timer.Reset(max(CallTime-used, time.Millisecond))
			return
		}
		vm.Interrupt(outOfTime{})
	})
	return func() {
		close(ended)
		timer.Stop()
	}
}

// failed puts what ended a call from outside of the script into a reply. It looks at types only: to ask such an error anything may run the
// script again.
func failed(x any) *reply {
	switch e := x.(type) {
	case *goja.InterruptedError:
		return &reply{Outcome: limit, Detail: "longer than " + CallTime.String()}
	case *goja.StackOverflowError:
		return &reply{Outcome: limit, Detail: fmt.Sprintf("more than %d calls in one another", MaxDepth)}
	case *goja.Exception:
		return &reply{Outcome: script, Detail: "it threw"}
	case error:
		return &reply{Outcome: script, Detail: "the engine: " + printable(e.Error())}
	default:
		return &reply{Outcome: script, Detail: "the engine gave up"}
	}
}
