package telemetry

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/internal/canon"
)

// maxPlain is how many objects one plain message may hold.
const maxPlain = 256

// decodePlain reads a plain JSON message; a reading without time gets that of the receipt. Errors are *Reject.
//
// encoding/json takes repeated and differently-cased members and lets the last win, so two parties could read different
// values from one message. The value is walked instead: every member must be known, exact and given once.
func decodePlain(raw []byte, receivedMS int64) (Opened, error) {
	if len(raw) > MaxMessage {
		return Opened{}, reject(Oversized, "%d bytes, at most %d", len(raw), MaxMessage)
	}
	d := plainDecoder{received: receivedMS, opened: Opened{Hash: sha256.Sum256(raw), Timed: true}}
	if err := d.message(raw); err != nil {
		var r *Reject
		if errors.As(err, &r) {
			return Opened{}, r
		}
		return Opened{}, reject(Malformed, "the JSON cannot be read: %v", err)
	}
	o := d.opened
	slices.SortStableFunc(o.Readings, func(a, b Reading) int { return cmp.Compare(a.TimeMS, b.TimeMS) })
	for i := 1; i < len(o.Readings); i++ {
		if o.Readings[i].TimeMS == o.Readings[i-1].TimeMS {
			return Opened{}, reject(Malformed, "two readings of one message have the same time")
		}
	}
	o.TimeMS = o.Readings[0].TimeMS
	return o, nil
}

type plainDecoder struct {
	json     *canon.JSON
	received int64
	opened   Opened
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
			if len(d.opened.Readings) == maxPlain {
				return reject(Malformed, "more than %d objects", maxPlain)
			}
			return d.object()
		})
		if err == nil && len(d.opened.Readings) == 0 {
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
			if seq, err = d.seq(); err == nil && (d.opened.Seq == nil || *d.opened.Seq < seq) {
				d.opened.Seq = &seq
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
	d.opened.Timed = d.opened.Timed && timed
	d.opened.Readings = append(d.opened.Readings, r)
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

// EncodePlain writes the message of a tracker that cannot sign: an object, or an array of several, as Open reads it. The sequence stands
// in the last one. Members are sorted, so that equal readings give equal bytes.
func EncodePlain(seq uint64, readings []Reading) ([]byte, error) {
	if len(readings) == 0 || len(readings) > maxPlain {
		return nil, fmt.Errorf("%d readings in a message: must be 1 to %d", len(readings), maxPlain)
	}
	objects := make([]map[string]any, len(readings))
	for i, r := range readings {
		if len(r.Values) == 0 {
			return nil, errors.New("a reading needs a value")
		}
		objects[i] = map[string]any{"time": time.UnixMilli(r.TimeMS).UTC().Format("2006-01-02T15:04:05.000Z")}
		for name, v := range r.Values {
			objects[i][name] = v
		}
	}
	objects[len(objects)-1]["seq"] = seq
	var message any = objects
	if len(objects) == 1 {
		message = objects[0]
	}
	raw, err := json.Marshal(message)
	if err == nil && len(raw) > MaxMessage {
		err = fmt.Errorf("message of %d bytes exceeds %d", len(raw), MaxMessage)
	}
	return raw, err
}
