package anchorer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/ledger"
)

// heads grows by what a test adds; every anchor takes all of it.
type heads struct {
	leaves, size atomic.Uint64
}

func (h *heads) PrepareAnchor() (*sequence.Pending, error) {
	n := h.leaves.Load()
	if n == 0 {
		return nil, nil
	}
	return &sequence.Pending{OldSize: h.size.Load(), NewSize: h.size.Load() + 1, NewRoot: fmt.Sprint(h.size.Load() + 1), OldRoot: fmt.Sprint(h.size.Load())}, nil
}

func (h *heads) CompleteAnchor(p *sequence.Pending, _ sequence.Anchored) error {
	h.leaves.Store(0)
	h.size.Store(p.NewSize)
	return nil
}

func (h *heads) PlaceOf(size uint64, _ string) (sequence.Place, error) {
	switch now := h.size.Load(); {
	case size == now:
		return sequence.Newest, nil
	case size < now:
		return sequence.Older, nil
	}
	return sequence.Foreign, nil
}

func (h *heads) HeadsID() string { return "heads" }
func (h *heads) Growth() uint64  { return h.leaves.Load() }

// unclaimed are the partitions of an operator that has claimed none.
type unclaimed struct{}

func (unclaimed) Look(context.Context) (uint64, error) { return 0, nil }

// chain is a ledger that takes every anchor, and says when.
type chain struct {
	head ledger.Head
	at   chan time.Time
}

func (c *chain) Submit(_ context.Context, _ string, arg any) (ledger.Result, error) {
	a := arg.(ledger.ExtendArgs)
	c.head = ledger.Head{Size: a.NewSize, Root: a.NewRoot, Tx: "tx"}
	payload, err := json.Marshal(c.head)
	c.at <- time.Now()
	return ledger.Result{TxID: "tx", Payload: payload}, err
}

func (c *chain) Evaluate(context.Context, string, any) ([]byte, error) { return json.Marshal(c.head) }

func (c *chain) TxStatus(context.Context, string) (bool, int32, uint64, error) {
	return true, 0, 1, nil
}

// TestAnchorTimes: the time between anchors counts from the last one, whatever brought it; enough leaves bring one forward,
// but not closer to the last than spacing; a kick does not wait.
func TestAnchorTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c := &heads{}, &chain{at: make(chan time.Time, 100)}
		a := New(Config{Partitions: unclaimed{}, Ledger: c, Heads: h, Ingest: "i", Leaves: 100, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		synctest.Wait()
		start := time.Now()
		expect := func(what string, at time.Duration) {
			t.Helper()
			synctest.Wait()
			select {
			case when := <-c.at:
				if got := when.Sub(start); got != at {
					t.Fatalf("%s: anchored after %s, want %s", what, got, at)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%s: not anchored", what)
			}
		}
		add := func(at time.Duration, leaves uint64) {
			time.Sleep(at - time.Since(start))
			h.leaves.Add(leaves)
			a.Grown()
		}
		add(7*time.Second, 100)
		expect("enough leaves", 7*time.Second)
		add(7100*time.Millisecond, 100)
		expect("enough leaves, just after an anchor", 9*time.Second)
		add(10*time.Second, 5)
		expect("few leaves, ten seconds after the last anchor", 19*time.Second)
		add(19200*time.Millisecond, 5)
		a.Kick()
		expect("a kick", 19200*time.Millisecond)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
