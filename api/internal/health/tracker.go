package health

import (
	"context"
	"math"
	"time"

	"github.com/trackseal/trackseal/api/internal/pulse"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/stored"
)

// TrackerHealth is how a tracker is.
type TrackerHealth struct {
	Tracker        string                  `json:"tracker"`
	LastSeen       rest.Null[rest.Instant] `json:"last_seen" doc:"When its newest message was received"`
	LastMeasured   rest.Null[rest.Instant] `json:"last_measured" doc:"The time that this message gives"`
	NextDue        rest.Null[rest.Instant] `json:"next_due" doc:"When the next message is to be expected; null when nobody knows"`
	DueBy          string                  `json:"due_by" enum:"promise,usual,unknown" doc:"Whether its signed message promised it, or it follows from its usual interval"`
	UsualIntervalS rest.Null[float64]      `json:"usual_interval_s" doc:"Median between its newest deliveries, in seconds"`
	SilentSince    rest.Null[rest.Instant] `json:"silent_since" doc:"Of a tracker that is silent: when it was heard last, or assigned; else null"`
	Battery        rest.Null[Battery]      `json:"battery"`
	Voltage        rest.Null[Measured]     `json:"voltage" doc:"Of the battery, in volts"`
	Signal         rest.Null[Signal]       `json:"signal" doc:"Of the last 24 hours"`
	Clock          rest.Null[ClockState]   `json:"clock"`
	Refused        rest.Null[Refused]      `json:"refused" doc:"Within 24 hours, by the newest 200 entries of each instance; null when nothing was"`
	Unknown        []string                `json:"unknown,omitempty" doc:"Members that could not be asked for just now and say nothing" example:"refused"`
}

// Measured is a value and its time.
type Measured struct {
	Value float64      `json:"value"`
	Time  rest.Instant `json:"time"`
}

// Battery of a tracker.
type Battery struct {
	Percent  float64            `json:"percent"`
	Time     rest.Instant       `json:"time"`
	PerDay   rest.Null[float64] `json:"per_day" doc:"By how many percent it changes a day, by the means of up to 30 days since it was last charged; null with fewer than three"`
	DaysLeft rest.Null[float64] `json:"days_left" doc:"Until it is empty, at that rate; null while it does not fall"`
}

// Signal that the tracker, or who received it, measured.
type Signal struct {
	RSSI   float64      `json:"rssi" doc:"dBm"`
	Time   rest.Instant `json:"time"`
	Median float64      `json:"median" doc:"Of 24 hours"`
}

// ClockState is how far a clock is off.
type ClockState struct {
	OffsetMS int64              `json:"offset_ms" doc:"The tracker's time less that of the receipt, of the message that came fastest within 6 hours; the way here is in it. Without a signature a negative one may be the age of a first reading"`
	Unset    bool               `json:"unset" doc:"true: it shows a time before 2015"`
	PerDayMS rest.Null[float64] `json:"drift_ms_per_day" doc:"By how much it runs ahead, by the fastest messages of each 6 hours of 7 days; null without a day of them"`
	Off      bool               `json:"off" doc:"true: by more than 2 minutes"`
}

// Refused messages of a tracker.
type Refused struct {
	Count  uint64       `json:"count"`
	Reason string       `json:"reason" doc:"Of the newest" example:"malformed"`
	Detail string       `json:"detail"`
	Time   rest.Instant `json:"time"`
}

const (
	day        = 24 * time.Hour
	clockDays  = 7
	mostBeats  = 10_000 // that drift is computed from
	batteryFor = 30 * day
	mostSignal = 2_000 // readings of a day
)

// of asks the store about a tracker in some logs, from fromMS on.
func (s *Resource) of(ctx context.Context, tracker string, logs []string, fromMS int64) (TrackerHealth, error) {
	now := s.Now()
	nowMS := now.UnixMilli()
	h := TrackerHealth{Tracker: tracker, DueBy: "unknown"}
	var p pulse.Pulse
	seen := func(each int, raw bool, fromMS int64, fn func(stored.Seen)) error {
		return s.Telemetry.Seen(ctx, stored.SeenQuery{Tracker: tracker, Logs: logs, FromMS: fromMS, Each: each, Raw: raw}, func(m stored.Seen) error { fn(m); return nil })
	}
	beat := func(m stored.Seen) pulse.Beat {
		return pulse.Beat{TimeMS: m.TimeMS, ReceivedMS: m.ReceivedMS, Signed: m.Trust == stored.Signed, Leaf: m.Leaf}
	}
	err := seen(1, true, fromMS, func(m stored.Seen) {
		p.Add(beat(m))
		if m.Trust == stored.Signed {
			p.Promise(m.Raw, m.ReceivedMS)
		}
	})
	if err != nil {
		return h, err
	}
	var beats []pulse.Beat
	if err := seen(mostBeats, false, max(fromMS, now.Add(-clockDays*day).UnixMilli()), func(m stored.Seen) {
		beats = append(beats, beat(m))
		if len(beats) <= pulse.Keep {
			p.Add(beat(m))
		}
	}); err != nil {
		return h, err
	}
	s.showPulse(&h, &p, fromMS, nowMS)
	if c, ok := p.Clock(); ok {
		state := ClockState{OffsetMS: c.OffsetMS, Unset: c.Unset, Off: c.Off()}
		if drift, ok := pulse.Drift(beats); ok && !c.Unset {
			state.PerDayMS = rest.Some(math.Round(drift))
		}
		h.Clock = rest.Some(state)
	}
	if len(logs) == 0 {
		return h, nil
	}
	if err := s.battery(ctx, &h, tracker, logs, fromMS, now); err != nil {
		return h, err
	}
	return h, s.signal(ctx, &h, tracker, logs, fromMS, now)
}

