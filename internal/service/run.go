// Package service is the runtime that all programs share: parts that live and die together, logging, configuration
// files, health and the HTTP server.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Part is one long-lived piece of a program. Run works until ctx ends and then returns nil (or ctx's error) soon; it
// releases what it opened. Returning earlier, even with nil, stops the program.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// drain is how long parts may take to finish after the stop.
const drain = 10 * time.Second

// ErrDrain: a part did not finish in time after the stop.
var ErrDrain = errors.New("did not stop in time")

// WithSignals is ctx that also ends on SIGINT or SIGTERM. Another signal after the first ends the process at once.
func WithSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	// Giving the signals back restores their default action, so that a hanging stop can still be interrupted.
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Run starts all parts and waits for all of them. When one ends or ctx ends, the others are stopped. The error is the
// first part's that failed, named; nil after an orderly stop.
func Run(ctx context.Context, log *slog.Logger, parts ...Part) error {
	return run(ctx, log, drain, parts)
}

func run(ctx context.Context, log *slog.Logger, drain time.Duration, parts []Part) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g := new(errgroup.Group)
	for _, p := range parts {
		g.Go(func() error {
			defer stop()
			err := p.Run(ctx)
			switch {
			case err != nil && !errors.Is(err, context.Canceled):
				return fmt.Errorf("%s: %w", p.Name, err)
			case ctx.Err() == nil:
				log.Info("part ended, stopping", "part", p.Name)
			}
			return nil
		})
	}
	done := make(chan error, 1)
	// Bounded by Run itself unless a part hangs, and then the process ends.
	go func() { done <- g.Wait() }()

	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	t := time.NewTimer(drain)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return fmt.Errorf("%w: waited %s", ErrDrain, drain)
	}
}

// Pause waits; false when ctx ended first. A wait of 0 or less is none.
func Pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
