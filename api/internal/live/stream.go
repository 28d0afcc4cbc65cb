// Package live answers the streams of events.
package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Feed     *feed.Feed
	Stopping context.Context // ends the streams, so that the server can drain
	Metrics  *prometheus.Registry
	Log      *slog.Logger
	Now      func() time.Time

	streams streamCounter
	open    prometheus.Gauge
}

const (
	maxStreams    = 256
	maxStreamsOne = 16 // per client
	heartbeat     = 15 * time.Second
	streamWrites  = 10 * time.Second // for one event: a client that reads slower is cut off
)

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.streams.byClient = map[string]int{}
	s.open = prometheus.NewGauge(prometheus.GaugeOpts{Name: "trackseal_api_streams", Help: "Open event streams."})
	s.Metrics.MustRegister(s.open)
	const about = "Server-sent events `reading`, `shipment`, `anchor`, `verdict`, `excursion`, `acknowledgement`, `disposition`, `alarm`, `gap`; a comment every 15 s. Events from the ledger carry an id: " +
		"send it as Last-Event-ID to go on from there; when that lies too far back, `gap` comes first: ask the listings for what was missed. A client that reads too slowly is cut off. The stream ends with the token."
	op := func(path, id, summary string, errors ...int) rest.Operation {
		return rest.Operation{Method: http.MethodGet, Path: path, ID: id, Tag: "Live", Scope: access.TelemetryRead, Limit: rest.Unlimited, Summary: summary, About: about, Errors: errors,
			Answers: map[string]*huma.Response{"200": {Description: "Events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}}
	}
	rest.Add(api, op("/v1/stream", "stream", "Live events of all the organisation's shipments", http.StatusTooManyRequests),
		func(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
			return s.stream(ctx, "", in.LastEventID)
		})
	rest.Add(api, op("/v1/shipments/{id}/stream", "stream-shipment", "Live events of one shipment", http.StatusNotFound, http.StatusTooManyRequests),
		func(ctx context.Context, in *shipmentStreamInput) (*huma.StreamResponse, error) {
			if _, err := s.Shipment(ctx, in.ID); err != nil {
				return nil, err
			}
			return s.stream(ctx, in.ID, in.LastEventID)
		})
}

type streamInput struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"id of the last event that arrived"`
}

type shipmentStreamInput struct {
	shapes.ShipmentPath
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"id of the last event that arrived"`
}

func (s *Resource) stream(ctx context.Context, shipment, lastID string) (*huma.StreamResponse, error) {
	who := access.PrincipalOf(ctx)
	if !s.streams.enter(who.Client) {
		return nil, problem.New(http.StatusTooManyRequests, problem.TooManyStreams, "too many open streams; close one first").RetryAfter("10")
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer s.streams.leave(who.Client)
		s.open.Inc()
		defer s.open.Dec()
		sub := s.Feed.Subscribe(shipment, lastID)
		defer sub.Cancel()
		s.send(c, sub, time.UnixMilli(who.ExpMS))
	}}, nil
}

func (s *Resource) send(c huma.Context, sub *feed.Sub, until time.Time) {
	g := humagin.Unwrap(c)
	c.SetHeader("Content-Type", "text/event-stream")
	c.SetHeader("X-Accel-Buffering", "no")
	c.SetStatus(http.StatusOK)
	if rest.IsHead(c.Context()) {
		return // an endless body that nobody sees
	}
	out := http.NewResponseController(g.Writer)
	write := func(text string) bool {
		// Recorders in tests have no deadline and need none.
		_ = out.SetWriteDeadline(time.Now().Add(streamWrites))
		if _, err := g.Writer.WriteString(text); err != nil {
			return false
		}
		g.Writer.Flush()
		return true
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	expired := time.NewTimer(until.Sub(s.Now()))
	defer expired.Stop()
	if !write(": connected\n\n") {
		return
	}
	for {
		select {
		case <-g.Request.Context().Done():
			return
		case <-s.Stopping.Done():
			return
		case <-expired.C:
			return
		case <-beat.C:
			if !write(": \n\n") {
				return
			}
		case e, ok := <-sub.C:
			if !ok {
				return
			}
			text, err := eventText(c.Context(), s.Records, e)
			if err != nil {
				s.Log.ErrorContext(c.Context(), "event left out", "event", e.Name, "error", err)
				continue
			}
			if !write(text) {
				return
			}
		}
	}
}

// LiveReading is the data of an event reading.
type LiveReading struct {
	Shipment string             `json:"shipment"`
	Tracker  string             `json:"tracker"`
	Time     rest.Instant       `json:"time"`
	Leaf     uint64             `json:"leaf"`
	Values   map[string]float64 `json:"values"`
}

// LiveVerdict is the data of an event verdict.
type LiveVerdict struct {
	Shipment string `json:"shipment"`
	shapes.Revision
}

// LiveExcursion is the data of an event excursion.
type LiveExcursion struct {
	Shipment string `json:"shipment"`
	shapes.Excursion
}

// LiveAcknowledgement is the data of an event acknowledgement.
type LiveAcknowledgement struct {
	Shipment string `json:"shipment"`
	shapes.Acknowledgement
}

// LiveDisposition is the data of an event disposition.
type LiveDisposition struct {
	Shipment string `json:"shipment"`
	shapes.Disposition
}

func eventText(ctx context.Context, own *records.Records, e feed.Event) (string, error) {
	var data any = struct{}{} // of a gap
	switch x := e.Data.(type) {
	case stored.Reading:
		data = LiveReading{e.ShipID, x.Tracker, rest.Instant(x.TimeMS), x.Leaf, x.Values}
	case ledger.Shipment:
		data = shapes.ShowShipment(ctx, own, x, "")
	case ledger.Head:
		data = shapes.ShowAnchor(own.Members, x)
	case ledger.Verdict:
		data = LiveVerdict{e.ShipID, shapes.ShowRevision(own.Members, x)}
	case ledger.Excursion:
		data = LiveExcursion{e.ShipID, showLive(x)}
	case ledger.Acknowledgement:
		data = LiveAcknowledgement{e.ShipID, shapes.ShowAcknowledgement(ctx, own, x)}
	case ledger.Disposition:
		data = LiveDisposition{e.ShipID, shapes.ShowDisposition(ctx, own, x)}
	case shapes.Alarm:
		data = x
	}
	body, err := json.Marshal(data)
	if err != nil {
		return "", err
	}
	id := ""
	if e.ID != "" {
		id = "id: " + e.ID + "\n"
	}
	return fmt.Sprintf("%sevent: %s\ndata: %s\n\n", id, e.Name, body), nil
}

// showLive is what a record alone tells of an excursion.
func showLive(e ledger.Excursion) shapes.Excursion {
	return shapes.Excursion{ID: e.ID, Rule: e.Rule, Metric: e.Metric, Tracker: e.Tracker, Start: rest.Instant(e.StartMS), End: rest.InstantOrNull(e.EndMS), Peak: e.Peak, Limit: e.Limit,
		Messages: []shapes.DecidingMessage{}, LedgerTx: rest.OrNull(e.OpenTx), Verified: e.Verified}
}

// streamCounter bounds open streams, of all and of one client.
type streamCounter struct {
	mu       sync.Mutex
	all      int
	byClient map[string]int
}

func (c *streamCounter) enter(client string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= maxStreams || c.byClient[client] >= maxStreamsOne {
		return false
	}
	c.all++
	c.byClient[client]++
	return true
}

func (c *streamCounter) leave(client string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.byClient[client]--; c.byClient[client] == 0 {
		delete(c.byClient, client)
	}
}
