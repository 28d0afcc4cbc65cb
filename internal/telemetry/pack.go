package telemetry

import (
	"errors"
	"fmt"
	"math"
	"sort"
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

var quantityByName = func() map[string]*Quantity {
	m := make(map[string]*Quantity, len(Quantities))
	for i := range Quantities {
		m[Quantities[i].Name] = &Quantities[i]
	}
	return m
}()

// FindQuantity returns the quantity of that name.
func FindQuantity(name string) (Quantity, bool) {
	q, ok := quantityByName[name]
	if !ok {
		return Quantity{}, false
	}
	return *q, true
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
	return canonical.Marshal(records)
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
	var readings []Reading
	var base float64
	at := -1 // the reading that the previous record went to: records of one time mostly follow each other
	for i := range records {
		rec := &records[i]
		if i == 0 {
			if rec.BaseName == nil || *rec.BaseName != tracker+"/" {
				return nil, reject(Malformed, "the first record's base name must be %q", tracker+"/")
			}
			var ok bool
			if base, ok = number(rec.BaseTime); !ok {
				return nil, reject(Malformed, "the first record needs a base time")
			}
		} else if rec.BaseName != nil || rec.BaseTime != nil {
			return nil, reject(Malformed, "record %d: only the first may have a base", i)
		}
		q, ok := quantityByName[rec.Name]
		if !ok || q.Unit != rec.Unit {
			return nil, reject(Malformed, "record %d: quantity %q in %q is not known", i, rec.Name, rec.Unit)
		}
		v, ok := number(rec.Value)
		if !ok {
			return nil, reject(Malformed, "record %d: the value must be a number", i)
		}
		if !(v >= q.Min && v <= q.Max) { // also refuses NaN
			return nil, reject(OutOfRange, "%s %v is outside %v … %v", q.Name, v, q.Min, q.Max)
		}
		offset := 0.0
		if rec.Time != nil {
			if offset, ok = number(rec.Time); !ok || offset == 0 {
				return nil, reject(Malformed, "record %d: a time offset must be a number other than zero", i)
			}
		}
		seconds := base + offset
		if !(seconds >= 1<<28 && seconds*1000 < maxTimeMS) { // RFC 8428: smaller times are relative to now
			return nil, reject(OutOfRange, "record %d: time %v s", i, seconds)
		}
		ms := int64(math.Round(seconds * 1000))
		if at < 0 || readings[at].TimeMS != ms {
			at = -1
			for j := range readings {
				if readings[j].TimeMS == ms {
					at = j
					break
				}
			}
			if at < 0 {
				readings = append(readings, Reading{TimeMS: ms, Values: make(map[string]float64, 8)})
				at = len(readings) - 1
			}
		}
		if _, dup := readings[at].Values[q.Name]; dup {
			return nil, reject(Malformed, "record %d: %s is given twice for one time", i, q.Name)
		}
		readings[at].Values[q.Name] = v
	}
	sort.Slice(readings, func(i, j int) bool { return readings[i].TimeMS < readings[j].TimeMS })
	return readings, nil
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
