package shipmentview

import (
	"context"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/cache"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Enrich adds verdict, newest values and message counts to shipments. Members of a part of the system that cannot be asked are
// named as unknown: a listing is worth having without them. A single shipment is asked for afresh.
func (s *View) Enrich(ctx context.Context, rs []ledger.Shipment, vs []shapes.Shipment) {
	g := new(errgroup.Group)
	g.SetLimit(records.Parallel)
	for i := range rs {
		g.Go(func() error {
			s.enrichOne(ctx, rs[i], &vs[i], len(rs) == 1)
			return nil
		})
	}
	_ = g.Wait() // enrichOne reports in the log
}

type latest struct {
	last     *shapes.LastReading
	messages uint64
}

func (s *View) enrichOne(ctx context.Context, r ledger.Shipment, v *shapes.Shipment, now bool) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	verdict, err := cache.Ask(ctx, now, s.Cache, "verdict/"+r.ID, func(ctx context.Context) (string, error) {
		got, err := ledger.ComplianceVerdict.Ask(ctx, s.Ledger, ledger.IDArgs{ID: r.ID})
		if ledger.CodeOf(err) == ledger.NotFound {
			return "none", nil
		}
		return got.Result, err
	})
	if err != nil {
		s.Log.DebugContext(ctx, "no verdict for a listing", "shipment", r.ID, "error", err)
		v.Unknown = append(v.Unknown, "verdict")
	} else {
		v.Verdict = verdict
	}
	if len(r.Assignments) == 0 {
		return // nothing can have been logged
	}
	l, err := cache.Ask(ctx, now, s.Cache, "latest/"+r.ID, func(ctx context.Context) (latest, error) { return s.latest(ctx, r) })
	if err != nil {
		s.Log.DebugContext(ctx, "no newest values for a listing", "shipment", r.ID, "error", err)
		v.Unknown = append(v.Unknown, "last", "messages")
		return
	}
	v.Messages = l.messages
	if l.last != nil {
		v.Last = rest.Some(*l.last)
	}
}

func (s *View) latest(ctx context.Context, r ledger.Shipment) (latest, error) {
	var l latest
	refs, err := s.Logs.Of(ctx, r)
	if err != nil {
		return l, err
	}
	var newest int64
	for _, ref := range refs {
		got, ok, err := s.Telemetry.Latest(ctx, ref.ID)
		if err != nil {
			return l, err
		}
		if !ok {
			continue
		}
		if l.last == nil || got.TimeMS > newest {
			newest = got.TimeMS
			values := got.Values
			if l.last != nil { // what only the older log has
				values = maps.Clone(l.last.Values)
				maps.Copy(values, got.Values)
			}
			l.last = &shapes.LastReading{Time: rest.Instant(got.TimeMS), Values: values}
		}
		l.messages += got.Leaf + 1
	}
	// The writer's own count is exact; the leaf number of the newest reading is what remains without it.
	if n, err := s.logged(ctx, r.ID); err == nil && n > l.messages {
		l.messages = n
	}
	return l, nil
}

// logged is how many messages the ingest instances have logged for a shipment.
func (s *View) logged(ctx context.Context, shipment string) (uint64, error) {
	var n uint64
	for _, i := range s.Ingest {
		logs, err := i.Logs(ctx, shipment)
		if err != nil {
			return 0, err
		}
		for _, l := range logs {
			n += l.Size
		}
	}
	return n, nil
}
