// Package checkpoint lets a program that keeps a store copy it while it runs, for a backup.
//
// The operator asks with a signal (SIGUSR1) and finds the copy below the program's own folder. No listener takes the request and
// nobody names a path: who may signal the process may read its files anyway.
package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/internal/service"
)

// Where the answer is, below the program's folder: the copy, complete when it is there, or the reason why there is none.
const (
	Copy   = "checkpoint"
	Failed = "checkpoint-failed"
	draft  = "checkpoint.new" // what an interrupted copy leaves; the next one removes it
)

// Part makes a copy of what is kept below dir whenever it is asked for. write makes it in a folder that does not exist yet; what
// it wrote is on disk when it returns.
func Part(dir string, log *slog.Logger, write func(to string) error) service.Part {
	asked := make(chan os.Signal, 1)
	listen(asked) // now, not when the part runs: without a listener the signal ends the process
	return service.Part{Name: "checkpoint", Run: func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-asked:
				answer(dir, log, write)
			}
		}
	}}
}

// answer makes one copy. Crash order: it gets its name when it is complete; before, there is only a draft.
func answer(dir string, log *slog.Logger, write func(to string) error) {
	started := time.Now()
	to := filepath.Join(dir, draft)
	err := errors.Join(os.RemoveAll(to), os.RemoveAll(filepath.Join(dir, Copy)), os.RemoveAll(filepath.Join(dir, Failed)))
	if err == nil {
		err = write(to)
	}
	if err == nil {
		err = os.Rename(to, filepath.Join(dir, Copy))
	}
	if err == nil {
		log.Info("checkpoint made", "dir", filepath.Join(dir, Copy), "took", time.Since(started).String())
		return
	}
	log.Error("no checkpoint", "err", err)
	_ = os.RemoveAll(to) // the next one removes it as well
	if err := os.WriteFile(filepath.Join(dir, Failed), []byte(err.Error()+"\n"), 0o600); err != nil {
		log.Error("whoever asked for the checkpoint cannot be told", "err", err) // they wait for a bounded time
	}
}

// Forget removes the copy and what else an answer left.
func Forget(dir string) error {
	var errs []error
	for _, name := range []string{Copy, Failed, draft} {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}

// Ask has the process that keeps dir make a copy, by signal, and waits until it is there.
func Ask(ctx context.Context, dir string, signal func() error) (copied string, err error) {
	if err := Forget(dir); err != nil {
		return "", err
	}
	if err := signal(); err != nil {
		return "", err
	}
	copied = filepath.Join(dir, Copy)
	for {
		if _, err := os.Stat(copied); err == nil {
			return copied, nil
		}
		reason, err := os.ReadFile(filepath.Join(dir, Failed))
		switch {
		case err == nil:
			return "", fmt.Errorf("no checkpoint: %s", reason)
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		case !service.Pause(ctx, 10*time.Millisecond):
			return "", fmt.Errorf("no checkpoint in time: %w", ctx.Err())
		}
	}
}
