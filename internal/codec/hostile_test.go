package codec_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/codec"
)

const honest = `function decodeUplink(input) { return { data: { t: input.bytes[0] / 2 } } }`

func checkHonest(t testing.TB, p *codec.Pool) {
	t.Helper()
	if got, err := run(t, p, codec.TTN, honest, codec.Input{Bytes: []byte{43}}); err != nil || got != `{"data":{"t":21.5}}` {
		t.Errorf("a codec in order got %s, %v", got, err)
	}
}

// What breaks limits. Each is tried in the same pool, and a codec in order must still work after it.
var breakers = []struct{ name, script string }{
	{"endless loop", `function decodeUplink(i) { for (;;) {} }`},
	{"endless loop at load", `while (true) {}`},
	{"endless loop that catches", `function decodeUplink(i) { for (;;) { try { for (;;) {} } catch (e) {} finally { continue } } }`},
	{"endless loop in toJSON", `function decodeUplink(i) { return { data: { toJSON: function () { for (;;) {} } } } }`},
	{"endless loop in a getter", `function decodeUplink(i) { return { get data() { for (;;) {} } } }`},
	{"endless loop in a proxy", `function decodeUplink(i) { return { data: new Proxy({}, { ownKeys: function () { for (;;) {} } }) } }`},
	{"endless loop in what is thrown", `function decodeUplink(i) { throw { toString: function () { for (;;) {} } } }`},
	{"endless promises", `function decodeUplink(i) { function next() { return Promise.resolve().then(next) } next(); return { data: {} } }`},
	{"growing array", `function decodeUplink(i) { var a = []; for (;;) a.push(new Array(1000).fill(i)) }`},
	{"growing text", `function decodeUplink(i) { var s = 'x'; for (;;) s += s }`},
	{"large typed array", `function decodeUplink(i) { return { data: { n: new Uint8Array(1 << 30).fill(1).length } } }`},
	{"long text", `function decodeUplink(i) { return { data: { n: 'x'.repeat(1 << 29).replace(/x/g, 'yy').length } } }`},
	{"deep recursion", `function decodeUplink(i) { function f(n) { return f(n + 1) + 1 } return { data: { n: f(0) } } }`},
	{"recursion by natives", `function decodeUplink(i) { function f() { return [2, 1].sort(f) } return { data: f() } }`},
	{"recursion by toString", `function decodeUplink(i) { var o = {}; o.toString = function () { return '' + o }; return { data: '' + o } }`},
	{"regular expression", `function decodeUplink(i) { return { data: { m: /^(a+)+\1$/.test('a'.repeat(40) + 'b') } } }`},
	{"native loop", `function decodeUplink(i) { return { data: { n: Array(1e9).join('abc').length } } }`},
	{"huge output", `function decodeUplink(i) { return { data: { s: 'x'.repeat(100000) } } }`},
	{"many members", `function decodeUplink(i) { var o = {}; for (var n = 0; n < 20000; n++) o['k' + n] = n; return { data: o } }`},
}

func TestHostile(t *testing.T) {
	p := pool(t, codec.Config{})
	checkHonest(t, p)
	before := heap()
	for _, c := range breakers {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			got, err := run(t, p, codec.TTN, c.script, codec.Input{Bytes: []byte{1}})
			if !errors.Is(err, codec.ErrLimit) {
				t.Errorf("got %.100s, %v; want %v", got, err, codec.ErrLimit)
			}
			t.Logf("%v after %v", err, time.Since(start).Round(time.Millisecond))
			checkHonest(t, p)
		})
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("the parent's heap grew by %d bytes", grown)
	}
}

