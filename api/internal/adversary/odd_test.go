package adversary

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// odd is what is wrong with the trackers of an honest trip. The goods are as the plan says; the devices tell of it in their own way.
type odd struct {
	*rand.Rand
	habits map[*device]*habit
	told   []told
	files  bool              // the devices are loggers that are read out
	window ledger.AssignArgs // of the one that is being read out
}

// habit is how a device tells what it measures.
type habit struct {
	plain       bool // it cannot sign
	times       int  // how it writes them when it cannot: ms, s, RFC 3339
	perMessage  int
	newestFirst bool
	// clock is what it shows at a tick, by how much it is off; reset says that it then shows 1980.
	offMS    int64
	reset    func(tick int) bool
	resets   bool
	bad      int // percent of readings with a bad member
	broken   int // percent of readings in which the sensor gives an error value
	errors   []float64
	buffered []reading
}

// reading is one of a device, in the terms of its firmware.
type reading struct {
	ms      int64 // as its clock says
	members []member
	told    told
}

type member struct {
	name, unit string
	value      any
	raw        string // as JSON
}

// told is a temperature that a device measured and put into a message.
type told struct {
	tracker    string
	tick       int
	ms, saidMS int64
	receivedMS int64
	celsius    float64
	lost       bool // an error value, or no number, stands in its place
	late       bool // the shipment's log had ended
}

func newOdd(p *plan, devices []*device) *odd {
	o := &odd{Rand: rand.New(rand.NewPCG(p.seed, 0x6f6464)), habits: map[*device]*habit{}}
	for _, d := range devices {
		h := &habit{times: o.IntN(3), perMessage: pick(o.Rand, 1, 1, 2, 3, 5), newestFirst: o.IntN(3) == 0, reset: func(int) bool { return false }}
		h.plain = o.IntN(4) == 0
		switch o.IntN(8) {
		case 0:
			from, n := o.IntN(p.lastTick()), 1+o.IntN(3)
			h.resets = true
			h.reset = func(tick int) bool { return tick >= from && tick < from+n }
		case 1:
			h.offMS = pick(o.Rand, int64(30_000), 110_000, 180_000, 2*3_600_000, 14*3_600_000)
		case 2:
			h.offMS = -pick(o.Rand, int64(30_000), 110_000, 180_000, 2*3_600_000)
		}
		if o.IntN(2) == 0 {
			h.bad = 30
		}
		if o.IntN(3) == 0 {
			h.broken, h.errors = 25, []float64{-127, 327.67, -163.84, 6553.5}
			if o.IntN(2) == 0 {
				h.errors = []float64{85, -127}
			}
		}
		o.habits[d] = h
	}
	return o
}

// clocks reports whether one of them is wrong, slow whether one is so by hours.
func (o *odd) clocks() bool {
	return o.any(func(h *habit) bool { return h.resets || h.offMS != 0 })
}

func (o *odd) slow() bool { return o.any(func(h *habit) bool { return h.offMS < -3_600_000 }) }

func (o *odd) any(is func(*habit) bool) bool {
	for _, h := range o.habits {
		if is(h) {
			return true
		}
	}
	return false
}

// states are the sensors that the record of a device states: one with 85 among its error values has to.
func (h *habit) states() []telemetry.Sensor {
	if slices.Contains(h.errors, 85) {
		return []telemetry.Sensor{{Quantity: "temperature", Model: "ds18b20"}}
	}
	return nil
}

// measure is a tick of every device.
func (o *odd) measure(t *trip, tick int) error {
	now := t.nowMS()
	for i, d := range t.devices {
		if !d.enrolled {
			continue
		}
		h := o.habits[d]
		h.buffered = append(h.buffered, o.reads(t, d, i, tick, now))
		if o.files || tick%h.perMessage != 0 {
			continue
		}
		readings := h.buffered
		h.buffered = nil
		signedMS := now + h.offMS
		if h.reset(tick) {
			signedMS = long + now%1000
		}
		raw := d.plain(o, h, readings)
		if !h.plain {
			raw = d.signs(signedMS, uint64(t.stepMS*int64(h.perMessage)/1000+1), readings)
		}
		for _, r := range readings {
			r.told.receivedMS, r.told.late = now, t.log.sealed
			o.told = append(o.told, r.told)
		}
		if err := t.routeOdd(d, h, raw, now); err != nil {
			return err
		}
	}
	return nil
}

const long = 315_964_800_000 // 1980, where clocks that lost their battery begin

