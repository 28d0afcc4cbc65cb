package replica

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/stored/copying"
)

// Finding names one thing that an operator gives and that does not verify, or that it does not give. The words are copying's.
type Finding = copying.Finding

// findings are replaced as a whole for each log: those of the last look count.
type findings struct {
	now func() time.Time

	mu  sync.Mutex
	all map[string][]Finding // by log
}

// set replaces what is known of a log, and keeps since when.
func (f *findings) set(log string, found []Finding) (fresh []Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.all[log]
	for i := range found {
		x := &found[i]
		x.SinceMS = f.now().UnixMilli()
		if j := slices.IndexFunc(was, x.Same); j >= 0 {
			x.SinceMS = was[j].SinceMS
		} else {
			fresh = append(fresh, *x)
		}
	}
	if len(found) == 0 {
		delete(f.all, log)
	} else {
		f.all[log] = found
	}
	return fresh
}

// of one log.
func (f *findings) of(log string) []Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all[log])
}

func (f *findings) list() (all []Finding, more int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, of := range f.all {
		all = append(all, of...)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.SinceMS, b.SinceMS), cmp.Compare(a.Log, b.Log), cmp.Compare(a.Leaf, b.Leaf), cmp.Compare(a.What, b.What))
	})
	if len(all) > copying.MaxFindings {
		all, more = all[:copying.MaxFindings], len(all)-copying.MaxFindings
	}
	return all, more
}
