// Package audit recomputes logs from what a store holds, and names what differs: messages from their entries, columns and readings from
// messages, roots from entries, and the heads log from heads, up to anchors that the caller trusts. It believes nothing else. Pure: who
// calls it opens the store and finds the anchors.
package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
)

// What can be wrong. The API's verification has the same words.
const (
	Entry  = "entry"  // a leaf entry does not decode, or is another instance's
	Leaf   = "leaf"   // leaves are missing or doubled
	Hash   = "hash"   // the bytes are not those that the entry names
	Fields = "fields" // columns or readings are not those in the bytes
	Root   = "root"   // the leaves do not have the root of an anchored head
	Anchor = "anchor" // a head is not as it was anchored
	Head   = "head"   // a head is missing
	// Unproven: the anchors that were given say nothing of it. It is no fault.
	Unproven = "unproven"
)

// Finding names one thing that differs.
type Finding struct {
	What    string  `json:"what"`
	Log     string  `json:"log,omitempty"`     // hex
	Subject string  `json:"subject,omitempty"` // shipment or tracker whose log it is
	Leaf    *uint64 `json:"leaf,omitempty"`
	To      uint64  `json:"to,omitempty"`   // behind the last one, where it is about several leaves or heads
	Head    *uint64 `json:"head,omitempty"` // number in the heads log
	Tracker string  `json:"tracker,omitempty"`
	Message string  `json:"message,omitempty"` // hash, hex
	Detail  string  `json:"detail"`

	// How it can be mended.
	Mend Mend `json:"-"`
}

// Mend says what a repair has to do: what is right is written before what is wrong goes.
type Mend struct {
	Rewrite bool          // the leaf's points again, from its own bytes
	Replace bool          // the leaf from elsewhere
	Head    bool          // the head's point again
	Wrong   *stored.Place // a point that must go
	Reading bool          // Wrong is a reading
}

// String is one line for people.
func (f *Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s", f.What)
	if f.Log != "" {
		fmt.Fprintf(&b, " log %.12s", f.Log)
	}
	if f.Subject != "" {
		fmt.Fprintf(&b, " of %s", f.Subject)
	}
	place := func(name string, at *uint64) {
		switch {
		case at == nil:
		case f.To > *at+1:
			fmt.Fprintf(&b, " %s %d to %d", name, *at, f.To-1)
		default:
			fmt.Fprintf(&b, " %s %d", name, *at)
		}
	}
	place("leaf", f.Leaf)
	place("head", f.Head)
	if f.Tracker != "" && f.Tracker != f.Subject {
		fmt.Fprintf(&b, " tracker %s", f.Tracker)
	}
	fmt.Fprintf(&b, ": %s", f.Detail)
	return b.String()
}

// Store is what is looked at.
type Store interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

func number(n uint64) *uint64 { return &n }
