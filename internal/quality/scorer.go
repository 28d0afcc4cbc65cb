package quality

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Hour counts what was flagged in one hour of event time of one tracker.
type Hour struct {
	StartMS  int64
	Readings int64
	// Minutes with a reading, and how many were to be expected at the tracker's usual interval. While the hour is not over,
	// Expected is of the time until its newest reading.
	Minutes, Expected int64
	Flags             [Reasons]int64
}

// Scorer flags one tracker's readings in event-time order and counts them by hour. Its memory is bounded (about 1 KiB). Drift
// is not its matter: Group sees several trackers; Count takes its flags. The zero Scorer is ready.
type Scorer struct {
	tracks [len(steady)]track
	fix    fix

	seen          bool
	paused        bool
	firstMS       int64 // from when on readings are expected
	last          Reading
	minute        int64    // of the newest reading
	gaps          [9]int64 // minutes between minutes with readings, the newest last
	gapCount      int
	now           Hour
	before        Hour
	hasBefore     bool
	closed        []Hour
	changed       bool
	beforeChanged bool
}

// maxSilent is how many hours without a reading are counted between two readings.
const maxSilent = 24

// NewestMS is the time of the newest reading; ok is false before the first.
func (s *Scorer) NewestMS() (ms int64, ok bool) { return s.last.MS, s.seen }

// Add takes the next reading and calls flag for what is odd, which may be an earlier reading. It reports false, and does
// nothing, for a reading that is older than the newest: the hours after it would have to be scored again.
func (s *Scorer) Add(r Reading, flag func(Flag)) bool {
	if s.seen && r.MS < s.last.MS {
		return false
	}
	if s.seen && r.MS == s.last.MS && slices.Equal(r.Values, s.last.Values) && slices.Equal(r.Faults, s.last.Faults) {
		return true
	}
	hear := func(f Flag) {
		s.Count(f)
		flag(f)
	}
	s.clock(r.MS, hear)
	s.now.Readings++
	s.changed = true
	checkFaults(&r, hear)
	for i := range steady {
		if v, ok := r.get(steady[i].metric); ok {
			s.tracks[i].add(i, &r, v, hear)
		}
	}
	s.fix.add(&r, hear)
	s.last = r
	return true
}

// Pause says that no reading is expected until the next one: the tracker goes from one shipment to another.
func (s *Scorer) Pause() { s.paused = s.seen }

// Count adds a flag to its hour, if that is the newest one or the one before.
func (s *Scorer) Count(f Flag) {
	switch start := HourOf(f.MS); {
	case start == s.now.StartMS:
		s.now.Flags[f.Reason]++
		s.changed = true
	case s.hasBefore && start == s.before.StartMS:
		s.before.Flags[f.Reason]++
		s.beforeChanged = true
	}
}

// clock moves on to the hour and minute of a reading.
func (s *Scorer) clock(ms int64, flag func(Flag)) {
	minute := floor(ms, minuteMS)
	start := HourOf(ms)
	if !s.seen {
		s.seen, s.firstMS, s.minute = true, ms, minute
		s.now = Hour{StartMS: start, Minutes: 1, Expected: 1}
		return
	}
	usual := s.usual() // of the time before: an hour's account is the same whether Close or a reading ends it
	if gap := minute - s.minute; gap > 0 && !s.paused {
		copy(s.gaps[:], s.gaps[1:])
		s.gaps[len(s.gaps)-1] = gap
		s.gapCount = min(s.gapCount+1, len(s.gaps))
	}
	switch {
	case s.paused:
		s.paused, s.firstMS = false, ms
		if start != s.now.StartMS {
			s.retire()
			s.now = Hour{StartMS: start}
		}
	case start != s.now.StartMS:
		s.finish(&s.now, usual, flag)
		s.retire()
		for silent, n := s.before.StartMS+HourMS, 0; silent < start && n < maxSilent; silent, n = silent+HourMS, n+1 {
			s.now = Hour{StartMS: silent}
			s.finish(&s.now, usual, flag)
			s.retire()
		}
		s.now = Hour{StartMS: start}
	}
	if minute != s.minute || s.now.Minutes == 0 {
		s.now.Minutes++
		s.minute = minute
	}
	s.now.Expected = max(s.now.Minutes, s.expected(&s.now, ms, usual))
}

// usual is the median of the last gaps between minutes with readings; 1 before there are any.
func (s *Scorer) usual() int64 {
	if s.gapCount == 0 {
		return 1
	}
	sorted := s.gaps
	g := sorted[len(sorted)-s.gapCount:]
	slices.Sort(g)
	return g[(len(g)-1)/2]
}

// expected minutes with a reading, from the hour's start (or the first reading) to ms.
func (s *Scorer) expected(h *Hour, ms, usual int64) int64 {
	return (ms - max(h.StartMS, s.firstMS)) / minuteMS / usual
}

// finish closes an hour's account.
func (s *Scorer) finish(h *Hour, usual int64, flag func(Flag)) {
	h.Expected = max(h.Minutes, s.expected(h, h.StartMS+HourMS, usual))
	if h.Minutes*100 < 67*h.Expected {
		flag(Flag{MS: h.StartMS, Reason: Availability, Metric: detect.Metrics, Value: detect.Decimal(h.Minutes) * one, Against: detect.Decimal(h.Expected) * one})
	}
}

// retire makes the newest hour the one before.
func (s *Scorer) retire() {
	if s.hasBefore && s.beforeChanged {
		s.closed = append(s.closed, s.before)
	}
	s.before, s.hasBefore, s.beforeChanged = s.now, true, true
}

// Drain gives the hours that changed since the last Drain, oldest first.
func (s *Scorer) Drain() []Hour {
	out := s.closed
	s.closed = nil
	if s.hasBefore && s.beforeChanged {
		out = append(out, s.before)
	}
	if s.changed {
		out = append(out, s.now)
	}
	s.changed, s.beforeChanged = false, false
	return out
}

func floor(ms, unit int64) int64 { return (ms - (ms%unit+unit)%unit) / unit }

// HourOf is the start of the hour that a time lies in.
func HourOf(ms int64) int64 { return floor(ms, HourMS) * HourMS }

// Since is the start of the earlier of the two hours that flags are still counted for.
func (s *Scorer) Since() int64 {
	if s.hasBefore {
		return s.before.StartMS
	}
	return s.now.StartMS
}

// Close says that the newest hour is over and no more readings come: its account is finished.
func (s *Scorer) Close(flag func(Flag)) {
	if s.seen {
		s.finish(&s.now, s.usual(), func(f Flag) {
			s.Count(f)
			flag(f)
		})
	}
}

// Hours are the hours that flags are still counted for, the earlier first.
func (s *Scorer) Hours() []Hour {
	var hours []Hour
	if s.hasBefore {
		hours = append(hours, s.before)
	}
	if s.seen {
		hours = append(hours, s.now)
	}
	return hours
}
