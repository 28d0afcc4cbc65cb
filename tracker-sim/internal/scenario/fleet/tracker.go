package fleet

import (
	"context"
	"fmt"
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

// Fault is what a tracker's sensor does wrong, for showing how odd readings are flagged. The first tracker of the first
// shipment has it.
type Fault string

// Faults; the readings go on all the while.
const (
	Stuck    Fault = "stuck"    // the temperature never changes again
	Jump     Fault = "jump"     // it goes up by 12 °C at once, and back, every 40 readings
	Outlier  Fault = "outlier"  // every 25th reading is 20 °C too warm
	Drift    Fault = "drift"    // it creeps up by 0.02 °C a reading, to 8 °C
	Bounds   Fault = "bounds"   // every 30th reading is what a torn cable gives
	Teleport Fault = "teleport" // every 50th position is five degrees south
)

func (f Fault) validate() error {
	switch f {
	case "", Stuck, Jump, Outlier, Drift, Bounds, Teleport:
		return nil
	}
	return fmt.Errorf("--fault %q: must be one of stuck, jump, outlier, drift, bounds, teleport", f)
}

// sensor spoils one tracker's readings.
type sensor struct {
	fault Fault
	n     int
	first float64
}

func (s *sensor) spoil(values map[string]float64) {
	n := s.n
	if s.n++; n == 0 {
		s.first = values["temperature"]
	}
	switch {
	case s.fault == Stuck:
		values["temperature"] = s.first
	case s.fault == Jump && n/40%2 == 1:
		values["temperature"] = round(values["temperature"]+12, 2)
	case s.fault == Outlier && n%25 == 24:
		values["temperature"] = round(values["temperature"]+20, 2)
	case s.fault == Drift:
		values["temperature"] = round(values["temperature"]+min(0.02*float64(n), 8), 2)
	case s.fault == Bounds && n%30 == 29:
		values["temperature"] = -242.02
	case s.fault == Teleport && n%50 == 49:
		values["lat"] = round(values["lat"]-5, 5)
	}
}
