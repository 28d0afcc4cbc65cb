package device_test

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// ingest is a broker and an ingest in memory, for one tracker: it checks signatures and acknowledges what it holds.
type ingest struct {
	key    telemetry.PublicKey
	secret string // of a tracker that cannot sign
	// link decides the fate of each published message; nil = perfect. It is called by one goroutine at a time.
	link func() fate

	mu    sync.Mutex // guards all below
	boots map[uint64]*boot
	heads map[telemetry.Hash]bool // of messages held, which later boots link to
	plain map[telemetry.Hash]bool
	held  map[telemetry.Position]int // how often each was stored
	forks int
}

// fate of one published message.
type fate struct {
	drop    bool // the broker takes it and forgets it
	twice   bool // it arrives twice
	hold    bool // it arrives after the next one
	cut     bool // the link breaks before it arrives
	loseAck bool // it arrives, its acknowledgement does not
}

type boot struct {
	held     map[uint64]telemetry.Hash
	declared map[uint64]bool
	next     uint64 // everything before is held or declared lost
	started  bool   // its first message is held
	linked   bool   // follows the boot before without a hole
}

// newIngest knows tracker t-1 by its key, or one that cannot sign by the secret "secret".
func newIngest(t *testing.T, key crypto.Signer) *ingest {
	t.Helper()
	s := &ingest{boots: map[uint64]*boot{}, heads: map[telemetry.Hash]bool{}, plain: map[telemetry.Hash]bool{}, held: map[telemetry.Position]int{}}
	if key == nil {
		s.secret = "secret"
		return s
	}
	var err error
	if s.key, err = telemetry.Public(key); err != nil {
		t.Fatal(err)
	}
	return s
}

// dial is a device.Dialer.
func (s *ingest) dial(_ context.Context, id string, password func() string) (device.Conn, error) {
	if s.secret != "" {
		if password() != s.secret {
			return nil, errors.New("bad secret")
		}
	} else if _, err := mqtt.CheckPassword(password(), s.key, id, "trackseal", time.Now()); err != nil {
		return nil, err
	}
	return &conn{s: s, down: make(chan mqtt.DownMessage, 1024)}, nil
}

// stored is a copy of held.
func (s *ingest) stored() map[telemetry.Position]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := make(map[telemetry.Position]int, len(s.held))
	for p, times := range s.held {
		n[p] = times
	}
	return n
}

// accounted tells whether a message is held, or was declared lost by one that is.
func (s *ingest) accounted(p telemetry.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boots[p.Boot]
	return b != nil && b.has(p.Seq)
}

type conn struct {
	s    *ingest
	down chan mqtt.DownMessage

	mu     sync.Mutex // guards all below
	later  []func()
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
	var f fate
	if c.s.link != nil {
		f = c.s.link()
	}
	payload = append([]byte(nil), payload...)
	arrive := func() { c.s.arrive(c, topic, payload, f.loseAck) }
	switch {
	case f.cut:
		c.closed = true
		return errCut
	case f.drop:
		return nil
	case f.hold:
		c.later = append(c.later, arrive)
		return nil
	}
	arrive()
	if f.twice {
		arrive()
	}
	for _, held := range c.later {
		held()
	}
	c.later = nil
	return nil
}

func (c *conn) tell(m mqtt.DownMessage) {
	select {
	case c.down <- m:
	default: // as the real device does: acknowledgements are cumulative
	}
}

func (s *ingest) arrive(c *conn, topic string, payload []byte, loseAck bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, channel, err := telemetry.ParseTopic(topic); err != nil {
		return
	} else if channel == telemetry.JSON {
		s.arrivePlain(c, payload, loseAck)
		return
	}
	m, err := telemetry.Decode(payload)
	if err != nil || m.Verify(s.key) != nil {
		return
	}
	b := s.boot(m.Boot)
	if hash, had := b.held[m.Seq]; !had {
		b.held[m.Seq] = m.COSEHash
		s.held[telemetry.Position{Boot: m.Boot, Seq: m.Seq}]++
	} else if hash != m.COSEHash {
		s.forks++
	}
	s.heads[m.COSEHash] = true
	if g := m.Gap; g != nil {
		for seq := g.FromSeq; seq <= g.ToSeq; seq++ {
			s.boot(g.Boot).declared[seq] = true
		}
	}
	b.started = b.started || m.Seq == 0
	if m.Seq == 0 && (m.Prev == telemetry.Hash{} || s.heads[m.Prev] || s.lostEnd(m.Boot)) {
		b.linked = true
	}
	if p, ok := s.ack(); ok && !loseAck {
		c.tell(mqtt.DownMessage{Type: "ack", Boot: p.Boot, Seq: p.Seq})
	}
}

func (s *ingest) boot(n uint64) *boot {
	if s.boots[n] == nil {
		s.boots[n] = &boot{held: map[uint64]telemetry.Hash{}, declared: map[uint64]bool{}}
	}
	return s.boots[n]
}

// ack is the newest position up to which everything is held or declared lost.
func (s *ingest) ack() (p telemetry.Position, ok bool) {
	for n, b := range s.boots {
		b.linked = b.linked || b.started && s.lostEnd(n)
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
func (s *ingest) lostEnd(boot uint64) bool {
	for n, b := range s.boots {
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

func (s *ingest) arrivePlain(c *conn, payload []byte, loseAck bool) {
	p, err := telemetry.Open(telemetry.LeafUnsigned, telemetry.PlainEnvelope("T", payload), time.Now().UnixMilli())
	if err != nil {
		return
	}
	s.plain[p.Hash] = true
	if p.Seq != nil && !loseAck {
		c.tell(mqtt.DownMessage{Type: "ack", JSONSeq: p.Seq})
	}
}

// shelf is a Store in memory that outlives its devices.
type shelf struct{ state device.State }

func (s *shelf) Load() (device.State, error) {
	state := s.state
	state.Queued, state.Lost = slices.Clone(state.Queued), slices.Clone(state.Lost)
	return state, nil
}

func (s *shelf) Append(m device.Message) error {
	s.state.Queued = append(s.state.Queued, m)
	s.state.Next, s.state.Prev = telemetry.Position{Boot: m.Pos.Boot, Seq: m.Pos.Seq + 1}, m.Hash
	return nil
}

func (s *shelf) Trim(gone []device.Message, lost []device.Range) error {
	left := make([]device.Message, 0, len(s.state.Queued))
	for _, m := range s.state.Queued {
		if !slices.ContainsFunc(gone, func(g device.Message) bool { return g.Pos == m.Pos }) {
			left = append(left, m)
		}
	}
	s.state.Queued, s.state.Lost = left, slices.Clone(lost)
	return nil
}

func (s *shelf) Close() error { return nil }

// lose forgets what is held of a boot from a message on.
func (s *ingest) lose(n, from uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boots[n]
	for seq, hash := range b.held {
		if seq >= from {
			delete(b.held, seq)
			delete(s.heads, hash)
		}
	}
	b.next = from
}
