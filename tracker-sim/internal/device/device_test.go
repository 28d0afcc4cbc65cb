package device_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

const bound = 20 * time.Second

func newKey(t *testing.T, alg telemetry.Alg) crypto.Signer {
	t.Helper()
	key, err := device.NewKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func reading(i int) []telemetry.Reading {
	return []telemetry.Reading{{TimeMS: 1_700_000_000_000 + int64(i), Values: map[string]float64{"temperature": 4 + float64(i)/1000}}}
}

// start runs a device until the returned function is called.
func start(t interface{ Fatal(...any) }, d *device.Device) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	g := new(errgroup.Group)
	g.Go(func() error { return d.Run(ctx) })
	return func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func drained(t interface{ Fatal(...any) }, d *device.Device) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	if err := d.Drained(ctx); err != nil {
		t.Fatal(fmt.Sprintf("not drained: %d pending, %+v", d.Pending(), d.Stats()))
	}
}

func TestBothAlgorithmsSpeak(t *testing.T) {
	for _, alg := range []telemetry.Alg{telemetry.Ed25519, telemetry.ESP256} {
		key := newKey(t, alg)
		s := newIngest(t, key)
		d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial})
		if err != nil {
			t.Fatal(err)
		}
		stop := start(t, d)
		if err := d.Boot(0); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := d.Record(reading(i)); err != nil {
				t.Fatal(err)
			}
		}
		drained(t, d)
		stop()
		if got := s.stored(); len(got) != 11 {
			t.Errorf("%s: ingest holds %v", alg, got)
		}
	}
}

// Whatever the link does, ingest ends with every message exactly once, in an unbroken chain.
func TestNothingIsLostOnABadLink(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	rapid.Check(t, func(rt *rapid.T) {
		s := newIngest(t, key)
		fates := rapid.SliceOfN(rapid.SampledFrom([]fate{{}, {}, {drop: true}, {twice: true}, {hold: true}, {cut: true}, {loseAck: true}}), 0, 60).Draw(rt, "fates")
		var mu sync.Mutex
		s.link = func() fate {
			mu.Lock()
			defer mu.Unlock()
			if len(fates) == 0 {
				return fate{}
			}
			f := fates[0]
			fates = fates[1:]
			return f
		}
		acked := make(map[telemetry.Position]bool)
		d, err := device.Open(device.Config{
			ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, AckTimeout: 5 * time.Millisecond, Redial: time.Millisecond,
			Window: rapid.IntRange(1, 8).Draw(rt, "window"),
			OnAck: func(done []device.Message) {
				for _, m := range done {
					if acked[m.Pos] {
						rt.Errorf("%v acknowledged twice", m.Pos)
					}
					acked[m.Pos] = true
				}
			},
		})
		if err != nil {
			rt.Fatal(err)
		}
		stop := start(rt, d)
		if err := d.Boot(0); err != nil {
			rt.Fatal(err)
		}
		n := rapid.IntRange(1, 40).Draw(rt, "messages")
		for i := range n {
			if err := d.Record(reading(i)); err != nil {
				rt.Fatal(err)
			}
		}
		drained(rt, d)
		stop()
		got := s.stored()
		if len(got) != n+1 || len(acked) != n+1 {
			rt.Fatalf("sent %d, ingest holds %d, acknowledged %d", n+1, len(got), len(acked))
		}
		if st := d.Stats(); st.Published-st.Resent != uint64(n)+1 {
			rt.Fatalf("%d published, %d of them again, of %d messages", st.Published, st.Resent, n+1)
		}
		for p, times := range got {
			if times != 1 {
				rt.Fatalf("%v is stored %d times", p, times)
			}
		}
	})
}

