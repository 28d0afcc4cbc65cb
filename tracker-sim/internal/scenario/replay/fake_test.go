package replay

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// system holds one tracker's messages on one shipment, and says so. It is the Consignment and the broker of a replay.
type system struct {
	mu        sync.Mutex // guards all below
	from, to  time.Time
	ended     bool
	messages  []client.Message
	readings  []telemetry.Reading
	signed    []int64 // when the messages say so
	beacons   int
	known     map[telemetry.Hash]bool
	published int

	drop func(n int) bool                        // forgets the n-th publication; nil = none
	show func([]client.Message) []client.Message // what the API tells; nil = the truth
}

func (s *system) Begin(_ context.Context, from, to time.Time) error {
	s.from, s.to = from, to
	return nil
}

func (s *system) End(context.Context) error {
	s.ended = true
	return nil
}

func (s *system) Messages(context.Context) iter.Seq2[client.Message, error] {
	s.mu.Lock()
	shown := append([]client.Message(nil), s.messages...)
	s.mu.Unlock()
	if s.show != nil {
		shown = s.show(shown)
	}
	return func(yield func(client.Message, error) bool) {
		for _, m := range shown {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (s *system) dial(context.Context, string, func() string) (device.Conn, error) {
	return &session{system: s, down: make(chan mqtt.DownMessage, 1024)}, nil
}

type session struct {
	*system
	down chan mqtt.DownMessage
}

func (c *session) Down() <-chan mqtt.DownMessage { return c.down }
func (c *session) Close()                        {}

// Publish acknowledges a message that goes on where the newest boot stands.
func (c *session) Publish(_ context.Context, _ string, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.published++; c.drop != nil && c.drop(c.published) {
		return nil
	}
	m, err := telemetry.Decode(payload)
	if err != nil {
		return err
	}
	next := int64(0)
	if n := len(c.messages); n > 0 && c.messages[n-1].Boot == int64(m.Boot) {
		next = c.messages[n-1].Seq + 1
	}
	switch {
	case c.known[m.COSEHash]:
	case int64(m.Seq) > next:
		return nil // a hole: the tracker sends again
	case int64(m.Seq) < next:
		return fmt.Errorf("a fork at %d", m.Seq)
	default:
		if c.known == nil {
			c.known = make(map[telemetry.Hash]bool)
		}
		c.known[m.COSEHash] = true
		c.messages = append(c.messages, client.Message{
			Log: "log", Leaf: int64(len(c.messages)), Tracker: m.Tracker, Trust: "signed", Boot: int64(m.Boot), Seq: int64(m.Seq),
			Hash: hex.EncodeToString(m.COSEHash[:]), Status: "anchored",
		})
		c.readings = append(c.readings, m.Readings...)
		c.signed = append(c.signed, m.TimeMS)
		if m.Beacon != nil {
			c.beacons++
		}
	}
	newest := c.messages[len(c.messages)-1]
	select {
	case c.down <- mqtt.DownMessage{Type: "ack", Boot: uint64(newest.Boot), Seq: uint64(newest.Seq),
		Beacon: &mqtt.DownBeacon{Block: 7, Root: strings.Repeat("ab", 32)}}:
	default: // acknowledgements are cumulative
	}
	return nil
}
