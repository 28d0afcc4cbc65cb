package compliance

import "github.com/trackseal/trackseal/internal/compliance/detect"

// held is what a tracker measured last, by metric, within its current window: a rule that begins to apply between two
// readings judges the value that holds then.
type held struct {
	window  int64 // start of the window
	heard   bool  // any reading in the window
	lastMS  int64
	has     [detect.Metrics]bool
	ms      [detect.Metrics]int64
	value   [detect.Metrics]detect.Decimal
	message [detect.Metrics][32]byte
	lost    [detect.Metrics]bool // a later reading gave no measurement
}

// enter begins a window: what was measured in an earlier one does not hold.
func (h *held) enter(ms int64) { *h = held{window: ms} }

func (h *held) take(p *detect.Point) {
	h.heard, h.lastMS = true, p.MS
	for m := range detect.Metrics {
		if v, ok := p.Get(m); ok {
			h.has[m], h.ms[m], h.value[m], h.message[m], h.lost[m] = true, p.MS, v, p.Message, false
		} else if p.Lost(m) {
			h.has[m], h.lost[m] = false, true
		}
	}
}

// since is when the tracker was last heard, or its window began.
func (h *held) since() int64 {
	if h.heard {
		return h.lastMS
	}
	return h.window
}

// knownUntil is how long what was heard before says something about a need, gap after the last reading; without any, the
// tracker has the same time to begin.
func (h *held) knownUntil(n detect.Need, gap int64) int64 {
	if n.Event {
		return h.since() + gap
	}
	at, any := h.window, false
	for _, m := range n.Metrics {
		if h.lost[m] && !any {
			return h.window
		}
		if h.has[m] && (!any || h.ms[m] > at) {
			at, any = h.ms[m], true
		}
	}
	return at + gap
}

// point is a reading at ms made of the values that still hold; ok is false when none of the needed metrics does. until is when
// the first of those ends.
func (h *held) point(n detect.Need, ms, gap int64) (p detect.Point, until int64, ok bool) {
	values := map[string]float64{}
	for m := range detect.Metrics {
		if h.has[m] && holds(m) && h.ms[m] < ms && h.ms[m]+gap > ms {
			values[m.String()] = h.value[m].Float() // comes back exactly
		}
	}
	until = forever
	var message [32]byte
	for _, m := range n.Metrics {
		if _, there := values[m.String()]; there && h.ms[m]+gap < until {
			until, message, ok = h.ms[m]+gap, h.message[m], true
		}
	}
	return detect.NewPoint(ms, message, values), until, ok
}
