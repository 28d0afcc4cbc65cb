package compliance

import (
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Zone is the time zone of a rule set's hours. Its offsets are pinned with the rules, since the rules of a zone change and whoever
// recomputes a verdict years later has another table of zones.
type Zone struct {
	Name    string   `json:"name"` // as in the IANA table, for people
	Offsets []Offset `json:"offsets,omitempty"`
}

// Offset is what is added to UTC from a moment on. The first one holds before it, too, and the last one for good.
type Offset struct {
	From string `json:"from"` // RFC 3339, in UTC
	Add  string `json:"add"`  // +01:00
}

// Hours of the day in the rule set's zone, [From, To), as 07:00; from 19:00 to 07:00 is a night.
type Hours struct {
	From string `json:"from"`
	To   string `json:"to"`
}

const (
	dayMS      = 86_400_000
	maxOffsets = 400
)

// clock tells which times are within hours.
type clock struct {
	from, to int64 // ms since midnight
	offsets  []offset
}

type offset struct{ from, add int64 } // ms

// clockOf makes a rule's hours ready; nil = all day.
func clockOf(rs *RuleSet, h *Hours) *clock {
	if h == nil {
		return nil
	}
	c := &clock{}
	c.from, _ = timeOfDay(h.From) // Validate has checked them
	c.to, _ = timeOfDay(h.To)
	c.offsets, _ = rs.Zone.compile()
	return c
}

func timeOfDay(text string) (ms int64, err error) {
	t, err := time.Parse("15:04", text)
	if err != nil || t.Format("15:04") != text {
		return 0, fmt.Errorf("%.80q: must be a time such as 07:00", text)
	}
	return int64(t.Hour()*60+t.Minute()) * 60_000, nil
}

func (z *Zone) compile() (out []offset, err error) {
	var bad detect.Problems
	if len(z.Offsets) == 0 || len(z.Offsets) > maxOffsets {
		bad.Bad("offsets must be 1 to %d", maxOffsets)
	}
	for i, o := range z.Offsets {
		at, err := time.Parse(time.RFC3339, o.From)
		if err != nil || at.UTC().Format(time.RFC3339) != o.From {
			bad.Bad("offsets[%d].from %.80q: must be a time in UTC such as 2026-03-29T01:00:00Z", i, o.From)
		}
		zone, err := time.Parse("-07:00", o.Add)
		_, add := zone.Zone()
		if err != nil || add <= -86400 || add >= 86400 {
			bad.Bad("offsets[%d].add %.80q: must be an offset such as +01:00", i, o.Add)
		}
		x := offset{at.UnixMilli(), int64(add) * 1000}
		if i > 0 && len(bad) == 0 && x.from <= out[i-1].from {
			bad.Bad("offsets[%d].from must be later than the one before", i)
		}
		out = append(out, x)
	}
	return out, bad.Err()
}

// at tells whether a moment is within the hours, and until when this stays so at least.
func (c *clock) at(ms int64) (within bool, until int64) {
	add, until := c.offsets[0].add, int64(forever)
	for _, o := range c.offsets {
		if o.from > ms {
			until = o.from
			break
		}
		add = o.add
	}
	local := (ms%dayMS + add + 2*dayMS) % dayMS
	since := func(edge int64) int64 { return (local - edge + dayMS) % dayMS }
	length := (c.to - c.from + dayMS) % dayMS
	if s := since(c.from); s < length {
		return true, min(until, ms+length-s)
	}
	return false, min(until, ms+dayMS-since(c.from))
}

// spans are the times in which a rule applies to a tracker: those of its windows and stages, and in these the hours.
type spans struct {
	all   []span
	hours *clock
}

// after is the first of them that ends after ms.
func (s spans) after(ms int64) (span, bool) {
	for _, x := range s.all {
		if x.to <= ms {
			continue
		}
		if s.hours == nil {
			return x, true
		}
		at := max(x.from, ms)
		within, until := s.hours.at(at)
		for !within && until < x.to {
			at = until
			within, until = s.hours.at(at)
		}
		if !within {
			continue
		}
		from := at
		for within && until < x.to {
			at = until
			within, until = s.hours.at(at)
		}
		if within {
			at = x.to
		}
		return span{from, at}, true
	}
	return span{}, false
}

// until is what lies before ms.
func (s spans) until(ms int64) (total int64) {
	for x, ok := s.after(-forever); ok && x.from < ms; x, ok = s.after(x.to) {
		total += min(x.to, ms) - x.from
	}
	return total
}
