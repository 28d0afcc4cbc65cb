package feed

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// followed is one log that is watched for new readings. Its position is the newest event time seen; what trackers send late
// is not live and is left to the telemetry listing.
type followed struct {
	shipment string
	after    time.Time
	tracker  string
	keep     bool
}

// FollowReadings polls the store for new readings while somebody listens, until ctx ends.
func (f *Feed) FollowReadings(ctx context.Context) error {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	var listed time.Time
	for {
		if f.listeners() > 0 {
			if time.Since(listed) >= listEvery {
				f.list(ctx)
				listed = time.Now()
			}
			f.poll(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		case <-f.woken: // a new stream: what it wants may not be watched yet
			listed = time.Time{}
		}
	}
}

func (f *Feed) listeners() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}

// list decides which logs to watch: those of the shipments that streams name, then of the shipments in transit.
func (f *Feed) list(ctx context.Context) {
	named := map[string]bool{}
	all := false
	f.mu.Lock()
	for s := range f.subs {
		if s.shipment == "" {
			all = true
		} else {
			named[s.shipment] = true
		}
	}
	f.mu.Unlock()
	for _, l := range f.follow {
		l.keep = false
	}
	for id := range named {
		if r, err := f.get(ctx, id); err == nil {
			f.watch(ctx, r)
		}
	}
	if all {
		for r, err := range ledger.ShipmentList.Each(ctx, f.ledger, "") {
			if err != nil || len(f.follow) >= maxLogs {
				break
			}
			if r.State == ledger.InTransit && r.IsParty(f.msp) {
				f.watch(ctx, r)
			}
		}
	}
	for id, l := range f.follow {
		if !l.keep {
			delete(f.follow, id)
		}
	}
}

func (f *Feed) watch(ctx context.Context, r ledger.Shipment) {
	logs, err := f.logs(ctx, r)
	if err != nil {
		return
	}
	for _, id := range logs {
		if l, ok := f.follow[id]; ok {
			l.keep = true
			continue
		}
		if len(f.follow) >= maxLogs {
			return
		}
		l := &followed{shipment: r.ID, keep: true}
		newest, ok, err := f.readings.Latest(ctx, id)
		if err != nil {
			continue
		}
		if ok {
			// The end of that millisecond: its points are spread over it by leaf number.
			l.after = time.UnixMilli(newest.TimeMS).Add(time.Millisecond - 1)
		}
		f.follow[id] = l
	}
}

func (f *Feed) poll(ctx context.Context) {
	for id, l := range f.follow {
		q := stored.ReadingsQuery{Logs: []string{id}, Limit: buffer / 2}
		if !l.after.IsZero() {
			q.FromMS, q.AfterTime, q.AfterTracker = l.after.UnixMilli(), l.after, l.tracker
		}
		err := f.readings.Readings(ctx, q, func(r stored.Reading, at time.Time) error {
			l.after, l.tracker = at, r.Tracker
			f.publish(Event{Name: Reading, ShipID: l.shipment, Data: r})
			return nil
		})
		if err != nil && ctx.Err() == nil {
			f.log.DebugContext(ctx, "polling readings failed", "log", id, "error", err)
			return
		}
	}
}
