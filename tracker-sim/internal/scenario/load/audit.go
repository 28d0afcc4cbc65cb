package load

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/account"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// Audit compares a book with what the API shows of the shipments until everything acknowledged is logged, at most for bound.
func Audit(ctx context.Context, api Records, book *account.Book, shipments []string, bound time.Duration, progress *scenario.Progress) (account.Report, error) {
	return account.Settle(ctx, bound, func() (account.Report, error) {
		progress.Phase("account", len(shipments))
		check := book.Check(false)
		for i, id := range shipments {
			for m, err := range api.Messages(ctx, id) {
				if err != nil {
					return check.Report(), err
				}
				check.Message(m)
			}
			progress.Set(i + 1)
		}
		return check.Report(), nil
	}, account.Report.OK)
}

// readBack compares values of a spread of messages with the plan.
func (r *run) readBack(ctx context.Context, sum *Summary) error {
	p := r.cfg.Plan
	total := p.Messages()
	if r.cfg.Sample <= 0 || sum.Stored == 0 {
		return nil
	}
	step := max(1, total/r.cfg.Sample)
	// A step that shares a factor with the number of trackers would visit few of them.
	for gcd(step, p.Trackers) != 1 && step > 1 {
		step--
	}
	r.cfg.Progress.Phase("read back", min(r.cfg.Sample, total))
	for i := 0; i < total && sum.ReadBack < r.cfg.Sample; i += step {
		n, k := i%p.Trackers, i/p.Trackers
		at := p.signedAt(i, r.signStart, r.window)
		want := p.readings(n, k, at)
		shipment := r.shipments[n/r.cfg.PerShip]
		got := make(map[int64][]map[string]float64)
		from := time.UnixMilli(want[0].TimeMS)
		of := client.GetTelemetryParams{Tracker: p.Tracker(n), From: from, To: time.UnixMilli(want[len(want)-1].TimeMS + 1)}
		for s, err := range r.cfg.API.Readings(ctx, shipment, of) {
			if err != nil {
				return err
			}
			got[s.Time.UnixMilli()] = append(got[s.Time.UnixMilli()], s.Values)
		}
		if !same(want, got) {
			sum.Mismatch++
			sum.Findings = append(sum.Findings, fmt.Sprintf("tracker %s message %d: readings at %s are not those sent", p.Tracker(n), k+1, from.UTC().Format(time.RFC3339Nano)))
		}
		sum.ReadBack++
		r.cfg.Progress.Set(sum.ReadBack)
	}
	return nil
}

// same reports whether every wanted reading is among those of its time: at high rates the messages of a tracker overlap.
func same(want []telemetry.Reading, got map[int64][]map[string]float64) bool {
	for _, w := range want {
		if !slices.ContainsFunc(got[w.TimeMS], func(values map[string]float64) bool { return equal(w.Values, values) }) {
			return false
		}
	}
	return true
}

func equal(want, got map[string]float64) bool {
	for name, v := range want {
		if g, ok := got[name]; !ok || math.Abs(g-v) > 1e-9 {
			return false
		}
	}
	return true
}

// rates measures from the first publish to the last acknowledgement, and to the last leaf where ingest tells.
func (r *run) rates(ctx context.Context, sum *Summary) {
	first := r.firstPub.Load()
	n := float64(r.cfg.Plan.Messages())
	if r.cfg.API == nil {
		if secs := float64(time.Now().UnixNano()-first) / 1e9; secs > 0 {
			sum.Rate, sum.DurationS = round(n/secs), round(secs)
		}
		return
	}
	if secs := float64(r.lastAck.Load()-first) / 1e9; secs > 0 {
		sum.AckRate = round(float64(r.ackedData.Load()-int64(r.cfg.Plan.Trackers)) / secs)
	}
	if r.cfg.Plan.Rate == 0 {
		sum.Rate = sum.AckRate
		sum.DurationS = round(float64(r.lastAck.Load()-first) / 1e9)
	}
	if r.cfg.Logged == nil {
		return
	}
	target := r.loggedBefore + uint64(r.cfg.Plan.Messages())
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
			sum.LoggedRate = round(n / (float64(time.Now().UnixNano()-first) / 1e9))
			return
		}
		if !device.Pause(ctx, 20*time.Millisecond) {
			return
		}
	}
}

// settledLogged waits until the boot messages have been logged and no longer move the count.
func (r *run) settledLogged(ctx context.Context) (uint64, error) {
	last, err := r.cfg.Logged(ctx)
	for err == nil {
		if !device.Pause(ctx, 500*time.Millisecond) {
			return last, ctx.Err()
		}
		var now uint64
		if now, err = r.cfg.Logged(ctx); err == nil && now == last {
			return now, nil
		}
		last = now
	}
	return 0, err
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
