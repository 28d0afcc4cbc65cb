package judge

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Findings are what a verdict's detail keeps so that another judge sees where the two part: as much as fits, whatever the trip.
type Findings struct {
	Record journey.State     `json:"record"` // state of the shipment's record by which it was judged
	First  []Stay            `json:"first"`  // the first excursions, by start
	Rules  map[string]string `json:"rules"`  // the rules that are not met: id to state
}

// Stay is an excursion in short.
type Stay struct {
	Rule    string `json:"rule"`
	Tracker string `json:"tracker"`
	StartMS int64  `json:"start_ms"`
	EndMS   int64  `json:"end_ms"` // 0 = it goes on
}

// maxFirst bounds the excursions that a detail lists, and maxStates its rules.
const (
	maxFirst  = 20
	maxStates = 64
)

func findingsOf(r compliance.Result, record journey.State) Findings {
	f := Findings{Record: record, First: []Stay{}, Rules: map[string]string{}}
	for i := range r.Excursions[:min(len(r.Excursions), maxFirst)] {
		f.First = append(f.First, stayOf(&r.Excursions[i]))
	}
	for _, x := range r.Rules {
		if x.State != detect.Met.String() && len(f.Rules) < maxStates {
			f.Rules[x.ID] = x.State
		}
	}
	return f
}

func stayOf(e *compliance.Excursion) Stay {
	s := Stay{Rule: e.Rule, Tracker: e.Tracker, StartMS: e.StartMS, EndMS: e.EndMS}
	if e.Open {
		s.EndMS = 0
	}
	return s
}

// told are the findings that a verdict's detail tells, with the number of its excursions. Details are their party's word: all of it may be zero.
type told struct {
	Excursions int `json:"excursions"`
	Findings
}

func findings(v *ledger.Verdict) told {
	var t told
	if json.Unmarshal(v.Detail, &t) != nil {
		return told{}
	}
	return t
}

// Parting is where two judgements of the same readings part.
type Parting struct {
	FromMS int64  // event time of the first excursion that only one of them has, or ended otherwise; 0 = none that is known
	Rule   string // that it is of, or whose state they see differently; "" = it is not known
	Theirs string // the rule's state in the other's eyes, and in the own; "" where FromMS says it
	Ours   string
}

// Part compares what the detail of a verdict keeps with a judgement.
func Part(v *ledger.Verdict, r *compliance.Result) Parting {
	theirs := findings(v)
	until := int64(math.MaxInt64) // what begins later is not known of theirs
	if n := len(theirs.First); theirs.Excursions > n {
		if n == 0 {
			return Parting{}
		}
		until = theirs.First[n-1].StartMS
	}
	var ours []Stay
	for i := range r.Excursions {
		ours = append(ours, stayOf(&r.Excursions[i]))
	}
	found := append(beside(theirs.First, ours, until), beside(ours, theirs.First, until)...)
	if len(found) > 0 {
		return slices.MinFunc(found, func(a, b Parting) int {
			return cmp.Or(cmp.Compare(a.FromMS, b.FromMS), cmp.Compare(a.Rule, b.Rule))
		})
	}
	for _, x := range r.Rules {
		state := cmp.Or(theirs.Rules[x.ID], detect.Met.String())
		if theirs.Rules != nil && state != x.State {
			return Parting{Rule: x.ID, Theirs: state, Ours: x.State}
		}
	}
	return Parting{}
}

// beside are the stays that others have not, or have with another end: from when on.
func beside(all, others []Stay, untilMS int64) (found []Parting) {
	for _, s := range all {
		if s.StartMS > untilMS || slices.Contains(others, s) {
			continue
		}
		p := Parting{FromMS: s.StartMS, Rule: s.Rule}
		i := slices.IndexFunc(others, func(o Stay) bool { return o.Rule == s.Rule && o.Tracker == s.Tracker && o.StartMS == s.StartMS })
		if i >= 0 { // the end that comes first
			p.FromMS = cmp.Or(min(s.EndMS, others[i].EndMS), max(s.EndMS, others[i].EndMS))
		}
		found = append(found, p)
	}
	return found
}
