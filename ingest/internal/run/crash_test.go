package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/fakeinflux"
	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// envChild makes the test binary an ingest process that is killed at a given point.
const envChild = "TRACKSEAL_CRASH_CHILD"

// childConfig travels in envChild.
type childConfig struct {
	Dir, MQTT, Ledger string
	// Listen, if set, makes the child the broker, too.
	Listen string
	Influx influx.Config
	// Kill is "step:before" or "step:after"; "" leaves the killing to the parent.
	Kill string
	// Nth is the occurrence at which it happens, from 1.
	Nth int
}

// failpoint ends the process as kill -9 does, at its point.
type failpoint struct {
	cfg childConfig
	n   atomic.Int64
}

func (f *failpoint) hit(point string) {
	if point == f.cfg.Kill && f.n.Add(1) == int64(f.cfg.Nth) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (f *failpoint) Before(commit string) error { f.hit(commit + ":before"); return nil }
func (f *failpoint) After(commit string) error  { f.hit(commit + ":after"); return nil }

type pointedLedger struct {
	remoteLedger
	f *failpoint
}

func (l pointedLedger) Submit(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	l.f.hit("submit " + fn + ":before")
	r, err := l.remoteLedger.Submit(ctx, fn, arg)
	l.f.hit("submit " + fn + ":after")
	return r, err
}

type pointedDatabase struct {
	fakeRead
	f *failpoint
}

// fakeRead reads messages back from a fakeinflux.Server, which does not answer queries.
type fakeRead struct {
	*influx.Client
	url string
}

func (d fakeRead) Messages(ctx context.Context, log string, from, _ uint64, fn func(stored.Message) error) error {
	return fakeinflux.Messages(ctx, d.url, log, from, fn)
}

func (d pointedDatabase) NewBatch() stored.Batch { return pointedBatch{d.Client.NewBatch(), d.f} }

type pointedBatch struct {
	stored.Batch
	f *failpoint
}

func (b pointedBatch) Write(ctx context.Context) error {
	b.f.hit("influx:before")
	err := b.Batch.Write(ctx)
	b.f.hit("influx:after")
	return err
}

type pointedSource struct {
	Source
	f *failpoint
}

func (s pointedSource) Receive(ctx context.Context) (string, []byte, func(*telemetry.Reject), error) {
	topic, payload, ack, err := s.Source.Receive(ctx)
	return topic, payload, func(r *telemetry.Reject) { s.f.hit("ack:before"); ack(r); s.f.hit("ack:after") }, err
}

func crashChild() {
	var cfg childConfig
	if err := json.Unmarshal([]byte(os.Getenv(envChild)), &cfg); err != nil {
		panic(err)
	}
	f := &failpoint{cfg: cfg}
	ctx, stop := service.WithSignals(context.Background())
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := influx.Open(cfg.Influx)
	if err != nil {
		panic(err)
	}
	var source Source
	var mqttPart service.Part
	if cfg.Listen != "" {
		b, err := newLocalBroker(cfg.Listen)
		if err != nil {
			panic(err)
		}
		if _, err := b.Listen(ctx); err != nil {
			panic(err)
		}
		source, mqttPart = b, service.Part{Name: "broker", Run: b.Run}
	} else {
		consumer, err := newConsumer(cfg.MQTT)
		if err != nil {
			panic(err)
		}
		source, mqttPart = consumer, service.Part{Name: "mqtt", Run: consumer.Run}
	}
	p, err := New(Config{
		ID: ingestID, Dir: cfg.Dir, Journal: journal.Options{Faults: f, MinFree: 1 << 20}, Every: 50 * time.Millisecond, JudgeEvery: 50 * time.Millisecond,
		Keep:   1, // forgets every tracker and log between two batches
		Source: pointedSource{source, f}, Database: pointedDatabase{fakeRead{db, cfg.Influx.URL}, f}, Ledger: pointedLedger{remoteLedger{cfg.Ledger}, f}, Log: log,
	})
	if err != nil {
		panic(err)
	}
	if err := service.Run(ctx, log, append(p.Parts(), mqttPart)...); err != nil {
		panic(err)
	}
}

func newConsumer(url string) (*mqtt.Consumer, error) {
	parts, err := mqtt.ParsePartitions("00-ff")
	if err != nil {
		return nil, err
	}
	return mqtt.NewConsumer(mqtt.ConsumerConfig{
		URL: url, ClientID: "carrier.ingest-test", Username: "carrier.ingest-test", Password: func() string { return "pw" }, Partitions: parts, Log: slog.New(slog.DiscardHandler),
	})
}

// newLocalBroker is the broker inside ingest.
func newLocalBroker(listen string) (*broker.Broker, error) {
	parts, err := mqtt.ParsePartitions("00-ff")
	if err != nil {
		return nil, err
	}
	return broker.New(broker.Config{
		Listen: listen, Patience: 2 * time.Second, Local: parts.Has,
		Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil },
	})
}

