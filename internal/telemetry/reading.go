package telemetry

import (
	"cmp"
	"maps"
	"slices"
)

// Reading is all that was measured at one time.
type Reading struct {
	TimeMS int64
	Values map[string]float64 // by quantity name, see Quantities; empty when all has flaws
	Flaws  []Flaw             // members that gave no value, in the order of the message
}

// Counts reports whether the reading is stored and judged as one of its time, by when its message was received.
func (r *Reading) Counts(receivedMS int64) bool {
	return Undated(r.TimeMS, receivedMS) == "" && (len(r.Values) > 0 || len(r.Said()) > 0)
}

// Said are the values with the numbers that are out of range: what is stored and judged. No sensor measures those, so they are faults
// (Sensors), and what was measured before does not hold through them.
func (r *Reading) Said() map[string]float64 {
	said := r.Values
	for i := range r.Flaws {
		f := &r.Flaws[i]
		v, ok := f.Value()
		if _, there := said[f.Name]; there || !ok || f.Reason != OutOfRange {
			continue
		}
		if len(said) == len(r.Values) {
			said = maps.Clone(r.Values)
			if said == nil {
				said = map[string]float64{}
			}
		}
		said[f.Name] = v
	}
	return said
}

// contradicted reports whether a quantity was contradicted before.
func (r *Reading) contradicted(name string) bool {
	return slices.ContainsFunc(r.Flaws, func(f Flaw) bool { return f.Name == name && f.Reason == Repeated })
}

// joiner gathers values to readings by their times.
type joiner struct {
	readings []Reading
	at       int           // the reading of the previous value: those of one time mostly follow each other
	index    map[int64]int // by time, once there are many
	flawed   bool
	unknown  int // names that nobody knows
}

// indexFrom is how many readings are searched one by one.
const indexFrom = 16

// reading is the one of a time. The pointer holds until the next call.
func (j *joiner) reading(ms int64) *Reading {
	if len(j.readings) == 0 || j.readings[j.at].TimeMS != ms {
		if j.at = j.find(ms); j.at < 0 {
			j.append(Reading{TimeMS: ms, Values: make(map[string]float64, 8)})
		}
	}
	return &j.readings[j.at]
}

func (j *joiner) find(ms int64) int {
	if j.index == nil {
		return slices.IndexFunc(j.readings, func(r Reading) bool { return r.TimeMS == ms })
	}
	if i, ok := j.index[ms]; ok {
		return i
	}
	return -1
}

func (j *joiner) append(r Reading) {
	j.readings = append(j.readings, r)
	j.at = len(j.readings) - 1
	switch {
	case j.index != nil:
		j.index[r.TimeMS] = j.at
	case len(j.readings) == indexFrom:
		j.index = make(map[int64]int, 2*indexFrom)
		for i := range j.readings {
			j.index[j.readings[i].TimeMS] = i
		}
	}
}

// put takes a value of a reading. Of values that contradict each other none counts: nobody could say which.
func (j *joiner) put(r *Reading, q *Quantity, v float64) {
	old, there := r.Values[q.Name]
	switch {
	case v != v:
		j.flaw(r, q.Name, text(v), NotANumber)
	case v < q.Min || v > q.Max:
		j.flaw(r, q.Name, text(v), OutOfRange)
	case there && old == v:
	case there:
		delete(r.Values, q.Name)
		j.flaw(r, q.Name, text(old), Repeated)
		j.flaw(r, q.Name, text(v), Repeated)
	case len(r.Flaws) > 0 && r.contradicted(q.Name):
		j.flaw(r, q.Name, text(v), Repeated)
	default:
		r.Values[q.Name] = v
	}
}

func (j *joiner) flaw(r *Reading, name, text string, reason Reason) {
	j.flawed = true
	if reason == UnknownQuantity {
		if j.unknown++; j.unknown > maxUnknownFlaws {
			return
		}
	}
	r.Flaws = append(r.Flaws, flaw(name, text, reason))
}

// sorted are the readings by time.
func (j *joiner) sorted() []Reading {
	slices.SortStableFunc(j.readings, func(a, b Reading) int { return cmp.Compare(a.TimeMS, b.TimeMS) })
	return j.readings
}
