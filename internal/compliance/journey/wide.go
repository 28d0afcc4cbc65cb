package journey

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Wide takes each tracker's windows for one, from the first one's beginning to the last one's end, and as far behind it as clocks are apart.
// Readings in the shipment's log that lie between windows, or so near to the end, are not seen by the rules, so whoever set the windows
// could have meant to leave them out: the wide journey shows what they would change. What a message holds of other times, before and
// after, is not the shipment's.
func Wide(j detect.Journey, clockMS int64) detect.Journey {
	j.Trackers = slices.Clone(j.Trackers)
	for i := range j.Trackers {
		t := &j.Trackers[i]
		w := detect.Window{FromMS: t.Windows[0].FromMS, ToMS: t.Windows[0].ToMS}
		for _, x := range t.Windows {
			if w.ToMS == 0 || x.ToMS == 0 {
				w.ToMS = 0
				break
			}
			w.ToMS = max(w.ToMS, x.ToMS)
		}
		if w.ToMS != 0 {
			w.ToMS += clockMS
		}
		t.Windows = []detect.Window{w}
	}
	return j
}

// Judges reports whether a tracker's reading of that time lies in one of its windows.
func Judges(j detect.Journey, tracker string, ms int64) bool {
	return slices.ContainsFunc(j.Trackers, func(t detect.Tracker) bool {
		return t.ID == tracker && slices.ContainsFunc(t.Windows, func(w detect.Window) bool { return ms >= w.FromMS && (w.ToMS == 0 || ms < w.ToMS) })
	})
}
