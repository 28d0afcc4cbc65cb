package fleet

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is what is special about a shipment.
type Kind string

// Kinds of shipments.
const (
	Normal   Kind = "normal"
	DoorOpen Kind = "door_open" // a door is forgotten: not compliant
	Outage   Kind = "outage"    // a long radio outage, sent afterwards
	Plain    Kind = "plain"     // its tracker cannot sign
)

// Moment is what a tracker measures at one time of a trip.
type Moment struct {
	At     time.Duration // since the trip's start, in the trip's time
	Values map[string]float64
	Radio  bool // whether the tracker has a link
}

// Trip is one journey of one tracker, a function of the seed, the shipment and the tracker: whoever steps through it sees
// the same. Times are the trip's own.
type Trip struct {
	Route Route
	Kind  Kind
	legs  []leg
	total time.Duration
	step  time.Duration

	rng        *rand.Rand
	cold       *cold
	at         time.Duration
	startHour  float64
	baseTemp   float64
	wet        float64
	battery    float64
	outages    []window
	trackerBad float64 // constant error of this tracker's sensor
}

type window struct{ from, until time.Duration }

const (
	// leastDoor is how long a forgotten door stays open at least, in the trip's time; leastDoorReal in real time, so that
	// rules count it at any speed.
	leastDoor     = 110 * time.Minute
	leastDoorReal = 26 * time.Second
	// leastOutage and leastOutageReal are the same of the long radio outage.
	leastOutage     = 100 * time.Minute
	leastOutageReal = 12 * time.Second

	fineStep = time.Minute
)

// NewTrip starts a journey on one of the routes; any number names one.
func NewTrip(seed uint64, shipment string, route, tracker int, kind Kind, pace Pace) *Trip {
	// The shipment's own stream chooses what all its trackers share; the tracker's stream its noise.
	shared := stream(seed, shipment, -1)
	own := stream(seed, shipment, tracker)
	t := &Trip{Kind: kind, step: pace.Step(), rng: own}
	t.Route = Routes[(seed+uint64(route))%uint64(len(Routes))]
	var forgotten time.Duration
	if kind == DoorOpen {
		forgotten = max(leastDoor, pace.Trip(leastDoorReal))
	}
	t.legs = t.Route.timetable(forgotten)
	last := t.legs[len(t.legs)-1]
	t.total = last.begin + last.length
	t.startHour = 4 + 10*shared.Float64()
	t.baseTemp = 15 + 6*shared.Float64()
	if kind == DoorOpen {
		t.baseTemp += 8 // on a cool night a forgotten door does no harm, and shows nothing
	}
	set, spread := t.Route.SetPoint, 0.6*(own.Float64()-0.5)
	t.cold = &cold{setPoint: set, air: set + spread, goods: set, box: set + spread/2}
	t.trackerBad = 0.3 * (own.Float64() - 0.5)
	t.wet = 48 + 8*own.Float64()
	t.battery = 91 + 8*own.Float64()
	t.outages = t.holes(own, max(leastOutage, pace.Trip(leastOutageReal)))
	return t
}

// stream is a random source of its own for every name, so that one more draw in one place moves nothing elsewhere.
func stream(seed uint64, name string, n int) *rand.Rand {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], seed)
	binary.BigEndian.PutUint64(b[8:], uint64(n))
	return rand.New(rand.NewChaCha8(sha256.Sum256(append(b[:], name...))))
}

// holes are short radio outages on the road, and the long one.
func (t *Trip) holes(rng *rand.Rand, long time.Duration) []window {
	var out []window
	for range 1 + rng.IntN(2) {
		from := time.Duration((0.15 + 0.7*rng.Float64()) * float64(t.total))
		out = append(out, window{from, from + time.Duration(4+rng.IntN(8))*time.Minute})
	}
	if t.Kind == Outage {
		from := time.Duration((0.3 + 0.2*rng.Float64()) * float64(t.total))
		out = append(out, window{from, from + long})
	}
	return out
}

// Total is how long the trip takes, in its own time.
func (t *Trip) Total() time.Duration { return t.total }

// At is how far the trip is.
func (t *Trip) At() time.Duration { return t.at }

// Skip moves on without measuring; the state is as if the moments had been taken.
func (t *Trip) Skip(to time.Duration) {
	for t.at+t.step <= to {
		t.Next()
	}
}

// Next moves one step on and measures. A trip goes on after its total: the goods stand at the destination.
func (t *Trip) Next() Moment {
	until := t.at + t.step
	for t.at < until {
		t.at += fineStep
		t.cold.step(fineStep, t.outside(), t.doorOpen())
		t.wet += (t.wetTarget() - t.wet) * 0.06
	}
	speed, lat, lon := t.place()
	moving := speed > 0
	values := map[string]float64{
		"temperature": round(t.cold.box+t.trackerBad+0.06*t.rng.NormFloat64(), 2),
		"humidity":    round(clamp(t.wet+0.8*t.rng.NormFloat64(), 5, 100), 1),
		"battery":     round(t.drained(), 1),
		"lat":         round(lat+0.00004*t.rng.NormFloat64(), 5),
		"lon":         round(lon+0.00004*t.rng.NormFloat64(), 5),
		"speed":       round(speed, 1),
		"light":       round(t.light(), 2),
		"door":        0,
	}
	if t.doorOpen() {
		values["door"] = 1
	}
	values["vibration"] = round(math.Abs(0.02+0.01*t.rng.NormFloat64()), 3)
	if moving {
		values["vibration"] = round(0.6+0.5*math.Abs(t.rng.NormFloat64()), 3)
	}
	t.knock(values, moving)
	if t.Kind == Plain { // a simple tracker
		for _, name := range []string{"shock", "shock_ms", "vibration", "speed", "door"} {
			delete(values, name)
		}
	}
	return Moment{At: t.at, Values: values, Radio: t.linked()}
}

