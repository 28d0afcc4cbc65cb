package replica

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// What can be wrong with what an operator gives.
const (
	Form    = "form"    // an answer is not in its form
	Missing = "missing" // a leaf or head that is there is not given
	Differs = "differs" // the bytes are not those that were logged
	Forged  = "forged"  // no key of the tracker that was in force signed the message, or the tracker has no place in this log
	Root    = "root"    // the leaves do not have the root of the head
	Anchor  = "anchor"  // the head is in no heads log that the ledger has anchored
	Lagging = "lagging" // the operator does not give what the ledger has anchored
	// Unstorable: it verifies, and the own store refuses it.
	Unstorable = "unstorable"
)

// Finding names one thing that an operator gives and that does not verify, or that it does not give.
type Finding struct {
	Operator string
	Log      string // "" = of the operator as a whole
	Subject  string // shipment or tracker whose log it is
	Leaf     uint64
	What     string
	Detail   string
	SinceMS  int64
}

// maxFindings are kept of one operator; the rest are counted.
const maxFindings = 200

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
		if j := slices.IndexFunc(was, func(o Finding) bool { return o.What == x.What && o.Leaf == x.Leaf }); j >= 0 {
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

func (f *findings) list() (all []Finding, more int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, of := range f.all {
		all = append(all, of...)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.SinceMS, b.SinceMS), cmp.Compare(a.Log, b.Log), cmp.Compare(a.Leaf, b.Leaf), cmp.Compare(a.What, b.What))
	})
	if len(all) > maxFindings {
		all, more = all[:maxFindings], len(all)-maxFindings
	}
	return all, more
}
