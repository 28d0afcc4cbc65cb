package influx_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func open(t *testing.T, d *testkit.Influxd) *influx.Client {
	t.Helper()
	c, err := influx.Open(influx.Config{URL: d.URL, Org: d.Org, Bucket: d.Bucket, TokenFile: d.TokenFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// reading adds r to a batch.
func reading(b stored.Batch, r stored.Reading) {
	names := slices.Sorted(maps.Keys(r.Values))
	b.Reading(r.Log, r.Tracker, r.Leaf, r.TimeMS, len(names), func(i int) (string, float64) { return names[i], r.Values[names[i]] })
}

func TestMessagesComeBackInLeafOrder(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	log := strings.Repeat("ab", 32)
	const n = 12_000 // more than two pages
	base := time.Date(2019, 7, 17, 0, 0, 0, 0, time.UTC).UnixMilli()
	b := c.NewBatch()
	for i := range uint64(n) {
		m := stored.Message{Log: log, Leaf: i, Entry: []byte{1, byte(i)}, Raw: fmt.Appendf(nil, "raw %d", i), Tracker: "T-1", Trust: stored.Signed,
			Boot: 1, Seq: i, TimeMS: base + int64(i), ReceivedMS: base + int64(i/7), Readings: 1}
		if i%3 == 0 {
			m.Shipment, m.Flags = "S.1", []string{"late", "seq_gap"}
		}
		if i%5 == 0 {
			m.Trust, m.Boot, m.Seq = stored.Unsigned, 0, 0
		}
		b.Message(&m)
		if b.Points() == 5000 || i == n-1 {
			for range 2 { // writing twice changes nothing
				if err := b.Write(ctx); err != nil {
					t.Fatal(err)
				}
			}
			b.Reset()
		}
	}
	other := stored.Message{Log: "cd", Entry: []byte{1}, Raw: []byte{1}, Trust: stored.Signed, Tracker: "x", ReceivedMS: base}
	b.Message(&other)
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	var next uint64
	err := c.Messages(ctx, log, 0, 0, func(m stored.Message) error {
		if m.Leaf != next || string(m.Raw) != fmt.Sprintf("raw %d", next) || m.Log != log || m.Tracker != "T-1" || m.TimeMS != base+int64(next) || m.ReceivedMS != base+int64(next/7) {
			t.Fatalf("leaf %d: %+v", next, m)
		}
		if flagged := next%3 == 0; flagged != slices.Equal(m.Flags, []string{"late", "seq_gap"}) || flagged != (m.Shipment == "S.1") {
			t.Fatalf("leaf %d: %+v", next, m)
		}
		if signed := next%5 != 0; signed != (m.Trust == stored.Signed) || signed != (m.Seq == next) && next > 0 {
			t.Fatalf("leaf %d: %+v", next, m)
		}
		next++
		return nil
	})
	if err != nil || next != n {
		t.Fatalf("%d of %d messages, err %v", next, n, err)
	}
	next = 4990
	if err := c.Messages(ctx, log, 4990, 5010, func(m stored.Message) error {
		if m.Leaf != next {
			t.Fatalf("leaf %d, want %d", m.Leaf, next)
		}
		next++
		return nil
	}); err != nil || next != 5010 {
		t.Fatalf("next %d, err %v", next, err)
	}
	stop := errors.New("stop")
	if err := c.Messages(ctx, log, 0, 0, func(stored.Message) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("err %v, want the caller's own", err)
	}
}

func TestReadingsPagesAndWindows(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	base := time.Date(2019, 7, 17, 0, 0, 0, 0, time.UTC).UnixMilli()
	b := c.NewBatch()
	const n = 600
	for i := range uint64(n) {
		r := stored.Reading{Log: "aa", Tracker: fmt.Sprintf("T%d", i%3), Leaf: i / 3, TimeMS: base + int64(i/3)*1000, Values: map[string]float64{"temperature": float64(i)}}
		if i%2 == 0 {
			r.Values["humidity"] = 50
		}
		reading(b, r)
	}
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	var all []string
	q := stored.ReadingsQuery{Logs: []string{"aa", "bb"}}
	each := func(r stored.Reading, at time.Time) error {
		all = append(all, fmt.Sprintf("%d %s %v", at.UnixNano(), r.Tracker, r.Values))
		q.AfterTime, q.AfterTracker = at, r.Tracker
		return nil
	}
	if err := c.Readings(ctx, q, each); err != nil {
		t.Fatal(err)
	}
	if len(all) != n || !slices.IsSorted(all) {
		t.Fatalf("%d readings, sorted %v", len(all), slices.IsSorted(all))
	}
	whole := all
	all = nil
	q = stored.ReadingsQuery{Logs: []string{"aa"}, Limit: 7}
	for {
		before := len(all)
		if err := c.Readings(ctx, q, each); err != nil {
			t.Fatal(err)
		}
		if len(all) == before {
			break
		}
	}
	if !slices.Equal(all, whole) {
		t.Fatalf("paging by 7 gave %d readings, want the same %d", len(all), len(whole))
	}
	all = nil
	if err := c.Readings(ctx, stored.ReadingsQuery{Logs: []string{"aa"}, Fields: []string{"humidity"}, FromMS: base + 1000, ToMS: base + 5000}, each); err != nil {
		t.Fatal(err)
	}
	if len(all) != 6 {
		t.Fatalf("humidity in [1s,5s): %v", all)
	}
	var windows []stored.Window
	if err := c.Windows(ctx, stored.ReadingsQuery{Logs: []string{"aa"}}, time.Minute, func(w stored.Window) error {
		windows = append(windows, w)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w := windows[0]
	if len(windows) != 12 || w.Tracker != "T0" || w.FromMS != base || w.ToMS != base+60_000 || w.Min["temperature"] != 0 || w.Max["temperature"] != 177 ||
		w.Count["temperature"] != 60 || w.Mean["temperature"] != 88.5 || w.Count["humidity"] != 30 {
		t.Fatalf("%d windows, first %+v", len(windows), w)
	}
}

func TestHeadsAndRejectedComeBack(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	want := stored.Head{Heads: "hh", Log: "aa", Index: 3, Size: 9, Root: "00ff", Prev: -1, Closed: true, Entry: []byte{1, 2}, HeadsSize: 4, HeadsRoot: "11",
		Tx: "tx", Block: 7, Proof: [][32]byte{{1}, {2}}, TimeMS: 1_700_000_000_123}
	nasty := stored.Rejected{Reason: "malformed", Topic: "a b,c=\"d\"\\ \x00\nx", Detail: `quote " backslash \ end\`, Raw: []byte{0, 255}, ReceivedMS: time.Now().UnixMilli()}
	b := c.NewBatch()
	b.Head(&want)
	b.Rejected(&nasty, 1)
	b.Rejected(&stored.Rejected{Reason: "oversized", Raw: make([]byte, 64<<10), ReceivedMS: nasty.ReceivedMS - 5}, 2)
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	heads, err := c.Heads(ctx, "aa")
	if err != nil || len(heads) != 1 || fmt.Sprint(heads[0]) != fmt.Sprint(want) {
		t.Fatalf("heads %+v, err %v", heads, err)
	}
	got, err := c.Select(ctx, "SELECT topic, detail, raw, reason FROM rejected ORDER BY time DESC", "reason", "topic", "detail", "raw")
	if err != nil || len(got) != 2 {
		t.Fatalf("%d rejected, err %v, want 2", len(got), err)
	}
	if want := []string{"malformed", "a b,c=\"d\"\\  \nx", nasty.Detail, "AP8="}; !slices.Equal(got[0], want) {
		t.Errorf("rejected %q, want %q", got[0], want)
	}
}

// What was refused of a tracker, and what it said, are there newest first and in pages of any size, without what is another's.
func TestOfOneTracker(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	base := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC).UnixMilli()
	b := c.NewBatch()
	const n = 25
	for i := range uint64(n) {
		at := base + int64(i/3) // several in one millisecond
		b.Rejected(&stored.Rejected{Reason: []string{"malformed", "bad_login"}[i%2], Tracker: "carrier.T-1", Topic: "a b", Detail: fmt.Sprint(i), Count: i + 1, Raw: []byte{byte(i)}, Bytes: 1, Hash: "h", ReceivedMS: at}, i)
		b.Rejected(&stored.Rejected{Reason: "malformed", Tracker: "carrier.T-2", ReceivedMS: at}, i)
		// Leaves of two logs of the same time: each has its own time in nanoseconds only within one.
		m := stored.Message{Log: fmt.Sprintf("%02x", i%3), Leaf: i / 3, Tracker: "carrier.T-1", Trust: stored.Unsigned, ReceivedMS: base + int64(i/9), TimeMS: int64(i), Raw: []byte("x"), Entry: []byte("y"), Readings: 1}
		if i%3 == 1 {
			m.Shipment = "carrier.S-1"
		}
		b.Message(&m)
		m.Tracker, m.Leaf = "carrier.T-2", m.Leaf+n
		b.Message(&m)
	}
	b.Rejected(&stored.Rejected{Reason: "malformed", ReceivedMS: base}, 99)
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 2, 7, 100} {
		var got []stored.Rejected
		for before := (time.Time{}); ; {
			some := 0
			err := c.RejectedOf(ctx, stored.RejectedQuery{Tracker: "carrier.T-1", Before: before, Limit: limit, Raw: true}, func(r stored.Rejected, at time.Time) error {
				got, before, some = append(got, r), at, some+1
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if some == 0 {
				break
			}
		}
		for i, r := range got {
			k := uint64(n - 1 - i)
			want := stored.Rejected{Reason: []string{"malformed", "bad_login"}[k%2], Tracker: "carrier.T-1", Topic: "a b", Detail: fmt.Sprint(k), Count: k + 1, Raw: []byte{byte(k)}, Bytes: 1, Hash: "h", ReceivedMS: base + int64(k/3)}
			if fmt.Sprint(r) != fmt.Sprint(want) {
				t.Fatalf("in pages of %d: %d is %+v, expected %+v", limit, i, r, want)
			}
		}
		if len(got) != n {
			t.Errorf("in pages of %d: %d refused, expected %d", limit, len(got), n)
		}
		seen := map[string]bool{}
		last, q := time.Unix(1<<40, 0), stored.MessagesQuery{Tracker: "carrier.T-1", Logs: []string{"00", "01"}, Limit: limit}
		for some := 1; some > 0; {
			some = 0
			err := c.MessagesOf(ctx, q, func(m stored.Message, at time.Time) error {
				key := fmt.Sprint(m.Log, " ", m.Leaf)
				if seen[key] || at.After(last) || m.Tracker != "carrier.T-1" || m.Log == "02" || (m.Shipment != "") != (m.Log == "01") || string(m.Raw) != "x" {
					t.Fatalf("in pages of %d: %+v at %s after %s", limit, m, at, last)
				}
				seen[key], last, some = true, at, some+1
				q.Before, q.BeforeLog = at, m.Log
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != 17 {
			t.Errorf("in pages of %d: %d messages, expected 17", limit, len(seen))
		}
	}
	if logs, err := c.ShipmentsOf(ctx, "carrier.T-1"); err != nil || fmt.Sprint(logs) != "[{00 } {01 carrier.S-1} {02 }]" {
		t.Errorf("logs %v (%v)", logs, err)
	}
	if logs, err := c.ShipmentsOf(ctx, "carrier.T-3"); err != nil || len(logs) != 0 {
		t.Errorf("logs of none: %v (%v)", logs, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	good := func(c *influx.Client) error {
		b := c.NewBatch()
		reading(b, stored.Reading{Log: "aa", Tracker: "T-1", TimeMS: 1_700_000_000_000, Values: map[string]float64{"temperature": 1.5}})
		return b.Write(ctx)
	}
	if err := good(c); err != nil {
		t.Fatal(err)
	}
	var rejected *stored.RejectedError
	conflict := c.NewBatch()
	reading(conflict, stored.Reading{Log: "aa", Tracker: "T-1", TimeMS: 1_700_000_000_002, Values: map[string]float64{"leaf": 1.5}})
	if err := conflict.Write(ctx); !errors.As(err, &rejected) {
		t.Fatalf("type conflict: %v", err)
	}
	wrong := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(wrong, []byte("admin:wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]influx.Config{
		"wrong password":   {URL: d.URL, Org: d.Org, Bucket: d.Bucket, TokenFile: wrong},
		"missing database": {URL: d.URL, Org: d.Org, Bucket: "nope/autogen", TokenFile: d.TokenFile},
	} {
		bad, err := influx.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer bad.Close()
		if err := good(bad); !errors.Is(err, stored.ErrUnavailable) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	d.Stop()
	if err := good(c); !errors.Is(err, stored.ErrUnavailable) {
		t.Fatalf("server gone: %v", err)
	}
	if err := c.Messages(ctx, "aa", 0, 0, nil); !errors.Is(err, stored.ErrUnavailable) {
		t.Fatalf("server gone: %v", err)
	}
	if err := c.Ping(ctx); !errors.Is(err, stored.ErrUnavailable) {
		t.Fatalf("server gone: %v", err)
	}
}

func TestHostileParametersStayText(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	b := c.NewBatch()
	reading(b, stored.Reading{Log: "aa", Tracker: "T-1", TimeMS: 5, Values: map[string]float64{"temperature": 1}})
	b.Message(&stored.Message{Log: "aa", Tracker: "T-1", Trust: stored.Signed, Raw: []byte{1}, ReceivedMS: 5})
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := errors.New("found something")
	for _, text := range []string{`' OR log = 'aa`, `' OR 1 = 1 --`, `\' OR log != '`, "a\\", "\n", "\x00", "é", "\xff", `aa' OR time > 0; DROP MEASUREMENT reading; --`, `/.*/`, "$log"} {
		if err := c.Messages(t.Context(), text, 0, 0, func(stored.Message) error { return found }); errors.Is(err, found) {
			t.Errorf("log %q: %v", text, err)
		}
		if err := c.Readings(t.Context(), stored.ReadingsQuery{Logs: []string{"aa"}, Tracker: text}, func(stored.Reading, time.Time) error { return found }); errors.Is(err, found) {
			t.Errorf("tracker %q: %v", text, err)
		}
	}
	if err := c.Readings(t.Context(), stored.ReadingsQuery{Logs: []string{"aa"}}, func(stored.Reading, time.Time) error { return found }); !errors.Is(err, found) {
		t.Errorf("the reading itself: %v", err)
	}
}

// TestLargestMessage: bytes as many as a message may have come back as they went in.
func TestLargestMessage(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	log := strings.Repeat("ef", 32)
	raw := make([]byte, telemetry.MaxRaw)
	for i := range raw {
		raw[i] = byte(i * i >> 3)
	}
	b := c.NewBatch()
	for leaf := range uint64(3) {
		b.Message(&stored.Message{Log: log, Leaf: leaf, Entry: []byte{1}, Raw: raw, Tracker: "T-1", Trust: stored.Signed, Boot: 1, Seq: leaf, TimeMS: 1_700_000_000_000, ReceivedMS: 1_700_000_000_000})
	}
	b.Rejected(&stored.Rejected{Reason: "oversized", Topic: "trackseal/v1/T-1/up", Raw: raw, ReceivedMS: 1_700_000_000_000}, 1)
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := c.Messages(t.Context(), log, 0, 0, func(m stored.Message) error {
		if n++; !slices.Equal(m.Raw, raw) {
			return fmt.Errorf("leaf %d came back with %d bytes, want %d", m.Leaf, len(m.Raw), len(raw))
		}
		return nil
	}); err != nil || n != 3 {
		t.Fatalf("%d of 3 messages, %v", n, err)
	}
}
