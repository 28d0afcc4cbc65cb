package monitor

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

func TestFollow(t *testing.T) {
	trip := newTrip(3)
	a, b := &fakeAPI{trip: trip}, &fakeAPI{trip: trip}
	g := newGround(t, trip, a, b)
	g.expect("first look", g.once(0), 0, "")
	if len(g.events) != 1 || *g.events[0].N != 2 || g.events[0].API != "a" {
		t.Fatalf("got %+v, want one event, of 2 at API a", g.events)
	}
	if b.asked != 0 {
		t.Error("what is known was asked for again")
	}
	g.expect("nothing new", g.once(time.Hour), 0, "")
	if len(g.events) != 0 || a.asked != 1 {
		t.Errorf("%+v, asked %d times", g.events, a.asked)
	}
	g.expect("running", g.run(5, func(int) { grow(trip, 2) }), 0, "")
	if n := len(g.events); n != 4 || *g.events[3].N != 10 {
		t.Errorf("%d events", n)
	}
	trip.C.Configure()
	grow(trip, 2*evidence.MaxAnchors+5) // the monitor was away
	g.expect("catching up", g.once(time.Hour), 0, "")
	if n := len(g.events); n != 3 || *g.events[2].N != uint64(trip.Newest()) {
		t.Errorf("%d events", n)
	}
}

func TestFollowAll(t *testing.T) {
	trip := newTrip(startBack + 9)
	for _, all := range []bool{false, true} {
		g := newGround(t, trip, &fakeAPI{trip: trip})
		g.all = all
		g.expect("first look", g.once(0), 0, "")
		want := 8
		if all {
			want = 0
		}
		s, err := openState(filepath.Join(g.dir, "state.json"), g.policy)
		if err != nil || s.Logs[headsOf(trip)].Anchors[0].N != uint64(want) {
			t.Errorf("all: %t: %v, begins with %d", all, err, s.Logs[headsOf(trip)].Anchors[0].N)
		}
	}
}

// What the state keeps is bounded.
func TestKept(t *testing.T) {
	trip := newTrip(1)
	g := newGround(t, trip, &fakeAPI{trip: trip})
	g.all = true
	grow(trip, maxKept+10)
	g.expect("a long way", g.once(0), 0, "")
	s, err := openState(filepath.Join(g.dir, "state.json"), g.policy)
	if log := s.Logs[headsOf(trip)]; err != nil || len(log.Anchors) != maxKept || log.newest().N != uint64(trip.Newest()) || log.at(3) != nil || log.at(11) == nil {
		t.Errorf("%v, %d kept", err, len(log.Anchors))
	}
	hidden := &fakeAPI{trip: trip, hide: maxKept + 8}
	g.serve(&fakeAPI{trip: trip}, hidden)
	g.expect("an api that shows what is no longer kept", g.once(2*time.Minute), 2, "lagging")
}

