package influx_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

// TestSeenOfAThousandTrackers: what tells how all trackers are comes by three queries, each within a second or so.
func TestSeenOfAThousandTrackers(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	const trackers, messages = 1000, 120
	now := time.Now().Truncate(time.Millisecond).UnixMilli()
	b := c.NewBatch()
	flush := func() {
		if err := b.Write(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Reset()
	}
	for i := range trackers {
		id := fmt.Sprintf("carrier.t-%04d", i)
		log := fmt.Sprintf("%064x", i)
		for n := range uint64(messages) {
			at := now - int64(messages-1-n)*60_000
			b.Message(&stored.Message{Log: log, Leaf: n, Entry: []byte{1}, Raw: fmt.Appendf(nil, "raw %d", n), Tracker: id, Trust: stored.Signed, Boot: 1, Seq: n, TimeMS: at - 250, ReceivedMS: at, Readings: 1})
			if n%10 == 0 {
				reading(b, stored.Reading{Log: log, Tracker: id, Leaf: n, TimeMS: at - 250, Values: map[string]float64{"battery": float64(90 - n/10), "temperature": 4}})
			}
		}
		if b.Points() > 5000 {
			flush()
		}
	}
	flush()
	from := now - 31*86_400_000
	ask := func(what string, q stored.SeenQuery, want int) (all []stored.Seen) {
		t.Helper()
		began := time.Now()
		if err := c.Seen(t.Context(), q, func(s stored.Seen) error { all = append(all, s); return nil }); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d rows in %s", what, len(all), time.Since(began).Round(time.Millisecond))
		if len(all) != want {
			t.Errorf("%s: got %d messages, want %d", what, len(all), want)
		}
		return all
	}
	all := ask("at the start", stored.SeenQuery{FromMS: from, Each: 100}, 100_000)
	if first := (stored.Seen{Tracker: all[0].Tracker, Trust: stored.Signed, Leaf: messages - 1, TimeMS: now - 250, ReceivedMS: now}); fmt.Sprint(all[0]) != fmt.Sprint(first) {
		t.Errorf("got first %+v, want %+v", all[0], first)
	}
	ask("each half minute", stored.SeenQuery{FromMS: now - 15*60_000 - 30_000, Each: 100}, 16_000)
	for _, s := range ask("newest with bytes", stored.SeenQuery{FromMS: from, Each: 1, Raw: true}, trackers) {
		if want := fmt.Sprintf("raw %d", messages-1); string(s.Raw) != want {
			t.Fatalf("got bytes %q, want %q", s.Raw, want)
		}
	}
	one := ask("one tracker", stored.SeenQuery{Tracker: "carrier.t-0007", FromMS: from, Each: 10_000}, messages)
	ask("one tracker in its log", stored.SeenQuery{Tracker: "carrier.t-0007", Logs: []string{fmt.Sprintf("%064x", 7)}, FromMS: from, Each: 3}, 3)
	ask("one tracker in another log", stored.SeenQuery{Tracker: "carrier.t-0007", Logs: []string{fmt.Sprintf("%064x", 8)}, FromMS: from, Each: 3}, 0)
	ask("one tracker in no log", stored.SeenQuery{Tracker: "carrier.t-0007", Logs: []string{}, FromMS: from, Each: 3}, 0)
	if one[0].ReceivedMS <= one[1].ReceivedMS {
		t.Errorf("got %v before %v, want the newest first", one[0], one[1])
	}
	began, n := time.Now(), 0
	err := c.LastValues(t.Context(), []string{"battery", "rssi"}, from, func(r stored.Reading) error {
		if n++; r.Values["battery"] != 90-(messages-1)/10 || r.TimeMS != now-9*60_000-250 {
			return fmt.Errorf("got %+v, want battery %d", r, 90-(messages-1)/10)
		}
		return nil
	})
	if err != nil || n != trackers {
		t.Errorf("got %d batteries and %v, want %d", n, err, trackers)
	}
	t.Logf("batteries: %d rows in %s", n, time.Since(began).Round(time.Millisecond))
}
