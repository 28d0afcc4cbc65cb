package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// argument makes this program a child.
const argument = "trackseal-codec-child"

// startAfter is how long a child may take until it says hello: the whole program has to come up, on a machine that is busy.
const startAfter = 20 * time.Second

// slots is how many compiled scripts a child keeps.
const slots = 16

var errSlow = errors.New("longer than " + KillAfter.String())

// child is the parent's side of a process. One call at a time.
type child struct {
	cmd        *exec.Cmd
	in         *os.File
	out        *os.File
	said       *head
	unconfined string
	calls      int
	known      [slots][32]byte
	next       int
}

// startChild starts this program once more, with nothing of its surroundings, and waits for its hello.
func startChild(ctx context.Context) (*child, error) {
	program := "/proc/self/exe" // which is this program even when its file was replaced
	if runtime.GOOS != "linux" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		inRead.Close()
		inWrite.Close()
		return nil, err
	}
	c := &child{in: inWrite, out: outRead, said: &head{}}
	c.cmd = &exec.Cmd{Path: program, Args: []string{"trackseal-codec", argument}, Env: []string{}, Dir: "/", Stdin: inRead, Stdout: outWrite, Stderr: c.said}
	if runtime.GOOS == "windows" {
		c.cmd.Dir = ""
	}
	c.cmd.WaitDelay = time.Second
	err = c.cmd.Start()
	inRead.Close()
	outWrite.Close()
	if err != nil {
		inWrite.Close()
		outRead.Close()
		return nil, fmt.Errorf("start a child: %w", err)
	}
	var h hello
	if err := c.exchange(ctx, startAfter, nil, &h); err != nil {
		c.end()
		return nil, fmt.Errorf("the child did not come up: %s", c.lastWords(err))
	}
	c.unconfined = h.Unconfined
	return c, nil
}

// call gives the child a call, and the script only when it does not have it.
func (c *child) call(ctx context.Context, hash [32]byte, kind string, script []byte, in Input) (*reply, error) {
	req := request{Slot: -1, Kind: kind, Bytes: in.Bytes, FPort: in.FPort, RecvMS: in.RecvMS, Variables: in.Variables}
	for i, known := range c.known {
		if known == hash {
			req.Slot = i
		}
	}
	if req.Slot < 0 {
		req.Slot, req.Script = c.next, script
		if req.Script == nil {
			req.Script = []byte{}
		}
		c.known[c.next] = hash
		c.next = (c.next + 1) % slots
	}
	c.calls++
	var r reply
	if err := c.exchange(ctx, KillAfter, &req, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// exchange writes a frame and reads one, within a time. After an error the child must be ended.
func (c *child) exchange(ctx context.Context, within time.Duration, ask *request, answer any) error {
	deadline := time.Now().Add(within)
	_ = c.in.SetDeadline(deadline)
	_ = c.out.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() {
		_ = c.in.SetDeadline(time.Unix(1, 0))
		_ = c.out.SetDeadline(time.Unix(1, 0))
	})
	defer stop()
	if ask != nil {
		if err := writeFrame(c.in, ask); err != nil {
			return slow(err)
		}
	}
	return slow(readFrame(c.out, answer))
}

func slow(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSlow
	}
	return err
}

// end kills the child and waits for it.
func (c *child) end() {
	c.in.Close()
	c.out.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// lastWords says why a child that was ended did not answer.
func (c *child) lastWords(err error) string {
	if errors.Is(err, errSlow) {
		return errSlow.Error()
	}
	said := c.said.String()
	switch {
	case strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"), strings.Contains(said, "memory allocat"):
		return fmt.Sprintf("more than %d MiB of memory", Memory>>20)
	case strings.Contains(said, "stack overflow"), strings.Contains(said, "stack exceeds"):
		return "calls nest too deep"
	case said == "" && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return "its process ended"
	case said == "":
		return "its process ended: " + err.Error()
	}
	line, _, _ := strings.Cut(said, "\n")
	return "its process ended: " + printable(line)
}

// head keeps the beginning of what a dying child says.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := 512 - h.buf.Len(); room > 0 {
		h.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.buf.String()
}

// result is what a reply means to who called. The child may lie: its text is cut and cleaned, its output measured again.
func (r *reply) result() ([]byte, error) {
	switch {
	case r.Outcome == done && len(r.Decoded) <= MaxOutput:
		return r.Decoded, nil
	case r.Outcome == limit, r.Outcome == done:
		return nil, fmt.Errorf("%w: %s", ErrLimit, printable(r.Detail))
	default:
		return nil, fmt.Errorf("%w: %s", ErrScript, printable(r.Detail))
	}
}

// printable is a text that may stand in a log line and in an answer.
func printable(s string) string {
	const most = 300
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}