// knock adds the hardest shock since the last reading, if there was one: road bumps, and handling while the door is open.
func (t *Trip) knock(values map[string]float64, moving bool) {
	chance, scale := 0.0, 0.0
	switch {
	case moving:
		chance, scale = 0.10, 14
	case t.doorOpen():
		chance, scale = 0.35, 32
	}
	hit, size, length := t.rng.Float64(), t.rng.ExpFloat64(), t.rng.Float64()
	if hit >= chance {
		return
	}
	values["shock"] = round(min(6+scale*size, 190), 1)
	values["shock_ms"] = round(3+14*length, 1)
}

func (t *Trip) hour() float64 { return math.Mod(t.startHour+t.at.Hours(), 24) }

// outside is the day's curve: coldest at four, warmest at sixteen hours.
func (t *Trip) outside() float64 { return t.baseTemp + 6.5*math.Sin(2*math.Pi*(t.hour()-10)/24) }

func (t *Trip) doorOpen() bool {
	return slices.ContainsFunc(t.legs, func(l leg) bool { return l.stop && t.at >= l.doorFrom && t.at < l.doorUntil })
}

func (t *Trip) wetTarget() float64 {
	if t.doorOpen() {
		return 78
	}
	if t.cold.cooling {
		return 46
	}
	return 58
}

func (t *Trip) light() float64 {
	daylight := math.Max(0, math.Sin(math.Pi*(t.hour()-6)/14))
	if t.doorOpen() {
		return 25 + 900*daylight*(0.8+0.4*t.rng.Float64())
	}
	return 0.05 * t.rng.Float64()
}

// drained is the battery after this long: about half a per cent an hour, more in the cold.
func (t *Trip) drained() float64 {
	return math.Max(3, t.battery-t.at.Hours()*(0.45+0.02*math.Max(0, 10-t.cold.box)))
}

func (t *Trip) linked() bool {
	return !slices.ContainsFunc(t.outages, func(w window) bool { return t.at >= w.from && t.at < w.until })
}

// place is where the tracker is, and how fast.
func (t *Trip) place() (speed, lat, lon float64) {
	l := t.legs[len(t.legs)-1]
	if i := slices.IndexFunc(t.legs, func(l leg) bool { return t.at < l.begin+l.length }); i >= 0 {
		l = t.legs[i]
	}
	if l.stop || t.at >= l.begin+l.length {
		return 0, l.to.Lat, l.to.Lon
	}
	share := float64(t.at-l.begin) / float64(l.length)
	// Off the straight line and back, as roads are.
	bow := 0.05 * math.Sin(math.Pi*share) * math.Sin(7*math.Pi*share)
	lat = l.from.Lat + (l.to.Lat-l.from.Lat)*share + bow*(l.to.Lon-l.from.Lon)
	lon = l.from.Lon + (l.to.Lon-l.from.Lon)*share - bow*(l.to.Lat-l.from.Lat)
	kmh := clamp(l.to.KMH*(1+0.12*t.rng.NormFloat64()), 15, 92)
	return kmh / 3.6, lat, lon
}

func clamp(v, lo, hi float64) float64 { return math.Min(math.Max(v, lo), hi) }

func round(v float64, digits int) float64 {
	p := math.Pow(10, float64(digits))
	return math.Round(v*p) / p
}

// cold is the thermal state of a reefer: its air, the goods, and the tracker between them. The three follow each other
// with their own lags; the cooling switches on and off around the set point.
type cold struct {
	setPoint        float64
	air, goods, box float64
	cooling         bool
}

const (
	wallLag  = 9 * time.Hour    // of the air behind the outside, door closed
	doorLag  = 30 * time.Minute // door open
	massLag  = 5 * time.Hour    // of the goods behind the air
	boxLag   = 20 * time.Minute // of the tracker behind what is around it
	coolRate = 14.0             // °C an hour while cooling
	band     = 1.0              // °C around the set point
)

// step moves on by dt, which must be short against the lags.
func (c *cold) step(dt time.Duration, outside float64, doorOpen bool) {
	h := dt.Hours()
	lag := wallLag
	if doorOpen {
		lag = doorLag
	}
	switch {
	case c.air > c.setPoint+band:
		c.cooling = true
	case c.air < c.setPoint-band:
		c.cooling = false
	}
	c.air += (outside - c.air) * (1 - math.Exp(-h/lag.Hours()))
	if c.cooling && !doorOpen { // a door switch stops the fan
		c.air -= coolRate * h
	}
	c.goods += (c.air - c.goods) * (1 - math.Exp(-h/massLag.Hours()))
	around := 0.45*c.air + 0.55*c.goods
	c.box += (around - c.box) * (1 - math.Exp(-h/boxLag.Hours()))
}
