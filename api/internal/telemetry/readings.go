// Package telemetry answers the routes of readings, messages and quantities.
package telemetry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Telemetry is what the store holds.
type Telemetry interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
	// MessagesOf a tracker in some logs, newest first.
	MessagesOf(ctx context.Context, q stored.MessagesQuery, fn func(stored.Message, time.Time) error) error
	// ShipmentsOf are the logs with messages of a tracker, and whose they are.
	ShipmentsOf(ctx context.Context, tracker string) ([]stored.LogOf, error)
	// QualityFlags are the odd readings of these trackers with times in [fromMS, toMS), oldest first.
	QualityFlags(ctx context.Context, trackers []string, fromMS, toMS int64, fn func(stored.QualityFlag) error) error
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *records.Logs
	Telemetry Telemetry
	Cursors   rest.Cursors
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/telemetry", ID: "get-telemetry", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "Get readings, or windows of them", Errors: []int{http.StatusBadRequest, http.StatusNotFound},
		About: "In the order of (time, tracker). With `every`, each item is a window with minimum, maximum, mean and count by quantity. " +
			"These are the values in the store; `/verification` says whether they are what the trackers signed. " +
			"`include=quality` adds to each single reading why ingest finds it odd. Flags say nothing about the goods, follow a reading by some seconds, and are kept " +
			"for at most 100 readings of a tracker in 10 s: `/v1/trackers/{id}/quality` has the exact counts."}, s.telemetry)
	out := &rest.Answer[rest.List[Quantity]]{}
	for m := range detect.Metrics {
		q := m.Quantity()
		out.Body.Items = append(out.Body.Items, Quantity{Name: q.Name, Label: q.Label, Unit: q.Unit, Symbol: q.Symbol, Derived: m == detect.Acceleration,
			Accepted: Range{q.Min, q.Max}, Plausible: Range{q.Low, q.High}})
	}
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/quantities", ID: "list-quantities", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "List the quantities that trackers report", About: "With units and bounds; the last one is derived. In one answer."},
		func(context.Context, *struct{}) (*rest.Answer[rest.List[Quantity]], error) { return out, nil })
	s.messageRoutes(api)
	s.trackerRoutes(api)
}

// Reading is one reading, or one window of them.
type Reading struct {
	Time    rest.Null[rest.Instant] `json:"time,omitzero" doc:"Of a single reading"`
	From    rest.Null[rest.Instant] `json:"from,omitzero" doc:"Of a window"`
	To      rest.Null[rest.Instant] `json:"to,omitzero"`
	Tracker string                  `json:"tracker"`
	Leaf    *uint64                 `json:"leaf,omitempty" doc:"Leaf of the message that carried it"`
	Values  map[string]float64      `json:"values,omitempty" doc:"By quantity"`
	Faults  []Fault                 `json:"faults,omitempty" doc:"Values that are no measurements, by what the tracker's record states of its sensors: unknown time for the rules"`
	Outside bool                    `json:"outside,omitempty" doc:"true: of a time when the tracker was not assigned to the shipment; it travelled in a message with others, and is not judged here"`
	Quality []Oddity                `json:"quality,omitzero" doc:"Why ingest finds the reading odd; with include=quality, empty when it does not"`
	Min     map[string]float64      `json:"min,omitempty"`
	Max     map[string]float64      `json:"max,omitempty"`
	Mean    map[string]float64      `json:"mean,omitempty"`
	Count   map[string]int64        `json:"count,omitempty"`
}

// Fault is a value that is no measurement.
type Fault struct {
	Metric string `json:"metric"`
	Reason string `json:"reason" enum:"error_value,outside_sensor_range,no_fix"`
}

func faultsOf(s *telemetry.Sensors, values map[string]float64) (out []Fault) {
	for _, f := range s.Faults(values) {
		out = append(out, Fault{f.Quantity, string(f.Reason)})
	}
	return out
}

