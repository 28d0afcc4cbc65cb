package evidence

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// clocks counts a tracker's messages with a time that no clock that is right can have shown: before 2015, or later than the receipt. The
// receipt is ingest's word, which the anchors bound; whatever it is, the message is the tracker's, so that is no forgery.
type clocks struct{ behind, ahead clockOff }

type clockOff struct {
	messages int
	mostMS   int64 // against the receipt
}

// take looks at the times of one message.
func (c *clocks) take(timeMS int64, readings []telemetry.Reading, receivedMS int64) {
	var behind, ahead int64
	note := func(ms int64) {
		switch telemetry.Undated(ms, receivedMS) {
		case telemetry.ClockBehind:
			behind = max(behind, receivedMS-ms)
		case telemetry.ClockAhead:
			ahead = max(ahead, ms-receivedMS)
		}
	}
	note(timeMS)
	for i := range readings {
		note(readings[i].TimeMS)
	}
	c.behind.add(behind)
	c.ahead.add(ahead)
}

func (o *clockOff) add(ms int64) {
	if ms > 0 {
		o.messages, o.mostMS = o.messages+1, max(o.mostMS, ms)
	}
}

// undated tells of the trackers whose clocks were wrong.
func (v *verifier) undated() {
	for _, id := range sorted(v.trackers) {
		c := &v.trackers[id].clocks
		for _, side := range []struct {
			where string
			off   clockOff
		}{{"behind", c.behind}, {"ahead of", c.ahead}} {
			if side.off.messages > 0 {
				v.book.warn(Undated, "tracker "+id, fmt.Sprintf("times from 2015 to %d s after the receipt", telemetry.ClockTolerance/1000),
					"%s with a clock that was up to %s %s the receipt: kept, and not judged by their time", detect.Plural(side.off.messages, "message"), detect.Span(side.off.mostMS), side.where)
			}
		}
	}
}
