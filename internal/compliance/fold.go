package compliance

import "strconv"

// fold is the state of judging one series point by point. Each point's value holds until the next point, but for at most
// the rule set's gap; what lies between is unknown.
type fold struct {
	last    point
	any     bool
	in      int64
	out     int64
	unknown int64
	rules   []ruleFold // by index in the rule set; only those of this metric are used
	done    []Excursion
}

// ruleFold is one rule's state: an open run of breaking points, and for cumulative rules the sum over all runs.
type ruleFold struct {
	open    bool
	start   int64 // of the run; for a cumulative rule of the first run
	out     int64 // known time out of range in this run (cumulative: in all runs)
	peak    float64
	end     int64 // cumulative: end of the last run
	counted bool
}

// judge folds the points that are new, then closes a copy at toMS: the fold itself stays open for later points.
func (e *Evaluator) judge(k seriesKey, s *series, toMS int64, res *Result) {
	if s.fold.rules == nil {
		s.fold.rules = make([]ruleFold, len(e.rules.Rules))
	}
	for s.folded < len(s.points) && s.points[s.folded].ms <= toMS {
		e.step(k, &s.fold, s.points[s.folded])
		s.folded++
	}
	f := &s.fold
	if s.folded > 0 && s.points[s.folded-1].ms > toMS {
		// Judging up to an earlier time than already folded: fold a copy from the start.
		f = &fold{rules: make([]ruleFold, len(e.rules.Rules))}
		for _, p := range s.points {
			if p.ms > toMS {
				break
			}
			e.step(k, f, p)
		}
	}
	e.finish(k, f, toMS, res)
}

func (e *Evaluator) gapMS() int64 { return int64(e.rules.MaxGapS) * 1000 }

// step closes the interval before p and opens the one that p begins.
func (e *Evaluator) step(k seriesKey, f *fold, p point) {
	if !f.any {
		// Nothing is known before the first reading; a wait within the gap is how every trip begins.
		if wait := p.ms - e.from; wait > e.gapMS() {
			f.unknown += wait
		}
	} else {
		known, gap := e.split(f.last.ms, p.ms)
		e.spend(k, f, known, gap > 0)
		f.unknown += gap
	}
	f.any, f.last = true, p
	for i := range e.rules.Rules {
		r := &e.rules.Rules[i]
		if r.Metric != k.metric {
			continue
		}
		state := &f.rules[i]
		if r.broken(p.v, e.limits[i]) {
			if !state.open {
				state.open = true
				if r.Mode != "cumulative" || !state.counted {
					state.start, state.out, state.peak = p.ms, 0, p.v
				}
				state.counted = true
			}
			if r.worse(p.v, state.peak) {
				state.peak = p.v
			}
		} else if state.open {
			e.endRun(k, f, i, p.ms)
		}
	}
}

// split divides the time from a to b into known and unknown.
func (e *Evaluator) split(a, b int64) (known, unknown int64) {
	known = b - a
	if known > e.gapMS() {
		return e.gapMS(), known - e.gapMS()
	}
	return known, 0
}

// spend charges the known time after the last point to its state; a gap ends every run where the known time ends.
func (e *Evaluator) spend(k seriesKey, f *fold, known int64, gap bool) {
	broken := false
	for i := range e.rules.Rules {
		if state := &f.rules[i]; e.rules.Rules[i].Metric == k.metric && state.open {
			broken = true
			state.out += known
			if gap {
				e.endRun(k, f, i, f.last.ms+known)
			}
		}
	}
	if broken {
		f.out += known
	} else {
		f.in += known
	}
}

func (e *Evaluator) endRun(k seriesKey, f *fold, i int, end int64) {
	state := &f.rules[i]
	state.open, state.end = false, end
	if r := &e.rules.Rules[i]; r.Mode != "cumulative" && e.counts(r, state) {
		f.done = append(f.done, e.excursion(k, i, state, end))
	}
}

// counts reports whether a run is an excursion: an instant limit needs no time, the others their duration.
func (e *Evaluator) counts(r *Rule, state *ruleFold) bool {
	return r.Mode == "instant" || state.out >= int64(r.DurationS)*1000
}

// finish charges the time after the last point up to toMS and reports, leaving f as it was.
func (e *Evaluator) finish(k seriesKey, f *fold, toMS int64, res *Result) {
	in, out, unknown := f.in, f.out, f.unknown
	states := append([]ruleFold(nil), f.rules...)
	excursions := append([]Excursion(nil), f.done...)
	if f.any && toMS > f.last.ms {
		known, gap := e.split(f.last.ms, toMS)
		unknown += gap
		broken := false
		for i := range states {
			if e.rules.Rules[i].Metric == k.metric && states[i].open {
				broken = true
				states[i].out += known
				if gap > 0 {
					states[i].open, states[i].end = false, f.last.ms+known
					if r := &e.rules.Rules[i]; r.Mode != "cumulative" && e.counts(r, &states[i]) {
						excursions = append(excursions, e.excursion(k, i, &states[i], states[i].end))
					}
				}
			}
		}
		if broken {
			out += known
		} else {
			in += known
		}
	}
	for i := range states {
		r, state := &e.rules.Rules[i], &states[i]
		switch {
		case r.Metric != k.metric || !state.counted || !e.counts(r, state):
		case state.open:
			excursions = append(excursions, e.excursion(k, i, state, 0))
		case r.Mode == "cumulative":
			excursions = append(excursions, e.excursion(k, i, state, state.end))
		}
	}
	res.InMS[k.metric] += in
	res.OutMS[k.metric] += out
	res.UnknownMS[k.metric] += unknown
	res.Excursions = append(res.Excursions, excursions...)
}

func (e *Evaluator) excursion(k seriesKey, i int, state *ruleFold, end int64) Excursion {
	r := &e.rules.Rules[i]
	return Excursion{
		ID: r.ID + "/" + k.tracker + "/" + strconv.FormatInt(state.start, 10), Rule: r.ID, Metric: k.metric, Tracker: k.tracker, Severity: r.Severity,
		StartMS: state.start, EndMS: end, Peak: strconv.FormatFloat(state.peak, 'f', -1, 64), Limit: r.Limit, OutMS: state.out,
	}
}
