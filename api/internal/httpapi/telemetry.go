package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/api/internal/auth"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Reading is one reading, or one window of them.
type Reading struct {
	Time    Null[Instant]      `json:"time,omitzero" doc:"Of a single reading"`
	From    Null[Instant]      `json:"from,omitzero" doc:"Of a window"`
	To      Null[Instant]      `json:"to,omitzero"`
	Tracker string             `json:"tracker"`
	Leaf    *uint64            `json:"leaf,omitempty" doc:"Leaf of the message that carried it"`
	Values  map[string]float64 `json:"values,omitempty" doc:"By quantity"`
	Min     map[string]float64 `json:"min,omitempty"`
	Max     map[string]float64 `json:"max,omitempty"`
	Mean    map[string]float64 `json:"mean,omitempty"`
	Count   map[string]int64   `json:"count,omitempty"`
}

func (s *Server) telemetryRoutes() {
	add(s, operation{method: http.MethodGet, path: "/v1/shipments/{id}/telemetry", id: "get-telemetry", tag: "Telemetry", scope: auth.TelemetryRead,
		summary: "Get readings, or windows of them", errors: []int{http.StatusBadRequest, http.StatusNotFound},
		about: "In the order of (time, tracker). With `every`, each item is a window with minimum, maximum, mean and count by quantity. " +
			"These are the values in the store; `/verification` says whether they are what the trackers signed."}, s.telemetry)
}

type telemetryInput struct {
	ShipmentPath
	From    When     `query:"from" doc:"First time, inclusive"`
	To      When     `query:"to" doc:"Last time, exclusive"`
	Every   string   `query:"every" maxLength:"16" pattern:"^([0-9]+(s|m|h))*$" doc:"Window, 1s to 24h" example:"1m"`
	Fields  []string `query:"fields" maxItems:"16" doc:"Quantities; all when absent"`
	Tracker string   `query:"tracker" pattern:"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"`
	Limit   int      `query:"limit" minimum:"1" maximum:"5000" default:"500"`
	Cursor  string   `query:"cursor" maxLength:"2048"`
}

// place is where a page of readings ended.
type place struct {
	NS      int64  `json:"t"`
	Tracker string `json:"k"`
}

var errEnough = errors.New("page is full")

func (s *Server) telemetry(ctx context.Context, in *telemetryInput) (*answer[List[Reading]], error) {
	route := "telemetry/" + strings.Join([]string{in.ID, in.From.String(), in.To.String(), in.Every, strings.Join(in.Fields, ","), in.Tracker}, "\x00")
	var at place
	if err := openCursor(s.Key, route, in.Cursor, &at); err != nil {
		return nil, err
	}
	for _, f := range in.Fields {
		if _, ok := telemetry.FindQuantity(f); !ok {
			return nil, invalidField("query.fields", "no quantity is called so; docs/formats.md lists them")
		}
	}
	if in.To.Instant != 0 && in.To.Instant <= in.From.Instant {
		return nil, invalidField("query.to", "must be after from")
	}
	r, err := s.shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	refs, err := s.logs(ctx, r)
	if err != nil {
		return nil, err
	}
	q := influx.ReadingsQuery{Logs: logIDs(refs), FromMS: int64(in.From.Instant), ToMS: int64(in.To.Instant), Fields: slices.Clone(in.Fields)}
	if in.Cursor != "" {
		q.AfterTime, q.AfterTracker = time.Unix(0, at.NS), at.Tracker
	}
	if in.Tracker == "" {
		q.Limit = in.Limit + 1 // one more tells whether there is a next page
	}
	out := List[Reading]{Items: []Reading{}}
	// take adds an item and remembers where it stood.
	take := func(item Reading, ns int64) error {
		if in.Tracker != "" && item.Tracker != in.Tracker {
			return nil
		}
		if len(out.Items) == in.Limit {
			out.Next = sealCursor(s.Key, route, at)
			return errEnough
		}
		out.Items = append(out.Items, item)
		at = place{ns, item.Tracker}
		return nil
	}
	if in.Every != "" {
		err = s.windows(ctx, q, in.Every, take)
	} else {
		err = s.Telemetry.Readings(ctx, q, func(r influx.Reading, t time.Time) error {
			return take(Reading{Time: some(Instant(r.TimeMS)), Tracker: r.Tracker, Leaf: &r.Leaf, Values: r.Values}, t.UnixNano())
		})
	}
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return &answer[List[Reading]]{Body: out}, nil
}

// maxWindows bounds what one request makes the store compute.
const maxWindows = 200_000

func (s *Server) windows(ctx context.Context, q influx.ReadingsQuery, text string, take func(Reading, int64) error) error {
	every, err := time.ParseDuration(text)
	if err != nil || every < time.Second || every > 24*time.Hour {
		return invalidField("query.every", "must be 1s to 24h, such as 30s, 1m or 1h30m")
	}
	if q.FromMS > 0 && q.ToMS > 0 && (q.ToMS-q.FromMS)/every.Milliseconds() > maxWindows {
		return invalidField("query.every", "makes too many windows for this range")
	}
	return s.Telemetry.Downsample(ctx, q, every, func(b influx.Bucketed) error {
		return take(Reading{From: some(Instant(b.FromMS)), To: some(Instant(b.ToMS)), Tracker: b.Tracker, Min: b.Min, Max: b.Max, Mean: b.Mean, Count: b.Count},
			b.FromMS*1e6)
	})
}
