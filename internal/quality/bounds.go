package quality

import "github.com/trackseal/trackseal/internal/compliance/detect"

// bounds are the widest ranges of sensors that travel with goods: from a dry shipper for liquid nitrogen to a parked car in
// the sun, 16 g accelerometers, 400 g shock recorders, airliners. Telemetry refuses what no physics allows; this is closer.
var bounds = [detect.Metrics]struct{ lo, hi detect.Decimal }{
	detect.Temperature: {-200 * one, 125 * one},
	detect.Humidity:    {0, 100 * one},
	detect.AccelX:      {-160 * one, 160 * one},
	detect.AccelY:      {-160 * one, 160 * one},
	detect.AccelZ:      {-160 * one, 160 * one},
	detect.Shock:       {0, 4000 * one},
	detect.ShockMS:     {0, 1000 * one},
	detect.Vibration:   {0, 160 * one},
	detect.Tilt:        {0, 180 * one},
	detect.Light:       {0, 130_000 * one},
	detect.Door:        {0, one},
	detect.Latitude:    {-90 * one, 90 * one},
	detect.Longitude:   {-180 * one, 180 * one},
	detect.Speed:       {0, 340 * one},
	detect.Battery:     {0, 100 * one},
	// The magnitude of three axes that are in their bounds.
	detect.Acceleration: {0, 280 * one},
}

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
