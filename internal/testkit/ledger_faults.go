package testkit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Faults are the failure switches of a Ledger. Each queued fault hits one submit, in the order of the calls.
type Faults struct {
	mu     sync.Mutex
	queue  []fault
	before func(ctx context.Context, msp, fn string) error
	down   bool
	up     chan struct{} // closed when down ends
	breaks atomic.Uint64
}

type fault struct {
	fn      ledger.Function // nil = any
	applied bool
	stage   ledger.Stage
	code    int32
	err     error
}

func (f *fault) error(tx string) error {
	return &ledger.StageError{Stage: f.stage, TxID: tx, Code: f.code, Err: f.err}
}

func newFaults() *Faults { return &Faults{up: make(chan struct{})} }

func (f *Faults) add(n int, x fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.queue = append(f.queue, x)
	}
}

// FailBefore makes the next n submits of fn (nil = any) fail at endorsement with ErrUnavailable: nothing is applied.
func (f *Faults) FailBefore(fn ledger.Function, n int) {
	f.add(n, fault{fn: fn, stage: ledger.StageEndorse, err: fmt.Errorf("%w: injected", ledger.ErrUnavailable)})
}

// FailAfter makes the next n submits of fn be applied and answer commit unknown all the same.
func (f *Faults) FailAfter(fn ledger.Function, n int) {
	f.add(n, fault{fn: fn, applied: true, stage: ledger.StageCommit, err: fmt.Errorf("%w: injected", ledger.ErrCommitUnknown)})
}

// CommitUnknown makes the next n submits of fn answer commit unknown without being applied, now or later.
func (f *Faults) CommitUnknown(fn ledger.Function, n int) {
	f.add(n, fault{fn: fn, stage: ledger.StageCommit, err: fmt.Errorf("%w: injected", ledger.ErrCommitUnknown)})
}

// Invalidate makes the next n submits of fn be ordered but not valid, as after a read conflict (validation code 11).
func (f *Faults) Invalidate(fn ledger.Function, n int) {
	f.add(n, fault{fn: fn, stage: ledger.StageCommit, code: 11, err: fmt.Errorf("%w: injected MVCC_READ_CONFLICT", ledger.ErrInvalid)})
}

// next takes the first queued fault that fits fn.
func (f *Faults) next(fn string) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range f.queue {
		if x.fn == nil || x.fn.Name() == fn {
			f.queue = append(f.queue[:i:i], f.queue[i+1:]...)
			return &x
		}
	}
	return nil
}

// SetUnavailable takes the whole ledger away or gives it back. Streams stay open and go on when it is back.
func (f *Faults) SetUnavailable(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down == down {
		return
	}
	f.down = down
	if down {
		f.up = make(chan struct{})
	} else {
		close(f.up)
	}
}

func (f *Faults) isDown() bool { return f.downUntil() != nil }

// downUntil is nil while the ledger is there, else a channel that is closed when it is back.
func (f *Faults) downUntil() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.down {
		return nil
	}
	return f.up
}

// Before installs a hook that every submit passes first; it may block (to hold a submit in flight) or return the error that
// Submit then answers. nil removes it.
func (f *Faults) Before(hook func(ctx context.Context, msp, fn string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = hook
}

func (f *Faults) gate(ctx context.Context, msp, fn string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	hook := f.before
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(ctx, msp, fn)
}

// BreakEvents interrupts every stream once: it goes on by delivering the newest block again.
func (l *Ledger) BreakEvents() {
	l.breaks.Add(1)
	l.chain.wake()
}
