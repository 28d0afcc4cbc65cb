package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// Down stops everything that belongs to the folder, in the reverse order of the start, whatever state it is in. A launcher at
// work is interrupted.
func (l *Launcher) Down(ctx context.Context) error {
	n := 0
	if l.isStack() || len(l.table.Strays()) > 0 {
		release, err := l.takeOver(ctx)
		if err != nil {
			return err
		}
		defer release()
		if n, err = l.stopAll(ctx); err != nil {
			return err
		}
	}
	if n == 0 {
		fmt.Fprintln(l.Out, "nothing runs")
		return nil
	}
	fmt.Fprintf(l.Out, "stopped %d processes\n", n)
	return nil
}

// takeOver holds the folder, if need be after ending the launcher that holds it.
func (l *Launcher) takeOver(ctx context.Context) (release func(), err error) {
	if err := mkdir(l.Stack.RunDir()); err != nil { // deleted below processes that run on
		return nil, err
	}
	for _, attempt := range []struct {
		send syscall.Signal
		wait time.Duration
	}{{0, 0}, {syscall.SIGTERM, 15 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		if attempt.send != 0 {
			if id, ok := l.holderID(); ok {
				fmt.Fprintf(l.Out, "interrupting the launcher at work (process %d)\n", id.PID)
				if p, err := os.FindProcess(id.PID); err == nil && id.Alive() {
					_ = p.Signal(attempt.send) // gone already: the lock tells
				}
			}
		}
		limit, cancel := context.WithTimeout(ctx, attempt.wait+time.Millisecond)
		unlock, err := proc.Lock(limit, l.lockFile())
		cancel()
		if err == nil {
			return unlock, nil
		}
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("another launcher%s holds %s and does not end", l.holder(), l.Stack.Dir)
}

// stopAll takes the wishes away, without which nobody restarts anything, and ends first who would.
func (l *Launcher) stopAll(ctx context.Context) (stopped int, err error) {
	var mu sync.Mutex
	var errs []error
	stop := func(name string) {
		did, err := l.table.Stop(ctx, name)
		mu.Lock()
		defer mu.Unlock()
		if did {
			stopped++
		}
		errs = append(errs, err)
	}
	if err := os.Remove(wishFile(l.Stack)); !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, name := range slices.Backward(topology.Watchers) {
		stop(name)
	}
	all := l.Stack.Processes()
	slices.Reverse(all)
	for len(all) > 0 {
		var kind sync.WaitGroup // those of one kind are stopped side by side
		for first := kindOf(all[0].Name); len(all) > 0 && kindOf(all[0].Name) == first; all = all[1:] {
			name := all[0].Name
			kind.Go(func() { stop(name) })
		}
		kind.Wait()
	}
	for name := range l.table.Strays() {
		stop(name)
	}
	return stopped, errors.Join(errs...)
}

// stopOrphans ends the processes of a stack whose folder was deleted below them: they hold its ports, and what they know is
// no more.
func (l *Launcher) stopOrphans(ctx context.Context) error {
	if _, err := os.Stat(l.Stack.Settings()); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if len(l.table.Strays()) == 0 {
		return nil
	}
	fmt.Fprintln(l.Out, "stopping the processes of a stack whose folder was deleted")
	_, err := l.stopAll(ctx)
	return err
}

// kindOf a process, by its name.
func kindOf(process string) string {
	kind, _, _ := strings.Cut(process, "-")
	return kind
}
