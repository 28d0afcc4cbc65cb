package influx_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

// trip is a shipment's readings, in the database and in memory.
type trip struct {
	c        *influx.Client
	readings []stored.Reading
}

func (tr *trip) add(b stored.Batch, r stored.Reading) {
	tr.readings = append(tr.readings, r)
	reading(b, r)
}

// windows computes what the database has to answer.
func (tr *trip) windows(q stored.ReadingsQuery, every time.Duration) []stored.Window {
	type key struct {
		from    int64
		tracker string
	}
	all := map[key]*stored.Window{}
	for _, r := range tr.readings {
		if !slices.Contains(q.Logs, r.Log) || q.Tracker != "" && r.Tracker != q.Tracker || r.TimeMS < q.FromMS || q.ToMS > 0 && r.TimeMS >= q.ToMS {
			continue
		}
		k := key{r.TimeMS - r.TimeMS%every.Milliseconds(), r.Tracker}
		for name, v := range r.Values {
			if q.Fields != nil && !slices.Contains(q.Fields, name) {
				continue
			}
			w := all[k]
			if w == nil {
				w = &stored.Window{Tracker: r.Tracker, FromMS: k.from, ToMS: k.from + every.Milliseconds(), Min: map[string]float64{}, Max: map[string]float64{}, Mean: map[string]float64{}, Count: map[string]int64{}}
				all[k] = w
			}
			if w.Count[name] == 0 {
				w.Min[name], w.Max[name] = math.Inf(1), math.Inf(-1)
			}
			w.Min[name], w.Max[name] = min(w.Min[name], v), max(w.Max[name], v)
			w.Mean[name] = (w.Mean[name]*float64(w.Count[name]) + v) / float64(w.Count[name]+1)
			w.Count[name]++
		}
	}
	var windows []stored.Window
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b key) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.tracker, b.tracker)) }) {
		windows = append(windows, *all[k])
	}
	return windows
}

