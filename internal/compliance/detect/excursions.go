package detect

import "slices"

// Excursions is the list that a detector keeps: bounded, and cheap to clone. The zero value is empty.
type Excursions struct {
	list []Excursion
	more int
}

// Add takes an excursion that is over. Its Messages must not change any more.
func (x *Excursions) Add(e Excursion) {
	if len(x.list) < MaxExcursions {
		x.list = append(x.list, e)
	} else {
		x.more++
	}
}

// Count is how many were added.
func (x *Excursions) Count() int { return len(x.list) + x.more }

// Clone shares what is listed, which nobody writes to again: the copy's first Add moves it away.
func (x *Excursions) Clone() Excursions {
	return Excursions{slices.Clip(x.list), x.more}
}

// Into puts copies into a finding.
func (x *Excursions) Into(f *Finding) {
	f.Excursions, f.More = slices.Clone(x.list), x.more
}

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
