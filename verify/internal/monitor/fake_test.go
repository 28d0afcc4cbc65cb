package monitor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// fakeAPI serves a made-up ledger, truly unless a member says otherwise.
type fakeAPI struct {
	name    string
	trip    *evidencetest.Trip
	hide    int // newest anchors that it does not show
	down    error
	waiting uint64
	claim   func([]Claim) []Claim
	change  func(*evidence.Manifest)
	bytes   func(nonce, raw []byte) []byte
	asked   int // for evidence
}

func (f *fakeAPI) Name() string { return f.name }

func (f *fakeAPI) newest() int { return f.trip.Newest() - f.hide }

func (f *fakeAPI) Heads(context.Context) ([]Claim, error) {
	if f.down != nil {
		return nil, f.down
	}
	var list []Claim
	if h, ok := f.trip.Head(f.newest()); ok {
		list = append(list, Claim{Heads: h.Heads, Ingest: h.Ingest, N: h.N, Size: h.Size, Root: h.Root, Tx: h.Tx})
	}
	if f.claim != nil {
		list = f.claim(list)
	}
	return list, nil
}

func (f *fakeAPI) Evidence(_ context.Context, _ string, from uint64, nonce []byte) ([]byte, error) {
	f.asked++
	last := min(f.newest(), int(from)+evidence.MaxAnchors-1)
	if f.down != nil || int(from) > last {
		return nil, errors.New("404 not_found")
	}
	m := f.trip.HeadsManifest(int(from), last, nonce, nil)
	if f.change != nil {
		f.change(m)
	}
	raw := evidencetest.EncodeHeadsLog(m)
	if f.bytes != nil {
		raw = f.bytes(nonce, raw)
	}
	return raw, nil
}

func (f *fakeAPI) Waiting(context.Context) ([]Waiting, error) {
	return []Waiting{{f.trip.Ingest, f.waiting}}, nil
}

// ground is a ledger with APIs and a monitor's clock and folder.
type ground struct {
	t      *testing.T
	dir    string
	now    time.Time
	policy *evidence.Policy
	apis   []API
	events []Event
	all    bool
	least  time.Duration
	// round is called in each pause of a running monitor; false ends it.
	round func(n int) bool
}

func newTrip(anchors int) *evidencetest.Trip {
	t := evidencetest.NewTrip(evidencetest.New(fabricproof.BFT))
	grow(t, anchors)
	return t
}

func grow(t *evidencetest.Trip, n int) {
	for range n {
		t.C.NowMS += 10_000
		t.Anchor(false)
	}
}

// told anchors something that a fork of the same ledger does not.
func told(t *evidencetest.Trip, story uint64, n int) {
	t.OnHead = func(h *anchor.HeadLeaf) { h.Size += story }
	grow(t, n)
	t.OnHead = nil
}

func newGround(t *testing.T, trip *evidencetest.Trip, apis ...*fakeAPI) *ground {
	g := &ground{t: t, dir: t.TempDir(), now: time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC), policy: trip.C.Policy()}
	g.serve(apis...)
	return g
}

func (g *ground) serve(apis ...*fakeAPI) {
	g.apis = nil
	for i, a := range apis {
		if a.name == "" {
			a.name = string(rune('a' + i))
		}
		g.apis = append(g.apis, a)
	}
}

func (g *ground) config() Config {
	rounds := 0
	return Config{APIs: g.apis, Policy: g.policy, StateFile: filepath.Join(g.dir, "state.json"), EvidenceDir: g.dir, Every: 10 * time.Second,
		Stall: time.Minute, AtLeast: g.least, All: g.all, Now: func() time.Time { return g.now }, Rand: rand.Reader,
		Report: func(e Event) { g.t.Log(e); g.events = append(g.events, e) },
		Wait: func(_ context.Context, d time.Duration) error {
			g.now = g.now.Add(d)
			if rounds++; g.round != nil && !g.round(rounds) {
				return context.Canceled
			}
			return nil
		}}
}

// once is one run of `verify monitor --once`, later by so much.
func (g *ground) once(later time.Duration) int {
	g.t.Helper()
	g.now, g.events = g.now.Add(later), nil
	m, err := New(g.config())
	if err != nil {
		g.t.Fatal(err)
	}
	code, err := m.Once(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return code
}

// run lets a monitor run for as many rounds; between them step is called.
func (g *ground) run(rounds int, step func(n int)) int {
	g.t.Helper()
	g.events = nil
	g.round = func(n int) bool {
		if n < rounds && step != nil {
			step(n)
		}
		return n < rounds
	}
	defer func() { g.round = nil }()
	m, err := New(g.config())
	if err != nil {
		g.t.Fatal(err)
	}
	code, err := m.Run(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return code
}

// kinds are the events but the anchors, in order.
func (g *ground) kinds() string {
	var out []string
	for _, e := range g.events {
		if e.Kind != Anchor {
			out = append(out, string(e.Kind))
		}
	}
	return strings.Join(out, " ")
}

func (g *ground) expect(what string, code, want int, kinds string) {
	g.t.Helper()
	if code != want || g.kinds() != kinds {
		g.t.Errorf("%s: exit %d instead of %d, events %q instead of %q", what, code, want, g.kinds(), kinds)
	}
}

func headsOf(t *evidencetest.Trip) string {
	id := anchor.HeadsID(ledger.Channel, t.Ingest)
	return hex.EncodeToString(id[:])
}
