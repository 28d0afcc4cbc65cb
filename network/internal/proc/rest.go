package proc

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Rest stops processes side by side, calls during when none of them runs, and starts them again, whatever during said. Nobody else
// starts one meanwhile: whoever wants to, waits. When the caller is killed in between, they are dead processes like others, for
// the supervisor to start.
func (t Table) Rest(ctx context.Context, specs []Spec, during func() error) error {
	errs := make([]error, len(specs))
	each := func(do func(i int, s Spec) error) error {
		var wg sync.WaitGroup
		for i, s := range specs {
			wg.Go(func() { errs[i] = do(i, s) })
		}
		wg.Wait()
		return errors.Join(errs...)
	}
	unlock := make([]func(), len(specs))
	defer func() {
		for _, u := range unlock {
			if u != nil {
				u()
			}
		}
	}()
	err := each(func(i int, s Spec) (err error) {
		unlock[i], err = t.lock(ctx, s.Name)
		return err
	})
	if err != nil {
		return err
	}
	// Once asked to stop they get the time to do it: a caller in a hurry must not have them killed.
	orderly := context.WithoutCancel(ctx)
	err = each(func(_ int, s Spec) error {
		r, err := t.Lookup(s.Name)
		if err != nil {
			return nil
		}
		if err := terminate(orderly, r.Identity); err != nil {
			return fmt.Errorf("stop %s: %w", s.Name, err)
		}
		return nil
	})
	if err == nil {
		err = during()
	}
	return errors.Join(err, each(func(_ int, s Spec) error {
		if _, err := t.Lookup(s.Name); err == nil {
			return nil // did not stop
		}
		return t.start(s, t.last(s.Name))
	}))
}
