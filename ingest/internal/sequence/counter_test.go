package sequence

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestCounter(t *testing.T) {
	gap, reordered, reboot := telemetry.SeqGap, telemetry.Reordered, telemetry.Reboot
	for _, c := range []struct {
		last, next uint64
		bits       int
		later      int64 // ms that the message was sent after the last one; 0 = it does not say
		want       telemetry.Reason
	}{
		{5, 6, 16, 0, ""},
		{5, 8, 16, 0, gap},
		{5, 5, 16, 0, reordered}, // other bytes with the same number
		{5, 4, 16, 0, reordered},
		{5, 4, 16, -60, reordered},
		{5, 4, 16, 60, reboot}, // smaller, and sent later
		{65535, 0, 16, 0, ""},
		{65534, 1, 16, 0, gap},
		{65530, 65535, 16, 0, gap},
		{0, 65535, 16, 0, reordered},
		{40000, 2, 16, 0, reboot}, // or 25,538 were lost
		{20000, 3, 16, 60, reboot},
		{40, 0, 16, 0, reboot},
		{12, 9, 16, 0, reordered},
		{400, 200, 16, 0, reordered},
		{400, 200, 16, 60, reboot},
		{1<<32 - 1, 0, 32, 0, ""},
		{1 << 20, 0, 32, 0, reboot},
		{1 << 40, 1<<40 + 1, 63, 0, ""},
		{1 << 40, 3, 63, 0, reboot},
		{7, 8, 0, 0, ""},
		{7, 70000, 16, 0, gap}, // longer than the profile says
		{255, 0, 8, 0, ""},
		{250, 2, 8, 0, gap},
	} {
		now, words := lastCount{c.last, 1000}.after(c.next, c.bits, 1000+c.later, c.later != 0)
		var want []telemetry.Reason
		if c.want != "" {
			want = []telemetry.Reason{c.want}
		}
		if !slices.Equal(words, want) {
			t.Errorf("%d after %d of %d bits, sent %d ms later: came %v, expected %v", c.next, c.last, c.bits, c.later, words, want)
		}
		if stays := c.want == reordered; stays != (now.last == c.last) && c.next != c.last {
			t.Errorf("%d after %d of %d bits: the counter stands at %d", c.next, c.last, c.bits, now.last)
		}
	}
}

// A law: whoever counts on by one is never flagged, and whoever leaves some out is, also where the counter begins again.
func TestCounterCountsOn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, bits := range []int{8, 16, 32, 63} {
		round := uint64(1)<<bits - 1
		c := lastCount{last: (round - 50) & round}
		for i := range 200 {
			step := uint64(1)
			if i%10 == 9 {
				step = 2 + r.Uint64N(20)
			}
			now, words := c.after((c.last+step)&round, bits, 0, false)
			if want := step > 1; want != (fmt.Sprint(words) == fmt.Sprint([]telemetry.Reason{telemetry.SeqGap})) || !want && words != nil {
				t.Fatalf("%d bits, %d after %d: came %v", bits, now.last, c.last, words)
			}
			c = now
		}
		if got, err := decodeCounter(c.encode()); err != nil || got != c {
			t.Errorf("%+v comes back as %+v, %v", c, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {0x80}, {1}, {1, 1, 1}} {
		if _, err := decodeCounter(bad); err == nil {
			t.Errorf("%x decodes", bad)
		}
	}
}

// Ensure that a journal that is made again goes on with the counter of the newest message that a profile read, and with no other.
func TestRebuildCountsOn(t *testing.T) {
	db, err := journal.Open(t.TempDir(), journal.Options{MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	cfg := Config{Channel: "trackseal", Ingest: "carrier.ingest"}
	r := NewRebuild(db, cfg)
	id := r.Log(anchor.Tracker, "carrier.T-1", "tx", cfg.Ingest)
	add := func(e telemetry.Envelope, ms int64) {
		t.Helper()
		raw := e.Encode()
		o, err := telemetry.Open(telemetry.LeafUnsigned, raw, ms)
		if err != nil {
			t.Fatal(err)
		}
		leaf := telemetry.Leaf{Kind: telemetry.LeafUnsigned, Hash: o.Hash, ReceivedMS: ms, Ingest: cfg.Ingest}
		if err := r.Add(id, &journal.Message{Log: id, Leaf: r.Size(id), Entry: leaf.Encode(), Raw: raw, Tracker: e.Tracker, TimeMS: o.TimeMS, ReceivedMS: ms}); err != nil {
			t.Fatal(err)
		}
	}
	const at = 1_796_000_000_000
	for n, seq := range []int{7, 9, 8} { // the last one overtook another
		add(telemetry.Envelope{Tracker: "carrier.T-1", Profile: telemetry.Hash{1}, Topic: "x", Payload: []byte("p"), Reads: fmt.Appendf(nil, `{"seq":%d,"temperature":4,"time":%d}`, seq, at/1000+seq)}, at+int64(n))
	}
	add(telemetry.Envelope{Tracker: "carrier.T-2", Payload: []byte(`{"seq":3,"temperature":4}`)}, at)
	if err := r.Finish(2, nil); err != nil {
		t.Fatal(err)
	}
	s, err := Open(db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if c, found, err := s.counter("carrier.T-1"); err != nil || !found || c.last != 9 {
		t.Errorf("the counter stands at %d (%v, %v), expected 9", c.last, found, err)
	}
	if c, found, _ := s.counter("carrier.T-2"); found {
		t.Errorf("plain JSON has a counter: %+v", c)
	}
}
