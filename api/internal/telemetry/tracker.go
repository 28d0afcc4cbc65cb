package telemetry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// What a tracker said, whatever it was attached to: for its owner, and of a shipment only while the owner is a party of it.
func (s *Resource) trackerRoutes(api *rest.API) {
	const whose = "Of the tracker's owner. What was logged for a shipment is there only if the owner is a party of it."
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers/{id}/messages", ID: "list-tracker-messages", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "List a tracker's messages, the newest first", About: whose, Errors: []int{http.StatusBadRequest, http.StatusNotFound}}, s.trackerMessages)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers/{id}/readings", ID: "list-tracker-readings", Tag: "Telemetry", Scope: access.TelemetryRead,
		Summary: "Get a tracker's readings, or windows of them, in the order of time", About: whose + " As `/v1/shipments/{id}/telemetry` otherwise; faults are by what the tracker's record states now.",
		Errors: []int{http.StatusBadRequest, http.StatusNotFound}}, s.trackerReadings)
}

type trackerMessagesInput struct {
	shapes.TrackerPath
	rest.Paging
	Include string `query:"include" enum:"raw" doc:"raw adds the bytes"`
}

// TrackerMessage is a message and the shipment that it was logged for.
type TrackerMessage struct {
	Message
	Shipment rest.Null[string] `json:"shipment" doc:"null: the tracker was on none"`
}

// messageAt is the last message of a page.
type messageAt struct {
	NS  int64  `json:"t"`
	Log string `json:"l"`
}

func (s *Resource) trackerMessages(ctx context.Context, in *trackerMessagesInput) (*rest.Answer[rest.List[TrackerMessage]], error) {
	route := "tracker-messages/" + in.ID
	var at messageAt
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	_, logs, err := s.logsOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	q := stored.MessagesQuery{Tracker: in.ID, Logs: logs, Limit: in.Limit + 1} // one more tells whether there is a next page
	if in.Cursor != "" {
		q.Before, q.BeforeLog = time.Unix(0, at.NS), at.Log
	}
	out := rest.List[TrackerMessage]{Items: []TrackerMessage{}}
	anchored := map[string]uint64{}
	err = s.Telemetry.MessagesOf(ctx, q, func(m stored.Message, t time.Time) error {
		if len(out.Items) == in.Limit {
			out.Next = s.Cursors.Seal(route, at)
			return errEnough
		}
		size, known := anchored[m.Log]
		if !known {
			var err error
			if size, err = s.anchoredSize(ctx, m.Log); err != nil {
				return err
			}
			anchored[m.Log] = size
		}
		at = messageAt{t.UnixNano(), m.Log}
		out.Items = append(out.Items, TrackerMessage{showMessage(m, size, in.Include == "raw"), rest.OrNull(m.Shipment)})
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return &rest.Answer[rest.List[TrackerMessage]]{Body: out}, nil
}

type trackerReadingsInput struct {
	shapes.TrackerPath
	Asked
}

func (s *Resource) trackerReadings(ctx context.Context, in *trackerReadingsInput) (*rest.Answer[rest.List[Reading]], error) {
	return s.readings(ctx, "tracker-readings/"+in.ID, &in.Asked, in.ID, func() (from, error) {
		r, logs, err := s.logsOf(ctx, in.ID)
		sensors := telemetry.SensorsOf(r.Sensors)
		return from{logs: logs, sensors: func(string, int64) *telemetry.Sensors { return sensors }, outside: func(string, int64) bool { return false }}, err
	})
}

// logsOf are the logs with messages of one of our trackers that we may read: its own, and those of shipments that we take part in.
func (s *Resource) logsOf(ctx context.Context, tracker string) (r ledger.Tracker, logs []string, err error) {
	if r, err = s.Tracker(ctx, tracker); err != nil {
		return r, nil, err
	}
	all, err := s.Telemetry.ShipmentsOf(ctx, tracker)
	if err != nil {
		return r, nil, err
	}
	open := map[string]bool{"": true}
	for _, l := range all {
		ours, asked := open[l.Shipment]
		if !asked {
			_, err := s.Shipment(ctx, l.Shipment)
			if ours = err == nil; !ours && !rest.IsNotFound(err) {
				return r, nil, err
			}
			open[l.Shipment] = ours
		}
		if ours && !slices.Contains(logs, l.Log) {
			logs = append(logs, l.Log)
		}
	}
	return r, logs, nil
}
