package telemetry

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trackseal/trackseal/internal/canon"
)

// Reading is all that was measured at one time.
type Reading struct {
	TimeMS int64
	Values map[string]float64 // by quantity name, see Quantities
}

// MaxRecords is how many SenML records one pack may hold.
const MaxRecords = 512

// record is one SenML record (RFC 8428 section 6 labels); other labels are refused by the decoder.
type record struct {
	BaseName *string `cbor:"-2,keyasint,omitempty"`
	BaseTime any     `cbor:"-3,keyasint,omitempty"`
	Name     string  `cbor:"0,keyasint"`
	Unit     string  `cbor:"1,keyasint"`
	Value    any     `cbor:"2,keyasint"`
	Time     any     `cbor:"6,keyasint,omitempty"`
}

func encodePack(tracker string, readings []Reading) ([]byte, error) {
	records := make([]record, 0, len(readings))
	base := int64(0)
	for _, r := range readings {
		if len(r.Values) == 0 {
			return nil, errors.New("a reading without a value")
		}
		left := len(r.Values)
		for _, q := range Quantities {
			v, ok := r.Values[q.Name]
			if !ok {
				continue
			}
			left--
			rec := record{Name: q.Name, Unit: q.Unit, Value: v}
			if len(records) == 0 {
				name := tracker + "/"
				base = r.TimeMS
				rec.BaseName, rec.BaseTime = &name, float64(base)/1000
			} else if r.TimeMS != base {
				rec.Time = float64(r.TimeMS-base) / 1000
			}
			records = append(records, rec)
		}
		if left != 0 {
			return nil, fmt.Errorf("a reading holds a quantity that is not known: %v", r.Values)
		}
	}
	if _, err := join(records, tracker); err != nil {
		return nil, err
	}
	return canon.MarshalCBOR(records)
}

// DecodePack reads a message's readings alone, for who has checked their hash against the signed part. Every error is a
// *Reject.
func DecodePack(pack []byte, tracker string) ([]Reading, error) {
	j := joiner{tracker: tracker}
	if j.onePass(pack) {
		return j.sorted(), nil
	}
	return decodePack(pack, tracker)
}

func decodePack(raw []byte, tracker string) ([]Reading, error) {
	var records []record
	if err := decodeCanonical(raw, &records, "pack"); err != nil {
		return nil, err
	}
	return join(records, tracker)
}

// join checks every record and brings those of one time together.
func join(records []record, tracker string) ([]Reading, error) {
	if len(records) > MaxRecords {
		return nil, reject(Malformed, "%d records, at most %d", len(records), MaxRecords)
	}
	j := joiner{tracker: tracker}
	for i := range records {
		flat, err := records[i].flatten(i)
		if err == nil {
			err = j.add(i, flat)
		}
		if err != nil {
			return nil, err
		}
	}
	return j.sorted(), nil
}

// flatRecord is a record whose numbers are floats.
type flatRecord struct {
	name, unit, baseName      []byte
	value, time, base         float64
	hasName, hasBase, hasTime bool
}

func (rec *record) flatten(i int) (*flatRecord, error) {
	f := &flatRecord{name: []byte(rec.Name), unit: []byte(rec.Unit), hasName: rec.BaseName != nil, hasBase: rec.BaseTime != nil, hasTime: rec.Time != nil}
	if f.hasName {
		f.baseName = []byte(*rec.BaseName)
	}
	var ok bool
	if f.value, ok = number(rec.Value); !ok {
		return nil, reject(Malformed, "record %d: the value must be a number", i)
	}
	if f.hasBase {
		if f.base, ok = number(rec.BaseTime); !ok {
			return nil, reject(Malformed, "record %d: the base time must be a number", i)
		}
	}
	if f.hasTime {
		if f.time, ok = number(rec.Time); !ok {
			return nil, reject(Malformed, "record %d: the time offset must be a number", i)
		}
	}
	return f, nil
}

// joiner makes readings of records.
type joiner struct {
	tracker  string
	readings []Reading
	base     float64
	at       int // the reading that the previous record went to: records of one time mostly follow each other
}

// add takes record number i.
func (j *joiner) add(i int, rec *flatRecord) error {
	if i == 0 {
		if n := len(j.tracker); !rec.hasName || len(rec.baseName) != n+1 || string(rec.baseName[:n]) != j.tracker || rec.baseName[n] != '/' {
			return reject(Malformed, "the first record's base name must be %q", j.tracker+"/")
		}
		if !rec.hasBase {
			return reject(Malformed, "the first record needs a base time")
		}
		j.base = rec.base
	} else if rec.hasName || rec.hasBase {
		return reject(Malformed, "record %d: only the first may have a base", i)
	}
	q := quantityByName[string(rec.name)]
	if q == nil || q.Unit != string(rec.unit) {
		return reject(Malformed, "record %d: quantity %q in %q is not known", i, rec.name, rec.unit)
	}
	if !(rec.value >= q.Min && rec.value <= q.Max) { // also refuses NaN
		return reject(OutOfRange, "%s %v is outside %v … %v", q.Name, rec.value, q.Min, q.Max)
	}
	if rec.hasTime && rec.time == 0 {
		return reject(Malformed, "record %d: a time offset must be a number other than zero", i)
	}
	seconds := j.base + rec.time
	if !(seconds >= 1<<28 && seconds*1000 < maxTimeMS) { // RFC 8428: smaller times are relative to now
		return reject(OutOfRange, "record %d: time %v s", i, seconds)
	}
	values := j.values(int64(math.Round(seconds * 1000)))
	if _, dup := values[q.Name]; dup {
		return reject(Malformed, "record %d: %s is given twice for one time", i, q.Name)
	}
	values[q.Name] = rec.value
	return nil
}

// values are those of the reading at a time.
func (j *joiner) values(ms int64) map[string]float64 {
	if len(j.readings) == 0 || j.readings[j.at].TimeMS != ms {
		j.at = slices.IndexFunc(j.readings, func(r Reading) bool { return r.TimeMS == ms })
		if j.at < 0 {
			j.readings = append(j.readings, Reading{TimeMS: ms, Values: make(map[string]float64, 8)})
			j.at = len(j.readings) - 1
		}
	}
	return j.readings[j.at].Values
}

// sorted are the readings by time.
func (j *joiner) sorted() []Reading {
	slices.SortFunc(j.readings, func(a, b Reading) int { return cmp.Compare(a.TimeMS, b.TimeMS) })
	return j.readings
}

// number reads a CBOR number that a float64 holds exactly.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case uint64:
		return float64(n), n <= 1<<53
	case int64:
		return float64(n), n >= -(1<<53) && n <= 1<<53
	}
	return 0, false
}
