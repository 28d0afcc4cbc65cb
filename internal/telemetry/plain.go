package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/internal/canon"
)

// decodePlain reads a plain JSON message; a reading without time gets that of the receipt. Errors are *Reject: what is no JSON, no object
// and no array of objects, or names no quantity at all. Whatever else is wrong is a flaw of its reading.
//
// encoding/json takes repeated and differently-cased members and lets the last win, so two parties could read different
// values from one message. The value is walked instead: a member counts by its exact name, and when nothing contradicts it.
func decodePlain(raw []byte, receivedMS int64) (Opened, error) {
	if len(raw) > MaxMessage {
		return Opened{}, reject(Oversized, "%d bytes, at most %d", len(raw), MaxMessage)
	}
	d := plainDecoder{received: receivedMS, timed: true}
	err := d.message(raw)
	if err == nil && !d.known {
		err = reject(Malformed, "no quantity that is known%s", d.stranger)
	}
	if err != nil {
		r, ok := errors.AsType[*Reject](err)
		if !ok {
			r = reject(Malformed, "the JSON cannot be read: %v", err)
		}
		return Opened{}, r
	}
	o := Opened{Readings: d.join.sorted(), Seq: d.highest, Timed: d.timed}
	o.TimeMS = o.Readings[0].TimeMS
	for i := range o.Readings {
		if ms := o.Readings[i].TimeMS; Undated(ms, receivedMS) == "" {
			o.TimeMS = ms
			break
		}
	}
	return o, nil
}

type plainDecoder struct {
	json     *canon.JSON
	received int64
	join     joiner
	objects  int
	highest  *uint64
	timed    bool   // every object so far
	known    bool   // a quantity was named
	stranger string // the first name that is none, told when there is no other
	members  []plainMember
}

// plainMember is what an object says of one quantity, until its time is known: a value, or a flaw.
type plainMember struct {
	q     *Quantity
	value float64
	flaw  Flaw
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
			tok, err := d.json.Token()
			switch {
			case err != nil:
				return err
			case tok != json.Delim('{'):
				return reject(Malformed, "the array must hold objects, found %v", tok)
			}
			return d.object()
		})
	default:
		return reject(Malformed, "the message must be an object or an array of objects")
	}
	if err != nil {
		return err
	}
	return d.json.End()
}

// each takes the members after '{', and the '}'. Repeated ones come repeatedly.
func (d *plainDecoder) each(read func(name string) error) error {
	return d.json.Elements(func() error {
		tok, err := d.json.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		return read(name)
	})
}