// flash is a tracker with a buffer: it sends in order, and sends again what is not acknowledged by ingest itself.
type flash struct {
	device *device
	conn   *mqtt.Device

	mu    sync.Mutex
	held  []heldMessage // not acknowledged
	total int
	// progress is when the last acknowledgement moved.
	progress time.Time
}

type heldMessage struct {
	pos telemetry.Position
	raw []byte
}

func (f *flash) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-f.conn.Down():
			if d.Type != "ack" || d.JSONSeq != nil {
				continue
			}
			f.mu.Lock()
			at := telemetry.Position{Boot: d.Boot, Seq: d.Seq}
			for len(f.held) > 0 && !at.Less(f.held[0].pos) {
				f.held = f.held[1:]
				f.progress = time.Now()
			}
			f.mu.Unlock()
		case <-time.After(100 * time.Millisecond):
		}
		f.mu.Lock()
		stuck := len(f.held) > 0 && time.Since(f.progress) > 700*time.Millisecond
		var again []heldMessage
		if stuck {
			again = append(again, f.held...)
			f.progress = time.Now()
		}
		f.mu.Unlock()
		for _, m := range again {
			if f.conn.Send(ctx, up(f.device.id), m.raw) != nil {
				break
			}
		}
	}
}

func (f *flash) measure(t testing.TB, ctx context.Context, temperature float64) {
	raw := f.device.message(t, temperature)
	f.mu.Lock()
	if len(f.held) == 0 {
		f.progress = time.Now()
	}
	f.held = append(f.held, heldMessage{telemetry.Position{Boot: f.device.boot, Seq: f.device.seq - 1}, raw})
	f.total++
	f.mu.Unlock()
	_ = f.conn.Send(ctx, up(f.device.id), raw) // if it fails, it is sent again from the buffer
}

func (f *flash) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held)
}

// crashStack is everything that outlives ingest.
type crashStack struct {
	t      *testing.T
	ledger *testkit.Ledger
	influx *fakeinflux.Server
	mqtt   string
	listen string // of the broker inside ingest, instead of mqtt
	url    string // ledger
	dir    string
	fleet  []*flash
	// settled, if set, waits for the senders, once ingest runs, and tells how many messages came from others than the fleet.
	settled func()
	others  int
}

func newCrashStack(t *testing.T, trackers int) *crashStack {
	t.Helper()
	s := bareCrashStack(t)
	b, err := broker.New(broker.Config{
		Listen: "127.0.0.1:0", Accounts: []broker.Account{{Username: "carrier.ingest-test", Password: "pw"}}, Patience: 2 * time.Second,
		Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := b.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.mqtt = "tcp://" + addr.String()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	wg.Go(func() { _ = b.Run(ctx) })
	base := time.Now().Add(-24 * time.Hour).UnixMilli()
	createShipment(t, s.ledger, "carrier.S-1")
	for i := range trackers {
		d := newDevice(fmt.Sprintf("carrier.T-%d", i), base)
		enrol(t, s.ledger, d)
		assign(t, s.ledger, "carrier.S-1", d.id, base)
		conn, err := mqtt.Dial(t.Context(), mqtt.DeviceConfig{URL: s.mqtt, Tracker: d.id, Silent: true, Password: func() string { return "x" }})
		if err != nil {
			t.Fatal(err)
		}
		f := &flash{device: d, conn: conn}
		s.fleet = append(s.fleet, f)
		wg.Go(func() { f.run(ctx) })
		t.Cleanup(conn.Close)
	}
	return s
}

// bareCrashStack has neither broker nor trackers.
func bareCrashStack(t *testing.T) *crashStack {
	t.Helper()
	s := &crashStack{t: t, ledger: testkit.NewLedger("CarrierMSP", nil), influx: fakeinflux.New(t), dir: t.TempDir()}
	t.Cleanup(s.ledger.Close)
	s.url = serveLedger(t, s.ledger)
	return s
}

func (s *crashStack) influxConfig() influx.Config {
	return influx.Config{URL: s.influx.URL, Bucket: s.influx.Bucket, TokenFile: s.influx.TokenFile}
}

// child runs ingest until it dies by its failpoint, or until kill is closed.
func (s *crashStack) child(kill <-chan struct{}, point string, nth int) {
	s.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	env, err := json.Marshal(childConfig{Dir: s.dir, MQTT: s.mqtt, Listen: s.listen, Ledger: s.url, Influx: s.influxConfig(), Kill: point, Nth: nth})
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envChild+"="+string(env))
	var output bytes.Buffer
	cmd.Stderr, cmd.Stdout = &output, io.Discard
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err = <-done:
	case <-kill:
		_ = cmd.Process.Kill()
		err = <-done
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		s.t.Fatalf("ingest ended by itself (%v):\n%s", err, output.String())
	}
}

