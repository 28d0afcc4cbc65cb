package device_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// A full buffer gives up the oldest, and ingest learns which: what it holds and what was declared lost is everything.
func TestOverflowIsDeclared(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	for _, limit := range []int{16, 17, 50} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			s := newIngest(t, key)
			gone := 0
			d, err := device.Open(device.Config{
				ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Limit: limit, Window: 4, AckTimeout: 10 * time.Millisecond, Redial: time.Millisecond,
				OnGiveUp: func(m []device.Message) { gone += len(m) },
			})
			if err != nil {
				t.Fatal(err)
			}
			d.Radio(false)
			stop := start(t, d)
			if err := d.Boot(0); err != nil {
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
				t.Errorf("%d acknowledged and %d given up of %d signed", st.Acked, st.GivenUp, st.Signed)
			}
			if gone == 0 || len(s.stored()) == 0 {
				t.Errorf("gave up %d, ingest holds %d", gone, len(s.stored()))
			}
		})
	}
}

// Switched off and on without a link, with a buffer that overflows each time: what is left arrives, and all of the rest is
// declared.
func TestOverflowOverBoots(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := newIngest(t, key)
	path := filepath.Join(t.TempDir(), "outbox")
	const boots = 5
	var signed, gone, acked int
	for boot := range boots {
		store, err := device.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := device.Open(device.Config{
			ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Store: store, Limit: 20, AckTimeout: 10 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		d.Radio(boot == boots-1)
		if err := d.Boot(0); err != nil {
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
		s := newIngest(t, key)
		var swallow atomic.Bool
		s.link = func() fate { return fate{drop: swallow.Load()} }
		store := &shelf{}
		newest := make(map[uint64]uint64)
		phases := rapid.IntRange(1, 6).Draw(rt, "phases")
		for phase := range phases {
			last := phase == phases-1
			d, err := device.Open(device.Config{
				ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Store: store, Limit: 16, Window: 4,
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
			if err := d.Boot(0); err != nil {
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
				if p := (telemetry.Position{Boot: boot, Seq: seq}); !s.accounted(p) {
					rt.Fatalf("%v is neither held nor declared lost", p)
				}
			}
		}
	})
	if declaredAgain.Load() == 0 {
		t.Error("no declaration was ever pushed out: the test shows nothing")
	}
}

// An ingest that has lost what it had acknowledged acknowledges less than it did. The tracker does not have it any more: it says so, and
// its buffer empties.
func TestWhatIngestHasLostIsDeclared(t *testing.T) {
	key := newKey(t, telemetry.Ed25519)
	s := newIngest(t, key)
	d, err := device.Open(device.Config{ID: "t-1", Signer: key, Deployment: "trackseal", Dial: s.dial, Window: 4, AckTimeout: 10 * time.Millisecond, Redial: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer start(t, d)()
	record := func(n int) {
		for i := range n {
			if err := d.Record(reading(i)); err != nil {
				t.Fatal(err)
			}
		}
		drained(t, d)
	}
	if err := d.Boot(0); err != nil {
		t.Fatal(err)
	}
	record(9)
	s.lose(1, 6)
	record(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for seq := uint64(6); seq < 10; seq++ {
		if b := s.boots[1]; !b.declared[seq] {
			t.Errorf("message 1/%d, which ingest lost, is not declared lost: %v", seq, b.declared)
		}
	}
}
