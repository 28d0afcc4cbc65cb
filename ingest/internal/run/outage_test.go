package run

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/fakeinflux"
	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// setup is one shipment with one tracker, and a pipeline on fakes.
type setup struct {
	*running
	src    *memorySource
	influx *fakeinflux.Server
	ledger *testkit.Ledger
	dev    *device
	sent   int
}

func newSetup(t *testing.T, change ...func(*Config)) *setup {
	t.Helper()
	s := &setup{src: newSource(), influx: fakeinflux.New(t), ledger: testkit.NewLedger("CarrierMSP", nil), dev: newDevice("carrier.T-1", time.Now().Add(-time.Hour).UnixMilli())}
	t.Cleanup(s.ledger.Close)
	enrol(t, s.ledger, s.dev)
	createShipment(t, s.ledger, "carrier.S-1")
	assign(t, s.ledger, "carrier.S-1", "carrier.T-1", s.dev.now)
	db, err := influx.Open(influx.Config{URL: s.influx.URL, Bucket: s.influx.Bucket, TokenFile: s.influx.TokenFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	cfg := Config{Dir: t.TempDir(), Source: s.src, Database: fakeRead{db, s.influx.URL}, Ledger: s.ledger} // what starts again reads what was stored
	for _, f := range change {
		f(&cfg)
	}
	s.running = start(t, cfg)
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return s.registry.Ready(t.Context()) == nil })
	return s
}

func (s *setup) send(t *testing.T, n int) {
	t.Helper()
	for range n {
		s.src.send(up("carrier.T-1"), s.dev.message(t, 5))
	}
	s.sent += n
}

func (s *setup) account(t *testing.T) {
	t.Helper()
	s.settle(s.src)
	logs, err := s.seq.Logs("shipment", "carrier.S-1")
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs %+v, err %v", logs, err)
	}
	accountFake(t, s.influx, logs[0].Log, logs[0].Root, s.sent)
	checkAnchors(t, s.ledger, s.seq.HeadsID(), s.seq.Last().Size)
}

func TestInfluxAway(t *testing.T) {
	s := newSetup(t)
	s.send(t, 10)
	s.settle(s.src)
	s.influx.SetUnavailable(true)
	s.send(t, 500)
	testkit.WaitFor(t, 10*time.Second, "messages are acknowledged all the same", func() bool { return s.src.open() == 0 })
	testkit.WaitFor(t, 10*time.Second, "the outage is told", func() bool {
		return s.Status(t.Context()).Problems["stores"] != "" && s.Status(t.Context()).PendingStore >= 500
	})
	s.influx.SetUnavailable(false)
	s.influx.FailAfter(1) // applied, but the answer is lost: written twice, stored once
	s.account(t)
}

// Ensure that what InfluxDB refuses is narrowed down to the one record and set aside, and the rest is written.
func TestInfluxRefusesOneMessage(t *testing.T) {
	s := newSetup(t)
	s.influx.SetUnavailable(true)
	s.send(t, 64)
	poison := s.dev.message(t, 5)
	s.src.send(up("carrier.T-1"), poison)
	s.send(t, 64)
	testkit.WaitFor(t, 10*time.Second, "all is in the journal", func() bool { return s.src.open() == 0 })
	mark := base64.StdEncoding.EncodeToString(poison)
	s.influx.Refuse(func(line string) bool { return strings.HasPrefix(line, "message,") && strings.Contains(line, mark) })
	s.influx.SetUnavailable(false)
	s.settle(s.src)
	if n := len(s.influx.Points("message")); n != 128 {
		t.Fatalf("%d messages stored, want 128", n)
	}
	q := s.influx.Points("rejected")
	if len(q) != 1 || q[0].Tag("reason") != store.Unstorable || q[0].Field("raw") != mark {
		t.Fatalf("quarantine %+v", q)
	}
	if s.writer.Refused() != 1 {
		t.Fatalf("%d records counted", s.writer.Refused())
	}
	found := 0
	if err := s.db.Scan(journal.AsideKey(0)[:1], func(_, v []byte) error {
		m, err := journal.DecodeMessage(v[1:])
		if err == nil && string(m.Raw) == string(poison) {
			found++
		}
		return err
	}); err != nil || found != 1 {
		t.Fatalf("kept aside %d, err %v", found, err)
	}
}

