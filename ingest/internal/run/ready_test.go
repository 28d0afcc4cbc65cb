package run

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/testkit"
)

// ready is what /readyz says.
func (r *running) ready() map[string]string {
	var h service.Health
	r.Checks(&h)
	said := map[string]string{}
	_, all := h.Checks(context.Background())
	for _, c := range all {
		if said[c.Name] = "ok"; !c.OK {
			said[c.Name] = c.Detail
		}
	}
	return said
}

// gauge is the value of a metric; what "" for one without labels.
func (r *running) gauge(name, what string) float64 {
	r.t.Helper()
	families, err := r.Gatherer().Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			named := what == "" || slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == "what" && l.GetValue() == what })
			if f.GetName() == name && named {
				return m.GetGauge().GetValue()
			}
		}
	}
	r.t.Fatalf("no metric %s %s", name, what)
	return 0
}

// Ensure that an ingest whose journal is not the one that anchored says so, idle or not, takes nothing from trackers, and goes on with the
// right one.
func TestJournalThatTheLedgerOvertook(t *testing.T) {
	for name, journal := range map[string]func(t *testing.T, older string) string{
		"wiped":    func(t *testing.T, _ string) string { return t.TempDir() },
		"put back": func(_ *testing.T, older string) string { return older },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.send(t, 10)
			s.settle(s.src)
			s.stop()
			older := t.TempDir()
			if err := os.CopyFS(older, os.DirFS(s.cfg.Dir)); err != nil {
				t.Fatal(err)
			}
			s.running = start(t, s.cfg)
			s.send(t, 10)
			s.settle(s.src)
			s.stop()
			before := s.ledger.Count(ledger.AnchorExtend)

			bad := s.cfg
			bad.Dir, bad.Source = journal(t, older), newSource()
			p, src := start(t, bad), bad.Source.(*memorySource)
			testkit.WaitFor(t, 10*time.Second, "it says so before there is anything to anchor", func() bool { return p.Status(t.Context()).Disagrees })
			src.send(up("carrier.T-1"), s.dev.message(t, 5))
			testkit.WaitFor(t, 10*time.Second, "the message is there", func() bool { return p.Status(t.Context()).Received == 1 })
			testkit.WaitFor(t, 10*time.Second, "the ledger's records are read", func() bool { return p.ready()["receives"] == "ok" })
			for part, text := range p.ready() {
				if bad := part == "logs" || part == "anchors"; bad != strings.Contains(text, "ingest recover") || bad == (text == "ok") {
					t.Errorf("%s: came %q, expected the way out of logs and anchors and ok of the others", part, text)
				}
			}
			if got := p.gauge("trackseal_anchor_disagrees", ""); got != 1 {
				t.Errorf("trackseal_anchor_disagrees: came %v, expected 1", got)
			}
			for what, want := range map[string]float64{"receives": 1, "logs": 0, "stores": 1, "anchors": 0} {
				if got := p.gauge("trackseal_ready", what); got != want {
					t.Errorf("trackseal_ready of %s: came %v, expected %v", what, got, want)
				}
			}
			round := p.anchorer.Round() // one more look does not change it
			p.anchorer.Kick()
			<-round
			if src.open() != 1 || p.Status(t.Context()).Logged != 0 {
				t.Errorf("of 1 message %d are not acknowledged, %d logged", src.open(), p.Status(t.Context()).Logged)
			}
			if s.ledger.Count(ledger.AnchorExtend) != before {
				t.Error("it anchored over the ledger's head")
			}
			p.stop()

			s.running = start(t, s.cfg)
			s.dev = newDevice("carrier.T-1", s.dev.now) // what it sent to the other one is gone with it
			s.dev.boot = 2
			s.send(t, 5)
			s.account(t)
			if s.Status(t.Context()).Disagrees || len(s.Status(t.Context()).Problems) > 0 {
				t.Errorf("with its own journal: %+v", s.Status(t.Context()))
			}
		})
	}
}

// lagging is a ledger whose peer answers an older head while it is behind.
type lagging struct {
	*testkit.Ledger
	head   atomic.Pointer[[]byte]
	behind atomic.Bool
}

func (l *lagging) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	if fn == ledger.AnchorHead.Name() && l.behind.Load() {
		if head := l.head.Load(); head != nil {
			return *head, nil
		}
		return nil, &ledger.Error{Code: ledger.NotFound, Message: "no anchor"}
	}
	return l.Ledger.Evaluate(ctx, fn, arg)
}

