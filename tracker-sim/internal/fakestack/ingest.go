package fakestack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
)

// Dial is a device.Dialer.
func (s *Stack) Dial(ctx context.Context, id string, password func() string) (device.Conn, error) {
	pw := password()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trackers[id]
	if t == nil || t.revoked {
		return nil, errors.New("not authorized")
	}
	if t.secret != "" {
		if pw != t.secret {
			return nil, errors.New("bad secret")
		}
	} else if _, err := mqtt.CheckPassword(pw, t.key, id, "trackseal", time.Now()); err != nil {
		return nil, err
	}
	return &conn{s: s, id: id, down: make(chan mqtt.DownMessage, 1024)}, nil
}

type conn struct {
	s    *Stack
	id   string
	down chan mqtt.DownMessage

	mu     sync.Mutex
	n      int
	held   []func()
	closed bool
}

func (c *conn) Down() <-chan mqtt.DownMessage { return c.down }

func (c *conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

var errCut = errors.New("link is cut")

func (c *conn) Publish(_ context.Context, topic string, payload []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errCut
	}
	var fate Fate
	if c.s.Link != nil {
		fate = c.s.Link(c.n)
	}
	c.n++
	payload = append([]byte(nil), payload...)
	arrive := func() { c.s.arrive(c, topic, payload, fate.LoseAck) }
	if fate.Cut {
		c.closed = true
		return errCut
	}
	if fate.Drop {
		return nil
	}
	if fate.Hold {
		c.held = append(c.held, arrive)
		return nil
	}
	arrive()
	if fate.Twice {
		arrive()
	}
	for _, later := range c.held {
		later()
	}
	c.held = nil
	return nil
}

// arrive is ingest.
func (s *Stack) arrive(c *conn, topic string, payload []byte, loseAck bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, channel, err := telemetry.ParseTopic(topic)
	if err != nil || id != c.id {
		s.rejected[telemetry.TopicMismatch]++
		return
	}
	if channel == telemetry.JSON {
		s.plain(c, id, payload, loseAck)
		return
	}
	m, err := telemetry.Decode(payload)
	if err == nil && m.Tracker != id {
		err = &telemetry.Reject{Reason: telemetry.TopicMismatch}
	}
	t := s.trackers[id]
	if err == nil {
		err = m.Verify(t.key)
	}
	var r *telemetry.Reject
	if errors.As(err, &r) {
		s.rejected[r.Reason]++
		return
	}
	b := t.boots[m.Boot]
	if b == nil {
		b = &boot{held: make(map[uint64]telemetry.Hash), declared: make(map[uint64]bool)}
		t.boots[m.Boot] = b
	}
	hash, had := b.held[m.Seq]
	switch {
	case had && hash == m.COSEHash:
		s.rejected[telemetry.Duplicate]++
	default:
		var flags []string
		if had {
			flags = append(flags, string(telemetry.Fork))
		} else {
			b.held[m.Seq] = m.COSEHash
		}
		if m.Seq > b.next && !had {
			flags = append(flags, string(telemetry.SeqGap))
		}
		t.heads[m.COSEHash] = true
		s.store(t, id, "signed", m.Boot, m.Seq, m.COSEHash, flags, m.Readings)
	}
	if g := m.Gap; g != nil {
		if t.boots[g.Boot] == nil {
			t.boots[g.Boot] = &boot{held: make(map[uint64]telemetry.Hash), declared: make(map[uint64]bool)}
		}
		for seq := g.FromSeq; seq <= g.ToSeq; seq++ {
			t.boots[g.Boot].declared[seq] = true
		}
	}
	b.started = b.started || m.Seq == 0
	if m.Seq == 0 && (m.Prev == telemetry.Hash{} || t.heads[m.Prev] || t.lostEnd(m.Boot)) {
		b.linked = true
	}
	if ack, ok := t.ack(); ok && !loseAck {
		c.tell(mqtt.DownMessage{Type: "ack", Boot: ack.Boot, Seq: ack.Seq})
	}
}

// ack is the newest position up to which everything is held or declared lost.
func (t *tracker) ack() (p telemetry.Position, ok bool) {
	for n, b := range t.boots {
		b.linked = b.linked || b.started && t.lostEnd(n)
		for b.has(b.next) {
			b.next++
		}
		if q := (telemetry.Position{Boot: n, Seq: b.next - 1}); b.next > 0 && b.linked && (!ok || p.Less(q)) {
			p, ok = q, true
		}
	}
	return p, ok
}

// lostEnd reports whether the end of a boot before was declared lost: then nothing can hold the link to it.
func (t *tracker) lostEnd(boot uint64) bool {
	for n, b := range t.boots {
		if n < boot && len(b.declared) > 0 {
			return true
		}
	}
	return false
}

func (b *boot) has(seq uint64) bool {
	_, held := b.held[seq]
	return held || b.declared[seq]
}

func (s *Stack) plain(c *conn, id string, payload []byte, loseAck bool) {
	t := s.trackers[id]
	p, err := telemetry.DecodePlain(payload, time.Now())
	var r *telemetry.Reject
	if errors.As(err, &r) {
		s.rejected[r.Reason]++
		return
	}
	hash := sha256.Sum256(payload)
	if t.plain[hash] {
		s.rejected[telemetry.Duplicate]++
	} else {
		t.plain[hash] = true
		s.store(t, id, "unsigned", 0, 0, hash, nil, p.Readings)
	}
	if p.Seq != nil && !loseAck {
		c.tell(mqtt.DownMessage{Type: "ack", JSONSeq: p.Seq})
	}
}

func (s *Stack) store(t *tracker, id, trust string, boot, seq uint64, hash telemetry.Hash, flags []string, readings []telemetry.Reading) {
	s.received++
	sh := s.shipments[t.assigned]
	if sh == nil {
		return
	}
	leaf := uint64(len(sh.messages))
	sh.messages = append(sh.messages, rest.Message{
		Log: "log-" + sh.ID, Leaf: leaf, Tracker: id, Trust: trust, Boot: boot, Seq: seq, Flags: flags,
		Hash: hex.EncodeToString(hash[:]), Status: rest.Anchored,
	})
	for _, r := range readings {
		values := make(map[string]float64, len(r.Values))
		for k, v := range r.Values {
			values[k] = v
		}
		sh.samples = append(sh.samples, rest.Sample{Time: stamp(r.TimeMS), Tracker: id, Leaf: leaf, Values: values})
	}
}

func (c *conn) tell(m mqtt.DownMessage) {
	select {
	case c.down <- m:
	default: // as the real device does: acknowledgements are cumulative
	}
}
