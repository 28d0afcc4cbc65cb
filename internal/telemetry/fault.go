package telemetry

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Sensor is what a tracker's record on the ledger states of the sensor of one quantity. What it says takes the place of the table of error
// values and of the table of quantities: without a statement those count. Decimals are texts.
type Sensor struct {
	Quantity string `json:"quantity" doc:"Name of GET /v1/quantities"`
	// Model is a name; one of SensorModels brings its numbers along.
	Model string `json:"model,omitempty" doc:"ds18b20, lht65, ruuvitag and sht3x bring their numbers along (docs/formats.md)"`
	// ErrorValues are sent in the place of a measurement, besides those of the model.
	ErrorValues []string `json:"error_values,omitempty" doc:"Decimals that are sent in the place of a measurement"`
	// Min and Max are what the sensor can measure; absent = as the model, else as any sensor for goods.
	Min string `json:"min,omitempty" doc:"The least that it measures, a decimal"`
	Max string `json:"max,omitempty" doc:"The most that it measures"`
}

// FaultReason says why a value is no measurement.
type FaultReason string

const (
	ErrorValue    FaultReason = "error_value"          // a number that sensors and their drivers send in the place of one
	OutsideSensor FaultReason = "outside_sensor_range" // no such sensor measures it
	NoFix         FaultReason = "no_fix"               // a position of exactly 0, 0
)

// Words says the reason to people, value being the value as it was reported.
func (r FaultReason) Words(value string) string {
	switch r {
	case ErrorValue:
		return "sensor error value " + value
	case OutsideSensor:
		return value + " is outside of the sensor's range"
	}
	return "no fix"
}

// Fault is a value that is no measurement.
type Fault struct {
	Quantity string
	Reason   FaultReason
	Value    float64
}

// Of reports whether a metric is unknown by the fault: the quantity itself, or the acceleration by one of its axes.
func (f Fault) Of(metric string) bool {
	return f.Quantity == metric || metric == Acceleration.Name && slices.Contains(axes[:], f.Quantity)
}

func (f Fault) String() string {
	return f.Quantity + ": " + f.Reason.Words(strconv.FormatFloat(f.Value, 'f', -1, 64))
}

// errorValues are recognised without any statement: no goods reach them, or drivers document them. 85, which a DS18B20 holds when it
// is switched on, is none of them: goods can reach it.
var errorValues = map[string][]float64{"temperature": {
	-127,                     // DallasTemperature: the DS18B20 is not connected
	-163.84,                  // 0x8000 in steps of 0.005: not available
	327.67, -327.67, -327.68, // 0x7FFF, 0x8001 and 0x8000 in steps of 0.01: no probe
	3276.7, -3276.8, 6553.5, // 0x7FFF, 0x8000 and 0xFFFF in steps of 0.1
}}

// model is what its maker documents of a sensor.
type model struct {
	errors   []float64
	min, max float64
}

// sensorModels by quantity and name. Sources: DS18B20 data sheet (table 1: +85 °C is the power-on reset value; range) and the
// DallasTemperature library (DEVICE_DISCONNECTED_C = -127); RuuviTag data format 5 (0x8000 = not available) and its data sheet's range;
// Dragino LHT65 user manual (0x7FFF: no probe) and its range; Sensirion SHT3x data sheet (ranges, which exclude what raw 0x0000 and 0xFFFF give).
var sensorModels = map[string]map[string]model{
	"temperature": {
		"ds18b20":  {[]float64{85, -127}, -55, 125},
		"ruuvitag": {[]float64{-163.84}, -40, 85},
		"lht65":    {[]float64{327.67}, -40, 125},
		"sht3x":    {nil, -40, 125},
	},
	"humidity": {
		"ruuvitag": {nil, 0, 100},
		"sht3x":    {nil, 0, 100},
	},
}