// Not every one of these is an error, and none of them may hurt.
func TestHarmless(t *testing.T) {
	p := pool(t, codec.Config{})
	for _, c := range []struct{ name, script string }{
		{"impossible text", `function decodeUplink(i) { return { data: { n: 'x'.repeat(Math.pow(2, 40)).length } } }`},
		{"impossible array", `function decodeUplink(i) { return { data: { n: new Uint8Array(Math.pow(2, 45)).length } } }`},
		{"sparse array", `function decodeUplink(i) { var a = []; a[4294967294] = 1; return { data: { n: a.length } } }`},
		{"deep source", `function decodeUplink(i) { return ` + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000) + ` }`},
		{"deep arrays in the source", `var x = ` + strings.Repeat("[", 120000) + strings.Repeat("]", 120000)},
		{"eval", `function decodeUplink(i) { return eval("({ data: { a: 1 } })") }`},
		{"constructor", `function decodeUplink(i) { return (function () {}).constructor('return this')().Object.keys({}) }`},
		{"broken surroundings", `JSON.stringify = function () { return 'x' }; String = null; Array.isArray = null; Array.prototype.push = null; Object.prototype.data = 1; function decodeUplink(i) { return { data: { a: 1 } } }`},
		{"then that is a getter", `function decodeUplink(i) { return { get then() { throw 1 } } }`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := run(t, p, codec.TTN, c.script, codec.Input{Bytes: []byte{1}})
			if err != nil && !errors.Is(err, codec.ErrScript) && !errors.Is(err, codec.ErrLimit) {
				t.Errorf("got %.100s, %v", got, err)
			}
			t.Logf("%.100s %v", got, err)
			checkHonest(t, p)
		})
	}
}

// A call sees nothing of the calls before, and no clock, chance or file.
func TestCallsAreAlone(t *testing.T) {
	p := pool(t, codec.Config{Children: 1})
	const pollutes = `var n = 0; function decodeUplink(i) {
		var seen = [Object.prototype.evil, Array.prototype.evil, globalThis.evil, n++, Math.random(), Math.random(), Date.now(), typeof performance, typeof process, typeof setTimeout, typeof fetch, typeof XMLHttpRequest];
		Object.prototype.evil = 1; Array.prototype.evil = 2; globalThis.evil = 3; Math.random = Date.now = function () { return 4 };
		return { data: { seen: seen.map(String) } } }`
	in := codec.Input{Bytes: []byte{1}, RecvMS: 1767605400000}
	first, err := run(t, p, codec.TTN, pollutes, in)
	if err != nil || !strings.Contains(first, `"undefined","undefined","undefined","0"`) || !strings.Contains(first, "1767605400000") {
		t.Fatalf("got %s, %v", first, err)
	}
	for range 3 {
		if got, err := run(t, p, codec.TTN, pollutes, in); err != nil || got != first {
			t.Errorf("got %s, %v; the call before got %s", got, err, first)
		}
	}
	other := pool(t, codec.Config{Children: 1})
	if got, err := run(t, other, codec.TTN, pollutes, in); err != nil || got != first {
		t.Errorf("another process got %s, %v; want %s", got, err, first)
	}
}