// What a new session publishes again is counted, as what was not acknowledged in time is.
func TestSentAgainAfterACut(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := newIngest(t, key)
	n := 0
	s.link = func() fate { // called by one goroutine at a time
		n++
		return fate{loseAck: n <= 3, cut: n == 4}
	}
	d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Redial: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Boot(0); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := d.Record(reading(i)); err != nil {
			t.Fatal(err)
		}
	}
	stop := start(t, d)
	drained(t, d)
	stop()
	if st := d.Stats(); st.Sessions != 2 || st.Resent == 0 || st.Published-st.Resent != 6 {
		t.Errorf("%d sessions, %d published, %d of them again; want 2 sessions, and some again of 6", st.Sessions, st.Published, st.Resent)
	}
}

// A tracker that is switched off and on goes on with its chain, its buffer and the next boot.
func TestRestartKeepsTheChain(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := newIngest(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	total := 0
	for boot := range 4 {
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		online := boot%2 == 1
		d.Radio(online)
		stop := start(t, d)
		if err := d.Boot(0); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if err := d.Record(reading(boot*10 + i)); err != nil {
				t.Fatal(err)
			}
		}
		total += 6
		if online {
			drained(t, d)
		}
		stop()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got := s.stored()
	if len(got) != total {
		t.Errorf("ingest holds %d of %d: %v", len(got), total, got)
	}
	if s.forks > 0 {
		t.Errorf("%d forks", s.forks)
	}
}

// A link that stays away is told once, with its reason.
func TestALongOutageIsTold(t *testing.T) {
	var told lockedBuffer
	broken := errors.New("nobody listens")
	var tries atomic.Int64
	d, err := device.Open(device.Config{
		ID: "t-1", Signer: newKey(t, telemetry.Ed25519), Redial: time.Microsecond, Patience: time.Microsecond,
		Log: slog.New(slog.NewTextHandler(&told, nil)),
		Dial: func(context.Context, string, func() string) (device.Conn, error) {
			tries.Add(1)
			return nil, broken
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, d)
	defer stop()
	for end := time.Now().Add(bound); tries.Load() < 5 || !strings.Contains(told.String(), "nobody listens"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %d tries: %s", tries.Load(), told.String())
		}
	}
	if n := strings.Count(told.String(), "still no link"); n != 1 {
		t.Errorf("told %d times", n)
	}
	if err := d.NoLink(); !errors.Is(err, broken) {
		t.Errorf("reason: %v", err)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestPlainTracker(t *testing.T) {
	s := newIngest(t, nil)
	var mu sync.Mutex
	n := 0
	s.link = func() fate {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fate{drop: n%3 == 0, loseAck: n%5 == 0}
	}
	path := filepath.Join(t.TempDir(), "outbox")
	for round := range 2 {
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{ID: "p-1", Secret: s.secret, Dial: s.dial, Store: store, AckTimeout: 5 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		stop := start(t, d)
		for i := range 20 {
			if err := d.Record(append(reading(round*100+i), reading(round*100+i+50)...)); err != nil {
				t.Fatal(err)
			}
		}
		drained(t, d)
		stop()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.plain); got != 40 {
		t.Errorf("ingest holds %d messages, want 40", got)
	}
}

func TestOneProcessHasAHome(t *testing.T) {
	dir := t.TempDir()
	h, err := device.OpenHome(dir, "t-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := device.OpenHome(dir, "t-1"); err == nil {
		t.Error("two have the same home")
	}
	a, err := h.Key(telemetry.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Key(telemetry.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	ka, _ := telemetry.Public(a)
	kb, _ := telemetry.Public(b)
	if ka.KID() != kb.KID() {
		t.Error("the key changed")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err = device.OpenHome(dir, "t-1"); err != nil {
		t.Fatal(err)
	}
	_ = h.Close()
	if _, err := device.OpenHome(dir, "../evil"); err == nil {
		t.Error("a path was taken for an id")
	}
}

// What ingest refuses for now is counted and stays in the buffer; what it says beyond that changes nothing.
func TestRefusalsAreHeard(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := newIngest(t, key)
	down := make(chan mqtt.DownMessage, 8)
	var log lockedBuffer
	d, err := device.Open(device.Config{
		ID: "t-1", Signer: key, Deployment: "trackseal", Log: slog.New(slog.NewTextHandler(&log, nil)),
		Dial: func(ctx context.Context, id string, password func() string) (device.Conn, error) {
			c, err := s.dial(ctx, id, password)
			return talk{c, down}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Boot(0); err != nil {
		t.Fatal(err)
	}
	stop := start(t, d)
	defer stop()
	for range 3 {
		down <- mqtt.DownMessage{Type: "nack", Reason: telemetry.RateLimited, Count: 2, Detail: "not kept"}
	}
	down <- mqtt.DownMessage{Type: "slow", Reason: telemetry.RateLimited, Count: 5}
	down <- mqtt.DownMessage{Type: "of the future", Count: 9}
	testkit.WaitFor(t, 60*time.Second, "it is counted", func() bool { return d.Stats().Refused == 6 && d.Stats().Slowed == 5 })
	if d.Pending() != 1 {
		t.Errorf("%d messages are in the buffer, expected the one that nobody acknowledged", d.Pending())
	}
	if n := strings.Count(log.String(), "rate_limited"); n != 1 {
		t.Errorf("the reason is logged %d times, expected once:\n%s", n, log.String())
	}
}

// What ingest refuses for good is declared lost, and the buffer drains past it, also when it could tell of only one at a time.
func TestBufferDrainsPastWhatIsRefusedForGood(t *testing.T) {
	for _, alg := range []telemetry.Alg{telemetry.Ed25519, 0} {
		var key crypto.Signer
		cfg := device.Config{ID: "t-1", Deployment: "trackseal", AckTimeout: 50 * time.Millisecond}
		if alg != 0 {
			key = newKey(t, alg)
			cfg.Signer = key
		} else {
			cfg.Secret = "secret"
		}
		s := newIngest(t, key)
		cfg.Dial = func(ctx context.Context, id string, password func() string) (device.Conn, error) {
			c, err := s.dial(ctx, id, password)
			return picky{c}, err
		}
		d, err := device.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if alg != 0 {
			if err := d.Boot(0); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 9 {
			r := reading(i)
			if i == 2 || i == 3 || i == 7 {
				r[0].Values["light"] = 666
			}
			if err := d.Record(r); err != nil {
				t.Fatal(err)
			}
		}
		stop := start(t, d)
		drained(t, d)
		stop()
		if st := d.Stats(); st.GivenUp != 3 || st.Acked != st.Signed-3 {
			t.Errorf("%v: %+v, want three given up and the others acknowledged", alg, st)
		}
		for seq := range uint64(10) {
			if p := (telemetry.Position{Boot: 1, Seq: seq}); alg != 0 && !s.accounted(p) {
				t.Errorf("%v is neither held nor declared lost", p)
			}
		}
	}
}

// picky refuses what has a certain light.
type picky struct{ device.Conn }

func (c picky) Publish(ctx context.Context, topic string, payload []byte) error {
	kind, raw := uint8(telemetry.LeafSigned), payload
	if strings.HasSuffix(topic, string(telemetry.JSON)) {
		kind, raw = telemetry.LeafUnsigned, telemetry.PlainEnvelope("T", payload)
	}
	o, err := telemetry.Open(kind, raw, time.Now().UnixMilli())
	if err != nil || len(o.Readings) == 0 || o.Readings[0].Values["light"] != 666 {
		return c.Conn.Publish(ctx, topic, payload)
	}
	hash := sha256.Sum256(payload)
	c.Conn.(*conn).tell(mqtt.DownMessage{Type: "nack", Reason: telemetry.Malformed, Count: 1, Hash: hex.EncodeToString(hash[:])})
	return nil
}

// talk is a connection on which the test speaks.
type talk struct {
	device.Conn
	down chan mqtt.DownMessage
}

func (c talk) Down() <-chan mqtt.DownMessage { return c.down }
