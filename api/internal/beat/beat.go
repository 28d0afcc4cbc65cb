// Package beat keeps the ledger's beat going: without a young one the ledger takes nothing whose time matters.
package beat

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

// Ledger reads the beat and renews it.
type Ledger interface {
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
}

const (
	every = ledger.BeatEveryMS * time.Millisecond
	// spread is how long a node may wait beyond that, so that nodes rarely try at once. One that was first is enough for all.
	spread = 10 * time.Second
	// again is after how long a node tries again when the ledger could not be asked, or did not take the renewal.
	again = 5 * time.Second
)

// Keeper renews the beat for one node.
type Keeper struct {
	Ledger Ledger
	Log    *slog.Logger
	Now    func() time.Time
	Jitter func() time.Duration                      // nil = by chance, up to 10 s
	Wait   func(context.Context, time.Duration) bool // nil = service.Pause
}

// Run renews the beat whenever it is older than 30 s, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	jitter, wait := k.Jitter, k.Wait
	if jitter == nil {
		jitter = func() time.Duration { return rand.N(spread) }
	}
	if wait == nil {
		wait = service.Pause
	}
	for {
		left, err := k.renew(ctx)
		if err != nil && ctx.Err() == nil {
			k.Log.WarnContext(ctx, "the ledger's beat was not renewed; trying again", "error", err)
		}
		if !wait(ctx, left+jitter()) {
			return nil
		}
	}
}

// renew renews the beat if it is due, and tells how long it is good for.
func (k *Keeper) renew(ctx context.Context) (time.Duration, error) {
	b, err := ledger.BeatGet.Ask(ctx, k.Ledger, ledger.NoArgs{})
	if err != nil && ledger.CodeOf(err) != ledger.NotFound {
		return again, err
	}
	if left := time.UnixMilli(b.TimeMS).Add(every).Sub(k.Now()); left > 0 {
		return min(left, every), nil // also one ahead of our clock is looked at again
	}
	// A refusal means that another node was first, and its renewal is on its way to our peer.
	if _, _, err := ledger.BeatRenew.Do(ctx, k.Ledger, ledger.NoArgs{}); err != nil && ledger.CodeOf(err) != ledger.Conflict {
		return again, err
	}
	return every, nil
}
