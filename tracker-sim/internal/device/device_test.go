package device_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
	"github.com/trackseal/trackseal/tracker-sim/internal/fakestack"
	"github.com/trackseal/trackseal/tracker-sim/internal/rest"
)

const bound = 20 * time.Second

func newKey(t *testing.T, alg telemetry.Alg) crypto.Signer {
	t.Helper()
	key, err := device.DeriveKey(1, "t-1", alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// arena is a fake stack with tracker t-1 on shipment S.
func arena(t *testing.T, key crypto.Signer) *fakestack.Stack {
	t.Helper()
	s := fakestack.New(t)
	ctx := context.Background()
	c := s.Client("carrier")
	if _, err := c.CreateShipment(ctx, rest.NewShipment{ID: "S"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Enrol(ctx, "t-1", key, "test"); err != nil {
		t.Fatal(err)
	}
	if err := c.Assign(ctx, "S", "t-1", time.Time{}); err != nil {
		t.Fatal(err)
	}
	return s
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

// held returns how often each position arrived at ingest.
func held(s *fakestack.Stack) map[telemetry.Position]int {
	n := make(map[telemetry.Position]int)
	for _, m := range s.Messages("S") {
		n[telemetry.Position{Boot: m.Boot, Seq: m.Seq}]++
	}
	return n
}

func TestBothAlgorithmsSpeak(t *testing.T) {
	for _, alg := range []telemetry.Alg{telemetry.Ed25519, telemetry.ESP256} {
		key := newKey(t, alg)
		s := arena(t, key)
		d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial})
		if err != nil {
			t.Fatal(err)
		}
		stop := start(t, d)
		if err := d.Boot(); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := d.Record(reading(i)); err != nil {
				t.Fatal(err)
			}
		}
		drained(t, d)
		stop()
		if got := held(s); len(got) != 11 {
			t.Errorf("%s: ingest holds %v", alg, got)
		}
	}
}

// Whatever the link does, ingest ends with every message exactly once, in an unbroken chain.
func TestNothingIsLostOnABadLink(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	rapid.Check(t, func(rt *rapid.T) {
		s := arena(t, key)
		fates := rapid.SliceOfN(rapid.SampledFrom([]fakestack.Fate{{}, {}, {Drop: true}, {Twice: true}, {Hold: true}, {Cut: true}, {LoseAck: true}}), 0, 60).Draw(rt, "fates")
		var mu sync.Mutex
		s.Link = func(int) fakestack.Fate {
			mu.Lock()
			defer mu.Unlock()
			if len(fates) == 0 {
				return fakestack.Fate{}
			}
			f := fates[0]
			fates = fates[1:]
			return f
		}
		acked := make(map[telemetry.Position]bool)
		d, err := device.Open(device.Config{
			ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, AckTimeout: 5 * time.Millisecond, Redial: time.Millisecond,
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
		if err := d.Boot(); err != nil {
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
		got := held(s)
		if len(got) != n+1 || len(acked) != n+1 {
			rt.Fatalf("sent %d, ingest holds %d, acknowledged %d", n+1, len(got), len(acked))
		}
		for p, times := range got {
			if times != 1 {
				rt.Fatalf("%v is stored %d times", p, times)
			}
		}
	})
}

// A full buffer gives up the oldest, and ingest learns which: what it holds and what was declared lost is everything.
func TestOverflowIsDeclared(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	for _, limit := range []int{16, 17, 50} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			s := arena(t, key)
			gone := 0
			d, err := device.Open(device.Config{
				ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, Limit: limit, Window: 4, AckTimeout: 10 * time.Millisecond, Redial: time.Millisecond,
				OnGiveUp: func(m []device.Message) { gone += len(m) },
			})
			if err != nil {
				t.Fatal(err)
			}
			d.Radio(false)
			stop := start(t, d)
			if err := d.Boot(); err != nil {
				t.Fatal(err)
			}
			const n = 200
			for i := range n {
				if err := d.Record(reading(i)); err != nil {
					t.Fatal(err)
				}
			}
			if d.Pending() > limit {
				t.Fatalf("%d kept, limit %d", d.Pending(), limit)
			}
			d.Radio(true)
			drained(t, d)
			stop()
			if st := d.Stats(); st.Acked+st.GivenUp != st.Signed {
				t.Errorf("%+v", st)
			}
			if gone == 0 || len(held(s)) == 0 {
				t.Errorf("gave up %d, ingest holds %d", gone, len(held(s)))
			}
		})
	}
}

// Switched off and on without a link, with a buffer that overflows each time: what is left arrives, and all of the rest is
// declared.
func TestOverflowOverBoots(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := arena(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	const boots = 5
	var signed, gone, acked int
	for boot := range boots {
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{
			ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, Store: store, Limit: 20, AckTimeout: 10 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		d.Radio(boot == boots-1)
		if err := d.Boot(); err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			if err := d.Record(reading(boot*100 + i)); err != nil {
				t.Fatal(err)
			}
		}
		stop := start(t, d)
		if boot == boots-1 {
			drained(t, d)
		}
		stop()
		st := d.Stats()
		signed, gone, acked = signed+int(st.Signed), gone+int(st.GivenUp), acked+int(st.Acked)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if signed != gone+acked || gone < 100 || acked < 10 {
		t.Errorf("signed %d, gave up %d, acknowledged %d", signed, gone, acked)
	}
}

// Declarations are messages like others: an overflow can push them out as well, before anybody has heard them, and then what
// they declared has to be declared again. On a link that swallows messages for a while, with restarts in between, ingest ends
// with every message that was ever signed, or with the word that it is lost.
func TestLostDeclarationsAreDeclaredAgain(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	var declaredAgain atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		s := arena(t, key)
		var swallow atomic.Bool
		s.Link = func(int) fakestack.Fate { return fakestack.Fate{Drop: swallow.Load()} }
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		newest := make(map[uint64]uint64)
		phases := rapid.IntRange(1, 6).Draw(rt, "phases")
		for phase := range phases {
			last := phase == phases-1
			store, err := device.OpenFile(filepath.Join(dir, "outbox"))
			if err != nil {
				rt.Fatal(err)
			}
			d, err := device.Open(device.Config{
				ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, Store: store, Limit: 16, Window: 4,
				AckTimeout: 2 * time.Millisecond, Redial: time.Millisecond,
				OnGiveUp: func(gone []device.Message) {
					for _, m := range gone {
						if m.Gap != nil {
							declaredAgain.Add(1)
						}
					}
				},
			})
			if err != nil {
				rt.Fatal(err)
			}
			swallow.Store(!last && rapid.Bool().Draw(rt, "swallow"))
			if err := d.Boot(); err != nil {
				rt.Fatal(err)
			}
			stop := start(rt, d)
			ctx, cancel := context.WithTimeout(context.Background(), bound)
			if err := d.Online(ctx); err != nil {
				rt.Fatal(err)
			}
			cancel()
			for i := range rapid.IntRange(0, 60).Draw(rt, "messages") {
				if err := d.Record(reading(i)); err != nil {
					rt.Fatal(err)
				}
				if i%20 == 19 {
					runtime.Gosched() // lets the link declare what was lost so far
				}
			}
			if last {
				drained(rt, d)
			}
			stop()
			next := d.TakeChain().Next
			newest[next.Boot] = next.Seq
			if err := d.Close(); err != nil {
				rt.Fatal(err)
			}
		}
		for boot, end := range newest {
			for seq := range end {
				if p := (telemetry.Position{Boot: boot, Seq: seq}); !s.Accounted("t-1", p) {
					rt.Fatalf("%v is neither held nor declared lost", p)
				}
			}
		}
	})
	if declaredAgain.Load() == 0 {
		t.Error("no declaration was ever pushed out: the test shows nothing")
	}
}

// A tracker that is switched off and on goes on with its chain, its buffer and the next boot.
func TestRestartKeepsTheChain(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := arena(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	total := 0
	for boot := range 4 {
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		online := boot%2 == 1
		d.Radio(online)
		stop := start(t, d)
		if err := d.Boot(); err != nil {
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
	got := held(s)
	if len(got) != total {
		t.Errorf("ingest holds %d of %d: %v", len(got), total, got)
	}
	for _, m := range s.Messages("S") {
		if len(m.Flags) > 0 {
			t.Errorf("message %d/%d is flagged %v", m.Boot, m.Seq, m.Flags)
		}
	}
}

// A crash cuts the store's file anywhere. What is read back is a prefix of what was written, and never a position that was
// already used for another message.
func TestStoreSurvivesACutFile(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	path := filepath.Join(t.TempDir(), "outbox")
	store, err := device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(); err != nil {
		t.Fatal(err)
	}
	chain := device.Chain{Tracker: "t-1", Signer: key, Next: telemetry.Position{Boot: 1}}
	var ends []int64
	var messages []device.Message
	for i := range 6 {
		m, err := chain.Sign(telemetry.Claims{Kind: telemetry.Data, TimeMS: 1}, reading(i))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Append(m); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		messages, ends = append(messages, m), append(ends, info.Size())
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := int64(0); cut <= int64(len(whole)); cut += 7 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for want < len(ends) && ends[want] <= cut {
			want++
		}
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		state, err := store.Load()
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if len(state.Queued) != want {
			t.Fatalf("cut at %d: %d messages, want %d", cut, len(state.Queued), want)
		}
		if want > 0 && (state.Prev != messages[want-1].Hash || state.Next.Seq != uint64(want)) {
			t.Fatalf("cut at %d: chain goes on at %v", cut, state.Next)
		}
		if err := store.Append(messages[0]); err != nil { // the file takes more after the cut
			t.Fatal(err)
		}
		if again, err := store.Load(); err != nil || len(again.Queued) != want+1 {
			t.Fatalf("cut at %d: after one more, %d messages, %v", cut, len(again.Queued), err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A machine that lost its power may leave zeros at the end. Damage elsewhere is no crash's: it is named, nothing is cut off.
func TestStoreTellsACrashFromDamage(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	path := filepath.Join(t.TempDir(), "outbox")
	store, err := device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(); err != nil {
		t.Fatal(err)
	}
	chain := device.Chain{Tracker: "t-1", Signer: key, Next: telemetry.Position{Boot: 1}}
	for i := range 3 {
		m, err := chain.Sign(telemetry.Claims{Kind: telemetry.Data, TimeMS: 1}, reading(i))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	load := func(data []byte) (device.State, error) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		return store.Load()
	}
	for zeros := range 30 {
		if state, err := load(append(slices.Clone(whole), make([]byte, zeros)...)); err != nil || len(state.Queued) != 3 {
			t.Errorf("%d zeros: %d messages, %v", zeros, len(state.Queued), err)
		}
	}
	spoilt := slices.Clone(whole)
	spoilt[len(whole)/2] ^= 1
	if _, err := load(spoilt); !errors.Is(err, device.ErrDamaged) {
		t.Errorf("damage in the middle: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, spoilt) {
		t.Errorf("the file was changed: %v", err)
	}
	spoilt = slices.Clone(whole)
	spoilt[len(whole)-1] ^= 1 // the last record: a crash may have done that
	if state, err := load(spoilt); err != nil || len(state.Queued) != 2 {
		t.Errorf("damage at the end: %d messages, %v", len(state.Queued), err)
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

func TestStoreFileStaysSmall(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := arena(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	store, err := device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.Dial, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, d)
	if err := d.Boot(); err != nil {
		t.Fatal(err)
	}
	many := make([]telemetry.Reading, 250)
	for i := range many {
		many[i] = reading(i)[0]
	}
	for range 250 {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		if err := d.Room(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := d.Record(many); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, d)
	stop()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 3<<20 {
		t.Errorf("file has %d bytes, %v", info.Size(), err)
	}
	store, err = device.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	state, err := store.Load()
	if err != nil || len(state.Queued) != 0 || state.Next != (telemetry.Position{Boot: 1, Seq: 251}) {
		t.Errorf("state %v %d, %v", state.Next, len(state.Queued), err)
	}
}

func TestPlainTracker(t *testing.T) {
	s := fakestack.New(t)
	ctx := context.Background()
	c := s.Client("carrier")
	if _, err := c.CreateShipment(ctx, rest.NewShipment{ID: "S"}); err != nil {
		t.Fatal(err)
	}
	tr, err := c.EnrolPlain(ctx, "p-1", "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Assign(ctx, "S", "p-1", time.Time{}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	s.Link = func(int) fakestack.Fate {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fakestack.Fate{Drop: n%3 == 0, LoseAck: n%5 == 0}
	}
	path := filepath.Join(t.TempDir(), "outbox")
	for round := range 2 {
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{ID: "p-1", Secret: tr.Secret, Dial: s.Dial, Store: store, AckTimeout: 5 * time.Millisecond})
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
	if got := len(s.Messages("S")); got != 40 {
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
