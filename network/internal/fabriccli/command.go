// Package fabriccli describes calls of Fabric's own command-line programs, one function per call, and runs them.
package fabriccli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Call is one call of one program.
type Call struct {
	Program string // peer, osnadmin, …
	Args    []string
	Env     []string // beside PATH, HOME and TMPDIR
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
		if said, ok := strings.CutPrefix(l, "Error: "); ok {
			return said
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		return stamp.ReplaceAllString(last, "")
	}
	return e.Err.Error()
}

// Said: the call failed and its output holds text.
func Said(err error, text string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && strings.Contains(e.Output, text)
}

// Run runs a program out of folder dir, waits for it to end and returns its standard output. A cancelled ctx interrupts it.
func Run(ctx context.Context, dir string, c Call) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, c.Program), c.Args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}, c.Env...)
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
		return nil, &Error{Call: c.name(), Output: stdout.String() + stderr.String(), Err: err}
	}
	return stdout.Bytes(), nil
}

// name of the call in messages: the program and the words before the first flag.
func (c Call) name() string {
	words := c.Args
	if i := slices.IndexFunc(words, func(a string) bool { return strings.HasPrefix(a, "-") }); i >= 0 {
		words = words[:i]
	}
	return strings.Join(append([]string{c.Program}, words...), " ")
}