// Oddity is one reason why a reading looks wrong.
type Oddity struct {
	Reason  string  `json:"reason" doc:"sensor_fault, jump, constancy, outlier, drift or teleport; docs/formats.md tells what each means" example:"jump"`
	Metric  string  `json:"metric" doc:"Quantity that is odd" example:"temperature"`
	Against float64 `json:"against" doc:"What its value was compared with"`
}

type telemetryInput struct {
	shapes.ShipmentPath
	Asked
	Tracker string `query:"tracker" doc:"Only readings of this tracker" pattern:"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit"`
}

// Asked is which readings, and how.
type Asked struct {
	From    rest.When `query:"from" doc:"First time, inclusive"`
	To      rest.When `query:"to" doc:"Last time, exclusive"`
	Every   string    `query:"every" maxLength:"16" pattern:"^([0-9]+(s|m|h))*$" patternDescription:"a time from 1s to 24h in whole numbers, such as 30s, 1m or 1h30m" doc:"Window, 1s to 24h" example:"1m"`
	Fields  []string  `query:"fields" maxItems:"64" doc:"Quantities; all when absent"`
	Include string    `query:"include" enum:"quality" doc:"quality adds the reasons why a reading looks wrong; not with every"`
	Limit   int       `query:"limit" minimum:"1" maximum:"5000" default:"500" doc:"Items of a page"`
	Cursor  string    `query:"cursor" maxLength:"2048" doc:"next of the page before"`
}

// place is where a page of readings ended.
type place struct {
	NS      int64  `json:"t"`
	Tracker string `json:"k"`
}

var errEnough = errors.New("page is full")

func (s *Resource) telemetry(ctx context.Context, in *telemetryInput) (*rest.Answer[rest.List[Reading]], error) {
	return s.readings(ctx, "telemetry/"+in.ID, &in.Asked, in.Tracker, func() (from, error) {
		r, err := s.Shipment(ctx, in.ID)
		if err != nil {
			return from{}, err
		}
		refs, err := s.Logs.Of(ctx, r)
		return from{logs: records.LogIDs(refs), sensors: r.Sensors, outside: func(tracker string, ms int64) bool { return r.AssignedAt(tracker, ms) == nil }}, err
	})
}

// from is where readings come from, and what the ledger says about one by its tracker and time.
type from struct {
	logs    []string
	sensors func(tracker string, ms int64) *telemetry.Sensors
	outside func(tracker string, ms int64) bool
}

// readings of the logs that are found once the question makes sense; tracker "" = all.
func (s *Resource) readings(ctx context.Context, of string, in *Asked, tracker string, find func() (from, error)) (*rest.Answer[rest.List[Reading]], error) {
	route := strings.Join([]string{of, in.From.String(), in.To.String(), in.Every, strings.Join(in.Fields, ","), tracker}, "\x00")
	var at place
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	for _, f := range in.Fields {
		if _, ok := telemetry.FindQuantity(f); !ok {
			return nil, rest.InvalidField("query.fields", "no quantity is called so; GET /v1/quantities lists them")
		}
	}
	if in.To.Instant != 0 && in.To.Instant <= in.From.Instant {
		return nil, rest.InvalidField("query.to", "must be after from")
	}
	if in.Include != "" && in.Every != "" {
		return nil, rest.InvalidField("query.include", "is for single readings: leave every out")
	}
	found, err := find()
	if err != nil {
		return nil, err
	}
	if len(found.logs) == 0 {
		return &rest.Answer[rest.List[Reading]]{Body: rest.List[Reading]{Items: []Reading{}}}, nil // without logs a query means all that a tracker measured
	}
	q := stored.ReadingsQuery{Logs: found.logs, Tracker: tracker, FromMS: int64(in.From.Instant), ToMS: int64(in.To.Instant), Fields: slices.Clone(in.Fields),
		Limit: in.Limit + 1} // one more tells whether there is a next page
	if in.Cursor != "" {
		q.AfterTime, q.AfterTracker = time.Unix(0, at.NS), at.Tracker
	}
	out := rest.List[Reading]{Items: []Reading{}}
	// take adds an item and remembers where it stood.
	take := func(item Reading, ns int64) error {
		if len(out.Items) == in.Limit {
			out.Next = s.Cursors.Seal(route, at)
			return errEnough
		}
		out.Items = append(out.Items, item)
		at = place{ns, item.Tracker}
		return nil
	}
	if in.Every != "" {
		err = s.windows(ctx, q, in.Every, take)
	} else {
		err = s.Telemetry.Readings(ctx, q, func(x stored.Reading, t time.Time) error {
			return take(Reading{Time: rest.Some(rest.Instant(x.TimeMS)), Tracker: x.Tracker, Leaf: &x.Leaf, Values: x.Values,
				Faults: faultsOf(found.sensors(x.Tracker, x.TimeMS), x.Values), Outside: found.outside(x.Tracker, x.TimeMS)}, t.UnixNano())
		})
	}
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if in.Include != "" {
		if err := s.addQuality(ctx, out.Items); err != nil {
			return nil, err
		}
	}
	return &rest.Answer[rest.List[Reading]]{Body: out}, nil
}

