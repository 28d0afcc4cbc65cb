package compliance

import (
	"cmp"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// compose joins what nested demands found on one tracker. "any" is broken while one of them is: its excursions are the union
// in time. "all" is broken while all of them are at once: the intersection. What is unknown stays unknown unless the known
// parts decide already (Kleene).
func (u *unit) compose(toMS int64, h *held, heard *heardOf) (f detect.Finding, judged bool) {
	var found []detect.Finding
	for _, k := range u.kids {
		kf, ok := k.finish(toMS, h, heard)
		judged = judged || ok
		found = append(found, kf)
		for _, r := range kf.Reasons {
			f.Reasons = append(f.Reasons, k.id+": "+r)
		}
		f.Figures = append(f.Figures, kf.Figures...)
		f.Spent = append(f.Spent, kf.Spent...)
	}
	if !judged {
		return detect.Finding{}, false
	}
	if u.all {
		f.Excursions = intersection(found)
		f.State = stateOfAll(found, len(f.Excursions) > 0)
	} else {
		f.Excursions = union(found)
		for _, k := range found {
			f.State = max(f.State, k.State)
		}
	}
	for i := range f.Excursions {
		f.Excursions[i].OutMS = f.Excursions[i].EndMS - f.Excursions[i].StartMS
	}
	if n := len(f.Excursions); n > detect.MaxExcursions {
		f.Excursions, f.More = f.Excursions[:detect.MaxExcursions], n-detect.MaxExcursions
	}
	for _, k := range found {
		f.More += k.More
	}
	if f.State == detect.Met {
		f.Reasons = nil
	}
	return f, true
}

// stateOfAll: broken when the parts were broken at one time. Otherwise one part that surely held suffices; and parts that
// were all broken, each at another time, hold together only if everything is known.
func stateOfAll(found []detect.Finding, together bool) detect.State {
	if together {
		return detect.Broken
	}
	sure := true
	for _, k := range found {
		if k.State == detect.Met {
			return detect.Met
		}
		sure = sure && k.State == detect.Broken && k.UnknownMS == 0 && k.More == 0
	}
	if sure {
		return detect.Met
	}
	return detect.Unknown
}

// broken gives the excursions of findings that are broken: a finding that is unknown may list times that are not.
func broken(f detect.Finding) []detect.Excursion {
	if f.State != detect.Broken {
		return nil
	}
	return f.Excursions
}

func union(found []detect.Finding) []detect.Excursion {
	var all []detect.Excursion
	for _, f := range found {
		all = append(all, broken(f)...)
	}
	sortExcursions(all)
	var out []detect.Excursion
	for _, x := range all {
		if n := len(out); n > 0 && x.StartMS <= out[n-1].EndMS {
			out[n-1] = merged(out[n-1], x, out[n-1].StartMS, max(out[n-1].EndMS, x.EndMS), out[n-1].Open || x.Open)
			continue
		}
		out = append(out, x)
	}
	return out
}

func intersection(found []detect.Finding) []detect.Excursion {
	var out []detect.Excursion
	for i, f := range found {
		if i == 0 {
			out = slices.Clone(broken(f))
			continue
		}
		var both []detect.Excursion
		for _, a := range out {
			for _, b := range broken(f) {
				from, to := max(a.StartMS, b.StartMS), min(a.EndMS, b.EndMS)
				if from > to || from == to && !(covers(a, from) && covers(b, from)) {
					continue
				}
				both = append(both, merged(a, b, from, to, a.Open && b.Open))
			}
		}
		out = both
	}
	sortExcursions(out)
	return out
}

// covers reports whether an excursion was on at a moment: its end is no part of it, unless it goes on or is but a moment.
func covers(x detect.Excursion, ms int64) bool {
	return x.StartMS <= ms && ms < x.EndMS || ms == x.StartMS || x.Open && ms == x.EndMS
}

// merged keeps the numbers of the first and the messages of both.
func merged(a, b detect.Excursion, from, to int64, open bool) detect.Excursion {
	a.StartMS, a.EndMS, a.Open = from, to, open
	a.Messages = detect.Messages(append(slices.Clone(a.Messages), b.Messages...)...)
	if len(a.Messages) > maxDeciding {
		a.Messages = a.Messages[:maxDeciding]
	}
	return a
}

// maxDeciding bounds the messages of a joined excursion.
const maxDeciding = 12

func sortExcursions(all []detect.Excursion) {
	slices.SortStableFunc(all, func(a, b detect.Excursion) int {
		return cmp.Or(cmp.Compare(a.StartMS, b.StartMS), cmp.Compare(a.EndMS, b.EndMS))
	})
}
