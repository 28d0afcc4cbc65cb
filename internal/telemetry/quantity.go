package telemetry

// Quantity is one thing that a tracker can measure, or that follows from what it measures.
type Quantity struct {
	Name     string  // SenML name, JSON member, InfluxDB field, metric of a rule
	Unit     string  // SenML unit
	Label    string  // what people call it
	Symbol   string  // the unit as people write it, "" = none
	Min, Max float64 // what is accepted: no physics allows more
	// Low and High bound what sensors that travel with goods can measure: from a dry shipper for liquid nitrogen to a parked car in the
	// sun, 400 g accelerometers and shock recorders, airliners. What lies outside is no measurement (Sensors).
	Low, High float64
}

// quantities by number. The numbers are stored: ingest's journal and the queue to InfluxDB name a quantity by its number only.
// So a new one goes to the end; none is ever removed, moved or given another's number.
//
// Adding a line here and one in docs/formats.md is all that a new quantity takes.
var quantities = [...]Quantity{
	0:  {"temperature", "Cel", "Temperature", "°C", -273.15, 1000, -200, 125},
	1:  {"humidity", "%RH", "Humidity", "%RH", 0, 100, 0, 100},
	2:  {"accel_x", "m/s2", "Acceleration x", "m/s²", -5000, 5000, -4000, 4000},
	3:  {"accel_y", "m/s2", "Acceleration y", "m/s²", -5000, 5000, -4000, 4000},
	4:  {"accel_z", "m/s2", "Acceleration z", "m/s²", -5000, 5000, -4000, 4000},
	5:  {"shock", "m/s2", "Shock", "m/s²", 0, 50000, 0, 4000},
	6:  {"shock_ms", "ms", "Shock duration", "ms", 0, 60000, 0, 1000},
	7:  {"vibration", "m/s2", "Vibration", "m/s²", 0, 5000, 0, 160},
	8:  {"tilt", "deg", "Tilt", "°", 0, 180, 0, 180},
	9:  {"light", "lx", "Light", "lx", 0, 200000, 0, 130000},
	10: {"door", "/", "Door", "", 0, 1, 0, 1},
	11: {"lat", "lat", "Latitude", "°", -90, 90, -90, 90},
	12: {"lon", "lon", "Longitude", "°", -180, 180, -180, 180},
	13: {"speed", "m/s", "Speed", "m/s", 0, 400, 0, 340},
	14: {"battery", "%EL", "Battery", "%", 0, 100, 0, 100},
	15: {"pressure", "hPa", "Pressure", "hPa", 0, 10000, 10, 1200},
	16: {"co2", "ppm", "Carbon dioxide", "ppm", 0, 1000000, 0, 1000000},
	17: {"voltage", "V", "Battery voltage", "V", 0, 1000, 0, 60},
	18: {"rssi", "dBm", "Signal strength", "dBm", -250, 50, -160, 20},
}

// Measured is how many quantities a tracker can report.
const Measured = len(quantities)

// Quantities are what a tracker can report, by number.
var Quantities = quantities[:]

// Acceleration is the magnitude of the three axes: rules and quality can be about it, no tracker reports it and nothing stores it.
// Its bounds are what three axes in theirs can reach.
var Acceleration = Quantity{"acceleration", "m/s2", "Acceleration", "m/s²", 0, 8661, 0, 6929}

var quantityByName = func() map[string]*Quantity {
	m := make(map[string]*Quantity, Measured)
	for i := range Quantities {
		m[Quantities[i].Name] = &Quantities[i]
	}
	return m
}()

// FindQuantity returns the quantity of that name that a tracker can report.
func FindQuantity(name string) (Quantity, bool) {
	q, ok := quantityByName[name]
	if !ok {
		return Quantity{}, false
	}
	return *q, true
}