func TestLedgerFaults(t *testing.T) {
	for name, break_ := range map[string]func(l *testkit.Ledger){
		"away": func(l *testkit.Ledger) {
			l.SetUnavailable(true)
			time.AfterFunc(300*time.Millisecond, func() { l.SetUnavailable(false) })
		},
		"fails before":          func(l *testkit.Ledger) { l.FailBefore(ledger.AnchorExtend, 2) },
		"applied, outcome lost": func(l *testkit.Ledger) { l.FailAfter(ledger.AnchorExtend, 2) },
		"not applied, unknown":  func(l *testkit.Ledger) { l.CommitUnknown(ledger.AnchorExtend, 2) },
		"invalid":               func(l *testkit.Ledger) { l.Invalidate(ledger.AnchorExtend, 2) },
		"verdict, outcome lost": func(l *testkit.Ledger) { l.FailAfter(ledger.ComplianceRevise, 2) },
		"verdict, unknown":      func(l *testkit.Ledger) { l.CommitUnknown(ledger.ComplianceRevise, 2) },
		"event stream breaks":   func(l *testkit.Ledger) { l.BreakEvents() },
		"anything, one by one": func(l *testkit.Ledger) {
			l.FailBefore(nil, 1)
			l.FailAfter(nil, 1)
			l.CommitUnknown(nil, 1)
			l.Invalidate(nil, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.send(t, 20)
			s.settle(s.src)
			break_(s.ledger)
			for range 5 {
				s.send(t, 20)
				time.Sleep(20 * time.Millisecond) // several anchors
			}
			s.account(t)
		})
	}
}

// Ensure that a full journal stops acknowledgements, says so, and that ingest goes on by itself.
func TestJournalFull(t *testing.T) {
	s := newSetup(t, func(c *Config) { c.Journal.MaxBytes = 64 << 10 })
	s.influx.SetUnavailable(true)
	s.send(t, 2*maxGroup) // more than one commit takes
	testkit.WaitFor(t, 10*time.Second, "readiness is lost", func() bool { return s.db.Ready(t.Context()) != nil })
	testkit.WaitFor(t, 5*time.Second, "messages stay unacknowledged", func() bool { return s.src.open() > 0 })
	if m := s.db.Metrics(); m.QueueBytes > m.MaxBytes+groupBytes {
		t.Fatalf("journal holds %d bytes, limit %d", m.QueueBytes, m.MaxBytes)
	}
	s.influx.SetUnavailable(false)
	s.account(t)
	if err := s.db.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// commitFaults fails commits now and then, in both ways.
type commitFaults struct{ n atomic.Int64 }

var errCommit = errors.New("injected commit failure")

func (f *commitFaults) Before(name string) error {
	if n := f.n.Add(1); n > 20 && n%7 == 0 && name != "registry" {
		return fmt.Errorf("%w before %s", errCommit, name)
	}
	return nil
}

func (f *commitFaults) After(name string) error {
	if n := f.n.Add(1); n > 20 && n%11 == 0 && name != "registry" {
		return fmt.Errorf("%w after %s", errCommit, name)
	}
	return nil
}

func TestJournalCommitsFail(t *testing.T) {
	s := newSetup(t, func(c *Config) { c.Journal.Faults = &commitFaults{} })
	for range 40 {
		s.send(t, 5)
		time.Sleep(5 * time.Millisecond) // many commits
	}
	s.account(t)
}

// Ensure refused messages are counted and quarantined with their reason, acknowledged, and never a leaf.
func TestRefusedMessages(t *testing.T) {
	s := newSetup(t)
	s.send(t, 3)
	stranger := newDevice("carrier.T-2", s.dev.now)
	other := newDevice("carrier.T-1", s.dev.now)
	other.key = stranger.key
	enrol(t, s.ledger, newDevice("carrier.T-3", 0))
	submit(t, s.ledger, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-3", Cause: "lost"})
	testkit.WaitFor(t, 10*time.Second, "the revocation arrives", func() bool {
		tr, ok := s.registry.Tracker(t.Context(), "carrier.T-3")
		return ok && tr.Revoked
	})
	good := s.dev.message(t, 5)
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)-3] ^= 1
	for reason, m := range map[string]struct {
		topic string
		raw   []byte
	}{
		"malformed":       {up("carrier.T-1"), []byte{}},
		"oversized":       {up("carrier.T-1"), make([]byte, telemetry.MaxMessage+1)},
		"topic_mismatch":  {up("carrier.T-2"), s.dev.message(t, 5)},
		"unknown_tracker": {up("carrier.T-2"), stranger.message(t, 5)},
		"wrong_key":       {up("carrier.T-1"), other.message(t, 5)},
		"revoked":         {up("carrier.T-3"), newDevice("carrier.T-3", s.dev.now).message(t, 5)},
		"pack_mismatch":   {up("carrier.T-1"), flipped},
		"bad_signature":   {telemetry.Topic("carrier.T-1", telemetry.JSON), []byte(`{"temperature":5}`)},
	} {
		s.src.send(m.topic, m.raw)
		testkit.WaitFor(t, 10*time.Second, reason, func() bool { return s.Status(context.Background()).Rejected[reason] == 1 })
	}
	s.settle(s.src)
	if n := len(s.influx.Points("rejected")); n != 8 {
		t.Fatalf("%d in quarantine, want 8", n)
	}
	logs, err := s.seq.Logs("shipment", "carrier.S-1")
	if err != nil || logs[0].Size != 3 {
		t.Fatalf("logs %+v, err %v", logs, err)
	}
}
