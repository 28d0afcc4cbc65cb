package detect

import (
	"cmp"
	"slices"
)

// Excursions is the list that a detector keeps: bounded, and cheap to clone. The zero value is empty.
type Excursions struct {
	list  []Excursion
	more  int
	outMS int64
}

// Add takes an excursion that is over. Its Messages must not change any more.
func (x *Excursions) Add(e Excursion) { x.add(e, MaxExcursions) }

// AddAllowed takes a stay that broke nothing: of those fewer are listed.
func (x *Excursions) AddAllowed(e Excursion) { x.add(e, MaxAllowed) }

func (x *Excursions) add(e Excursion, most int) {
	x.outMS += e.OutMS
	if len(x.list) < most {
		x.list = append(x.list, e)
	} else {
		x.more++
	}
}

// Count is how many were added.
func (x *Excursions) Count() int { return len(x.list) + x.more }

// Clone shares what is listed, which nobody writes to again: the copy's first Add moves it away. A Finding may share it, too.
func (x *Excursions) Clone() Excursions {
	return Excursions{slices.Clip(x.list), x.more, x.outMS}
}

// Into puts them into a finding.
func (x *Excursions) Into(f *Finding) { f.Excursions, f.More = x.list, x.more }

// With gives both lists in one, by start, as allowed ones.
func (x *Excursions) With(o Excursions) Excursions {
	all := Excursions{more: x.more + o.more, outMS: x.outMS + o.outMS}
	if x.Count() == 0 {
		return o
	}
	all.list = slices.Concat(x.list, o.list)
	slices.SortStableFunc(all.list, func(a, b Excursion) int { return cmp.Compare(a.StartMS, b.StartMS) })
	if n := len(all.list); n > MaxAllowed {
		all.list, all.more = all.list[:MaxAllowed], all.more+n-MaxAllowed
	}
	return all
}

// List is what is listed.
func (x *Excursions) List() []Excursion { return x.list }

// OutMS is the known time out of range of all of them.
func (x *Excursions) OutMS() int64 { return x.outMS }

// Messages lists the messages that decide an excursion, without repeats.
func Messages(points ...[32]byte) [][32]byte {
	var out [][32]byte
	for _, m := range points {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// Episode is an excursion that goes on: one time without a break. The zero value is none.
type Episode struct {
	On                 bool
	StartMS            int64
	OutMS              int64 // known time in it
	Peak               Decimal
	First, Worst, Last [32]byte // messages
}

// Meet takes the next value: the first one begins the episode. worse says that it is worse than the peak.
func (e *Episode) Meet(ms int64, v Decimal, message [32]byte, worse bool) {
	if !e.On {
		*e = Episode{On: true, StartMS: ms, First: message}
		worse = true
	}
	if worse {
		e.Peak, e.Worst = v, message
	}
	e.Last = message
}

// Join adds a later episode. worse says that its peak is the worse one.
func (e *Episode) Join(later Episode, worse bool) {
	if !e.On {
		*e = later
		return
	}
	if worse {
		e.Peak, e.Worst = later.Peak, later.Worst
	}
	e.OutMS, e.Last = e.OutMS+later.OutMS, later.Last
}

// Excursion is the episode when it ends, or so far.
func (e *Episode) Excursion(endMS int64, open bool, limit Decimal, note string) Excursion {
	return Excursion{StartMS: e.StartMS, EndMS: endMS, Open: open, Peak: e.Peak, Limit: limit, OutMS: e.OutMS,
		Messages: Messages(e.First, e.Worst, e.Last), Note: note}
}