// Ensure that a peer that was put back, or catches up, is not taken for a journal that was: messages are acknowledged, and what is said is
// that the peer is behind.
func TestPeerIsBehind(t *testing.T) {
	for name, restart := range map[string]bool{"while running": false, "at the start": true} {
		for _, genesis := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				var l *lagging
				s := newSetup(t, func(c *Config) {
					l = &lagging{Ledger: c.Ledger.(*testkit.Ledger)}
					c.Ledger = l
				})
				s.send(t, 5)
				s.settle(s.src)
				if !genesis {
					head, err := l.Evaluate(t.Context(), ledger.AnchorHead.Name(), ledger.IDArgs{ID: s.seq.HeadsID()})
					if err != nil {
						t.Fatal(err)
					}
					l.head.Store(&head)
				}
				s.send(t, 5)
				s.settle(s.src)
				if restart {
					s.stop()
				}
				l.behind.Store(true)
				if restart {
					s.running = start(t, s.cfg)
				}
				s.send(t, 5)
				testkit.WaitFor(t, 10*time.Second, "messages are acknowledged", func() bool { return s.src.open() == 0 })
				testkit.WaitFor(t, 10*time.Second, "it says that the peer is behind", func() bool {
					return strings.Contains(s.ready()["anchors"], "the peer is behind") && s.ready()["logs"] == "ok"
				})
				if s.Status(t.Context()).Disagrees {
					t.Error("a peer that is behind is taken for a journal that was put back")
				}
				l.behind.Store(false)
				s.account(t)
			})
		}
	}
}

// Ensure that what waits is told right after a restart, with its age, and that nothing ages while nothing waits.
func TestLagIsWhatWaits(t *testing.T) {
	var ahead atomic.Int64
	s := newSetup(t, func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s.send(t, 3)
	s.settle(s.src)
	ahead.Store(int64(time.Hour))
	if a, b := s.gauge("trackseal_anchor_lag_seconds", ""), s.gauge("trackseal_store_lag_seconds", ""); a != 0 || b != 0 {
		t.Errorf("an idle hour: lag of anchors %v s, of the store %v s; expected 0", a, b)
	}
	for part, text := range s.ready() {
		if text != "ok" {
			t.Errorf("an idle hour: %s is %q", part, text)
		}
	}
	s.ledger.SetUnavailable(true)
	s.influx.SetUnavailable(true)
	s.send(t, 7)
	testkit.WaitFor(t, 10*time.Second, "they are acknowledged", func() bool { return s.src.open() == 0 })
	s.stop()
	ahead.Store(int64(time.Hour + 2*time.Minute))
	s.running = start(t, s.cfg)
	st := s.Status(t.Context())
	if st.PendingLog != 7 || st.PendingStore != 7 || st.AnchorLagS < 119 || st.AnchorLagS > 240 || st.StoreLagS < 119 || st.StoreLagS > 240 {
		t.Errorf("after the restart: %d leaves for %v s, %d records for %v s; expected 7 of each for some 120 s", st.PendingLog, st.AnchorLagS, st.PendingStore, st.StoreLagS)
	}
	testkit.WaitFor(t, 10*time.Second, "both are told", func() bool {
		r := s.ready()
		return r["stores"] != "ok" && r["anchors"] != "ok" && r["logs"] == "ok"
	})
	ahead.Store(0) // the ledger takes no anchor from the future
	s.ledger.SetUnavailable(false)
	s.influx.SetUnavailable(false)
	s.account(t)
	if st := s.Status(t.Context()); len(st.Problems) > 0 || st.AnchorLagS != 0 || st.StoreLagS != 0 {
		t.Errorf("when all is there: %+v", st)
	}
}

// Ensure that a leaf that waits for long makes the instance unready although no round fails.
func TestOldLeaves(t *testing.T) {
	var ahead atomic.Int64
	s := newSetup(t, func(c *Config) {
		c.Every = time.Hour
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	round := s.anchorer.Round()
	s.anchorer.Kick()
	<-round
	s.send(t, 2)
	testkit.WaitFor(t, 10*time.Second, "a leaf waits", func() bool { return s.Status(t.Context()).PendingLog > 0 })
	ahead.Store(int64(2 * time.Hour))
	if got := s.ready()["anchors"]; got != "ok" {
		t.Errorf("after 2 of 3 rounds: came %q, expected ok", got)
	}
	ahead.Store(int64(4 * time.Hour))
	if got := s.ready()["anchors"]; !strings.Contains(got, "waits for its anchor since 4h") {
		t.Errorf("after 4 rounds: came %q", got)
	}
}
