package compliance

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// ErrStale: the evaluator no longer holds what it would need. Build a new one from all readings.
var ErrStale = errors.New("readings or ledger records changed what was judged too long ago: build the evaluator anew")

// Reading is one reading of one tracker.
type Reading struct {
	Tracker string
	Point   detect.Point
	// Aside, if not nil, is what does not count; there is no point then. See Evaluator.AddAside.
	Aside *telemetry.Aside
}

// Evaluator absorbs readings in any order, with repeats, and gives the same Result for the same set of readings and the same
// journey. Readings in order cost the same however many came before. Its memory does not grow with the readings: see Window.
// Not safe for concurrent use.
type Evaluator struct {
	rules   RuleSet
	journey *detect.Journey
	series  map[string]*series
	// passed over: readings outside all windows, which another journey might have put into one.
	passed bool
	stale  bool
	aside  map[string]*aside // by tracker
}

// New judges by a valid rule set.
func New(rs RuleSet, journey detect.Journey) (*Evaluator, error) {
	if err := rs.Validate(); err != nil {
		return nil, err
	}
	e := &Evaluator{rules: rs}
	return e, e.plan(journey)
}

// plan begins anew with a journey.
func (e *Evaluator) plan(journey detect.Journey) error {
	c := copyOf(journey)
	all := make(map[string]*series, len(c.Trackers))
	for i := range c.Trackers {
		t := &c.Trackers[i]
		if all[t.ID] != nil {
			return fmt.Errorf("tracker %s is in the journey twice", t.ID)
		}
		p, err := newPlan(&e.rules, c, t)
		if err != nil {
			return err
		}
		all[t.ID] = newSeries(p)
	}
	e.journey, e.series, e.aside = c, all, map[string]*aside{}
	return nil
}

func copyOf(c detect.Journey) *detect.Journey {
	c.Legs, c.Carried = slices.Clone(c.Legs), slices.Clone(c.Carried)
	c.Trackers = slices.Clone(c.Trackers)
	for i := range c.Trackers {
		t := &c.Trackers[i]
		t.Windows, t.Calibrations, t.Sensors = slices.Clone(t.Windows), slices.Clone(t.Calibrations), slices.Clone(t.Sensors)
	}
	slices.SortFunc(c.Trackers, func(a, b detect.Tracker) int { return cmp.Compare(a.ID, b.ID) })
	return &c
}

// Add takes one reading. What lies outside the tracker's windows is not judged.
func (e *Evaluator) Add(tracker string, p detect.Point) {
	s := e.series[tracker]
	if s == nil || !s.now.within(p.MS) {
		e.passed = true
		return
	}
	p = p.Observed(s.now.sensorsAt(p.MS))
	s.add(&p)
}

// AddReading takes a reading, or what does not count.
func (e *Evaluator) AddReading(r Reading) {
	if r.Aside != nil {
		e.AddAside(r.Tracker, *r.Aside)
		return
	}
	e.Add(r.Tracker, r.Point)
}

// Load takes many readings, in any order, without ever getting stale by them. It sorts them in place.
func (e *Evaluator) Load(all []Reading) {
	slices.SortFunc(all, func(a, b Reading) int {
		return cmp.Or(cmp.Compare(a.Tracker, b.Tracker), a.Point.Compare(&b.Point))
	})
	for _, r := range all {
		e.AddReading(r)
	}
}

// SetJourney takes what the ledger says now (a handover, the delivery, the close, a calibration). When the evaluator no longer
// holds all readings it becomes stale.
func (e *Evaluator) SetJourney(journey detect.Journey) error {
	if reflect.DeepEqual(copyOf(journey), e.journey) {
		return nil
	}
	was := e.series
	e.stale = e.Stale() || e.passed || len(e.aside) > 0
	for _, s := range was {
		e.stale = e.stale || s.floor != nil
	}
	if err := e.plan(journey); err != nil {
		e.stale = true
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		for _, p := range was[id].points {
			e.Add(id, *p)
		}
	}
	return nil
}

// Stale tells that the evaluator can no longer judge: a reading came that is older than those it holds.
func (e *Evaluator) Stale() bool {
	for _, s := range e.series {
		if s.stale {
			return true
		}
	}
	return e.stale
}

// Size is how many readings are held in memory.
func (e *Evaluator) Size() int {
	n := 0
	for _, s := range e.series {
		n += len(s.points)
	}
	return n
}

// end is up to when Result judges by itself: the newest reading, or the ends that the ledger knows.
func (e *Evaluator) end() int64 {
	to := e.journey.FromMS
	for _, s := range e.series {
		if n := len(s.points); n > 0 {
			to = max(to, s.points[n-1].MS)
		}
		for _, w := range s.now.windows {
			if w.to != forever {
				to = max(to, w.to)
			}
		}
	}
	if e.journey.EndMS != 0 {
		return e.journey.EndMS
	}
	return to
}

// Result judges up to toMS; 0 means up to the newest reading, or to the end of a shipment or of a tracker's window that the
// ledger knows. It leaves the evaluator as it is. The error is ErrStale.
func (e *Evaluator) Result(toMS int64) (Result, error) {
	if e.Stale() {
		return Result{}, ErrStale
	}
	if end := e.end(); toMS == 0 || e.journey.EndMS != 0 && toMS > end {
		toMS = end
	}
	a := newAssembly(&e.rules, e.journey, toMS)
	a.aside = e.aside
	for _, t := range e.journey.Trackers { // by id
		s := e.series[t.ID]
		if len(s.now.windows) == 0 || s.now.windows[0].from > toMS {
			continue
		}
		st, ok := s.at(toMS)
		if !ok {
			return Result{}, ErrStale
		}
		a.trackers = append(a.trackers, st)
	}
	return a.result(), nil
}

// Judge is the verdict on a set of readings. It sorts them in place.
func Judge(rs RuleSet, journey detect.Journey, all []Reading, toMS int64) (Result, error) {
	e, err := New(rs, journey)
	if err != nil {
		return Result{}, err
	}
	e.Load(all)
	return e.Result(toMS)
}
