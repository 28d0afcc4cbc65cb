package place

import (
	"fmt"
	"math"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Geofence forbids to enter any of the fences, to leave them once inside, or to be outside all of them.
//
// A fix within a fence enters it. It is left by two fixes in a row that are outside by more than a tenth of the radius and
// more than 20 m (20 m for a polygon), from the first of them on. With dwell_s the goods must have been in the forbidden
// place for that long; time between fixes beyond the rule set's largest gap is unknown and proves nothing.
type Geofence struct {
	Fences []Fence `json:"fences"`
	Forbid string  `json:"forbid"` // enter | exit | outside
	DwellS int     `json:"dwell_s,omitempty"`
	// BridgeS: a straight way through the forbidden place between two fixes that are not further apart counts as having been there. Between
	// others it is unknown.
	BridgeS int `json:"bridge_s,omitempty"`
}

// What a geofence forbids.
const (
	Enter   = "enter"   // to be inside any fence
	Exit    = "exit"    // to be outside all fences after having been inside one
	Outside = "outside" // to be outside all fences
)

// Detector of this rule on one tracker.
func (g Geofence) Detector(_ *detect.Journey, _ string, maxGapMS int64) (detect.Detector, error) {
	var bad detect.Problems
	if len(g.Fences) == 0 {
		bad.Bad("fences: must be one or more")
	}
	fences, err := Compile("fences", g.Fences)
	bad.Add(err)
	bad.Within("dwell_s", g.DwellS, 0, math.MaxInt)
	bad.Within("bridge_s", g.BridgeS, 0, math.MaxInt)
	r := &rule{regions: fences.regions, minMS: int64(g.DwellS) * 1000, bridge: int64(g.BridgeS) * 1000}
	switch where := names(g.Fences); g.Forbid {
	case Enter:
		r.kind, r.event = inside, "entered "+where
	case Exit:
		r.kind, r.event = gone, "left "+where
	case Outside:
		r.kind, r.event = outside, "expected inside "+where+" but was not"
	default:
		bad.Bad("forbid: %q: must be enter, exit or outside", g.Forbid)
	}
	return newPresence(r, maxGapMS), bad.Err()
}

// Need implements detect.Kind.
func (g Geofence) Need() detect.Need { return detect.Need{Metrics: []detect.Metric{detect.Latitude}} }

// Asks implements detect.Kind.
func (g Geofence) Asks() string {
	verb := map[string]string{Enter: "must not enter", Exit: "must not leave", Outside: "must not be outside"}[g.Forbid]
	text := fmt.Sprintf("The goods %s %s", verb, names(g.Fences))
	if g.DwellS > 0 {
		text += " for " + detect.Seconds(g.DwellS) + " or longer"
	}
	return text
}
