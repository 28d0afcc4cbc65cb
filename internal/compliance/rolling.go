package compliance

import (
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// rolling is the known time out of range within a moving window. While the value is out of range its sum cannot fall, so it
// is enough to look at the end of each known stretch; in range it only falls, so it is enough to look at the next start.
type rolling struct {
	done []stretch // by time; older ones leave
	last stretch   // the newest, still growing
	edge int64     // nothing before it counts
	sum  int64

	current detect.Episode // on since the sum has reached the duration
	end     int64          // of current, so far
}

// stretch is a time [from, to).
type stretch struct{ from, to int64 }

// maxRolling bounds what a window remembers: beyond it, pairs of the oldest stretches become one that ends where the later
// one ended. The sum may then stay larger for longer, never smaller.
const maxRolling = 4096

// spent adds [a, b), out of range and known, of the open stay.
func (r *rolling) spent(d *stays, a, b int64) {
	r.leave(a - d.window)
	r.below(d)
	if r.last.to == a && r.last.from < a {
		r.last.to = b
	} else {
		r.push()
		r.last = stretch{a, b}
	}
	r.sum += b - a
	r.leave(b - d.window)
	if r.sum < d.duration {
		return
	}
	if !r.current.On {
		r.current = d.stay
		r.current.OutMS = 0
	}
	r.current.OutMS = max(r.current.OutMS, r.sum)
	r.end = b
}

// below ends the excursion when the sum has fallen below the duration.
func (r *rolling) below(d *stays) {
	if r.current.On && r.sum < d.duration {
		d.found.Add(r.current.Excursion(r.end, false, d.bound.Value, ""))
		r.current = detect.Episode{}
	}
}

func (r *rolling) push() {
	if r.last.to <= r.edge {
		return
	}
	if len(r.done) == maxRolling {
		var merged []stretch
		for i := 0; i < maxRolling/2; i += 2 {
			a, b := r.done[i], r.done[i+1]
			merged = append(merged, stretch{b.from - (a.to - max(a.from, r.edge)), b.to})
		}
		r.done = append(merged, r.done[maxRolling/2:]...)
	}
	r.done = append(r.done, r.last)
}

// leave drops what is before edge.
func (r *rolling) leave(edge int64) {
	if edge <= r.edge {
		return
	}
	gone := func(s stretch) int64 { return max(0, min(s.to, edge)-max(s.from, r.edge)) }
	i := 0
	for ; i < len(r.done); i++ {
		r.sum -= gone(r.done[i])
		if r.done[i].to > edge {
			break
		}
	}
	r.done = r.done[i:]
	r.sum -= gone(r.last)
	r.edge = edge
}

// stayed tells that the detector's stay has ended at ms.
func (r *rolling) stayed(d *stays, ms int64) {
	if r.current.On {
		r.meet(d)
		r.end = max(r.end, ms)
	}
}

// meet takes the worst and the last of the detector's stay.
func (r *rolling) meet(d *stays) {
	s := d.stay
	s.OutMS = 0
	r.current.Join(s, d.bound.Worse(s.Peak, r.current.Peak))
}

func (r *rolling) finish(d *stays, toMS int64) {
	if !r.current.On {
		return
	}
	open := d.stay.On && !d.clearing
	if d.stay.On {
		r.meet(d)
	}
	if open {
		r.end = toMS
	}
	d.found.Add(r.current.Excursion(r.end, open, d.bound.Value, ""))
}

func (r *rolling) clone() rolling {
	r.done = slices.Clip(r.done)
	return *r
}
