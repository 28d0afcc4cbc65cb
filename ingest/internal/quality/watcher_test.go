package quality

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/ingest/internal/fakeinflux"
	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/quality"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

const (
	minute = int64(60_000)
	start  = int64(1_700_000_000_000) / quality.HourMS * quality.HourMS
)

// memory is InfluxDB with the readings in memory; what is written goes through the real client.
type memory struct {
	*influx.Client
	fake *fakeinflux.Server
	mu   sync.Mutex
	all  []stored.Reading
	down bool
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	f := fakeinflux.New(t)
	c, err := influx.Open(influx.Config{URL: f.URL, Bucket: f.Bucket, TokenFile: f.TokenFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &memory{Client: c, fake: f}
}

func (m *memory) Readings(_ context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return stored.ErrUnavailable
	}
	slices.SortStableFunc(m.all, func(a, b stored.Reading) int { return int(min(max(a.TimeMS-b.TimeMS, -1), 1)) })
	for _, r := range m.all {
		if r.Tracker != q.Tracker || r.TimeMS < q.FromMS || q.ToMS > 0 && r.TimeMS >= q.ToMS {
			continue
		}
		if err := fn(r, time.UnixMilli(r.TimeMS)); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) QualityHours(_ context.Context, _ string, fromMS, _ int64, fn func(stored.QualityHour) error) error {
	if m.down {
		return stored.ErrUnavailable
	}
	for _, p := range m.fake.Points("quality") {
		ns, _ := strconv.ParseInt(p.Time, 10, 64)
		h := stored.QualityHour{Tracker: p.Tag("tracker"), StartMS: ns / 1e6, Flags: map[string]int64{}}
		h.Flags["drift"], _ = strconv.ParseInt(p.Field("flag_drift"), 10, 64)
		if h.StartMS >= fromMS {
			if err := fn(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// hours tells what InfluxDB has: "tracker hour: readings minutes/expected flags".
func (m *memory) hours() []string {
	var got []string
	for _, p := range m.fake.Points("quality") {
		ns, _ := strconv.ParseInt(p.Time, 10, 64)
		text := fmt.Sprintf("%s %02d: %s %s/%s", p.Tag("tracker"), (ns/1e6-start)/quality.HourMS, p.Field("readings"), p.Field("minutes"), p.Field("expected"))
		for r := range quality.Reasons {
			if n := p.Field("flag_" + r.String()); n != "0" && n != "" {
				text += " " + r.String() + "=" + n
			}
		}
		got = append(got, text)
	}
	slices.Sort(got)
	return got
}

// message is stored, as InfluxDB and the watcher get it.
func (m *memory) message(tracker string, ms int64, values map[string]float64) journal.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.all, func(r stored.Reading) bool { return r.Tracker == tracker && r.TimeMS == ms }) {
		m.all = append(m.all, stored.Reading{Log: "log", Tracker: tracker, TimeMS: ms, Values: values})
	}
	return journal.Message{Shipment: "S", Tracker: tracker, Readings: journal.EncodeReadings([]telemetry.Reading{{TimeMS: ms, Values: values}}, ms)}
}

func newWatcher(m *memory, cfg Config) *Watcher {
	cfg.Database, cfg.Log = m, slog.New(slog.DiscardHandler)
	cfg.Now = func() time.Time { return time.UnixMilli(start + 3*quality.HourMS) }
	return New(cfg)
}

// tick does what Run does from time to time.
func (w *Watcher) tick() {
	ctx := context.Background()
	w.work(ctx)
	w.rescore(ctx)
	w.write(ctx)
	w.evict()
}

func temperature(v float64) map[string]float64 { return map[string]float64{"temperature": v} }

// trip is readings a minute apart, with a spike at 70 minutes.
func (m *memory) trip(from, to int) (messages []journal.Message) {
	for i := from; i < to; i++ {
		v := 5 + float64(i%5)/20
		if i == 70 {
			v = 60
		}
		messages = append(messages, m.message("T", start+int64(i)*minute, temperature(v)))
	}
	return messages
}

var wholeTrip = []string{"T 00: 60 60/60", "T 01: 60 60/60 jump=1 outlier=1", "T 02: 30 30/30"}

func checkHours(t *testing.T, m *memory, want []string) {
	t.Helper()
	if got := m.hours(); !slices.Equal(got, want) {
		t.Errorf("hours %q, want %q", got, want)
	}
}

func TestHoursAreCounted(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{})
	w.Observe(m.trip(0, 150))
	w.tick()
	checkHours(t, m, wholeTrip)
	if c := w.Counts(); c["jump"] != 1 || c["outlier"] != 1 {
		t.Errorf("counts %v", c)
	}
	flags := m.fake.Points("anomaly")
	if len(flags) != 2 {
		t.Fatalf("got flags %v, want two", flags)
	}
	for _, p := range flags {
		if p.Tag("tracker") != "T" || p.Tag("metric") != "temperature" || p.Field("value") != "60" || p.Field("shipment") != "S" || p.Time != fmt.Sprint((start+70*minute)*1e6) {
			t.Errorf("got %+v, want 60 °C of T on S at minute 70", p)
		}
	}
	// The same once more, as after a crash between storing and forgetting.
	w.Observe(m.trip(0, 150))
	w.tick()
	checkHours(t, m, wholeTrip)
}

func TestARestartForgetsNothing(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{})
	w.Observe(m.trip(0, 100))
	w.tick()
	m.trip(100, 110) // stored, but scored by nobody: a crash
	w = newWatcher(m, Config{})
	w.Observe(m.trip(110, 150))
	w.tick()
	checkHours(t, m, wholeTrip)
}

func TestAnHourIsNotOverwrittenWhileItWaits(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{})
	w.Observe(m.trip(0, 100))
	w.tick()
	before := m.hours()
	w = newWatcher(m, Config{})
	w.Observe(m.trip(100, 101))
	w.work(context.Background()) // lists the hours
	m.down = true
	w.tick()
	checkHours(t, m, before)
	m.down = false
	w.tick()
	checkHours(t, m, []string{"T 00: 60 60/60", "T 01: 41 41/41 jump=1 outlier=1"})
}

func TestLateReadingsAreScored(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{})
	all := m.trip(0, 150)
	m.all = nil
	w.Observe(append(m.trip(0, 20), m.trip(75, 150)...))
	w.tick()
	// A message from the middle comes alone, then the rest at once and backwards.
	w.Observe(m.trip(50, 51))
	w.tick()
	rest := append(m.trip(20, 50), m.trip(51, 75)...)
	slices.Reverse(rest)
	w.Observe(rest)
	w.tick()
	checkHours(t, m, wholeTrip)
	if len(all) != len(m.all) {
		t.Fatal("the test lost readings")
	}
}

