package quality

import (
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// NewReading is a reading of a tracker with these sensors: what is no measurement is a fault of the sensor, and no other check looks at it.
func NewReading(ms int64, values map[string]float64, sensors *telemetry.Sensors) Reading {
	r := Reading{MS: ms, Values: make([]Value, 0, len(values))}
	p := detect.NewPoint(ms, [32]byte{}, values).Observed(sensors)
	for m := range detect.Acceleration {
		if v, ok := p.Get(m); ok {
			r.Values = append(r.Values, Value{m, v})
		}
	}
	r.Faults = p.Faults()
	return r
}

// checkFaults flags each fault, and a door that is neither closed nor open.
func checkFaults(r *Reading, flag func(Flag)) {
	for _, f := range r.Faults {
		flag(Flag{r.MS, SensorFault, f.Metric, f.Value, f.Value})
	}
	if v, ok := r.get(detect.Door); ok && v != 0 && v != one {
		flag(Flag{r.MS, SensorFault, detect.Door, v, one})
	}
}
