package load

import (
	"context"
	"crypto"
	"encoding/hex"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// system is API, broker and ingest in memory: it keeps what is published in order, acknowledges it and tells the truth about it,
// unless a test makes it lie.
type system struct {
	mu       sync.Mutex // guards all below
	assigned map[string]string
	messages map[string][]client.Message // by shipment
	readings map[string][]client.Reading // by tracker
	received int

	arrived func(received int)                      // is told of each message; nil = nobody
	show    func([]client.Message) []client.Message // nil = the truth
	values  func(map[string]float64)                // changes what is read back; nil = nothing
}

func newSystem() *system {
	return &system{assigned: map[string]string{}, messages: map[string][]client.Message{}, readings: map[string][]client.Reading{}}
}

func (s *system) Enrol(context.Context, string, crypto.Signer, string, ...client.Sensor) (client.Tracker, error) {
	return client.Tracker{}, nil
}

func (s *system) Create(_ context.Context, body client.CreateBody) (client.Shipment, bool, error) {
	return client.Shipment{ID: body.ID}, true, nil
}

func (s *system) Assign(_ context.Context, shipment, tracker string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assigned[tracker] = shipment
	return nil
}

func (s *system) Messages(_ context.Context, shipment string) iter.Seq2[client.Message, error] {
	s.mu.Lock()
	shown := slices.Clone(s.messages[shipment])
	s.mu.Unlock()
	if s.show != nil {
		shown = s.show(shown)
	}
	return all(shown)
}

func (s *system) Readings(_ context.Context, _ string, of client.GetTelemetryParams) iter.Seq2[client.Reading, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var shown []client.Reading
	for _, r := range s.readings[of.Tracker] {
		if r.Time.Before(of.From) || !r.Time.Before(of.To) {
			continue
		}
		if s.values != nil {
			s.values(r.Values)
		}
		shown = append(shown, r)
	}
	return all(shown)
}

func all[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (s *system) logged(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(s.received), nil
}

func (s *system) dial(context.Context, string, func() string) (device.Conn, error) {
	return session{s, make(chan mqtt.DownMessage, 1024)}, nil
}

type session struct {
	*system
	down chan mqtt.DownMessage
}

func (c session) Down() <-chan mqtt.DownMessage { return c.down }
func (c session) Close()                        {}

func (c session) Publish(_ context.Context, _ string, payload []byte) error {
	m, err := telemetry.Decode(payload)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	shipment, hash := c.assigned[m.Tracker], hex.EncodeToString(m.COSEHash[:])
	if !slices.ContainsFunc(c.messages[shipment], func(known client.Message) bool { return known.Hash == hash }) {
		c.received++
		c.messages[shipment] = append(c.messages[shipment], client.Message{
			Log: shipment, Leaf: int64(len(c.messages[shipment])), Tracker: m.Tracker, Trust: "signed", Boot: int64(m.Boot), Seq: int64(m.Seq), Hash: hash, Status: "anchored",
		})
		for _, r := range m.Readings {
			c.readings[m.Tracker] = append(c.readings[m.Tracker], client.Reading{Tracker: m.Tracker, Time: time.UnixMilli(r.TimeMS), Values: r.Values})
		}
		if c.arrived != nil {
			c.arrived(c.received)
		}
	}
	select {
	case c.down <- mqtt.DownMessage{Type: "ack", Boot: m.Boot, Seq: m.Seq}:
	default: // acknowledgements are cumulative
	}
	return nil
}
