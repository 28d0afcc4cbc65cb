package journey

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Wide takes each tracker's windows for one, from the first one's beginning to the end of the journey. Readings in the shipment's log that lie
// outside of all windows are not seen by the rules, so whoever set the windows could have meant to leave them out: the wide journey
// shows what they would change.
func Wide(j detect.Journey) detect.Journey {
	j.Trackers = slices.Clone(j.Trackers)
	for i := range j.Trackers {
		t := &j.Trackers[i]
		t.Windows = []detect.Window{{FromMS: t.Windows[0].FromMS}}
	}
	return j
}

// Judges reports whether a tracker's reading of that time lies in one of its windows.
func Judges(j detect.Journey, tracker string, ms int64) bool {
	return slices.ContainsFunc(j.Trackers, func(t detect.Tracker) bool {
		return t.ID == tracker && slices.ContainsFunc(t.Windows, func(w detect.Window) bool { return ms >= w.FromMS && (w.ToMS == 0 || ms < w.ToMS) })
	})
}
