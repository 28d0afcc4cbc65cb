package load

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// Audit compares a book with what the API shows of the shipments until everything acknowledged is logged, at most for bound.
func Audit(ctx context.Context, api Records, book *account.Book, shipments []string, bound time.Duration, progress *scenario.Progress) (account.Report, error) {
	shown := func(yield func(client.Message, error) bool) {
		progress.Phase("account", len(shipments))
		for i, id := range shipments {
			for m, err := range api.Messages(ctx, id) {
				if !yield(m, err) {
					return
				}
			}
			progress.Set(i + 1)
		}
	}
	return book.Settle(ctx, bound, false, shown, account.Report.OK)
}

// readBack compares values of some messages with the plan.
func (r *run) readBack(ctx context.Context, sum *Summary) error {
	p := r.cfg.Plan
	if sum.Stored == 0 {
		return nil
	}
	sample := rand.Perm(p.Messages())[:min(max(r.cfg.Sample, 0), p.Messages())]
	r.cfg.Progress.Phase("read back", len(sample))
	for _, i := range sample {
		n, k := i%p.Trackers, i/p.Trackers
		want := p.readings(n, k, p.signedAt(i, r.signStart, r.window))
		from, to := time.UnixMilli(want[0].TimeMS), time.UnixMilli(want[len(want)-1].TimeMS+1)
		of := client.GetTelemetryParams{Tracker: p.Tracker(n), From: from, To: to}
		var got []client.Reading
		for s, err := range r.cfg.API.Readings(ctx, r.shipments[n/r.cfg.PerShip], of) {
			if err != nil {
				return err
			}
			got = append(got, s)
		}
		if slices.ContainsFunc(want, func(w telemetry.Reading) bool { return !among(got, w) }) {
			sum.Mismatch++
			at := from.UTC().Format(time.RFC3339Nano)
			sum.Findings = append(sum.Findings, fmt.Sprintf("tracker %s message %d: readings at %s are not those sent", p.Tracker(n), k+1, at))
		}
		sum.ReadBack++
		r.cfg.Progress.Set(sum.ReadBack)
	}
	return nil
}

// among looks for a reading with the same time and values: at high rates the messages of a tracker overlap.
func among(got []client.Reading, want telemetry.Reading) bool {
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9 }
	return slices.ContainsFunc(got, func(g client.Reading) bool {
		return g.Time.UnixMilli() == want.TimeMS && maps.EqualFunc(g.Values, want.Values, near)
	})
}

// rates measures from the first publish to the last acknowledgement, and to the last leaf where ingest tells.
func (r *run) rates(ctx context.Context, sum *Summary) {
	first := time.Unix(0, r.firstPub.Load())
	n := float64(r.cfg.Plan.Messages())
	if r.cfg.API == nil {
		secs := time.Since(first).Seconds()
		sum.Rate, sum.DurationS = round(n/secs), round(secs)
		return
	}
	secs := time.Unix(0, r.lastAck.Load()).Sub(first).Seconds()
	if secs > 0 {
		sum.AckRate = round(float64(r.ackedData.Load()-int64(r.cfg.Plan.Trackers)) / secs)
	}
	if r.cfg.Plan.Rate == 0 {
		sum.Rate, sum.DurationS = sum.AckRate, round(secs)
	}
	if r.cfg.Logged == nil {
		return
	}
	target := r.loggedBefore + uint64(r.cfg.Plan.Messages()+r.cfg.Plan.Trackers) // and the boot messages
	deadline := time.Now().Add(r.cfg.Drain)
	last, moved := r.loggedBefore, time.Now()
	for time.Now().Before(deadline) {
		logged, err := r.cfg.Logged(ctx)
		if err == nil && logged != last {
			last, moved = logged, time.Now()
		}
		if time.Since(moved) > 5*time.Second {
			return // ingest has started again and counts from zero: there is no rate to tell
		}
		if err == nil && logged >= target {
			sum.LoggedRate = round(n / time.Since(first).Seconds())
			return
		}
		if !service.Pause(ctx, 20*time.Millisecond) {
			return
		}
	}
}
