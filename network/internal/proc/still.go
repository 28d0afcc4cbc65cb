package proc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// stillTime is how long processes may take to stand still: a thread first ends what it has the kernel do.
const stillTime = 10 * time.Second

// Still has processes stand still all at once, calls during while not one of their threads runs, and has them go on, whatever during
// said. Their files are then what a kill of all of them at this moment would leave. Nobody else starts one meanwhile: whoever
// wants to, waits. When the caller is killed in between, they stand still until somebody who watches them takes them for hanging.
func (t Table) Still(ctx context.Context, names []string, during func() error) (err error) {
	each := func(do func(i int, name string) error) error {
		errs := make([]error, len(names))
		var wg sync.WaitGroup
		for i, name := range names {
			wg.Go(func() {
				if err := do(i, name); err != nil {
					errs[i] = fmt.Errorf("%s: %w", name, err)
				}
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	unlock := make([]func(), len(names))
	defer func() {
		for _, u := range unlock {
			if u != nil {
				u()
			}
		}
	}()
	if err := each(func(i int, name string) (err error) { unlock[i], err = t.lock(ctx, name); return err }); err != nil {
		return err
	}
	records := make([]Record, len(names))
	if err := each(func(i int, name string) (err error) { records[i], err = t.Lookup(name); return err }); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, each(func(i int, _ string) error { return signal(records[i].Identity, syscall.SIGCONT) }))
	}()
	if err := each(func(i int, _ string) error { return signal(records[i].Identity, syscall.SIGSTOP) }); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, stillTime)
	defer cancel()
	if err := each(func(i int, _ string) error { return untilStill(limit, records[i].Identity) }); err != nil {
		return err
	}
	return during()
}

// untilStill waits until no thread of a process that was told to stop runs any more.
func untilStill(ctx context.Context, id Identity) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		still, err := standsStill(id.PID)
		switch {
		case err != nil:
			return err
		case still && id.Alive():
			return nil
		case !id.Alive():
			return ErrGone
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("does not stand still: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
