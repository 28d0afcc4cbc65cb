package telemetry

import (
	"encoding/json"
	"errors"
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/internal/canon"
)

// plain is a decoded plain JSON message.
type plain struct {
	Readings []Reading // ascending time
	Seq      *uint64   // highest seq given, if any
	// Timed is false when at least one reading took the time of receipt.
	Timed bool
}

// maxPlain is how many objects one plain message may hold.
const maxPlain = 256

// decodePlain reads a plain JSON message; a reading without time gets received. Errors are *Reject.
//
// encoding/json takes repeated and differently-cased members and lets the last win, so two parties could read different
// values from one message. The value is walked instead: every member must be known, exact and given once.
func decodePlain(raw []byte, received time.Time) (*plain, error) {
	if len(raw) > MaxMessage {
		return nil, reject(Oversized, "%d bytes, at most %d", len(raw), MaxMessage)
	}
	d := plainDecoder{received: received.UnixMilli()}
	d.plain.Timed = true
	if err := d.message(raw); err != nil {
		var r *Reject
		if errors.As(err, &r) {
			return nil, r
		}
		return nil, reject(Malformed, "the JSON cannot be read: %v", err)
	}
	p := &d.plain
	sort.SliceStable(p.Readings, func(i, j int) bool { return p.Readings[i].TimeMS < p.Readings[j].TimeMS })
	for i := 1; i < len(p.Readings); i++ {
		if p.Readings[i].TimeMS == p.Readings[i-1].TimeMS {
			return nil, reject(Malformed, "two readings of one message have the same time")
		}
	}
	return p, nil
}

type plainDecoder struct {
	json     *canon.JSON
	received int64
	plain    plain
}

func (d *plainDecoder) message(raw []byte) (err error) {
	if d.json, err = canon.ReadJSON(raw); err != nil {
		return err
	}
	tok, err := d.json.Token()
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('{'):
		err = d.object()
	case json.Delim('['):
		err = d.json.Elements(func() error {
			if err := d.delim('{'); err != nil {
				return err
			}
			if len(d.plain.Readings) == maxPlain {
				return reject(Malformed, "more than %d objects", maxPlain)
			}
			return d.object()
		})
		if err == nil && len(d.plain.Readings) == 0 {
			return reject(Malformed, "an empty array")
		}
	default:
		return reject(Malformed, "the message must be an object or an array of objects")
	}
	if err != nil {
		return err
	}
	return d.json.End()
}

// object reads the members after '{' and the closing '}'.
func (d *plainDecoder) object() error {
	r := Reading{TimeMS: d.received, Values: make(map[string]float64, 8)}
	timed := false
	err := d.json.Members(func(name string) (err error) {
		switch name {
		case "time":
			timed = true
			r.TimeMS, err = d.time()
		case "seq":
			var seq uint64
			if seq, err = d.seq(); err == nil && (d.plain.Seq == nil || *d.plain.Seq < seq) {
				d.plain.Seq = &seq
			}
		case "acceleration":
			err = d.acceleration(r.Values)
		case "location":
			err = d.location(r.Values)
		default:
			q, ok := quantityByName[name]
			if !ok {
				return reject(Malformed, "member %q is not known", name)
			}
			err = d.quantity(q, r.Values)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(r.Values) == 0 {
		return reject(Malformed, "an object without a quantity")
	}
	d.plain.Timed = d.plain.Timed && timed
	d.plain.Readings = append(d.plain.Readings, r)
	return nil
}

func (d *plainDecoder) time() (int64, error) {
	tok, err := d.json.Token()
	if err != nil {
		return 0, err
	}
	var ms int64
	switch v := tok.(type) {
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return 0, reject(Malformed, "time %q is not RFC 3339", v)
		}
		ms = t.UnixMilli()
	case json.Number:
		if ms, err = strconv.ParseInt(v.String(), 10, 64); err != nil {
			return 0, reject(Malformed, "time %s must be whole milliseconds", v)
		}
	default:
		return 0, reject(Malformed, "time must be a text or a number")
	}
	if ms < 0 || ms >= maxTimeMS {
		return 0, reject(OutOfRange, "time %d ms", ms)
	}
	return ms, nil
}

func (d *plainDecoder) seq() (uint64, error) {
	tok, err := d.json.Token()
	if err != nil {
		return 0, err
	}
	n, _ := tok.(json.Number)
	seq, err := strconv.ParseUint(n.String(), 10, 63)
	if err != nil {
		return 0, reject(Malformed, "seq must be a whole number from 0")
	}
	return seq, nil
}

func (d *plainDecoder) quantity(q *Quantity, values map[string]float64) error {
	tok, err := d.json.Token()
	if err != nil {
		return err
	}
	n, ok := tok.(json.Number)
	if !ok {
		return reject(Malformed, "%s must be a number", q.Name)
	}
	v, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || math.IsInf(v, 0) || v < q.Min || v > q.Max {
		return reject(OutOfRange, "%s %s is outside %v … %v", q.Name, n, q.Min, q.Max)
	}
	if _, dup := values[q.Name]; dup {
		return reject(Malformed, "%s is given twice", q.Name)
	}
	values[q.Name] = v
	return nil
}

var axes = []string{"accel_x", "accel_y", "accel_z"}

func (d *plainDecoder) acceleration(values map[string]float64) error {
	if err := d.delim('['); err != nil {
		return err
	}
	n := 0
	err := d.json.Elements(func() error {
		if n++; n > len(axes) {
			return reject(Malformed, "acceleration must be [x, y, z]")
		}
		return d.quantity(quantityByName[axes[n-1]], values)
	})
	if err == nil && n < len(axes) {
		return reject(Malformed, "acceleration must be [x, y, z]")
	}
	return err
}

func (d *plainDecoder) location(values map[string]float64) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	n := 0
	err := d.json.Members(func(name string) error {
		if name != "lat" && name != "lon" {
			return reject(Malformed, `location must be {"lat":…,"lon":…}`)
		}
		n++
		return d.quantity(quantityByName[name], values)
	})
	if err == nil && n < 2 {
		return reject(Malformed, `location must be {"lat":…,"lon":…}`)
	}
	return err
}

func (d *plainDecoder) delim(want json.Delim) error {
	tok, err := d.json.Token()
	if err != nil {
		return err
	}
	if tok != want {
		return reject(Malformed, "expected %q, found %v", want.String(), tok)
	}
	return nil
}