func (s *Resource) showPulse(h *TrackerHealth, p *pulse.Pulse, fromMS, nowMS int64) {
	last, heard := p.Last()
	if heard {
		h.LastSeen, h.LastMeasured = rest.Some(rest.Instant(last.ReceivedMS)), rest.Some(rest.Instant(last.TimeMS))
	}
	if usual := p.UsualMS(); usual > 0 {
		h.UsualIntervalS = rest.Some(float64(usual) / 1000)
	}
	due, promised, quiet := p.Due(fromMS)
	h.NextDue = rest.InstantOrNull(due)
	switch {
	case promised:
		h.DueBy = "promise"
	case due > 0:
		h.DueBy = "usual"
	}
	if since := max(last.ReceivedMS, fromMS); nowMS >= quiet && since > 0 {
		h.SilentSince = rest.Some(rest.Instant(since))
	}
}

func (s *Resource) battery(ctx context.Context, h *TrackerHealth, tracker string, logs []string, fromMS int64, now time.Time) error {
	var days []pulse.Point
	q := stored.ReadingsQuery{Logs: logs, Tracker: tracker, FromMS: max(fromMS, now.Add(-batteryFor).UnixMilli()), ToMS: now.Add(time.Hour).UnixMilli(), Fields: []string{"battery", "voltage"}}
	var volts, percent *stored.Window
	err := s.Telemetry.Windows(ctx, q, day, func(w stored.Window) error {
		if w.Count["battery"] > 0 {
			days = append(days, pulse.Point{MS: w.FromMS/2 + w.ToMS/2, V: w.Mean["battery"]})
			percent = &w
		}
		if w.Count["voltage"] > 0 {
			volts = &w
		}
		return nil
	})
	if err != nil {
		return err
	}
	if percent != nil {
		m, err := s.newest(ctx, q, "battery", *percent)
		if err != nil {
			return err
		}
		b := Battery{Percent: m.Value, Time: m.Time}
		if slope, ok := pulse.Slope(pulse.Recharged(days)); ok {
			b.PerDay = rest.Some(math.Round(slope*1000) / 1000)
			if left, ok := pulse.DaysLeft(b.Percent, slope); ok {
				b.DaysLeft = rest.Some(math.Round(left*10) / 10)
			}
		}
		h.Battery = rest.Some(b)
	}
	if volts != nil {
		m, err := s.newest(ctx, q, "voltage", *volts)
		if err != nil {
			return err
		}
		h.Voltage = rest.Some(m)
	}
	return nil
}

// newest value of a quantity in the last window that has one.
func (s *Resource) newest(ctx context.Context, q stored.ReadingsQuery, quantity string, in stored.Window) (m Measured, err error) {
	q.FromMS, q.ToMS, q.Fields = max(q.FromMS, in.FromMS), in.ToMS, []string{quantity}
	err = s.Telemetry.Readings(ctx, q, func(r stored.Reading, _ time.Time) error {
		if v, ok := r.Values[quantity]; ok {
			m = Measured{v, rest.Instant(r.TimeMS)}
		}
		return nil
	})
	return m, err
}

func (s *Resource) signal(ctx context.Context, h *TrackerHealth, tracker string, logs []string, fromMS int64, now time.Time) error {
	var values []float64
	var last Measured
	q := stored.ReadingsQuery{Logs: logs, Tracker: tracker, FromMS: max(fromMS, now.Add(-day).UnixMilli()), ToMS: now.Add(time.Hour).UnixMilli(), Fields: []string{"rssi"}, Limit: mostSignal}
	err := s.Telemetry.Readings(ctx, q, func(r stored.Reading, _ time.Time) error {
		if v, ok := r.Values["rssi"]; ok {
			values, last = append(values, v), Measured{v, rest.Instant(r.TimeMS)}
		}
		return nil
	})
	if err == nil && len(values) > 0 {
		h.Signal = rest.Some(Signal{RSSI: last.Value, Time: last.Time, Median: pulse.Median(values)})
	}
	return err
}
