package alarms

import (
	"fmt"

	"github.com/trackseal/trackseal/api/internal/pulse"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/stored"
)

// Percent of a battery at which its alarm begins, and at which it ends: one that hovers at the limit is one alarm.
const (
	batteryLow   = 20
	batteryAgain = 25
)

// find is what is wrong now. Of a tracker that is another's, only what it said since it is on our shipment counts.
func (w *Watch) find(nowMS int64, battery map[string]stored.Reading) map[key]shapes.Alarm {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[key]shapes.Alarm{}
	add := func(kind, shipment, tracker string, since int64, detail string) {
		found[key{kind, shipment, tracker}] = shapes.Alarm{Kind: kind, Shipment: rest.OrNull(shipment), Tracker: rest.OrNull(tracker), Since: rest.Instant(since), Detail: detail}
	}
	on := map[string]string{} // tracker to shipment
	care := func(shipment, tracker string, fromMS int64) {
		if r, ok := battery[tracker]; ok && r.TimeMS >= fromMS {
			_, lasts := w.now[key{shapes.BatteryLow, shipment, tracker}]
			if v := r.Values["battery"]; v < batteryLow || lasts && v < batteryAgain {
				add(shapes.BatteryLow, shipment, tracker, nowMS, fmt.Sprintf("battery at %.0f %%", v))
			}
		}
		p := w.pulses[tracker]
		if p == nil {
			return
		}
		if last, ok := p.Last(); !ok || last.ReceivedMS < fromMS {
			return
		}
		if c, ok := p.Clock(); ok && c.Off() {
			add(shapes.ClockOff, shipment, tracker, nowMS, clockText(c))
		}
	}
	for id, s := range w.live {
		assigned, silent, since := 0, 0, int64(0)
		for _, a := range s.Assignments {
			if a.ToMS != 0 {
				continue
			}
			assigned++
			on[a.Tracker] = id
			if quiet, last, why := w.silent(a.Tracker, a.FromMS, nowMS); quiet {
				silent, since = silent+1, max(since, last)
				add(shapes.TrackerSilent, id, a.Tracker, last, why)
			}
			from := a.FromMS
			if w.own[a.Tracker] {
				from = 0
			}
			care(id, a.Tracker, from)
		}
		if assigned > 0 && silent == assigned {
			detail := fmt.Sprintf("all %d trackers are silent", assigned)
			if assigned == 1 {
				detail = "its only tracker is silent"
			}
			add(shapes.ShipmentSilent, id, "", since, detail)
		}
	}
	for tracker := range w.own {
		if on[tracker] == "" {
			care("", tracker, 0)
		}
	}
	return found
}

// silent tells whether a tracker that is to be heard since fromMS is silent, since when, and why that is said.
func (w *Watch) silent(tracker string, fromMS, nowMS int64) (silent bool, sinceMS int64, why string) {
	p := w.pulses[tracker]
	if p == nil {
		p = new(pulse.Pulse)
	}
	due, promised, quiet := p.Due(fromMS)
	last, heard := p.Last()
	sinceMS = max(last.ReceivedMS, fromMS)
	switch {
	case nowMS < quiet:
		return false, 0, ""
	case !heard || last.ReceivedMS < fromMS:
		why = "nothing heard since it was assigned"
	case promised:
		why = "nothing heard; it promised to speak by " + rest.Instant(due).String()
	case due > 0:
		why = "nothing heard; it usually speaks every " + span(p.UsualMS())
	default:
		why = "nothing heard"
	}
	return true, sinceMS, why
}

func clockText(c pulse.Clock) string {
	switch {
	case c.Unset:
		return "its clock was never set"
	case c.OffsetMS > 0:
		return "its clock is " + span(c.OffsetMS) + " ahead"
	}
	return "its clock is " + span(-c.OffsetMS) + " behind"
}

// span is a time in words that people say.
func span(ms int64) string {
	units := []struct {
		ms        int64
		one, many string
	}{{86_400_000, "day", "days"}, {3_600_000, "hour", "hours"}, {60_000, "minute", "minutes"}, {1000, "second", "seconds"}}
	for _, u := range units {
		if n := (ms + u.ms/2) / u.ms; n >= 2 || u.ms == 1000 {
			if n == 1 {
				return "1 " + u.one
			}
			return fmt.Sprintf("%d %s", n, u.many)
		}
	}
	return ""
}
