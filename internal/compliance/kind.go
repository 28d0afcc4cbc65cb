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

var kindNames = []string{"limit", "mkt", "budget", "shock", "drop", "vibration", "opening", "geofence", "corridor", "stop", "silence", "recorder", "all", "any"}

// kindsOf lists the kinds that a rule names, nested rules apart. A valid rule has one, or nested rules.
func kindsOf(r *Rule) []kind {
	var out []kind
	add := func(name string, c config, event bool, metrics ...detect.Metric) {
		out = append(out, kind{name, c, need{metrics, event}, name})
	}
	if c := r.Limit; c != nil {
		m, _ := detect.MetricOf(c.Metric)
		out = append(out, kind{"limit", c, need{[]detect.Metric{m}, isEvent(m)}, c.Metric})
	}
	if c := r.MKT; c != nil {
		out = append(out, kind{"mkt", c, need{metrics: []detect.Metric{detect.Temperature}}, c.Metric})
	}
	if c := r.Budget; c != nil {
		m, _ := detect.MetricOf(c.Metric)
		named := *c
		named.Rule = r.ID
		out = append(out, kind{"budget", &named, need{metrics: []detect.Metric{m}}, c.Metric})
	}
	if c := r.Shock; c != nil {
		add("shock", c, true, detect.Shock)
	}
	if c := r.Drop; c != nil {
		if c.Restitution == "" {
			add("drop", c, false, detect.Acceleration)
		} else {
			add("drop", c, true, detect.Acceleration, detect.Shock)
		}
	}
	if c := r.Vibration; c != nil {
		add("vibration", c, false, detect.Vibration, detect.Acceleration)
	}
	if c := r.Opening; c != nil {
		var metrics []detect.Metric
		if c.LightAbove != "" {
			metrics = append(metrics, detect.Light)
		}
		if c.Door {
			metrics = append(metrics, detect.Door)
		}
		add("opening", c, false, metrics...)
	}
	if c := r.Geofence; c != nil {
		add("geofence", c, false, detect.Latitude)
	}
	if c := r.Corridor; c != nil {
		add("corridor", c, false, detect.Latitude)
	}
	if c := r.Stop; c != nil {
		add("stop", c, false, detect.Latitude)
	}
	if c := r.Silence; c != nil {
		add("silence", c, false)
	}
	if c := r.Recorder; c != nil {
		add("recorder", c, false)
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
