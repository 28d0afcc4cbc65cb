package summary

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// database answers one window of an hour for each hour that is asked, and keeps what is summed up.
type database struct {
	asked   []string
	summed  []int64 // hours
	failing bool
}

func (d *database) Windows(_ context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error {
	d.asked = append(d.asked, fmt.Sprintf("%s %d-%d", q.Logs[0][:2], q.FromMS/hourMS-hour0, q.ToMS/hourMS-hour0))
	if d.failing {
		return stored.ErrUnavailable
	}
	for at := q.FromMS; at < q.ToMS; at += every.Milliseconds() {
		if err := fn(stored.Window{Tracker: "T-1", FromMS: at, Readings: 1}); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) NewBatch() stored.Batch { return &batch{d: d} }

type batch struct {
	stored.Batch
	d     *database
	hours []int64
}

func (b *batch) Summary(_ string, w *stored.Window) { b.hours = append(b.hours, w.FromMS/hourMS-hour0) }
func (b *batch) Points() int                        { return len(b.hours) }
func (b *batch) Reset()                             { b.hours = nil }
func (b *batch) Write(context.Context) error {
	b.d.summed = append(b.d.summed, b.hours...)
	return nil
}

// hour0 is the beginning of a day in 2015: earlier ones are undated.
const hour0 = 400_008

func message(log byte, ms int64) journal.Message {
	ms += hour0 * hourMS
	return journal.Message{Log: [32]byte{log}, Shipment: "S", Tracker: "T-1", Readings: journal.EncodeReadings([]telemetry.Reading{{TimeMS: ms, Values: map[string]float64{"temperature": 5}}}, ms)}
}

// Ensure that an hour is summed up once it is over and quiet, with its neighbours at once, again when something comes late, and
// later when the store is away.
func TestHoursAreSummedUpWhenTheyAreOver(t *testing.T) {
	now := time.UnixMilli((hour0+100)*hourMS + 30*60_000)
	d := &database{}
	w := New(Config{Database: d, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	step := func(what string, after time.Duration, wantAsked []string, wantSummed []int64, messages ...journal.Message) {
		t.Helper()
		w.Observe(messages)
		now = now.Add(after)
		d.asked, d.summed = nil, nil
		if err := w.work(t.Context()); (err != nil) != d.failing {
			t.Fatalf("%s: err %v", what, err)
		}
		if !slices.Equal(d.asked, wantAsked) || !slices.Equal(d.summed, wantSummed) {
			t.Errorf("%s: asked %v, summed up %v, want %v and %v", what, d.asked, d.summed, wantAsked, wantSummed)
		}
	}
	step("not over", 10*time.Minute, []string{"01 97-100"}, []int64{97, 98, 99}, message(1, 100*hourMS+5))
	step("just over", 20*time.Minute+time.Second, nil, nil)
	step("over and quiet", 2*time.Minute, []string{"01 100-101"}, []int64{100})
	step("nothing new", time.Hour, nil, nil)
	step("late", time.Minute, nil, nil, message(1, 50*hourMS), message(1, 52*hourMS))
	step("late and quiet", 2*time.Minute, []string{"01 50-51", "01 52-53"}, []int64{50, 52})
	d.failing = true
	step("store away", time.Hour, []string{"01 60-61"}, nil, message(1, 60*hourMS))
	d.failing = false
	step("store back", time.Minute, []string{"01 60-61"}, []int64{60})
	step("two logs", time.Hour, []string{"01 70-71", "02 67-71"}, []int64{70, 67, 68, 69, 70}, message(1, 70*hourMS), message(2, 70*hourMS))
}

// Ensure that what waits is bounded.
func TestHoursThatWaitAreBounded(t *testing.T) {
	w := New(Config{Database: &database{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	for i := range int64(maxHours + 10) {
		w.Observe([]journal.Message{message(1, i*hourMS)})
	}
	if n := len(w.hours); n != maxHours {
		t.Errorf("%d hours wait, want %d", n, maxHours)
	}
}