func TestWhatDoesNotFitIsScoredLater(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{MaxQueue: 90})
	w.Observe(m.trip(0, 75))
	w.work(context.Background())
	w.Observe(m.trip(75, 150)[:30])
	for _, st := range m.trip(105, 150) {
		w.mu.Lock()
		full := len(w.queue)
		w.mu.Unlock()
		if full < 60 {
			w.Observe([]journal.Message{st})
		}
	}
	w.Observe(m.trip(120, 150)) // some of them are too many
	w.tick()
	w.Observe(m.trip(149, 150))
	w.tick()
	if w.Missed() != 0 && !slices.Equal(m.hours(), wholeTrip) {
		t.Errorf("%q with %d missed", m.hours(), w.Missed())
	}
	checkHours(t, m, wholeTrip)
}

// A reading from the future must not make all that follow late for ever.
func TestAWrongClockIsLeftBehind(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{})
	w.Observe(m.trip(0, 100))
	w.Observe([]journal.Message{m.message("T", start+400*24*quality.HourMS, temperature(5))})
	w.Observe(m.trip(100, 150))
	w.tick()
	got := slices.DeleteFunc(m.hours(), func(h string) bool {
		return !slices.Contains([]string{"T 00", "T 01", "T 02"}, h[:4]) || strings.Contains(h, ": 0 ")
	})
	if !slices.Equal(got, wholeTrip) {
		t.Errorf("%q", got)
	}
}

func TestForgottenTrackersAreScoredAgain(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{MaxTrackers: 10})
	trip := m.trip(0, 150)
	for i, st := range trip {
		w.Observe([]journal.Message{st})
		if i%50 == 0 {
			for n := range 30 {
				w.Observe([]journal.Message{m.message(fmt.Sprint("other-", i, "-", n), start+int64(i)*minute, temperature(5))})
			}
			w.tick()
		}
	}
	w.tick()
	got := slices.DeleteFunc(m.hours(), func(h string) bool { return h[0] != 'T' })
	if !slices.Equal(got, wholeTrip) {
		t.Errorf("%q", got)
	}
	if len(w.trackers) > 10 {
		t.Errorf("%d trackers are kept", len(w.trackers))
	}
}

// Whatever the order, batching and repetition: the hours are those of the readings in order.
func TestArrivalHasNoPartInTheCounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, shuffled := newMemory(t), newMemory(t)
		var ms []int64
		at := start
		values := map[int64]float64{}
		for range rapid.IntRange(1, 60).Draw(rt, "n") {
			at += rapid.Int64Range(1, 6*minute).Draw(rt, "wait")
			ms, values[at] = append(ms, at), float64(rapid.IntRange(0, 200).Draw(rt, "v"))/10
		}
		w := newWatcher(in, Config{})
		for _, at := range ms {
			w.Observe([]journal.Message{in.message("T", at, temperature(values[at]))})
		}
		w.tick()
		w = newWatcher(shuffled, Config{MaxQueue: rapid.IntRange(5, 100).Draw(rt, "queue")})
		for _, at := range append(rapid.Permutation(ms).Draw(rt, "order"), ms[len(ms)-1]) {
			w.Observe([]journal.Message{shuffled.message("T", at, temperature(values[at]))})
			if rapid.IntRange(0, 5).Draw(rt, "tick") == 0 {
				w.tick()
			}
		}
		for range 3 {
			w.tick()
		}
		if got, want := shuffled.hours(), in.hours(); !slices.Equal(got, want) {
			rt.Fatalf("%q, want %q; missed %d", got, want, w.Missed())
		}
	})
}

func TestRunWritesAndEnds(t *testing.T) {
	m := newMemory(t)
	w := newWatcher(m, Config{Every: 10 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	w.Observe(m.trip(0, 150))
	testkit.WaitFor(t, 30*time.Second, "the hours are written", func() bool { return slices.Equal(m.hours(), wholeTrip) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