// SensorModels are the known models of a quantity's sensor, sorted.
func SensorModels(quantity string) []string {
	var names []string
	for name := range sensorModels[quantity] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const maxErrorValues = 16

// CheckSensors names what is wrong with a statement: each quantity at most once, known, with decimals.
func CheckSensors(list []Sensor) error {
	seen := map[string]bool{}
	for i, s := range list {
		q, ok := FindQuantity(s.Quantity)
		switch {
		case !ok:
			return fmt.Errorf("sensors[%d].quantity %.80q is not known", i, s.Quantity)
		case seen[s.Quantity]:
			return fmt.Errorf("sensors[%d]: %s is there twice", i, s.Quantity)
		case !sensorName.MatchString(s.Model):
			return fmt.Errorf("sensors[%d].model %.80q must be at most 64 of A-Z a-z 0-9 space . _ / -", i, s.Model)
		case len(s.ErrorValues) > maxErrorValues:
			return fmt.Errorf("sensors[%d].error_values: %d given, at most %d", i, len(s.ErrorValues), maxErrorValues)
		}
		seen[s.Quantity] = true
		for _, text := range append(slices.Clone(s.ErrorValues), s.Min, s.Max) {
			if text != "" && !sensorDecimal.MatchString(text) {
				return fmt.Errorf("sensors[%d]: %.80q must be a decimal such as -40 or 327.67", i, text)
			}
		}
		if slices.Contains(s.ErrorValues, "") {
			return fmt.Errorf("sensors[%d].error_values: one is empty", i)
		}
		low, high := decimalOr(s.Min, q.Min), decimalOr(s.Max, q.Max)
		if low < q.Min || high > q.Max || low >= high {
			return fmt.Errorf("sensors[%d]: min must be below max, both within %v … %v", i, q.Min, q.Max)
		}
	}
	return nil
}

var (
	sensorName    = regexp.MustCompile(`^[A-Za-z0-9 ._/-]{0,64}$`)
	sensorDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$`)
)

// ParseSensor reads QUANTITY:MODEL or QUANTITY:KEY=VALUE,… with the keys model, error (each time for one value), min and max.
func ParseSensor(text string) (Sensor, error) {
	quantity, rest, ok := strings.Cut(text, ":")
	if !ok || rest == "" {
		return Sensor{}, fmt.Errorf("sensor %.80q: write QUANTITY:MODEL, such as temperature:ds18b20, or QUANTITY:min=-40,max=85,error=85", text)
	}
	s := Sensor{Quantity: quantity}
	for _, part := range strings.Split(rest, ",") {
		key, value, ok := strings.Cut(part, "=")
		switch {
		case !ok:
			s.Model = key
		case key == "model":
			s.Model = value
		case key == "error":
			s.ErrorValues = append(s.ErrorValues, value)
		case key == "min":
			s.Min = value
		case key == "max":
			s.Max = value
		default:
			return s, fmt.Errorf("sensor %.80q: %q is none of model, error, min and max", text, key)
		}
	}
	if _, known := sensorModels[quantity][s.Model]; !known && len(s.ErrorValues) == 0 && s.Min == "" && s.Max == "" {
		return s, fmt.Errorf("sensor %.80q: the known models of %s are: %s; of another one say min, max or error", text, quantity, strings.Join(SensorModels(quantity), ", "))
	}
	return s, CheckSensors([]Sensor{s})
}

// Sensors tells measurements from what a tracker sends in the place of one. It is the only place that does, for all who judge: ingest,
// peers, API and verifier.
type Sensors [Measured]sensed

type sensed struct {
	low, high float64
	errors    []float32
}

// NoSensors is what counts where a tracker's record states nothing.
var NoSensors = ready(nil)

// SensorsOf makes a statement that CheckSensors takes ready.
func SensorsOf(stated []Sensor) *Sensors {
	if len(stated) == 0 {
		return NoSensors
	}
	return ready(stated)
}

func ready(stated []Sensor) *Sensors {
	var all Sensors
	for i := range Quantities {
		q := &Quantities[i]
		all[i] = sensed{q.Low, q.High, rounded(errorValues[q.Name])}
		n := slices.IndexFunc(stated, func(s Sensor) bool { return s.Quantity == q.Name })
		if n < 0 {
			continue
		}
		s := &stated[n]
		m, known := sensorModels[q.Name][s.Model]
		if !known {
			m = model{min: q.Low, max: q.High}
		}
		errors := slices.Clone(m.errors)
		for _, text := range s.ErrorValues {
			errors = append(errors, decimalOr(text, 0))
		}
		all[i] = sensed{decimalOr(s.Min, m.min), decimalOr(s.Max, m.max), rounded(errors)}
	}
	return &all
}

func decimalOr(text string, or float64) float64 {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v
	}
	return or
}

// rounded to what a device that computes in single precision sends.
func rounded(all []float64) (out []float32) {
	for _, v := range all {
		out = append(out, float32(v))
	}
	return out
}

// Of tells whether a value of quantity q, by its number, is a measurement: "" says that it is. See Position for the other half.
func (s *Sensors) Of(q int, v float64) FaultReason {
	x := &s[q]
	switch {
	case slices.Contains(x.errors, float32(v)):
		return ErrorValue
	case v < x.low || v > x.high:
		return OutsideSensor
	}
	return ""
}

// Position tells whether a position is one.
func (s *Sensors) Position(lat, lon float64) FaultReason {
	if lat == 0 && lon == 0 {
		return NoFix
	}
	return ""
}

// Faults are the values of a reading that are no measurements, in the order of the quantities' numbers.
func (s *Sensors) Faults(values map[string]float64) (out []Fault) {
	lat, hasLat := values["lat"]
	lon, hasLon := values["lon"]
	for i := range Quantities {
		name := Quantities[i].Name
		v, ok := values[name]
		if !ok {
			continue
		}
		reason := s.Of(i, v)
		if (name == "lat" || name == "lon") && hasLat && hasLon && reason == "" {
			reason = s.Position(lat, lon)
		}
		if reason != "" {
			out = append(out, Fault{name, reason, v})
		}
	}
	return out
}

// Measured are the values that are measurements. It does not change values.
func (s *Sensors) Measured(values map[string]float64) map[string]float64 {
	faults := s.Faults(values)
	if len(faults) == 0 {
		return values
	}
	out := maps.Clone(values)
	for _, f := range faults {
		delete(out, f.Quantity)
	}
	return out
}
