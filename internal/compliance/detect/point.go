package detect

import (
	"cmp"
	"math/bits"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Metric is what a rule can be about: the quantities that trackers measure, by telemetry's numbers, and what follows from them.
type Metric uint8

// The metrics that code knows by name; units as trackers report them (docs/formats.md).
const (
	Temperature Metric = iota // °C
	Humidity                  // %RH
	AccelX                    // m/s2, gravity included
	AccelY
	AccelZ
	Shock     // m/s2, peak of a pulse that the tracker itself caught
	ShockMS   // ms, the pulse's duration
	Vibration // m/s2 RMS that the tracker itself computed
	Tilt      // degrees
	Light     // lx
	Door      // 0 closed, 1 open
	Latitude  // degrees
	Longitude // degrees
	Speed     // m/s
	Battery   // %
)

const (
	// Acceleration is the magnitude of AccelX, AccelY and AccelZ, there when all three are. It is the last one, so that the order of
	// points does not change when a quantity is added.
	Acceleration = Metric(telemetry.Measured)
	// Metrics is how many there are.
	Metrics = Acceleration + 1
)

// A point has a bit for each metric.
const _ = uint64(1) << (Metrics - 1)

var metricByName = func() map[string]Metric {
	names := make(map[string]Metric, Metrics)
	for m := range Metrics {
		names[m.String()] = m
	}
	return names
}()

// Quantity is the row of telemetry's table.
func (m Metric) Quantity() *telemetry.Quantity {
	if m == Acceleration {
		return &telemetry.Acceleration
	}
	return &telemetry.Quantities[m]
}

// String is the name that rule sets, telemetry and InfluxDB use.
func (m Metric) String() string { return m.Quantity().Name }

// MetricOf finds a metric by its name.
func MetricOf(name string) (Metric, bool) {
	m, ok := metricByName[name]
	return m, ok
}

// Point is one reading of one tracker: some metrics at one event time. It is never changed once made.
type Point struct {
	MS      int64    // event time
	Message [32]byte // SHA-256 of the message that carried it, as in the message's leaf; arrival does not change it
	// NextDueS is the tracker's promise in that message: the next one within so many seconds; 0 = none.
	NextDueS uint32
	has      uint64
	values   []Decimal // of the metrics in has, ascending
	lost     *lost     // nil: all of them are measurements
}

// lost are the values of a point that are no measurements.
type lost struct {
	metrics uint64
	faults  []Fault
}

// Fault is a value that is no measurement.
type Fault struct {
	Metric Metric
	Reason telemetry.FaultReason
	Value  Decimal
}

// Observed is the point as its tracker's sensors are stated: a value that is no measurement stays part of the reading, and tells nothing of
// the metric but that it is unknown.
func (p Point) Observed(s *telemetry.Sensors) Point {
	p.lost = nil
	n := 0
	for m := range Metrics {
		if p.has&(1<<m) == 0 {
			continue
		}
		v := p.values[n]
		if n++; m < Acceleration {
			p.lose(m, s.Of(int(m), v.Float()), v)
		}
	}
	lat, hasLat := p.Get(Latitude)
	lon, hasLon := p.Get(Longitude)
	if hasLat && hasLon {
		p.lose(Latitude, s.Position(lat.Float(), lon.Float()), lat)
	}
	if p.lost == nil {
		return p
	}
	const axes, place = 1<<AccelX | 1<<AccelY | 1<<AccelZ, 1<<Latitude | 1<<Longitude
	if p.lost.metrics&axes != 0 {
		p.lost.metrics |= 1 << Acceleration
	}
	if p.lost.metrics&place != 0 { // half a position is none
		p.lost.metrics |= place
	}
	return p
}

func (p *Point) lose(m Metric, why telemetry.FaultReason, v Decimal) {
	if why == "" {
		return
	}
	if p.lost == nil {
		p.lost = &lost{}
	}
	p.lost.metrics |= 1 << m
	p.lost.faults = append(p.lost.faults, Fault{m, why, v})
}

// Lost reports whether the reading gives a metric, and gives no measurement of it.
func (p *Point) Lost(m Metric) bool { return p.lost != nil && p.lost.metrics&(1<<m) != 0 }

// Faults are its values that are no measurements.
func (p *Point) Faults() []Fault {
	if p.lost == nil {
		return nil
	}
	return p.lost.faults
}

// most is the largest decimal.
const most = Decimal(1e9*Micro - 1)

// NewPoint makes a point of values; larger ones than a decimal has room for become the largest.
func NewPoint(ms int64, message [32]byte, values map[string]float64) Point {
	p := Point{MS: ms, Message: message}
	var all [Metrics]Decimal
	for name, v := range values { // each has its own place: the order does not show
		m, ok := metricByName[name]
		if !ok || m == Acceleration {
			continue
		}
		if all[m], ok = FromFloat(v); !ok && v == v { // no sensor measures so much: Observed says so
			all[m], ok = most, true
			if v < 0 {
				all[m] = -most
			}
		}
		if ok {
			p.has |= 1 << m
		}
	}
	const axes = 1<<AccelX | 1<<AccelY | 1<<AccelZ
	if p.has&axes == axes {
		all[Acceleration] = Decimal(Length(int64(all[AccelX]), int64(all[AccelY]), int64(all[AccelZ])))
		p.has |= 1 << Acceleration
	}
	p.values = make([]Decimal, 0, bits.OnesCount64(p.has))
	for m := range Metrics {
		if p.has&(1<<m) != 0 {
			p.values = append(p.values, all[m])
		}
	}
	return p
}

// Get gives a metric's value, if the reading has measured it.
func (p *Point) Get(m Metric) (Decimal, bool) {
	if p.has&(1<<m) == 0 || p.Lost(m) {
		return 0, false
	}
	return p.values[bits.OnesCount64(p.has&(1<<m-1))], true
}

// Compare orders points by time, then by what they say, then by message and its promise: a total order that arrival has no part in.
// 0 = the same reading, which counts once.
func (p *Point) Compare(q *Point) int {
	switch {
	case p.MS != q.MS:
		return cmp.Compare(p.MS, q.MS)
	case p.has != q.has:
		return cmp.Compare(p.has, q.has)
	}
	for i := range p.values {
		if p.values[i] != q.values[i] {
			return cmp.Compare(p.values[i], q.values[i])
		}
	}
	for i := range p.Message {
		if p.Message[i] != q.Message[i] {
			return cmp.Compare(p.Message[i], q.Message[i])
		}
	}
	return cmp.Compare(p.NextDueS, q.NextDueS)
}
