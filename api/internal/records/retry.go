package records

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/ledger"
)

// retrying repeats a transaction that lost a race: ordered, found to have read what another transaction changed meanwhile,
// and so without any effect. Close, handover and disposition read the verdict that ingest keeps writing, so this is usual.
type retrying struct {
	Ledger
	wait func(ctx context.Context, d time.Duration) error
}

// Retrying repeats what lost a race.
func Retrying(l Ledger) Ledger { return retrying{l, pause} }

// maxRepeats of one transaction. The waits are about 25, 50, 100, 200 and 400 ms, some blocks' time together.
const (
	maxRepeats = 5
	firstWait  = 25 * time.Millisecond
)

// Submit implements Ledger. Each repeat is simulated anew, so it is refused when the other transaction made it wrong.
func (i retrying) Submit(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	wait := firstWait
	for n := 0; ; n++ {
		res, err := i.Ledger.Submit(ctx, fn, arg)
		if !problem.LostRace(err) || n == maxRepeats {
			return res, err
		}
		// Two that lost against each other must not meet again.
		if i.wait(ctx, wait/2+rand.N(wait)) != nil {
			return res, err
		}
		wait *= 2
	}
}

// pause sleeps, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
