package launcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/trackseal/trackseal/network/internal/hang"
	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/stall"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// startWatchers starts the process that restarts the others, and the one that restarts it. They run from a copy of this program:
// the one of `go run` is deleted when it ends.
func (l *Launcher) startWatchers(ctx context.Context, _ func(string)) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program := l.Stack.Program("network")
	data, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	if _, err := replace(program, data, 0o700); err != nil {
		return "", err
	}
	var started counter
	for _, name := range topology.Watchers {
		spec, err := l.watcherSpec(name, program)
		if err != nil {
			return "", err
		}
		if err := l.begin(ctx, &started, spec, nil); err != nil {
			return "", err
		}
	}
	return started.of(len(topology.Watchers)), nil
}

func (l *Launcher) watcherSpec(name, program string) (proc.Spec, error) {
	beat := proc.Probe{Beat: l.Stack.Beat(name)}
	return reading(proc.Spec{
		Name: name, Path: program, Args: []string{"supervise", "--as", name, "--dir", l.Stack.Dir},
		Dir: l.Stack.Dir, Log: l.Stack.Log(name), Ready: beat, Live: beat,
	}, program)
}

// Pauses of the supervisor.
const (
	watchEvery  = 300 * time.Millisecond
	firstDelay  = 200 * time.Millisecond
	maxDelay    = 15 * time.Second
	steadyAfter = 30 * time.Second // a process that lived so long has its delay forgotten
	trimEvery   = time.Minute
	maxLog      = 64 << 20
)

// patience is how the supervisor remembers a process that dies again and again.
type patience struct {
	delay time.Duration
	due   time.Time // zero: nothing pending
	why   string    // it is down
}

// Supervise restarts what ought to run and does not, or runs and has stopped answering or working, until ctx ends or the stack is
// taken down. As the supervisor it watches all processes but itself, as the guard it watches the supervisor only. It starts nothing
// on its own account: the list of wishes is the launcher's.
func (l *Launcher) Supervise(ctx context.Context, log *slog.Logger, as string) error {
	log.InfoContext(ctx, "watching", "dir", l.Stack.Dir)
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	looking.Go(func() { l.watchHangs(ctx, log, as, hang.New(hang.Patience), lookEvery) })
	if as == topology.Supervisor {
		looking.Go(func() { l.watchStalls(ctx, log, stall.New(len(l.Stack.Founders()), stall.Patience), lookEvery) })
	}
	waiting := map[string]*patience{}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	trimmed := time.Now()
	said := ""
	for {
		w, err := readWishes(l.Stack)
		if errors.Is(err, os.ErrNotExist) {
			log.InfoContext(ctx, "the stack is down")
			return nil
		}
		if err == nil {
			err = beat(l.Stack.Beat(as))
		}
		switch {
		case err == nil:
			said = ""
		case err.Error() != said: // said once, not at every look
			said = err.Error()
			log.ErrorContext(ctx, "the supervisor's files cannot be used", "error", err)
		}
		for _, s := range w.Processes {
			if watches(as, s.Name) {
				l.watch(ctx, log, s, waiting)
			}
		}
		if as == topology.Supervisor && time.Since(trimmed) > trimEvery {
			trimmed = time.Now()
			l.trimLogs(ctx, log)
		}
		select {
		case <-ctx.Done():
			log.InfoContext(context.WithoutCancel(ctx), "stopping")
			return nil
		case <-tick.C:
		}
	}
}

// watches tells whether a process is the business of this watcher.
func watches(watcher, process string) bool {
	if watcher == topology.Guard {
		return process == topology.Supervisor
	}
	return process != topology.Supervisor
}

// beat shows that who watches is at work.
func beat(path string) error {
	now := time.Now()
	err := os.Chtimes(path, now, now)
	if errors.Is(err, os.ErrNotExist) {
		return os.WriteFile(path, nil, 0o600)
	}
	return err
}

// watch looks at one process and starts it again, the later the more often it died.
func (l *Launcher) watch(ctx context.Context, log *slog.Logger, s proc.Spec, waiting map[string]*patience) {
	p := waiting[s.Name]
	if p == nil {
		p = &patience{delay: firstDelay}
		waiting[s.Name] = p
	}
	r, err := l.table.Lookup(s.Name)
	now := time.Now()
	switch {
	case err == nil:
		p.due = time.Time{}
		if now.Sub(r.Started) > steadyAfter {
			p.delay = firstDelay
		}
		return
	case p.due.IsZero():
		p.due = now.Add(p.delay)
		p.why = l.killed.take(s.Name)
		if p.why == "" {
			p.why = "it had ended: " + lastLine(s.Log)
		}
		log.WarnContext(ctx, "process has ended", "process", s.Name, "why", p.why, "restart_in", p.delay.String())
		return
	case now.Before(p.due) || ctx.Err() != nil:
		return
	}
	p.due = time.Time{}
	p.delay = min(2*p.delay, maxDelay)
	did, err := l.table.Restart(ctx, s, p.why)
	if err != nil {
		log.ErrorContext(ctx, "process cannot be started", "process", s.Name, "error", err)
		return
	}
	if did {
		r, _ := l.table.Lookup(s.Name) // gone again: the next look says so
		log.InfoContext(ctx, "process restarted", "process", s.Name, "why", p.why, "restarts", r.Restarts)
	}
}

// killed says why processes were killed, until they are started again.
type killed struct {
	mu  sync.Mutex
	why map[string]string // by process
}

// kill ends a process and remembers why. Starting it again is the main loop's work: a crash in between leaves a dead process that
// the next supervisor starts as any other.
func (l *Launcher) kill(ctx context.Context, log *slog.Logger, r proc.Record, process, why string) {
	log.WarnContext(ctx, "process is killed, to be restarted", "process", process, "pid", r.PID, "why", why)
	l.killed.mu.Lock()
	if l.killed.why == nil {
		l.killed.why = map[string]string{}
	}
	l.killed.why[process] = why
	l.killed.mu.Unlock()
	if err := proc.Kill(ctx, r); err != nil {
		log.ErrorContext(ctx, "process cannot be killed", "process", process, "error", err)
	}
}

func (k *killed) take(process string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	why := k.why[process]
	delete(k.why, process)
	return why
}

// trimLogs keeps the newest part of long logs. They are opened for appending, so their writers go on at the new end.
func (l *Launcher) trimLogs(ctx context.Context, log *slog.Logger) {
	logs, _ := filepath.Glob(filepath.Join(l.Stack.LogDir(), "*.log"))
	for _, path := range logs {
		info, err := os.Stat(path)
		if err != nil || info.Size() < maxLog {
			continue
		}
		if err := trim(path); err != nil {
			log.ErrorContext(ctx, "log cannot be trimmed", "file", path, "error", err)
		}
	}
}

// trim moves a log's content to NAME.log.old. Lines written during the copy may be lost.
func trim(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path+".old", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	if err := os.Truncate(path, 0); err != nil {
		return fmt.Errorf("truncate: %w", err)
	}
	return nil
}
