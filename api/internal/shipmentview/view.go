// Package shipmentview shows shipments: what the ledger holds, with the newest verdict, values and counts.
package shipmentview

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/cache"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry tells the newest value of each quantity of a log; ok is false for a log without readings.
type Telemetry interface {
	Latest(ctx context.Context, log string) (r stored.Reading, ok bool, err error)
}

// View of shipments.
type View struct {
	*records.Records
	Logs      *records.Logs
	Telemetry Telemetry
	Ingest    ingestclient.Instances
	Cache     *cache.Cache
	Log       *slog.Logger
}

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
	held, err := cache.Ask(ctx, now, s.Cache, "verdict/"+r.ID, func(ctx context.Context) (ledger.ComplianceState, error) {
		return ledger.ComplianceNow.Ask(ctx, s.Ledger, ledger.IDArgs{ID: r.ID})
	})
	if err != nil {
		s.Log.DebugContext(ctx, "no verdict for a listing", "shipment", r.ID, "error", err)
		v.Unknown = append(v.Unknown, "verdict")
	} else if len(held.Opinions) > 0 {
		v.Verdict, v.VerdictReason, v.Opinions = shapes.ShowOpinions(s.Members, held.Opinions)
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
		got.Values = r.Sensors(got.Tracker, got.TimeMS).Measured(got.Values)
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
	if n, err := s.logged(ctx, r); err == nil && n > l.messages {
		l.messages = n
	}
	return l, nil
}

// logged is how many messages the parties' ingest instances have logged for a shipment.
func (s *View) logged(ctx context.Context, r ledger.Shipment) (uint64, error) {
	var n uint64
	for _, i := range s.Ingest.OfParties(s.Party(r)) {
		logs, err := i.Logs(ctx, r.ID)
		if err != nil {
			return 0, err
		}
		for _, l := range logs {
			n += l.Size
		}
	}
	return n, nil
}

// Change is records.Change of a shipment that the caller may see, and shows it.
func Change[A ledger.Argument](ctx context.Context, s *View, id string, fn ledger.Change[A, ledger.Shipment], args A, done func(ledger.Shipment) bool) (*rest.Answer[shapes.Shipment], error) {
	r, err := s.Shipment(ctx, id)
	if err != nil {
		return nil, err
	}
	r, tx, err := records.Change(ctx, s.Ledger, fn, args, r, done)
	if err != nil {
		return nil, err
	}
	v := []shapes.Shipment{shapes.ShowShipment(ctx, s.Records, r, tx)}
	s.Enrich(ctx, []ledger.Shipment{r}, v)
	return rest.Reply(v[0], nil)
}
