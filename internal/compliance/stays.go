package compliance

import "github.com/trackseal/trackseal/internal/compliance/detect"

// stays are a limit's stays beyond it, for one way in which the unknown time can have been.
type stays struct {
	*limitRule
	armed  bool // what must come before has been
	beyond bool // the last value breaks the limit

	stay       detect.Episode
	clearing   bool // the value is back, but not for clear_s yet
	clearSince int64
	longest    int64 // stay

	sum     detect.Episode // cumulative without a window: all stays so far
	sumEnd  int64
	rolling rolling

	found   detect.Excursions
	extra   int // stays that only unknown time has room for
	allowed detect.Excursions
}

// count is how many stays are to be counted.
func (d *stays) count() int { return d.found.Count() + d.extra }

// read takes the next value.
func (d *stays) read(s sample) {
	d.beyond = d.armed && d.bound.Breaks(s.v)
	d.armed = d.armed || d.after.Breaks(s.v)
	switch {
	case d.beyond:
		d.clearing = false
		d.stay.Meet(s.ms, s.v, s.message, d.bound.Worse(s.v, d.stay.Peak))
	case d.stay.On && d.bound.Clear(s.v, d.hysteresis):
		d.clear(s.ms)
		if d.clearMS == 0 {
			d.end(d.clearSince)
		}
	case d.stay.On:
		d.clearing = false
	}
}

func (d *stays) clear(ms int64) {
	if !d.clearing {
		d.clearing, d.clearSince = true, ms
	}
}

// known charges time for which the last value held.
func (d *stays) known(from, to int64) {
	if d.beyond {
		d.spend(from, to)
	}
	d.cleared(to)
}

func (d *stays) spend(from, to int64) {
	d.stay.OutMS += to - from
	d.longest = max(d.longest, d.stay.OutMS)
	if d.window > 0 {
		d.rolling.spent(d, from, to)
	}
}

// cleared ends a stay when the value has been back for long enough.
func (d *stays) cleared(to int64) {
	if d.stay.On && d.clearing && to-d.clearSince >= d.clearMS {
		d.end(d.clearSince)
	}
}

// back takes unknown time as back within the limit, which is the least that can have been. Where stays are counted, one that counts goes
// on instead, since it could only become two.
func (d *stays) back(from, to int64) {
	d.beyond = false
	switch {
	case !d.stay.On:
	case d.config.MaxStays > 0 && d.stay.OutMS >= d.duration:
		d.clearing = false
	default:
		d.clear(from)
		d.cleared(to)
	}
}

// fill takes unknown time as beyond the limit, which is the most that can have been.
func (d *stays) fill(from, to int64) {
	d.armed, d.beyond = true, false
	since := d.clearSince
	clearing := d.stay.On && d.clearing
	d.clearing = false
	if !d.stay.On {
		d.stay = detect.Episode{On: true, StartMS: from, Peak: d.bound.Value}
	}
	if d.config.MaxStays == 0 {
		d.spend(from, to)
		return
	}
	if !clearing {
		since = from
	}
	d.crowd(since, from, to)
}

// crowd puts as many stays into unknown time as it has room for. Each needs its duration, and between two of them the value is back for
// clear_s; it may have been back since then.
func (d *stays) crowd(since, from, to int64) {
	each, apart, room := max(d.duration, 1), max(d.clearMS, 1), to-from
	need := max(0, each-d.stay.OutMS)
	if room < need {
		d.spend(from, to)
		return
	}
	d.stay.OutMS += need
	if room -= need; need == 0 {
		room += from - since
	}
	n, rest := room/(each+apart), room%(each+apart)
	d.extra += int(min(n, maxStays+1)) // one of them stays open, the one before it is among them
	if d.extra = min(d.extra, maxStays+1); rest >= apart {
		d.extra++
		d.stay.OutMS = min(rest-apart, to-from)
		return
	}
	d.clearing, d.clearSince = true, to-rest
}

// end closes the stay.
func (d *stays) end(at int64) {
	stay := d.stay
	if d.counts() {
		d.found.Add(stay.Excursion(at, false, d.bound.Value, ""))
	} else if d.config.ListAllowed {
		d.allowed.AddAllowed(stay.Excursion(at, false, d.bound.Value, ""))
	}
	switch {
	case d.config.Mode != Cumulative:
	case d.window > 0:
		d.rolling.stayed(d, at)
	default:
		d.sum.Join(stay, d.bound.Worse(stay.Peak, d.sum.Peak))
		d.sumEnd = at
	}
	d.stay, d.clearing = detect.Episode{}, false
}

// counts tells that the stay by itself is one that the rule is about.
func (d *stays) counts() bool {
	return d.config.Mode == Instant || d.config.Mode != Cumulative && d.stay.OutMS >= d.duration
}

// cut ends judging at ms; with open the stay goes on.
func (d *stays) cut(ms int64, open bool) {
	switch {
	case open:
		d.pending(ms)
	case d.stay.On && d.clearing:
		d.end(d.clearSince)
	case d.stay.On:
		d.end(ms)
	}
}

// pending lists the stay that is open, and the sum over stays.
func (d *stays) pending(toMS int64) {
	on := d.stay.On && !d.clearing
	if d.stay.On && !d.counts() && d.config.ListAllowed {
		d.allowed.AddAllowed(d.stay.Excursion(toMS, on, d.bound.Value, ""))
	}
	switch {
	case d.config.Mode == Cumulative && d.window > 0:
		d.rolling.finish(d, toMS)
	case d.config.Mode == Cumulative:
		end := d.sumEnd
		if d.stay.On {
			if end = toMS; d.clearing {
				end = d.clearSince
			}
			d.sum.Join(d.stay, d.bound.Worse(d.stay.Peak, d.sum.Peak))
		}
		if d.sum.On && d.sum.OutMS >= d.duration {
			d.found.Add(d.sum.Excursion(end, on, d.bound.Value, ""))
		}
	case d.stay.On && d.counts():
		d.found.Add(d.stay.Excursion(toMS, true, d.bound.Value, ""))
	}
}

func (d *stays) clone() stays {
	c := *d
	c.found, c.allowed = d.found.Clone(), d.allowed.Clone()
	c.rolling = d.rolling.clone()
	return c
}