// reads is one reading of a device.
func (o *odd) reads(t *trip, d *device, i, tick int, now int64) reading {
	h := o.habits[d]
	celsius := 4.5
	switch before, after := tick <= t.loadTick, tick > t.endTick; {
	case t.hot(tick, i):
		celsius = 31
	case (before || after) && h.offMS == 0: // in the warehouse
		celsius = 21 + float64(i)*10
	}
	r := reading{ms: now + h.offMS, told: told{tracker: d.ID, tick: tick, ms: now, celsius: celsius}}
	if h.reset(tick) {
		r.ms = long + int64(tick)*1000
	}
	r.told.saidMS = r.ms
	lat, lon := 52.5+float64(tick)/100, 13.4
	temperature := member{"temperature", "Cel", celsius, fmt.Sprint(celsius)}
	if o.IntN(100) < h.broken {
		v := pick(o.Rand, h.errors...)
		temperature.value, temperature.raw, r.told.lost = v, fmt.Sprint(v), true
		if o.IntN(2) == 0 {
			lat, lon = 0, 0
		}
	}
	r.members = []member{temperature, {"humidity", "%RH", 50.5, "50.5"}, {"lat", "lat", lat, fmt.Sprint(lat)}, {"lon", "lon", lon, fmt.Sprint(lon)}}
	if o.IntN(100) < h.bad {
		switch o.IntN(7) {
		case 0:
			r.members[1] = member{"humidity", "%RH", 104.2, "104.2"}
		case 1:
			r.members[1] = member{"humidity", "%RH", nil, "null"}
		case 2:
			r.members = append(r.members, member{"linkquality", "/", 77.0, "77"})
		case 3:
			r.members = append(r.members, member{"humidity", "%RH", 51.5, "51.5"})
		case 4:
			r.members[1] = member{"humidity", "/", "50.5", `"wet"`}
		case 5:
			r.members[0], r.told.lost = member{"temperature", "Cel", nil, "null"}, true
		case 6:
			r.members = append(r.members, member{"light", "lx", -1.0, "-1"})
		}
	}
	return r
}

// signs makes the next message of the device's chain, with the records as they are, right or not.
func (d *device) signs(ms int64, dueS uint64, readings []reading) []byte {
	any1 := []telemetry.Reading{{TimeMS: ms, Values: map[string]float64{"temperature": 1}}}
	good := must(telemetry.Encode(d.Signer, telemetry.Claims{Tracker: d.ID, Boot: d.Boot, Seq: d.Seq, Prev: d.Prev, TimeMS: ms, NextDueS: dueS, Beacon: d.Beacon}, any1))
	var parts [][]byte
	if err := canon.UnmarshalCBOR(good, &parts); err != nil {
		panic(err)
	}
	var cose []any
	if err := canon.UnmarshalCBOR(parts[0], &cose); err != nil {
		panic(err)
	}
	var records []any
	base := readings[0].ms
	for _, r := range readings {
		for _, m := range r.members {
			x := map[int]any{0: m.name, 1: m.unit, 2: m.value}
			switch {
			case len(records) == 0:
				x[-2], x[-3] = d.ID+"/", float64(base)/1000
			case r.ms != base:
				x[6] = float64(r.ms-base) / 1000
			}
			records = append(records, x)
		}
	}
	pack := canon.MustMarshalCBOR(records)
	hash := sha256.Sum256(pack)
	signed := append([]byte{0x84, 0x6a}, "Signature1"...)
	signed = canon.AppendBytes(signed, cose[0].([]byte))
	signed = canon.AppendBytes(append(signed, 0x40), hash[:])
	sign1 := canon.MustMarshalCBOR([]any{cose[0], map[int]any{}, hash[:], must(telemetry.Sign(d.Signer, signed))})
	d.Seq, d.Prev = d.Seq+1, sha256.Sum256(sign1)
	return canon.MustMarshalCBOR([][]byte{sign1, pack})
}

// plain makes a JSON message.
func (d *device) plain(o *odd, h *habit, readings []reading) []byte {
	var objects []string
	for _, r := range readings {
		at := fmt.Sprint(r.ms)
		switch h.times {
		case 1:
			at = fmt.Sprintf("%d.%03d", r.ms/1000, r.ms%1000)
		case 2:
			at = `"` + time.UnixMilli(r.ms).In(time.FixedZone("", 7200)).Format(time.RFC3339Nano) + `"`
		}
		text := `{"time":` + at
		for _, m := range r.members {
			if m.name == "lat" || m.name == "lon" {
				continue
			}
			text += fmt.Sprintf(",%q:%s", m.name, m.raw)
		}
		objects = append(objects, fmt.Sprintf(`%s,"location":{"lat":%s,"lon":%s}}`, text, r.members[2].raw, r.members[3].raw))
	}
	if h.newestFirst {
		slices.Reverse(objects)
	}
	if len(objects) == 1 {
		return []byte(objects[0])
	}
	return []byte("[" + strings.Join(objects, ",") + "]")
}

// enrol is a device's, with what its owner states of its sensors.
func (o *odd) enrol(t *trip, d *device) (ledger.Function, any, error) {
	h := o.habits[d]
	fn, arg, err := t.enrol(d)
	args, ok := arg.(ledger.EnrolArgs)
	if !ok {
		return fn, arg, err
	}
	if h.plain {
		args = ledger.EnrolArgs{ID: d.ID, SecretHash: strings.Repeat("ab", 32)}
	}
	args.Sensors = h.states()
	return fn, args, err
}

// String tells of the devices and of what they told.
func (o *odd) String() string {
	var b strings.Builder
	for d, h := range o.habits {
		fmt.Fprintf(&b, "%s: plain %t, times %d, %d in a message, newest first %t, clock off by %d ms, bad members %d %%, broken %d %% %v\n", d.ID, h.plain, h.times, h.perMessage, h.newestFirst, h.offMS, h.bad, h.broken, h.errors)
	}
	for _, x := range o.told {
		raw, _ := json.Marshal([]any{x.tracker, x.tick, x.ms, x.saidMS - x.ms, x.receivedMS - x.ms, x.celsius, x.lost})
		fmt.Fprintf(&b, "%s\n", raw)
	}
	return b.String()
}