// object reads the members after '{' and the closing '}'.
func (d *plainDecoder) object() error {
	if d.objects++; d.objects > MaxRecords {
		return reject(Malformed, "more than %d objects", MaxRecords)
	}
	d.members = d.members[:0]
	var at plainTime
	err := d.each(func(name string) (err error) {
		switch name {
		case "time":
			err = d.time(&at)
		case "seq":
			err = d.seq()
		case "acceleration":
			err = d.acceleration()
		case "location":
			err = d.location()
		default:
			err = d.member(name, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	d.timed = d.timed && at.given && at.flaw == nil
	d.place(at)
	return nil
}

// place gives the members of an object to the reading of its time.
func (d *plainDecoder) place(at plainTime) {
	if len(d.members) == 0 {
		return
	}
	ms := d.received
	if at.given {
		ms = at.ms
	}
	var r *Reading
	if at.flaw == nil {
		r = d.join.reading(ms)
	} else { // nothing says that two such are of one time
		d.join.append(Reading{Values: make(map[string]float64, len(d.members))})
		r = &d.join.readings[d.join.at]
		d.join.flaw(r, at.flaw.Name, at.flaw.Text, at.flaw.Reason)
	}
	for i := range d.members {
		if m := &d.members[i]; m.flaw.Reason != "" {
			d.join.flaw(r, m.flaw.Name, m.flaw.Text, m.flaw.Reason)
		} else {
			d.join.put(r, m.q, m.value)
		}
	}
}

// plainTime is when an object says that it was measured.
type plainTime struct {
	given bool
	ms    int64
	flaw  *Flaw // nobody can say when: the time 0 is undated
}

func (d *plainDecoder) time(at *plainTime) error {
	v, err := d.scalar()
	if err != nil || v.null() {
		return err
	}
	ms, reason := int64(0), Reason("")
	if t, err := time.Parse(time.RFC3339Nano, v.text); err == nil && v.kind == jsonText {
		ms = clampMS(float64(t.UnixMilli()))
	} else if n, ok := v.number(); ok {
		ms = EpochMS(n)
	} else {
		reason = NotATime
	}
	if at.given && ms != at.ms {
		reason = Repeated
	}
	at.given, at.ms = true, ms
	if reason != "" && at.flaw == nil {
		f := flaw("time", v.text, reason)
		at.flaw = &f
	}
	return nil
}

func (d *plainDecoder) seq() error {
	v, err := d.scalar()
	if err != nil || v.null() {
		return err
	}
	seq, err := strconv.ParseUint(v.text, 10, 63)
	switch {
	case err != nil || v.kind != jsonNumber:
		d.flaw("seq", v.text, Malformed)
	case d.highest == nil || *d.highest < seq:
		d.highest = &seq
	}
	return nil
}

func (d *plainDecoder) flaw(name, text string, reason Reason) {
	d.members = append(d.members, plainMember{flaw: flaw(name, text, reason)})
}

// member takes the value of a quantity; shown is the name as it stands in the message.
func (d *plainDecoder) member(name, shown string) error {
	v, err := d.scalar()
	if err != nil {
		return err
	}
	q := quantityByName[name]
	if q == nil {
		if d.stranger == "" {
			d.stranger = fmt.Sprintf(": member %q is not", bounded(shown))
		}
		d.flaw(shown, v.text, UnknownQuantity)
		return nil
	}
	d.known = true
	d.value(q, v)
	return nil
}

func (d *plainDecoder) value(q *Quantity, v scalar) {
	switch n, ok := v.number(); {
	case !ok:
		d.flaw(q.Name, v.text, NotANumber)
	case n < q.Min || n > q.Max:
		d.flaw(q.Name, v.text, OutOfRange)
	default:
		d.members = append(d.members, plainMember{q: q, value: n})
	}
}

var axes = []string{"accel_x", "accel_y", "accel_z"}

func (d *plainDecoder) acceleration() error {
	d.known = true
	const want = "not [x, y, z]"
	tok, err := d.json.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('[') {
		d.flaw("acceleration", want, Malformed)
		return d.rest(tok)
	}
	before, n := len(d.members), 0
	err = d.json.Elements(func() error {
		v, err := d.scalar()
		if n++; err == nil && n <= len(axes) {
			d.value(quantityByName[axes[n-1]], v)
		}
		return err
	})
	if n != len(axes) {
		d.members = d.members[:before]
		d.flaw("acceleration", want, Malformed)
	}
	return err
}

func (d *plainDecoder) location() error {
	d.known = true
	const want = `not {"lat":…,"lon":…}`
	tok, err := d.json.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		d.flaw("location", want, Malformed)
		return d.rest(tok)
	}
	var lat, lon bool
	before := len(d.members)
	err = d.each(func(name string) error {
		lat, lon = lat || name == "lat", lon || name == "lon"
		if name != "lat" && name != "lon" {
			return d.member("", "location."+name)
		}
		return d.member(name, name)
	})
	if !lat || !lon {
		d.members = d.members[:before]
		d.flaw("location", want, Malformed)
	}
	return err
}

// scalar is a value that is no list and no object; those are shown by their kind.
type scalar struct {
	kind jsonKind
	text string
}

type jsonKind uint8

const (
	jsonOther jsonKind = iota
	jsonNumber
	jsonText
)

func (s scalar) null() bool { return s.kind == jsonOther && s.text == "null" }

// number is the value of a number, also of one that stands in quotes exactly as JSON writes it: "22.80".
func (s scalar) number() (float64, bool) {
	if s.kind == jsonOther || s.kind == jsonText && (s.text == "" || s.text[0] != '-' && (s.text[0] < '0' || s.text[0] > '9') || !json.Valid([]byte(s.text))) {
		return 0, false
	}
	v, err := strconv.ParseFloat(s.text, 64)
	return v, err == nil || errors.Is(err, strconv.ErrRange)
}

func (d *plainDecoder) scalar() (scalar, error) {
	tok, err := d.json.Token()
	if err != nil {
		return scalar{}, err
	}
	switch v := tok.(type) {
	case json.Number:
		return scalar{jsonNumber, v.String()}, nil
	case string:
		return scalar{jsonText, v}, nil
	case nil:
		return scalar{jsonOther, "null"}, nil
	case json.Delim:
		return scalar{jsonOther, "a list or an object"}, d.rest(v)
	}
	return scalar{jsonOther, fmt.Sprint(tok)}, nil
}

// rest passes over what a token has begun.
func (d *plainDecoder) rest(tok json.Token) error {
	if _, nested := tok.(json.Delim); !nested {
		return nil
	}
	return d.json.Elements(func() error {
		tok, err := d.json.Token()
		if err != nil {
			return err
		}
		return d.rest(tok)
	})
}

// EncodePlain writes the message of a tracker that cannot sign: an object, or an array of several, as Open reads it. The sequence stands
// in the last one. Members are sorted, so that equal readings give equal bytes.
func EncodePlain(seq uint64, readings []Reading) ([]byte, error) {
	if len(readings) == 0 || len(readings) > MaxRecords {
		return nil, fmt.Errorf("%d readings in a message: must be 1 to %d", len(readings), MaxRecords)
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
