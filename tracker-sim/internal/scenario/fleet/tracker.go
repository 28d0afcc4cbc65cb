package fleet

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// tracker is one device of the fleet. It belongs to a slot and travels with that slot's shipments, one after the other.
type tracker struct {
	id     string
	n      int // within the slot
	plain  bool
	home   *device.Home
	dev    *device.Device
	clock  clock
	sensor sensor
}

// clock is a tracker's own: a little wrong from the start and drifting.
type clock struct {
	base   time.Time
	offset time.Duration
	ppm    float64
}

func newClock(seed uint64, id string, now time.Time) clock {
	rng := stream(seed, "clock/"+id, 0)
	return clock{base: now, offset: time.Duration(rng.NormFloat64() * float64(600*time.Millisecond)), ppm: 40 * rng.NormFloat64()}
}

func (c clock) at(t time.Time) time.Time {
	drift := time.Duration(float64(t.Sub(c.base)) * c.ppm / 1e6)
	return t.Add(c.offset + drift)
}

// ride steps through a trip at its pace and records what it measures, until the trip's time reaches until. onMessage is
// told how far it is.
func (t *tracker) ride(ctx context.Context, trip *Trip, pace Pace, until time.Duration, onMessage func(time.Duration)) error {
	began, from := time.Now(), trip.At()
	var batch []telemetry.Reading
	linked := true
	for trip.At() < until {
		m := trip.Next()
		due := began.Add(pace.Real(m.At - from))
		if !service.Pause(ctx, time.Until(due)) {
			return nil // the next start goes on from the last message's place
		}
		if m.Radio != linked {
			linked = m.Radio
			t.dev.Radio(linked)
		}
		t.sensor.spoil(m.Values)
		batch = append(batch, telemetry.Reading{TimeMS: t.clock.at(due).UnixMilli(), Values: m.Values})
		if len(batch) < pace.PerMessage && trip.At() < until {
			continue
		}
		if err := t.dev.Record(batch); err != nil {
			return err
		}
		batch = nil
		onMessage(trip.At())
	}
	t.dev.Radio(true)
	return nil
}
