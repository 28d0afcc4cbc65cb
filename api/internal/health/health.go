// Package health answers how trackers are, and which alarms there are.
package health

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry is what the store holds.
type Telemetry interface {
	Seen(ctx context.Context, q stored.SeenQuery, fn func(stored.Seen) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error
	ShipmentsOf(ctx context.Context, tracker string) ([]stored.LogOf, error)
}

// Alarms of this node.
type Alarms interface {
	Alarms() []shapes.Alarm
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *records.Logs
	Telemetry Telemetry
	Ingest    ingestclient.Instances
	Alarms    Alarms
	Now       func() time.Time
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	const rule = "A tracker is silent when nothing came by the time that its last signed message promised and half as long again (at least 2 minutes), " +
		"else for three of its usual intervals and at least 10 minutes, else, when no interval is known, for 6 hours."
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers/{id}/health", ID: "get-tracker-health", Tag: "Trackers", Scope: access.TrackersRead,
		Summary: "Get how a tracker is", Errors: []int{http.StatusNotFound},
		About: "When it was heard, when it is due, its battery, signal and clock, and what was refused of it. " + rule}, s.tracker)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/health", ID: "get-shipment-health", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "Get how the trackers on a shipment are", Errors: []int{http.StatusNotFound},
		About: "Of those that are assigned now, whoever owns them, by what they said in the shipment's logs. What was refused is told of the organisation's own. In one answer. " + rule}, s.shipment)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/alarms", ID: "list-alarms", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "List the alarms of trackers and shipments",
		About: "Silence of a tracker on a shipment that is under way, silence of all its trackers, a battery below 20 % (until it is at 25 %), a clock that is off by more than 2 minutes. " +
			"This node looks every 30 s. Those that last come first, then those that were over within a day, as far as the node has run. In one answer. " + rule}, s.alarms)
}

type alarmsInput struct {
	Shipment string `query:"shipment" doc:"Only of this shipment" pattern:"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
	Tracker  string `query:"tracker" doc:"Only of this tracker" pattern:"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
	Kind     string `query:"kind" doc:"Only of this kind" enum:"tracker_silent,shipment_silent,battery_low,clock_off"`
	State    string `query:"state" doc:"Only those that last, or that are over" enum:"lasting,over"`
}

func (s *Resource) alarms(_ context.Context, in *alarmsInput) (*rest.Answer[rest.List[shapes.Alarm]], error) {
	is := func(want string, have rest.Null[string]) bool { return want == "" || have.V != nil && *have.V == want }
	out := rest.List[shapes.Alarm]{Items: []shapes.Alarm{}}
	for _, a := range s.Alarms.Alarms() {
		if is(in.Shipment, a.Shipment) && is(in.Tracker, a.Tracker) && (in.Kind == "" || in.Kind == a.Kind) && (in.State == "" || (in.State == "over") == (a.Over.V != nil)) {
			out.Items = append(out.Items, a)
		}
	}
	return &rest.Answer[rest.List[shapes.Alarm]]{Body: out}, nil
}

func (s *Resource) tracker(ctx context.Context, in *shapes.TrackerPath) (*rest.Answer[TrackerHealth], error) {
	if _, err := s.Tracker(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := s.Telemetry.ShipmentsOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	logs := []string{}
	for _, l := range all {
		logs = append(logs, l.Log)
	}
	slices.Sort(logs)
	h, err := s.of(ctx, in.ID, slices.Compact(logs), 0)
	if err == nil {
		err = s.refused(ctx, &h)
	}
	return rest.Reply(h, err)
}

func (s *Resource) shipment(ctx context.Context, in *shapes.ShipmentPath) (*rest.Answer[rest.List[TrackerHealth]], error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	refs, err := s.Logs.Of(ctx, r)
	if err != nil {
		return nil, err
	}
	out := rest.List[TrackerHealth]{Items: []TrackerHealth{}}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(records.Parallel)
	items := make([]TrackerHealth, len(r.Assignments))
	for i, a := range r.Assignments {
		if a.ToMS != 0 {
			continue
		}
		g.Go(func() (err error) {
			if items[i], err = s.of(ctx, a.Tracker, records.LogIDs(refs), a.FromMS); err != nil || a.By != s.MSP {
				return err
			}
			return s.refused(ctx, &items[i])
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, h := range items {
		if h.Tracker != "" {
			out.Items = append(out.Items, h)
		}
	}
	slices.SortFunc(out.Items, func(a, b TrackerHealth) int { return cmp.Compare(a.Tracker, b.Tracker) })
	return &rest.Answer[rest.List[TrackerHealth]]{Body: out}, nil
}

const mostRefused = 200 // entries that are added up, as many as ingest gives

// refused adds what was refused of a tracker within a day. An instance that does not answer makes it unknown and nothing else.
func (s *Resource) refused(ctx context.Context, h *TrackerHealth) error {
	since := s.Now().Add(-24 * time.Hour).UnixMilli()
	var all Refused
	for _, i := range s.Ingest.All() {
		some, err := i.Rejected(ctx, h.Tracker, 0, mostRefused, false)
		if err != nil {
			h.Unknown = append(h.Unknown, "refused")
			return ctx.Err()
		}
		for _, r := range some {
			if r.ReceivedMS < since {
				continue
			}
			all.Count += r.Count
			if rest.Instant(r.ReceivedMS) > all.Time {
				all.Time, all.Reason, all.Detail = rest.Instant(r.ReceivedMS), r.Reason, r.Detail
			}
		}
	}
	if all.Count > 0 {
		h.Refused = rest.Some(all)
	}
	return nil
}