// One API lies, in every way that there is. Another one tells the truth and does not make it good.
func TestLies(t *testing.T) {
	other := newTrip(8) // another ledger
	cases := []struct {
		name  string
		lie   func(g *ground, trip *evidencetest.Trip, a *fakeAPI)
		code  int
		kinds string
		text  string
	}{
		{"forged answer signature", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.change = func(m *evidence.Manifest) { m.Attestations[0].Signature[12] ^= 1 }
		}, 1, "rejected", "E_ATTEST"},
		{"answers replayed under an old nonce", func(_ *ground, trip *evidencetest.Trip, a *fakeAPI) {
			a.bytes = func(_, _ []byte) []byte { return trip.HeadsLog(2, 3, []byte("an old nonce")) }
		}, 1, "rejected", "E_STALE"},
		{"answers stripped", func(g *ground, _ *evidencetest.Trip, a *fakeAPI) {
			g.serve(a)
			a.change = func(m *evidence.Manifest) { m.Attestations = m.Attestations[:1] }
		}, 2, "unproven", "E_NOT_FINAL"},
		{"forged block", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.change = func(m *evidence.Manifest) { m.Blocks[0].Previous = bytes.Repeat([]byte{1}, 32) }
		}, 1, "rejected", "E_BLOCK_QUORUM"},
		{"another ledger", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) { a.trip = other }, 1, "rejected", "E_PIN"},
		{"another size than the evidence", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.claim = func(c []Claim) []Claim { c[0].Size += 7; return c }
		}, 1, "rejected", "claims anchor 3 with size 15"},
		{"an anchor to come", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.claim = func(c []Claim) []Claim { c[0].N = math.MaxUint64; return c }
		}, 1, "rejected", "proves none after 3"},
		{"another past for what was accepted", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.hide = 1
			a.claim = func(c []Claim) []Claim { c[0].Root = strings.Repeat("0", 64); return c }
		}, 1, "rejected", "claims anchor 2"},
		{"evidence of other anchors", func(_ *ground, trip *evidencetest.Trip, a *fakeAPI) {
			a.bytes = func(nonce, _ []byte) []byte { return trip.HeadsLog(0, 3, nonce) }
		}, 1, "rejected", "it proves anchor 0"},
		{"evidence of something else", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			proof := evidencetest.Standard(fabricproof.BFT, 4).Proof(0)
			a.bytes = func(_, _ []byte) []byte { return proof }
		}, 1, "rejected", "not a bundle of a heads log"},
		{"garbage", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.bytes = func(_, _ []byte) []byte { return []byte("garbage") }
		}, 1, "rejected", "E_BUNDLE_FORMAT"},
		{"nothing as evidence", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.bytes = func(_, _ []byte) []byte { return []byte{} }
		}, 1, "rejected", "E_BUNDLE_FORMAT"},
		{"another instance's name", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.claim = func(c []Claim) []Claim { c[0].Ingest = "ingest-other"; return c }
		}, 1, "rejected", `as that of "ingest-other"`},
		{"a name that writes to the terminal", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.claim = func(c []Claim) []Claim { c[0].Ingest = "\x1b[2J"; return c }
		}, 1, "rejected", `as that of " [2J"`},
		{"a heads log twice", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.claim = func(c []Claim) []Claim { return append(c, c[0]) }
		}, 1, "rejected", "twice"},
		{"more heads logs than there can be", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) {
			a.claim = func(c []Claim) []Claim { return make([]Claim, maxLogs+1) }
		}, 1, "rejected", "257 heads logs"},
		{"silence", func(_ *ground, _ *evidencetest.Trip, a *fakeAPI) { a.down = errors.New("no route to host") }, 2, "unreachable", "no route"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			trip := newTrip(3)
			liar, honest := &fakeAPI{trip: trip, name: "liar"}, &fakeAPI{trip: trip, name: "honest"}
			g := newGround(t, trip, liar, honest)
			g.expect("before", g.once(0), 0, "")
			grow(trip, 1)
			c.lie(g, trip, liar)
			g.expect("the lie", g.once(time.Second), c.code, c.kinds)
			for _, e := range g.events {
				if e.Kind == Anchor {
					continue
				}
				if e.API != "liar" || !strings.Contains(e.String(), c.text) {
					t.Errorf("no %q in %s", c.text, e)
				}
			}
			s, err := openState(filepath.Join(g.dir, "state.json"), g.policy)
			if len(g.apis) == 1 {
				return
			}
			if err != nil || len(s.Forks) != 0 || s.Logs[headsOf(trip)].newest().N != 3 {
				t.Errorf("the honest api does not count: %v, %+v", err, s.Forks)
			}
		})
	}
}

// forkFile checks that a fork's file convinces somebody who has only the policy.
func (g *ground) forkFile(how string) {
	g.t.Helper()
	i := slices.IndexFunc(g.events, func(e Event) bool { return e.Kind == Fork })
	if i < 0 {
		g.t.Fatal("no fork was reported")
	}
	raw, err := os.ReadFile(g.events[i].File)
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := evidence.VerifyFork(bytes.NewReader(raw), g.policy)
	if err != nil || !r.Proven || !strings.Contains(r.Contradiction, how) {
		g.t.Errorf("%+v, %v", r, err)
	}
}

