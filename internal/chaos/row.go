package chaos

import (
	"fmt"
	"strings"
	"time"
)

// Fault is one thing that is done to the stack.
type Fault struct {
	Verb  string        // of verbs
	On    []string      // prefixes of processes, or names of links; one of them is taken each time
	Count int           // how many are taken; 0 = 1
	For   time.Duration // how long it lasts, where it does not end at once

	Toxic, Attributes string // of a bad connection: toxiproxy's type, and its attributes as JSON members
}

func (f Fault) String() string {
	words := []string{f.Verb}
	if f.Toxic != "" {
		words = append(words, f.Toxic, strings.ReplaceAll(f.Attributes, `"`, ""))
	}
	if f.Count > 1 {
		words = append(words, fmt.Sprint(f.Count), "of")
	}
	words = append(words, strings.Join(f.On, " or "))
	if f.For > 0 {
		words = append(words, "for "+f.For.String())
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// Row is one line of the fault table: what is done while trackers send, or which tests hold it, or why it is not done.
type Row struct {
	Number int
	Name   string
	Holds  string  // what must hold
	Faults []Fault // injected here
	Writes bool    // shipments are created through the operator's API meanwhile
	Load   Load    // zero = the run's
	Bound  time.Duration
	Why    string   // the bound is not the usual one
	By     []string // tests that hold it, or the rest of it
	Not    string   // what is not done, and why
}

// usualBound is what 99 of 100 recoveries must keep, from the end of the fault to the anchor on the ledger.
const usualBound = 30 * time.Second

func (r Row) bound() time.Duration {
	if r.Bound > 0 {
		return r.Bound
	}
	return usualBound
}
