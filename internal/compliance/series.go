package compliance

import (
	"slices"
	"sort"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// An evaluator keeps, of each tracker, between Window and Window+Checkpoint of the newest readings, and what had been found
// before the oldest of them and at every Checkpoint-th one. A reading that arrives late among them makes at most
// Window+Checkpoint readings be judged again; one that is older needs the evaluator to be built anew.
const (
	Window     = 256
	Checkpoint = 64
)

// series is one tracker's readings in event-time order.
type series struct {
	points  []*detect.Point
	floor   *detect.Point // the newest reading that was let go, nil = none
	marks   []*state      // marks[i] is the state before points[i*Checkpoint]
	now     *state
	applied int // points that now has judged
	stale   bool
}

func newSeries(p *plan) *series {
	s := newState(p)
	return &series{marks: []*state{s}, now: s.clone()}
}

// add takes a reading; one that is there already changes nothing.
func (s *series) add(p *detect.Point) {
	n := len(s.points)
	if n > 0 && s.points[n-1].Compare(p) < 0 {
		s.points = append(s.points, p)
	} else if !s.insert(p) {
		return
	}
	if len(s.points) == Window+Checkpoint {
		s.advance()
		s.trim()
	}
}

func (s *series) insert(p *detect.Point) bool {
	if s.floor != nil {
		if c := p.Compare(s.floor); c <= 0 {
			s.stale = s.stale || c < 0
			return false
		}
	}
	i, there := slices.BinarySearchFunc(s.points, p, (*detect.Point).Compare)
	if there {
		return false
	}
	s.points = slices.Insert(s.points, i, p)
	if i < s.applied {
		s.marks = s.marks[:i/Checkpoint+1]
		s.applied = (len(s.marks) - 1) * Checkpoint
		s.now = s.marks[len(s.marks)-1].clone()
	}
	return true
}

// advance judges what has not been judged.
func (s *series) advance() {
	for s.applied < len(s.points) {
		s.now.step(s.points[s.applied])
		if s.applied++; s.applied == len(s.marks)*Checkpoint {
			s.marks = append(s.marks, s.now.clone())
		}
	}
}

// trim lets the oldest readings go.
func (s *series) trim() {
	s.floor = s.points[Checkpoint-1]
	s.points = slices.Delete(s.points, 0, Checkpoint)
	s.marks = slices.Delete(s.marks, 0, 1)
	s.applied -= Checkpoint
}

// at gives the state with all readings up to ms, to use up; ok is false when that is too long ago.
func (s *series) at(ms int64) (st *state, ok bool) {
	s.advance()
	n := sort.Search(len(s.points), func(i int) bool { return s.points[i].MS > ms })
	switch {
	case n == len(s.points) && n > 0 || s.floor == nil && n == 0 && len(s.points) == 0:
		st = s.now.clone()
	case s.floor != nil && n == 0 && s.floor.MS > ms:
		return nil, false
	default:
		mark := min(n/Checkpoint, len(s.marks)-1)
		st = s.marks[mark].clone()
		for _, p := range s.points[mark*Checkpoint : n] {
			st.step(p)
		}
	}
	st.moveTo(ms)
	return st, true
}
