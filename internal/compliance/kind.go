package compliance

import (
	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// config is what a rule says about its kind.
type config interface {
	// Validate names all problems at once, each starting with the member's name.
	Validate() error
	Detector(course *detect.Course, tracker string, maxGapMS int64) (detect.Detector, error)
}

// need is what a kind has to know of a tracker.
type need struct {
	// metrics: one of these must have been measured, else the rule cannot be judged on that tracker. None: any tracker will do.
	metrics []detect.Metric
	// event: the metrics are reported when something happened; their absence from a reading is no gap.
	event bool
}

// kind is one kind of rule with its configuration.
type kind struct {
	name   string
	config config
	need   need
	metric string // what excursions are about
}

var kindNames = []string{"limit", "silence", "recorder", "all", "any"}

// kindsOf lists the kinds that a rule names, nested rules apart. A valid rule has one, or nested rules.
func kindsOf(r *Rule) []kind {
	var out []kind
	if c := r.Limit; c != nil {
		m, _ := detect.MetricOf(c.Metric)
		out = append(out, kind{"limit", c, need{[]detect.Metric{m}, isEvent(m)}, c.Metric})
	}
	if c := r.Silence; c != nil {
		out = append(out, kind{"silence", c, need{}, "silence"})
	}
	if c := r.Recorder; c != nil {
		out = append(out, kind{"recorder", c, need{}, "recorder"})
	}
	return out
}

// isEvent tells the metrics that a tracker reports for a moment only.
func isEvent(m detect.Metric) bool { return m == detect.Shock || m == detect.ShockMS }

// holds tells the metrics whose value goes on after the reading, so that it counts when a stage begins in between.
func holds(m detect.Metric) bool {
	switch m {
	case detect.Temperature, detect.Humidity, detect.Tilt, detect.Light, detect.Door, detect.Latitude, detect.Longitude, detect.Speed, detect.Battery:
		return true
	}
	return false
}
