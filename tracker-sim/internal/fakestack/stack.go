// Package fakestack is a small ingest, broker and REST API in memory, for tests: it checks signatures, acknowledges what it
// holds and tells the truth about it, unless a test makes it lie.
package fakestack

import (
	"encoding/hex"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
)

// Stack in memory. The zero faults are an honest system.
type Stack struct {
	URL string

	mu        sync.Mutex // guards all below
	trackers  map[string]*tracker
	shipments map[string]*shipment
	rejected  map[telemetry.Reason]int
	received  int

	// Link decides the fate of each published message and each acknowledgement; nil = perfect.
	Link func(n int) Fate
	// Show changes what the API tells of a shipment's messages; nil = the truth.
	Show func([]rest.Message) []rest.Message
	// Values changes the values that the API reads back; nil = the truth.
	Values func(map[string]float64)
}

// Fate of one published message.
type Fate struct {
	Drop    bool // the broker takes it and forgets it
	Twice   bool // it arrives twice
	Hold    bool // it arrives after the next one
	Cut     bool // the link breaks before it arrives
	LoseAck bool // it arrives, its acknowledgement does not
}

type tracker struct {
	key      telemetry.PublicKey
	kid      string
	secret   string
	assigned string
	revoked  bool
	boots    map[uint64]*boot
	plain    map[telemetry.Hash]bool
	heads    map[telemetry.Hash]bool // of messages held, which later boots link to
}

type boot struct {
	held     map[uint64]telemetry.Hash
	declared map[uint64]bool
	next     uint64 // everything before is held or declared lost
	started  bool   // its first message is held
	linked   bool   // follows the boot before without a hole
}

type shipment struct {
	rest.Shipment
	messages []rest.Message
	samples  []rest.Sample
}

// New starts a fake; it ends with the test.
func New(t *testing.T) *Stack {
	s := &Stack{trackers: make(map[string]*tracker), shipments: make(map[string]*shipment), rejected: make(map[telemetry.Reason]int)}
	srv := httptest.NewServer(s.routes())
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Client of one organisation.
func (s *Stack) Client(org string) *rest.Client { return rest.New(org, s.URL, org+"-admin", "secret") }

// Received counts stored messages, of all shipments and of none.
func (s *Stack) Received() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received
}

// Rejected counts refused messages by reason.
func (s *Stack) Rejected(reason telemetry.Reason) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected[reason]
}

// Messages of a shipment, as stored.
func (s *Stack) Messages(id string) []rest.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]rest.Message(nil), s.shipments[id].messages...)
}

// Accounted tells whether a tracker's message is held, or was declared lost by one that is.
func (s *Stack) Accounted(id string, p telemetry.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.trackers[id].boots[p.Boot]
	return b != nil && b.has(p.Seq)
}

// Readings of a shipment, as stored.
func (s *Stack) Readings(id string) []rest.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]rest.Sample(nil), s.shipments[id].samples...)
}

// Shipments by state.
func (s *Stack) Shipments() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := make(map[string]int)
	for _, sh := range s.shipments {
		n[sh.State]++
	}
	return n
}

// Shipment as stored; ok is false when there is none.
func (s *Stack) Shipment(id string) (rest.Shipment, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shipments[id]
	if sh == nil {
		return rest.Shipment{}, false
	}
	return sh.Shipment, true
}

// EnrolKey registers a tracker without REST.
func (s *Stack) EnrolKey(id string, key telemetry.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enrol(id, key)
}

func (s *Stack) enrol(id string, key telemetry.PublicKey) *tracker {
	kid := key.KID()
	t := &tracker{key: key, kid: hex.EncodeToString(kid[:]), boots: make(map[uint64]*boot), plain: make(map[telemetry.Hash]bool), heads: make(map[telemetry.Hash]bool)}
	s.trackers[id] = t
	return t
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
