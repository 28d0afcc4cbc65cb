package telemetry

// Quantity is one thing that a tracker can measure.
type Quantity struct {
	Name     string // SenML name, JSON member and InfluxDB field
	Unit     string // SenML unit
	Min, Max float64
}

// Quantities in the order of docs/formats.md.
var Quantities = []Quantity{
	{"temperature", "Cel", -273.15, 1000},
	{"humidity", "%RH", 0, 100},
	{"accel_x", "m/s2", -5000, 5000},
	{"accel_y", "m/s2", -5000, 5000},
	{"accel_z", "m/s2", -5000, 5000},
	{"shock", "m/s2", 0, 50000},
	{"shock_ms", "ms", 0, 60000},
	{"vibration", "m/s2", 0, 5000},
	{"tilt", "deg", 0, 180},
	{"light", "lx", 0, 200000},
	{"door", "/", 0, 1},
	{"lat", "lat", -90, 90},
	{"lon", "lon", -180, 180},
	{"speed", "m/s", 0, 400},
	{"battery", "%EL", 0, 100},
}