// addQuality asks once for the flags between the first and the last reading of a page, which is in the order of time. A flag is
// its reading's by tracker and time; the reading's log has already said whose it is.
func (s *Resource) addQuality(ctx context.Context, page []Reading) error {
	if len(page) == 0 {
		return nil
	}
	type key struct {
		ms      int64
		tracker string
	}
	at := make(map[key][]int, len(page)) // two readings may have one time
	var trackers []string
	for i := range page {
		k := key{int64(*page[i].Time.V), page[i].Tracker}
		at[k] = append(at[k], i)
		page[i].Quality = []Oddity{}
		if !slices.Contains(trackers, k.tracker) {
			trackers = append(trackers, k.tracker)
		}
	}
	from, to := int64(*page[0].Time.V), int64(*page[len(page)-1].Time.V)+1
	return s.Telemetry.QualityFlags(ctx, trackers, from, to, func(f stored.QualityFlag) error {
		for _, i := range at[key{f.TimeMS, f.Tracker}] {
			page[i].Quality = append(page[i].Quality, Oddity{Reason: f.Reason, Metric: f.Metric, Against: f.Against})
		}
		return nil
	})
}

func (s *Resource) windows(ctx context.Context, q stored.ReadingsQuery, text string, take func(Reading, int64) error) error {
	every, err := time.ParseDuration(text)
	if err != nil || every < time.Second || every > 24*time.Hour {
		return rest.InvalidField("query.every", "must be 1s to 24h, such as 30s, 1m or 1h30m")
	}
	return s.Telemetry.Windows(ctx, q, every, func(b stored.Window) error {
		return take(Reading{From: rest.Some(rest.Instant(b.FromMS)), To: rest.Some(rest.Instant(b.ToMS)), Tracker: b.Tracker, Min: b.Min, Max: b.Max, Mean: b.Mean, Count: b.Count},
			b.FromMS*1e6)
	})
}

// Quantity is one that a tracker can report, or that follows from what it reports.
type Quantity struct {
	Name      string `json:"name" doc:"In messages, readings and rules" example:"temperature"`
	Label     string `json:"label" doc:"For people" example:"Temperature"`
	Unit      string `json:"unit" doc:"SenML unit" example:"Cel"`
	Symbol    string `json:"symbol" doc:"The unit as people write it; empty for none" example:"°C"`
	Derived   bool   `json:"derived" doc:"Computed from others: rules can be about it, readings do not have it"`
	Accepted  Range  `json:"accepted" doc:"A value outside is a flaw: kept with its message, flagged, and no measurement"`
	Plausible Range  `json:"plausible" doc:"A value outside is no measurement, unless the tracker's record states another range"`
}

// Range has both of its ends.
type Range struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}
