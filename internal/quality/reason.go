// Package quality tells readings that look wrong from readings that look right: data quality, not compliance. A flag names
// what is odd about a reading and never drops or changes it. Pure and in integers: the same readings in the same order give
// the same flags everywhere. The checks and their numbers are in docs/formats.md.
//
// Sources: the quality-of-data scheme of WeatherXM (bounds, jump against the rolling median, constancy, availability), the
// Hampel identifier, and a CUSUM over an EWMA for drift.
package quality

import "github.com/trackseal/trackseal/internal/compliance/detect"

// Reason is why a reading was flagged.
type Reason uint8

// The reasons, in the order in which they are listed.
const (
	SensorFault  Reason = iota // no measurement: an error value, outside of the sensor's range, no fix
	Jump                       // changed faster than the quantity can
	Constancy                  // exactly the same for hours although other things changed
	Outlier                    // far from its neighbours in time, which agree (Hampel)
	Drift                      // moves away from the other trackers of the shipment
	Teleport                   // a position that nothing can have reached since the last
	Availability               // an hour with less than two thirds of the readings that were to be expected
	Reasons                    // how many there are
)

var reasonNames = [Reasons]string{"sensor_fault", "jump", "constancy", "outlier", "drift", "teleport", "availability"}

// String is the name that InfluxDB, metrics and the API use.
func (r Reason) String() string { return reasonNames[r] }

// Flag is one odd reading. Availability is about an hour, whose start is MS, and has no metric.
type Flag struct {
	MS     int64
	Reason Reason
	Metric detect.Metric
	Value  detect.Decimal
	// Against is what Value was compared with: the bound, the neighbour, the median, the other trackers.
	Against detect.Decimal
}

// Value is one quantity of a reading.
type Value struct {
	Metric detect.Metric
	Value  detect.Decimal
}

// Reading is what a tracker measured at one time.
type Reading struct {
	MS     int64
	Values []Value        // that were measured
	Faults []detect.Fault // that are no measurements
}

func (r *Reading) get(m detect.Metric) (detect.Decimal, bool) {
	for _, v := range r.Values {
		if v.Metric == m {
			return v.Value, true
		}
	}
	return 0, false
}

const (
	one      = detect.Decimal(detect.Micro)
	minuteMS = int64(60_000)
	// HourMS is the length of the hours that are counted.
	HourMS = 60 * minuteMS
)
