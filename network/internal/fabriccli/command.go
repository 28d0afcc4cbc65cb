// Package fabriccli describes calls of Fabric's own command-line programs, one struct per call, and runs them.
package fabriccli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Command is one call of one program.
type Command interface {
	Program() string // peer, osnadmin, …
	Args() []string
}

// Environ is implemented by commands that need more than arguments.
type Environ interface {
	Env() []string
}

// Error of a call that ended with a failure. Output is everything that the program said.
type Error struct {
	Call   string // program and sub-command
	Output string
	Err    error
}

func (e *Error) Error() string { return e.Call + ": " + e.reason() }
func (e *Error) Unwrap() error { return e.Err }

var (
	escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")
	stamp   = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \S+ `)
)

// reason is the last line that says something, without colours, time stamp and usage text.
func (e *Error) reason() string {
	out, _, _ := strings.Cut(escapes.ReplaceAllString(e.Output, ""), "\nUsage:")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, l := range lines {
		if strings.HasPrefix(l, "Error: ") {
			return strings.TrimPrefix(l, "Error: ")
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		return stamp.ReplaceAllString(last, "")
	}
	return e.Err.Error()
}

// Said: the call failed and its output holds text.
func Said(err error, text string) bool {
	var e *Error
	return errors.As(err, &e) && strings.Contains(e.Output, text)
}

// Runner runs commands out of one folder of programs.
type Runner struct {
	Dir string   // holds the programs
	Env []string // for every call, before the command's own
}

// Run waits for the call to end and returns its standard output. A cancelled ctx interrupts it.
func (r Runner) Run(ctx context.Context, c Command) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(r.Dir, c.Program()), c.Args()...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
	cmd.Env = append(cmd.Env, r.Env...)
	if e, ok := c.(Environ); ok {
		cmd.Env = append(cmd.Env, e.Env()...)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 3 * time.Second
	// Ctrl-C reaches the launcher alone; it decides what its calls do.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Error{Call: call(c), Output: stdout.String() + stderr.String(), Err: err}
	}
	return stdout.Bytes(), nil
}

// call names a command in messages: the program and the words before the first flag.
func call(c Command) string {
	words := []string{c.Program()}
	for _, a := range c.Args() {
		if strings.HasPrefix(a, "-") {
			break
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
