package quality

import "github.com/trackseal/trackseal/internal/compliance/detect"

// bounds are what telemetry's table calls plausible.
var bounds = func() (b [detect.Metrics]struct{ lo, hi detect.Decimal }) {
	for m := range detect.Metrics {
		b[m].lo, _ = detect.FromFloat(m.Quantity().Low)
		b[m].hi, _ = detect.FromFloat(m.Quantity().High)
	}
	return b
}()

// checkBounds flags each value that its sensor cannot have measured. A fix at exactly 0, 0 is what receivers send without one.
func checkBounds(r *Reading, flag func(Flag)) {
	for _, v := range r.Values {
		b := bounds[v.Metric]
		switch {
		case v.Value < b.lo:
			flag(Flag{r.MS, OutOfBounds, v.Metric, v.Value, b.lo})
		case v.Value > b.hi:
			flag(Flag{r.MS, OutOfBounds, v.Metric, v.Value, b.hi})
		case v.Metric == detect.Door && v.Value != 0 && v.Value != one:
			flag(Flag{r.MS, OutOfBounds, v.Metric, v.Value, one})
		}
	}
	lat, hasLat := r.get(detect.Latitude)
	lon, hasLon := r.get(detect.Longitude)
	if hasLat && hasLon && lat == 0 && lon == 0 {
		flag(Flag{r.MS, OutOfBounds, detect.Latitude, 0, 0})
	}
}
