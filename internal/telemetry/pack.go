package telemetry

import (
	"errors"
	"fmt"
	"math"

	"github.com/trackseal/trackseal/internal/canon"
)

// MaxRecords is how many SenML records one pack may hold, and how many objects a plain message.
const MaxRecords = 4096

// record is one SenML record (RFC 8428 section 6 labels).
type record struct {
	BaseName *string `cbor:"-2,keyasint,omitempty"`
	BaseTime any     `cbor:"-3,keyasint,omitempty"`
	Name     string  `cbor:"0,keyasint"`
	Unit     string  `cbor:"1,keyasint"`
	Value    any     `cbor:"2,keyasint"`
	Time     any     `cbor:"6,keyasint,omitempty"`
}

// Labels of a record.
const (
	labelBaseTime = -3
	labelBaseName = -2
	labelName     = 0
	labelUnit     = 1
	labelValue    = 2
	labelOffset   = 6
)

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
	pack, err := canon.MarshalCBOR(records)
	if err != nil {
		return nil, err
	}
	// What a tracker signs has no flaw, or it is the caller's mistake.
	for _, r := range decodePack(pack, tracker, 0) {
		if len(r.Flaws) > 0 {
			return nil, fmt.Errorf("readings that make no message: %v", &r.Flaws[0])
		}
	}
	return pack, nil
}

// DecodePack reads a message's readings alone, for who has checked their hash against the signed part. Nothing that was signed is
// refused: what cannot be read is a flaw of the reading that it stands in, and of one at signedMS when that is all of the pack.
func DecodePack(pack []byte, tracker string, signedMS int64) []Reading {
	var j joiner
	if j.onePass(pack, tracker) {
		return j.sorted()
	}
	return decodePack(pack, tracker, signedMS)
}

func decodePack(raw []byte, tracker string, signedMS int64) []Reading {
	var j joiner
	var records []map[int64]any
	err := decodeCanonical(raw, &records, "pack")
	if err == nil {
		err = checkBases(records, tracker)
	}
	if err != nil {
		j.unread(signedMS, err)
		return j.readings
	}
	if len(records) == 0 {
		return nil
	}
	base, dated := number(records[0][labelBaseTime])
	for _, rec := range records {
		j.record(rec, base)
	}
	for i := range j.readings {
		if !dated {
			j.flaw(&j.readings[i], "time", shown(records[0][labelBaseTime]), NotATime)
		}
	}
	return j.sorted()
}

// unread notes that nothing of what was signed can be read.
func (j *joiner) unread(signedMS int64, why error) {
	r, ok := errors.AsType[*Reject](why)
	if !ok {
		r = reject(Malformed, "%v", why)
	}
	j.flaw(j.reading(signedMS), "pack", r.Detail, r.Reason)
}

// checkBases refuses a pack in which the meaning of one record hangs on another, but for the one base of all.
func checkBases(records []map[int64]any, tracker string) error {
	if len(records) > MaxRecords {
		return reject(Malformed, "%d records, at most %d", len(records), MaxRecords)
	}
	for i, rec := range records {
		for label := range rec {
			switch {
			case label >= 0:
			case i > 0:
				return reject(Malformed, "record %d: only the first may have a base", i)
			case label != labelBaseName && label != labelBaseTime:
				return reject(Malformed, "base label %d: only -2 (name) and -3 (time) may be there", label)
			}
		}
	}
	if len(records) > 0 && records[0][labelBaseName] != tracker+"/" {
		return reject(Malformed, "the first record's base name must be %q", tracker+"/")
	}
	return nil
}

// record takes one record, or notes why it gives no value.
func (j *joiner) record(rec map[int64]any, base float64) {
	strange, offset, timed := false, 0.0, true
	for label, v := range rec {
		switch label {
		case labelBaseName, labelBaseTime, labelName, labelUnit, labelValue:
		case labelOffset:
			offset, timed = number(v)
		default:
			strange = true
		}
	}
	r := j.reading(clampMS((base + offset) * 1000))
	name, ok := rec[labelName].(string)
	if !ok {
		name = shown(rec[labelName])
	}
	unit, _ := rec[labelUnit].(string)
	q := quantityByName[name]
	v, isNumber := number(rec[labelValue])
	switch {
	case !timed:
		j.flaw(r, name, shown(rec[labelOffset]), NotATime)
	case q == nil:
		j.flaw(r, name, shown(rec[labelValue]), UnknownQuantity)
	case q.Unit != unit:
		j.flaw(r, name, shown(rec[labelValue])+" "+shown(rec[labelUnit]), WrongUnit)
	case !isNumber:
		j.flaw(r, name, shown(rec[labelValue]), NotANumber)
	case strange:
		j.flaw(r, name, shown(rec[labelValue]), Malformed)
	default:
		j.put(r, q, v)
	}
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

// shown is a CBOR value as people read it.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case float64:
		return text(v)
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	case []any, map[any]any:
		return "a list"
	}
	return fmt.Sprint(v)
}