// finish runs ingest undisturbed until all is done, then accounts for every message.
func (s *crashStack) finish() {
	t := s.t
	t.Helper()
	db, err := influx.Open(s.influxConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	source, run, err := s.source(t)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	defer func() { cancel(); <-done }()
	p := start(t, Config{Dir: s.dir, Source: source, Database: fakeRead{db, s.influx.URL}, Ledger: s.ledger})
	defer p.stop()
	if s.settled != nil {
		s.settled()
	}
	testkit.WaitFor(t, 3*time.Minute, "every tracker's buffer is acknowledged", func() bool {
		for _, f := range s.fleet {
			if f.left() > 0 {
				return false
			}
		}
		return true
	})
	testkit.WaitFor(t, 90*time.Second, "all is stored and anchored", func() bool {
		st := p.Status(context.Background())
		return st.PendingStore == 0 && st.PendingLog == 0 && st.Judging == 0
	})
	total := s.others
	for _, f := range s.fleet {
		total += f.total
	}
	logs, err := p.seq.Logs("shipment", "carrier.S-1")
	if err != nil || len(logs) != 1 || int(logs[0].Size) != total || logs[0].Anchored != logs[0].Size {
		refused := map[string]int{}
		for _, r := range s.influx.Points("rejected") {
			refused[r.Tag("tracker")+" "+r.Tag("reason")+": "+r.Field("detail")]++
		}
		t.Fatalf("%d messages sent, logs %+v (%v), refused %v, by the last process %v", total, logs, err, refused, p.Status(context.Background()).Rejected)
	}
	accountFake(t, s.influx, logs[0].Log, logs[0].Root, total)
	checkAnchors(t, s.ledger, p.seq.HeadsID(), p.seq.Last().Size)
}

func (s *crashStack) source(t *testing.T) (Source, func(context.Context) error, error) {
	if s.listen == "" {
		c, err := newConsumer(s.mqtt)
		if err != nil {
			return nil, nil, err
		}
		return c, c.Run, nil
	}
	b, err := newLocalBroker(s.listen)
	if err == nil {
		_, err = b.Listen(t.Context())
	}
	if err != nil {
		return nil, nil, err
	}
	return b, b.Run, nil
}

var crashPoints = []string{
	"messages:before", "messages:after", "ack:before", "ack:after", "influx:before", "influx:after", "stored:before", "stored:after",
	"anchor-prepared:before", "anchor-prepared:after", "submit anchor:Extend:before", "submit anchor:Extend:after", "anchored:before",
	"anchored:after", "submit compliance:Open:before", "submit compliance:Open:after", "submit compliance:Revise:before", "submit compliance:Revise:after", "registry:before",
	"registry:after",
}

// Ensure that a kill -9 at any step loses nothing, doubles nothing, and is repaired by the next start alone.
func TestKilledAtEveryStep(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts 20 processes")
	}
	s := newCrashStack(t, 3)
	s.startGateway(2)
	for i, point := range crashPoints {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 0; ; n++ {
				for _, f := range s.fleet {
					f.measure(t, t.Context(), 5+20*float64(n/10%2)) // in and out of range, so that there is something to record
				}
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
		nth := 2
		if strings.HasPrefix(point, "submit compliance") || strings.HasPrefix(point, "registry") {
			nth = 1
		}
		if strings.HasPrefix(point, "registry") {
			enrol(t, s.ledger, newDevice(fmt.Sprintf("carrier.extra-%d", i), 0)) // an event to follow
		}
		late := make(chan struct{})
		timer := time.AfterFunc(60*time.Second, func() { close(late) })
		s.child(late, point, nth)
		if !timer.Stop() {
			t.Errorf("%s was not reached in 60 s", point)
		}
		close(stop)
		wg.Wait()
	}
	s.finish()
}

// Ensure the same for kills at random times.
func TestKilledAtRandomTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts many processes")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := newCrashStack(t, 4)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			for _, f := range s.fleet {
				f.measure(t, t.Context(), 5)
			}
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
			}
		}
	})
	for range 12 {
		kill := make(chan struct{})
		time.AfterFunc(time.Duration(150+random.IntN(900))*time.Millisecond, func() { close(kill) })
		s.child(kill, "", 0)
	}
	close(stop)
	wg.Wait()
	s.finish()
}
