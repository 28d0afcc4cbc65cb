package fleet

import "fmt"

// Fault is what a tracker's sensor does wrong, for showing how odd readings are flagged. The first tracker of the first
// shipment has it.
type Fault string

// Faults; the readings go on all the while.
const (
	Stuck    Fault = "stuck"    // the temperature never changes again
	Jump     Fault = "jump"     // it goes up by 12 °C at once, and back, every 40 readings
	Outlier  Fault = "outlier"  // every 25th reading is 20 °C too warm
	Drift    Fault = "drift"    // it creeps up by 0.02 °C a reading, to 8 °C
	Bounds   Fault = "bounds"   // every 30th reading is what a torn cable gives
	Teleport Fault = "teleport" // every 50th position is five degrees south
)

func (f Fault) validate() error {
	switch f {
	case "", Stuck, Jump, Outlier, Drift, Bounds, Teleport:
		return nil
	}
	return fmt.Errorf("--fault %q: must be one of stuck, jump, outlier, drift, bounds, teleport", f)
}

// sensor spoils one tracker's readings.
type sensor struct {
	fault Fault
	n     int
	first float64
}

func (s *sensor) spoil(values map[string]float64) {
	n := s.n
	if s.n++; n == 0 {
		s.first = values["temperature"]
	}
	switch {
	case s.fault == Stuck:
		values["temperature"] = s.first
	case s.fault == Jump && n/40%2 == 1:
		values["temperature"] = round(values["temperature"]+12, 2)
	case s.fault == Outlier && n%25 == 24:
		values["temperature"] = round(values["temperature"]+20, 2)
	case s.fault == Drift:
		values["temperature"] = round(values["temperature"]+min(0.02*float64(n), 8), 2)
	case s.fault == Bounds && n%30 == 29:
		values["temperature"] = -242.02
	case s.fault == Teleport && n%50 == 49:
		values["lat"] = round(values["lat"]-5, 5)
	}
}
