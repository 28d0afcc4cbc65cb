package proc

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestRest(t *testing.T) {
	table, s := sleeper(t)
	first := ensure(t, table, s, true)
	other := s
	other.Name = "never started"
	t.Cleanup(func() {
		if _, err := table.Stop(context.Background(), other.Name); err != nil {
			t.Error(err)
		}
	})
	watched := make(chan error, 1)
	err := table.Rest(t.Context(), []Spec{s, other}, func() error {
		if first.Alive() {
			t.Error("it runs in its moment of rest")
		}
		// The supervisor looks: it waits, and finds the process running.
		go func() {
			did, err := table.Ensure(context.Background(), s, nil)
			if err == nil && did {
				err = errors.New("started by somebody else")
			}
			watched <- err
		}()
		time.Sleep(50 * time.Millisecond) // nothing happens, which has no condition to wait for
		if _, err := table.Lookup(s.Name); err == nil {
			t.Error("somebody else started it")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	second, err := table.Lookup(s.Name)
	if err != nil || second.PID == first.PID {
		t.Errorf("%+v, %v; want another process", second, err)
	}
	if _, err := table.Lookup(other.Name); err != nil {
		t.Error("one that was dead before was not started")
	}
	if err := <-watched; err != nil {
		t.Error(err)
	}
	if err := table.Signal(s.Name, 0); err != nil {
		t.Errorf("no signal reaches it: %v", err)
	}

	// Whatever goes wrong in between, they run again: also when the caller gives up.
	broken := errors.New("disk full")
	ctx, cancel := context.WithCancel(t.Context())
	err = table.Rest(ctx, []Spec{s}, func() error { cancel(); return broken })
	if third, gone := table.Lookup(s.Name); !errors.Is(err, broken) || gone != nil || third.PID == second.PID {
		t.Errorf("%v, runs: %v; want %v and another process", err, gone == nil, broken)
	}
}