// pages asks page by page, as the API does.
func (tr *trip) pages(t *testing.T, q stored.ReadingsQuery, every time.Duration) (windows []stored.Window) {
	t.Helper()
	for {
		n := len(windows)
		if err := tr.c.Windows(t.Context(), q, every, func(w stored.Window) error {
			windows = append(windows, w)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if q.Limit == 0 || len(windows) == n {
			return windows
		}
		last := windows[len(windows)-1]
		q.AfterTime, q.AfterTracker = time.UnixMilli(last.FromMS), last.Tracker
	}
}

// difference names the first window that differs, or is "".
func difference(got, want []stored.Window) string {
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		same := g.Tracker == w.Tracker && g.FromMS == w.FromMS && g.ToMS == w.ToMS && maps.Equal(g.Min, w.Min) && maps.Equal(g.Max, w.Max) && maps.Equal(g.Count, w.Count) &&
			maps.EqualFunc(g.Mean, w.Mean, func(a, b float64) bool { return math.Abs(a-b) < 1e-9*max(1, math.Abs(a)) })
		if !same {
			return fmt.Sprintf("window %d:\ngot  %+v\nwant %+v", i, g, w)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d windows, want %d", len(got), len(want))
	}
	return ""
}

// Ensure that windows are those of the readings, whatever the range, the width and the page: with gaps, early times, readings of one
// time, quantities that are rare, and more windows than one query computes.
func TestWindowsAreThoseOfTheReadings(t *testing.T) {
	tr := &trip{c: open(t, testkit.StartInfluxd(t))}
	b := tr.c.NewBatch()
	r := rand.New(rand.NewPCG(1, 2))
	at := int64(0) // 1970
	for i := range uint64(6_000) {
		switch {
		case i == 20:
			at = 1_563_321_600_123
		case i%1000 == 0:
			at += 90 * 24 * 3_600_000
		case i%3 == 0:
			at += r.Int64N(120_000)
		}
		x := stored.Reading{Log: "aa", Tracker: fmt.Sprint("T-", i%3), Leaf: i, TimeMS: at, Values: map[string]float64{"temperature": float64(r.IntN(400)) / 10}}
		if i%40 == 0 {
			x.Values["door"] = float64(i % 2)
		}
		if i%7 == 0 {
			x.Log = "bb"
		}
		tr.add(b, x)
	}
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, tr, "without summaries")
	b.Reset()
	for _, log := range []string{"aa", "bb"} {
		if err := tr.c.Windows(t.Context(), stored.ReadingsQuery{Logs: []string{log}}, time.Hour, func(w stored.Window) error {
			if w.FromMS%(5*3_600_000) != 0 { // some are missing
				b.Summary(log, &w)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint64(50) { // and some are of fewer readings than there are now
		x := tr.readings[i*100]
		x.Leaf, x.Values = 10_000+i, map[string]float64{"temperature": -40}
		tr.add(b, x)
	}
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, tr, "with summaries")
}

func check(t *testing.T, tr *trip, when string) {
	t.Helper()
	mid := tr.readings[4000].TimeMS
	for name, q := range map[string]stored.ReadingsQuery{
		"all":                     {Logs: []string{"aa", "bb"}},
		"one log":                 {Logs: []string{"bb"}},
		"one tracker":             {Logs: []string{"aa"}, Tracker: "T-1"},
		"cut at both ends":        {Logs: []string{"aa"}, FromMS: mid + 7, ToMS: mid + 12_345_678},
		"from":                    {Logs: []string{"aa"}, FromMS: mid},
		"one quantity":            {Logs: []string{"aa"}, Fields: []string{"door"}},
		"nothing":                 {Logs: []string{"cc"}},
		"nobody":                  {Logs: []string{"aa"}, Tracker: `T-1' OR tracker = 'T-2`},
		"no readings in the time": {Logs: []string{"aa"}, FromMS: 1_000_000_000_000, ToMS: 1_100_000_000_000},
	} {
		for _, every := range []time.Duration{time.Second, time.Minute, 7 * time.Minute, time.Hour, 24 * time.Hour, 35 * 24 * time.Hour} {
			for _, limit := range []int{0, 3, 501} {
				if limit == 3 && every < 24*time.Hour || limit == 501 && every == time.Second {
					continue // thousands of pages
				}
				q.Limit = limit
				if d := difference(tr.pages(t, q, every), tr.windows(q, every)); d != "" {
					t.Errorf("%s, %s, every %s, pages of %d: %s", when, name, every, limit, d)
				}
			}
		}
	}
}

// Ensure that a summary of all readings is used, and one of fewer is not.
func TestWindowsOfHoursComeFromSummaries(t *testing.T) {
	tr := &trip{c: open(t, testkit.StartInfluxd(t))}
	b := tr.c.NewBatch()
	for i := range uint64(6) {
		tr.add(b, stored.Reading{Log: "aa", Tracker: "T-1", Leaf: i, TimeMS: int64(i) * 1_800_000, Values: map[string]float64{"temperature": 5, "door": 0}})
	}
	for h, n := range []int64{2, 2, 1} {
		b.Summary("aa", &stored.Window{Tracker: "T-1", FromMS: int64(h) * 3_600_000, Readings: n, Min: map[string]float64{"temperature": 1, "door": 0}, Max: map[string]float64{"temperature": 9.5, "door": 1},
			Mean: map[string]float64{"temperature": float64(h), "door": 0.5}, Count: map[string]int64{"temperature": n, "door": n}})
	}
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		every time.Duration
		want  string
	}{
		{time.Hour, "0-3600000: 1 9.5 0 2; 3600000-7200000: 1 9.5 1 2; 7200000-10800000: 5 5 5 2; "},
		{2 * time.Hour, "0-7200000: 1 9.5 0.5 4; 7200000-14400000: 5 5 5 2; "},
		{90 * time.Minute, "0-5400000: 5 5 5 3; 5400000-10800000: 5 5 5 3; "},
	} {
		got := ""
		for _, w := range tr.pages(t, stored.ReadingsQuery{Logs: []string{"aa"}, Fields: []string{"temperature"}}, tt.every) {
			got += fmt.Sprintf("%d-%d: %g %g %g %d; ", w.FromMS, w.ToMS, w.Min["temperature"], w.Max["temperature"], w.Mean["temperature"], w.Count["temperature"])
			if len(w.Count) != 1 {
				t.Errorf("every %s: quantities %v, want temperature alone", tt.every, w.Count)
			}
		}
		if got != tt.want {
			t.Errorf("every %s: %s, want %s", tt.every, got, tt.want)
		}
	}
}

// Ensure that a page costs what it shows: 21 days with a reading each ten minutes are 30,000 windows of a minute, nearly all empty.
func TestPageOfWindowsOfALongShipment(t *testing.T) {
	tr := &trip{c: open(t, testkit.StartInfluxd(t))}
	b := tr.c.NewBatch()
	base := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for i := range uint64(3 * 21 * 144) {
		tr.add(b, stored.Reading{Log: "aa", Tracker: fmt.Sprint("T-", i%3), Leaf: i, TimeMS: base + int64(i/3)*600_000, Values: map[string]float64{"temperature": 5, "humidity": 50, "battery": 90}})
	}
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		q     stored.ReadingsQuery
		every time.Duration
	}{
		{stored.ReadingsQuery{Limit: 4}, time.Minute},
		{stored.ReadingsQuery{Limit: 1001}, 10 * time.Minute},
		{stored.ReadingsQuery{Limit: 4}, time.Hour},
		{stored.ReadingsQuery{Limit: 4, Tracker: "T-1"}, time.Hour},
		{stored.ReadingsQuery{Limit: 1001}, time.Second},
		{stored.ReadingsQuery{Limit: 4, AfterTime: time.UnixMilli(base + 20*86_400_000)}, time.Minute},
	} {
		tt.q.Logs = []string{"aa"}
		best := time.Hour // of three: other tests may have the processors
		for range 3 {
			n, began := 0, time.Now()
			if err := tr.c.Windows(t.Context(), tt.q, tt.every, func(stored.Window) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			if best = min(best, time.Since(began)); n != tt.q.Limit {
				t.Fatalf("every %s: %d windows, want %d", tt.every, n, tt.q.Limit)
			}
		}
		if best > time.Second {
			t.Errorf("every %s, %d windows: %s, want less than a second", tt.every, tt.q.Limit, best)
		}
	}
}

// Ensure that a query ends in the server when the one who asked goes away.
func TestQueryEndsWithItsCaller(t *testing.T) {
	tr := &trip{c: open(t, testkit.StartInfluxd(t))}
	b := tr.c.NewBatch()
	for i := range uint64(5_000) {
		tr.add(b, stored.Reading{Log: "aa", Tracker: "T-1", Leaf: i, TimeMS: int64(i) * 1000, Values: map[string]float64{"temperature": 5}})
	}
	if err := b.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	running := func() int {
		rows, err := tr.c.Select(t.Context(), "SHOW QUERIES", "query")
		if err != nil {
			t.Fatal(err)
		}
		return len(rows) - 1 // itself
	}
	ctx, cancel := context.WithCancel(t.Context())
	held, done := make(chan bool), make(chan error, 1)
	go func() { done <- tr.c.Hold(ctx, held) }()
	<-held
	if n := running(); n != 1 {
		t.Errorf("%d queries run while one is held, want 1", n)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("a query whose caller went away succeeds")
	}
	testkit.WaitFor(t, 10*time.Second, "the query ends in the server", func() bool { return running() == 0 })
}