func TestSourceMapsReadNothing(t *testing.T) {
	p := pool(t, codec.Config{})
	secret := filepath.Join(t.TempDir(), "map.json")
	if err := os.WriteFile(secret, []byte("{not a source map"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, comment := range []string{"//# sourceMappingURL=" + secret, "//# sourceMappingURL=file://" + secret, "//@ sourceMappingURL=/etc/passwd", "//# sourceMappingURL=/dev/zero"} {
		if got, err := run(t, p, codec.TTN, honest+"\n"+comment, codec.Input{Bytes: []byte{43}}); err != nil || got != `{"data":{"t":21.5}}` {
			t.Errorf("%s: got %s, %v", comment, got, err)
		}
		inner := `function decodeUplink(i) { return eval("({ data: { t: 21.5 } })\n` + comment + `") }`
		if got, err := run(t, p, codec.TTN, inner, codec.Input{Bytes: []byte{43}}); err != nil || got != `{"data":{"t":21.5}}` {
			t.Errorf("%s in eval: got %s, %v", comment, got, err)
		}
	}
}

// A script that breaks limits again and again is disabled, the others are not.
func TestDisabled(t *testing.T) {
	p := pool(t, codec.Config{})
	const bad = `function decodeUplink(i) { if (i.bytes[0]) for (;;) {} return { data: {} } }`
	ask := func(b byte) error {
		_, err := run(t, p, codec.TTN, bad, codec.Input{Bytes: []byte{b}})
		return err
	}
	for n := range codec.MaxFailing - 1 {
		if err := ask(1); !errors.Is(err, codec.ErrLimit) {
			t.Fatalf("call %d: %v", n, err)
		}
	}
	if err := ask(0); err != nil { // begins anew
		t.Fatal(err)
	}
	for n := range codec.MaxFailing {
		if err := ask(1); !errors.Is(err, codec.ErrLimit) {
			t.Fatalf("call %d: %v", n, err)
		}
	}
	if err := ask(0); !errors.Is(err, codec.ErrDisabled) || !strings.Contains(err.Error(), "100ms") {
		t.Errorf("got %v, want %v with the reason", err, codec.ErrDisabled)
	}
	checkHonest(t, p)
}

// While hostile scripts are at work, a codec in order waits for at most what it takes to end one of them.
func TestHostileDelaysNobody(t *testing.T) {
	p := pool(t, codec.Config{})
	checkHonest(t, p)
	before := heap()
	ctx, cancel := context.WithCancel(context.Background())
	var hostile sync.WaitGroup
	for range 8 { // as many as want; the pool lets one in
		hostile.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				script := breakers[n%2*15].script // interrupted, and killed
				_, err := p.Run(ctx, codec.TTN, []byte(script), codec.Input{Bytes: []byte{1}})
				if errors.Is(err, codec.ErrDisabled) {
					return
				}
			}
		})
	}
	var took []time.Duration
	for began := time.Now(); len(took) < 300 || time.Since(began) < 3*time.Second; {
		start := time.Now()
		checkHonest(t, p)
		took = append(took, time.Since(start))
	}
	cancel()
	hostile.Wait()
	slices.Sort(took)
	t.Logf("median %v, 99 of 100 %v, worst %v", took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	if worst := took[len(took)-1]; worst > 10*time.Second {
		t.Errorf("a codec in order waited for %v", worst)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("the parent's heap grew by %d bytes", grown)
	}
}

func TestMany(t *testing.T) {
	p := pool(t, codec.Config{Children: 4})
	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			script := honest + strings.Repeat(" ", n) // 40 scripts, of which a child keeps 16
			for range 10 {
				if got, err := run(t, p, codec.TTN, script, codec.Input{Bytes: []byte{43}}); err != nil || got != `{"data":{"t":21.5}}` {
					t.Errorf("got %s, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestEnds(t *testing.T) {
	p := codec.New(codec.Config{Children: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Run(ctx, codec.TTN, []byte(`for (;;) {}`), codec.Input{}); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, codec.ErrLimit) {
		t.Errorf("a call whose caller gave up: %v", err)
	}
	checkHonest(t, p)
	for _, c := range []struct {
		script string
		bytes  int
	}{{honest, codec.MaxInput + 1}, {strings.Repeat(" ", codec.MaxScript+1), 1}} {
		if _, err := run(t, p, codec.TTN, c.script, codec.Input{Bytes: make([]byte, c.bytes)}); !errors.Is(err, codec.ErrLimit) {
			t.Errorf("too large: %v", err)
		}
	}
	if _, err := run(t, p, codec.TTN, honest, codec.Input{Bytes: make([]byte, codec.MaxInput)}); err != nil {
		t.Errorf("the largest input: %v", err)
	}
	p.Close()
	p.Close()
	if _, err := run(t, p, codec.TTN, honest, codec.Input{}); !errors.Is(err, codec.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkCall(b *testing.B) {
	p := pool(b, codec.Config{Children: 1})
	script := []byte(honest)
	for b.Loop() {
		if _, err := p.Run(context.Background(), codec.TTN, script, codec.Input{Bytes: []byte{43, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}); err != nil {
			b.Fatal(err)
		}
	}
}
