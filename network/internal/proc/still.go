package proc

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stillTime is how long processes may take to stand still: a thread first ends what it has the kernel do.
const stillTime = 10 * time.Second

// Still has processes stand still all at once, calls during while not one of their threads runs, and has them go on, whatever during
// said, also when the caller is killed. Their files are then what a kill of all of them at this moment would leave. Nobody else starts
// one meanwhile: whoever wants to, waits.
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
	release, err := heir(records)
	if err != nil {
		return err
	}
	defer release()
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

// heir starts a process that has others go on when its starter is gone: then the line between the two ends. What ends its starter by
// signals to a group or a terminal does not reach it.
func heir(records []Record) (release func(), err error) {
	if len(records) == 0 {
		return func() {}, nil
	}
	args := []string{"-c", `while read -r _; do :; done; kill -CONT "$@"`, "sh"}
	for _, r := range records {
		args = append(args, strconv.Itoa(r.PID))
	}
	cmd := exec.Command("sh", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	line, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		line.Close()
		_ = cmd.Wait() // that they go on is done already; one that has ended meanwhile is nothing to tell
	}, nil
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
