package run

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMain(m *testing.M) {
	codec.ChildMain() // the tests' own program is the codec's, too
	if os.Getenv(envChild) != "" {
		crashChild()
		return
	}
	if os.Getenv(envBench) != "" {
		benchChild()
		return
	}
	if os.Getenv(envIdleChild) != "" {
		idleChild()
		return
	}
	goleak.VerifyTestMain(m)
}

const ingestID = "carrier.ingest-test"

// whole are all partitions.
var whole = []ledger.Range{{From: 0, To: ledger.MaxPartition}}

// device is a tracker with a key that chains its messages.
type device struct {
	id   string
	key  ed25519.PrivateKey
	boot uint64
	seq  uint64
	prev [32]byte
	now  int64 // ms
}

func newDevice(id string, startMS int64) *device {
	seed := [32]byte{}
	copy(seed[:], id)
	return &device{id: id, key: ed25519.NewKeyFromSeed(seed[:]), boot: 1, now: startMS}
}

// message signs the next message; change may alter the claims first.
func (d *device) message(t testing.TB, temperature float64, change ...func(*telemetry.Claims)) []byte {
	t.Helper()
	c := telemetry.Claims{Tracker: d.id, Boot: d.boot, Seq: d.seq, Prev: d.prev, TimeMS: d.now, NextDueS: 60}
	for _, f := range change {
		f(&c)
	}
	raw, err := telemetry.Encode(d.key, c, []telemetry.Reading{{TimeMS: c.TimeMS, Values: map[string]float64{"temperature": temperature, "humidity": 50}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := telemetry.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	d.seq, d.prev, d.now = c.Seq+1, m.COSEHash, d.now+60_000
	return raw
}

func enrol(t testing.TB, l *testkit.Ledger, d *device) {
	t.Helper()
	public, err := telemetry.Public(d.key)
	if err != nil {
		t.Fatal(err)
	}
	text := hex.EncodeToString(public.Raw)
	proof, err := telemetry.Sign(d.key, ledger.PossessionBytes(d.id, l.MSP(), int(telemetry.Ed25519), text))
	if err != nil {
		t.Fatal(err)
	}
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: d.id, Alg: int(telemetry.Ed25519), Public: text, Proof: hex.EncodeToString(proof)})
}

func createShipment(t testing.TB, l *testkit.Ledger, id string) {
	t.Helper()
	rules := compliance.Builtin()[0]
	submit(t, l, ledger.ShipmentCreate, ledger.CreateArgs{
		ID: id, RuleSet: rules.Ref(), RuleSetHash: rules.Hash(),
		Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "shipper": {"ShipperMSP"}, "consignee": {"ConsigneeMSP"}, "auditor": {"AuditorMSP"}},
	})
}

func assign(t testing.TB, l *testkit.Ledger, shipment, tracker string, fromMS int64) {
	t.Helper()
	submit(t, l, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: shipment, Tracker: tracker, FromMS: fromMS})
}

func submit(t testing.TB, l *testkit.Ledger, fn ledger.Function, arg any) {
	t.Helper()
	if _, err := l.Submit(context.Background(), fn.Name(), arg); err != nil {
		t.Fatalf("%s: %v", fn, err)
	}
}

// memorySource is a broker in memory: what is not acknowledged is delivered again by redeliver.
type memorySource struct {
	mu      sync.Mutex
	queue   []sent
	unacked map[int]sent
	next    int
	wake    chan struct{}
	down    map[string][]string // topic -> payloads
}

type sent struct {
	n       int
	topic   string
	payload []byte
}

func newSource() *memorySource {
	return &memorySource{unacked: map[int]sent{}, wake: make(chan struct{}, 1), down: map[string][]string{}}
}

func (s *memorySource) send(topic string, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, sent{s.next, topic, payload})
	s.next++
	s.poke()
}

func (s *memorySource) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *memorySource) Receive(ctx context.Context) (string, []byte, func(*telemetry.Reject), error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			m := s.queue[0]
			s.queue = s.queue[1:]
			s.unacked[m.n] = m
			s.mu.Unlock()
			return m.topic, m.payload, func(*telemetry.Reject) { s.mu.Lock(); delete(s.unacked, m.n); s.mu.Unlock() }, nil
		}
		s.mu.Unlock()
		select {
		case <-s.wake:
		case <-ctx.Done():
			return "", nil, nil, ctx.Err()
		}
	}
}

func (s *memorySource) Publish(topic string, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[topic] = append(s.down[topic], string(payload))
}

func (s *memorySource) Ready(context.Context) error { return nil }

func (s *memorySource) lastDown(tracker string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.down[telemetry.Topic(tracker, telemetry.Down)]
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

func (s *memorySource) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unacked) + len(s.queue)
}

// running is a pipeline under test.
type running struct {
	*Pipeline
	t    testing.TB
	stop func()
}

func start(t testing.TB, cfg Config) *running {
	t.Helper()
	if cfg.ID == "" {
		cfg.ID = ingestID
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
		if os.Getenv("TRACKSEAL_TEST_LOG") != "" {
			cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
	}
	if cfg.Every == 0 {
		cfg.Every = 50 * time.Millisecond
	}
	if cfg.JudgeEvery == 0 {
		cfg.JudgeEvery = 20 * time.Millisecond
	}
	cfg.Journal.MinFree = 1 << 20
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := p.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx, cfg.Log, p.Parts()...) }()
	var once sync.Once
	r := &running{Pipeline: p, t: t, stop: func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("pipeline: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}}
	t.Cleanup(r.stop)
	return r
}

// settle waits until nothing is under way any more.
func (r *running) settle(s *memorySource) {
	r.t.Helper()
	var st Status
	defer func() {
		if r.t.Failed() {
			r.t.Logf("%d messages are not acknowledged; status: %+v", s.open(), st)
		}
	}()
	testkit.WaitFor(r.t, 90*time.Second, "all is acknowledged, stored, anchored and recorded", func() bool {
		if s.open() > 0 { // first: what it says after that concerns all messages
			return false
		}
		st = r.Status(context.Background())
		return st.PendingStore == 0 && st.Quarantine.Waiting == 0 && st.PendingLog == 0 && st.Judging == 0
	})
}

// messages reads a log back.
func messages(t testing.TB, c *influx.Client, log string) []stored.Message {
	t.Helper()
	var all []stored.Message
	if err := c.Messages(context.Background(), log, 0, 0, func(m stored.Message) error { all = append(all, m); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func openInflux(t testing.TB, d *testkit.Influxd) *influx.Client {
	t.Helper()
	c, err := influx.Open(influx.Config{URL: d.URL, Org: d.Org, Bucket: d.Bucket, TokenFile: d.TokenFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func up(tracker string) string { return telemetry.Topic(tracker, telemetry.Up) }
