package load

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/account"
	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func config(t *testing.T, s *system) Config {
	return Config{
		Plan:       Plan{Name: "load-t", Seed: 3, Trackers: 5, Rate: 400, Duration: time.Second, Readings: 2},
		Deployment: "trackseal", Dial: s.dial, API: s, RuleSet: "general-2-8@1", PerShip: 2,
		Sign: SignAuto, Journal: filepath.Join(t.TempDir(), "journal"), Drain: 20 * time.Second, Sample: 20, MaxLag: time.Minute,
	}
}

func TestHonestRunIsGreen(t *testing.T) {
	for _, sign := range []string{SignPre, SignAhead} {
		t.Run(sign, func(t *testing.T) {
			s := newSystem()
			cfg := config(t, s)
			cfg.Sign = sign
			sum, err := Run(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if sum.Verdict != VerdictOK || sum.Acked != 405 || sum.Stored != 405 || sum.Anchored != 405 {
				t.Errorf("%s: %d acknowledged, %d stored, %d anchored; want 405 each", sum.Verdict, sum.Acked, sum.Stored, sum.Anchored)
			}
			if sum.ReadBack != 20 || sum.Mismatch != 0 {
				t.Errorf("%d were read back, %d differ; want 20 and none", sum.ReadBack, sum.Mismatch)
			}
			if sum.Rate <= 0 || sum.Saturated {
				t.Errorf("rate %v, saturated %v", sum.Rate, sum.Saturated)
			}
			checkJournal(t, cfg, 405)
		})
	}
}

// auditJournal reads the journal back and accounts for what it says.
func auditJournal(t *testing.T, cfg Config) (account.Report, error) {
	t.Helper()
	f, err := os.Open(cfg.Journal)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, book, err := account.ReadJournal(f)
	if err != nil {
		t.Fatal(err)
	}
	return Audit(context.Background(), cfg.API, book, h.Shipments, 0, nil)
}

// checkJournal reads the journal back: it must give the same account on its own.
func checkJournal(t *testing.T, cfg Config, want int) {
	t.Helper()
	report, err := auditJournal(t, cfg)
	if err != nil || !report.OK() || report.Acked != want || report.Stored != want {
		t.Errorf("from the journal: OK %v with %d acknowledged and %d stored, %v; want %d each", report.OK(), report.Acked, report.Stored, err, want)
	}
}

// A run that is interrupted says so, and its journal accounts for what was sent until then.
func TestInterruptedRun(t *testing.T) {
	s := newSystem()
	cfg := config(t, s)
	cfg.Plan.Duration = time.Hour
	cfg.Sign = SignAhead
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s.arrived = func(received int) {
		if received > 50 {
			stop()
		}
	}
	if sum, err := Run(ctx, cfg); err == nil || sum.JournalAt != cfg.Journal {
		t.Fatalf("error %v and journal %q, want one and %q", err, sum.JournalAt, cfg.Journal)
	}
	report, err := auditJournal(t, cfg)
	if err != nil || !report.OK() || report.Stored < 50 || report.Acked == 0 {
		t.Errorf("OK %v with %d stored and %d acknowledged, %v; want at least 50 and some", report.OK(), report.Stored, report.Acked, err)
	}
}

func TestFullSpeed(t *testing.T) {
	s := newSystem()
	cfg := config(t, s)
	cfg.Plan.Rate, cfg.Plan.Count = 0, 3000
	cfg.Logged = s.logged
	sum, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Verdict != VerdictOK || sum.Acked != 3005 || sum.Mode != "max" {
		t.Errorf("%s in mode %s: %d acknowledged, want 3005 in mode max", sum.Verdict, sum.Mode, sum.Acked)
	}
	if sum.AckRate == 0 || sum.LoggedRate == 0 {
		t.Errorf("rates %v and %v, want some", sum.AckRate, sum.LoggedRate)
	}
}

// The account must catch a system that lost, doubled or altered one single message of many.
func TestLyingSystemIsRed(t *testing.T) {
	const victim = 77
	for _, c := range []struct {
		name string
		lie  func(*system)
		want func(Summary) bool
	}{
		{"lost", func(s *system) {
			s.show = func(m []client.Message) []client.Message { return append(m[:victim], m[victim+1:]...) }
		}, func(s Summary) bool { return s.Lost > 0 }},
		{"newest lost", func(s *system) {
			s.show = func(m []client.Message) []client.Message { return m[:max(len(m)-1, 0)] }
		}, func(s Summary) bool { return s.Lost > 0 }},
		{"doubled", func(s *system) {
			s.show = func(m []client.Message) []client.Message {
				again := m[victim]
				again.Leaf = int64(len(m))
				return append(m, again)
			}
		}, func(s Summary) bool { return s.Doubled > 0 }},
		{"altered", func(s *system) {
			s.show = func(m []client.Message) []client.Message {
				m[victim].Hash = strings.Repeat("0", 64)
				return m
			}
		}, func(s Summary) bool { return s.Phantom > 0 && s.Lost > 0 }},
		{"without leaf", func(s *system) {
			s.show = func(m []client.Message) []client.Message {
				m[victim].Status = "stored"
				return m
			}
		}, func(s Summary) bool { return s.Unlogged > 0 }},
		{"other values", func(s *system) {
			s.values = func(v map[string]float64) { v["temperature"] += 0.001 }
		}, func(s Summary) bool { return s.Mismatch > 0 && s.Lost == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem()
			c.lie(s)
			cfg := config(t, s)
			cfg.Drain = 3 * time.Second
			sum, err := Run(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if sum.Verdict != VerdictLost || !c.want(sum) {
				t.Errorf("verdict %s, want %s with what the case says: %+v", sum.Verdict, VerdictLost, sum)
			}
		})
	}
}

func TestPlanHasItsValuesByHeart(t *testing.T) {
	p := Plan{Name: "x", Trackers: 7, Rate: 33.3, Duration: 3 * time.Second, Readings: 3}
	at := time.UnixMilli(1_700_000_000_000)
	a, b := p.readings(3, 4, at), p.readings(3, 4, at)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same plan gave other values")
	}
	for _, r := range a {
		for name, v := range r.Values {
			if q, ok := telemetry.FindQuantity(name); !ok || v < q.Min || v > q.Max {
				t.Errorf("%s = %v", name, v)
			}
		}
	}
}
