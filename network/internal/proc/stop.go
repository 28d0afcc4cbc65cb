package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// grace is how long a process may take to end by itself.
const grace = 12 * time.Second

// dumpTime is how long a process may take to write down its goroutines.
const dumpTime = 2 * time.Second

// terminate asks the process to end, kills it after the grace time or when ctx ends, and returns when it is gone.
func terminate(ctx context.Context, id Identity) error {
	if err := signal(id, syscall.SIGTERM); err != nil {
		return err
	}
	if await(ctx, id, grace) {
		return nil
	}
	return kill(id)
}

// kill ends the process at once and returns when it is gone.
func kill(id Identity) error {
	if err := signal(id, syscall.SIGKILL); err != nil {
		return err
	}
	if await(context.Background(), id, 5*time.Second) {
		return nil
	}
	return fmt.Errorf("process %d does not end", id.PID)
}

// signal sends s to the process, and to no other: one that is gone gets none.
func signal(id Identity, s syscall.Signal) error {
	// The handle stays with this process even if its id is given to another one, so it is checked after it was opened.
	p, err := os.FindProcess(id.PID)
	if err != nil {
		return nil
	}
	defer p.Release()
	if !id.Alive() {
		return nil
	}
	if err := p.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// await tells whether the process ended in time. A process that is not our child cannot be waited for portably.
func await(ctx context.Context, id Identity, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for id.Alive() {
		select {
		case <-ctx.Done():
			return !id.Alive()
		case <-tick.C:
		}
	}
	return true
}

// Signal asks a running process for something that it knows to do.
func (t Table) Signal(name string, s syscall.Signal) error {
	r, err := t.Lookup(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return signal(r.Identity, s)
}
