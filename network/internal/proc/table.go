// Package proc starts processes that outlive the launcher, finds them again, and stops them. A process is known by its
// process id, its start time and the boot of the machine, so that a reused id is never taken for it.
package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// mark is in the environment of every process that we start: folder, name and spec, by which it is found when the
// starter died before it could write the record.
const mark = "TRACKSEAL_PROCESS"

// Record of a started process.
type Record struct {
	Identity
	Spec    string    `json:"spec"` // Spec.Hash at its start
	Started time.Time `json:"started"`
	// Restarts counts the starts since Ensure's that nobody but the supervisor asked for; Why is the reason of the last one.
	Restarts int    `json:"restarts,omitempty"`
	Why      string `json:"why,omitempty"`
}

// Run is another text for every run of a process.
func (r Record) Run() string { return fmt.Sprintf("%d %s %s", r.PID, r.Start, r.Boot) }

// Table is the processes of one stack. Several programs (launcher, supervisor) may use the same one at once.
type Table struct {
	Dir string // holds NAME.pid and NAME.lock
}

// Lookup returns the record of a process that runs now; ErrGone if none does.
func (t Table) Lookup(name string) (Record, error) {
	if r := t.last(name); r.Alive() {
		return r, nil
	}
	return Record{}, ErrGone
}

// Ensure makes the process run as its spec says: it starts a dead one, restarts one with another spec, and leaves a good one
// alone. prepare, unless nil, is called right before a start, when the process is sure not to run. started tells whether it
// did something.
func (t Table) Ensure(ctx context.Context, s Spec, prepare func() error) (started bool, err error) {
	return t.ensure(ctx, s, prepare, "")
}

// Restart is Ensure for a process that nobody stopped; why it runs no more is kept with its record.
func (t Table) Restart(ctx context.Context, s Spec, why string) (started bool, err error) {
	return t.ensure(ctx, s, nil, why)
}

func (t Table) ensure(ctx context.Context, s Spec, prepare func() error, why string) (started bool, err error) {
	unlock, err := t.lock(ctx, s.Name)
	if err != nil {
		return false, err
	}
	defer unlock()

	r, err := t.Lookup(s.Name)
	if err != nil {
		r, err = t.recover(s.Name)
	}
	switch {
	case err == nil && r.Spec == s.Hash():
		return false, nil
	case err == nil:
		if err := terminate(ctx, r.Identity); err != nil {
			return false, fmt.Errorf("stop %s: %w", s.Name, err)
		}
	}
	if prepare != nil {
		if err := prepare(); err != nil {
			return false, err
		}
	}
	var history Record
	if why != "" {
		history.Restarts, history.Why = t.last(s.Name).Restarts+1, why
	}
	return true, t.start(s, history)
}

// last record of a process, which may run no more; the zero Record when there is none.
func (t Table) last(name string) Record {
	var r Record
	if data, err := os.ReadFile(t.pidFile(name)); err != nil || json.Unmarshal(data, &r) != nil {
		return Record{}
	}
	return r
}

// recover finds a process whose starter died between starting it and writing its record.
func (t Table) recover(name string) (Record, error) {
	for pid, value := range marked(mark) {
		hash, ok := strings.CutPrefix(value, t.markOf(name, ""))
		if !ok {
			continue
		}
		id, err := Identify(pid)
		if err != nil {
			continue
		}
		r := Record{Identity: id, Spec: hash, Started: time.Now().UTC()}
		return r, t.write(name, r)
	}
	return Record{}, ErrGone
}

// markOf is a process's mark: no other stack and no other name has the same beginning.
func (t Table) markOf(name, hash string) string { return t.Dir + "|" + name + "|" + hash }

// start a process; history is how often it was restarted, and why.
func (t Table) start(s Spec, history Record) error {
	if err := os.MkdirAll(filepath.Dir(s.Log), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Dir = s.Dir
	cmd.Env = append(inherited(), s.Env...)
	cmd.Env = append(cmd.Env, mark+"="+t.markOf(s.Name, s.Hash()))
	cmd.Stdout, cmd.Stderr = log, log
	// A session of its own: neither the end of the launcher nor Ctrl-C in its terminal reaches the process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	id, err := Identify(cmd.Process.Pid)
	// Reap it when it ends before its starter does; afterwards that is init's work.
	go func() { _ = cmd.Wait() }()
	if err != nil {
		return fmt.Errorf("start %s: it ended at once, see %s", s.Name, s.Log)
	}
	return t.write(s.Name, Record{Identity: id, Spec: s.Hash(), Started: time.Now().UTC(), Restarts: history.Restarts, Why: history.Why})
}

// inherited is the part of the caller's environment that programs get: enough to run, and no configuration by accident.
func inherited() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "LANG", "GOMEMLIMIT", "GOMAXPROCS", "GOGC"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// Stop ends the process if it runs: it asks first and kills after a while. It does not fail when nothing runs.
func (t Table) Stop(ctx context.Context, name string) (stopped bool, err error) {
	unlock, err := t.lock(ctx, name)
	if err != nil {
		return false, err
	}
	defer unlock()
	for {
		r, err := t.Lookup(name)
		if err != nil {
			if r, err = t.recover(name); err != nil {
				break
			}
		}
		if err := terminate(ctx, r.Identity); err != nil {
			return stopped, fmt.Errorf("stop %s: %w", name, err)
		}
		stopped = true
	}
	if err := os.Remove(t.pidFile(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return stopped, err
	}
	return stopped, nil
}

// Kill ends exactly this process, which runs and does not work, and leaves its record to whoever starts it again. A Go program is
// asked first to write down what each of its goroutines does; one that is stopped cannot. Nothing happens when it has ended.
func Kill(ctx context.Context, r Record) error {
	if err := signal(r.Identity, syscall.SIGQUIT); err != nil {
		return err
	}
	if await(ctx, r.Identity, dumpTime) {
		return nil
	}
	return kill(r.Identity)
}

// Strays are processes of this table that run, by name, whether or not they have a record.
func (t Table) Strays() map[string]int {
	found := map[string]int{}
	for pid, value := range marked(mark) {
		if rest, ok := strings.CutPrefix(value, t.Dir+"|"); ok {
			name, _, _ := strings.Cut(rest, "|")
			if _, err := Identify(pid); err == nil {
				found[name] = pid
			}
		}
	}
	return found
}

func (t Table) pidFile(name string) string { return filepath.Join(t.Dir, name+".pid") }

func (t Table) write(name string, r Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return WriteFile(t.pidFile(name), append(data, '\n'), 0o600)
}

func (t Table) lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := os.MkdirAll(t.Dir, 0o700); err != nil {
		return nil, err
	}
	return Lock(ctx, filepath.Join(t.Dir, name+".lock"))
}

// Identity names one process for as long as the machine runs.
type Identity struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // opaque, as the kernel tells it
	Boot  string `json:"boot"`  // opaque; differs after a restart of the machine
}

// ErrGone: the process does not run any more, or its id belongs to another one.
var ErrGone = errors.New("process has ended")

// Alive: exactly this process runs. One that ended and waits for its parent to notice counts as gone.
func (id Identity) Alive() bool {
	now, err := Identify(id.PID)
	return err == nil && now == id
}