func TestForks(t *testing.T) {
	t.Run("between two organisations", func(t *testing.T) {
		trip := newTrip(3)
		fork := trip.Fork()
		told(trip, 1, 1)
		told(fork, 2, 1)
		g := newGround(t, trip, &fakeAPI{trip: trip}, &fakeAPI{trip: fork})
		g.expect("fork", g.once(0), 1, "fork")
		g.forkFile("two blocks")
		g.expect("still", g.once(time.Hour), 1, "fork")
		if files, _ := filepath.Glob(filepath.Join(g.dir, "fork-*")); len(files) != 1 {
			t.Errorf("one fork, files %v", files)
		}
		// A fork does not heal: the liar comes back to the truth, the auditor still knows.
		g.serve(&fakeAPI{trip: trip}, &fakeAPI{trip: trip})
		g.expect("healed", g.once(time.Hour), 1, "fork")
	})
	t.Run("long ago, found when the views meet", func(t *testing.T) {
		trip := newTrip(3)
		fork := trip.Fork()
		told(trip, 1, 1)
		told(fork, 2, 1)
		a, b := &fakeAPI{trip: trip}, &fakeAPI{trip: trip}
		g := newGround(t, trip, a, b)
		code := g.run(8, func(n int) {
			grow(trip, 1)
			if n == 6 {
				b.trip = fork
			}
		})
		g.expect("fork", code, 1, "fork")
		g.forkFile("two")
		if *g.events[len(g.events)-1].N != uint64(trip.Newest()) {
			t.Error("the monitor stopped following")
		}
	})
	t.Run("relative to the past, with every server replaced", func(t *testing.T) {
		trip := newTrip(3)
		fork := trip.Fork()
		told(trip, 1, 2)
		told(fork, 2, 5)
		g := newGround(t, trip, &fakeAPI{trip: trip})
		g.expect("before", g.once(0), 0, "")
		g.serve(&fakeAPI{trip: fork}, &fakeAPI{trip: fork})
		g.expect("fork", g.once(24*time.Hour), 1, "fork")
		g.forkFile("two blocks")
	})
	for name, lie := range map[string]func(*ledger.ExtendArgs, *ledger.Head){
		"a rewritten log":       func(a *ledger.ExtendArgs, h *ledger.Head) { h.Root = strings.Repeat("ab", 32); a.NewRoot = h.Root },
		"a forged proof":        func(a *ledger.ExtendArgs, _ *ledger.Head) { a.Proof = []string{strings.Repeat("ab", 32)} },
		"a size that goes back": func(_ *ledger.ExtendArgs, h *ledger.Head) { h.PrevSize-- },
	} {
		t.Run("the consortium accepts "+name, func(t *testing.T) {
			trip := newTrip(3)
			g := newGround(t, trip, &fakeAPI{trip: trip})
			g.expect("before", g.once(0), 0, "")
			trip.OnExtend = func(a *ledger.ExtendArgs, h *ledger.Head) {
				lie(a, h)
				a.OldSize = h.PrevSize
			}
			grow(trip, 1)
			g.expect("fork", g.once(time.Minute), 1, "fork")
			g.forkFile("E_HEADS_FORK")
		})
		t.Run("found at the first look: "+name, func(t *testing.T) {
			trip := newTrip(3)
			trip.OnExtend = func(a *ledger.ExtendArgs, h *ledger.Head) {
				lie(a, h)
				a.OldSize = h.PrevSize
			}
			grow(trip, 1)
			g := newGround(t, trip, &fakeAPI{trip: trip})
			g.expect("fork", g.once(0), 1, "fork")
			g.forkFile("E_HEADS_FORK")
		})
	}
}

// The evidence of a fork that cannot be written is no reason to go on as if nothing were.
func TestCannotWrite(t *testing.T) {
	trip := newTrip(3)
	fork := trip.Fork()
	told(trip, 1, 1)
	told(fork, 2, 1)
	g := newGround(t, trip, &fakeAPI{trip: trip}, &fakeAPI{trip: fork})
	cfg := g.config()
	cfg.EvidenceDir = filepath.Join(g.dir, "none")
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := m.Once(t.Context()); err == nil || code != 1 || !strings.Contains(err.Error(), "cannot be written down") {
		t.Errorf("exit %d, %v", code, err)
	}
	cfg = g.config()
	cfg.StateFile = filepath.Join(g.dir, "gone", "state.json")
	if m, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(t.Context()); err == nil {
		t.Error("it goes on without a memory")
	}
}
