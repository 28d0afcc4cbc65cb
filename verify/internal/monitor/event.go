package monitor

import (
	"fmt"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
)

// Kind of an event.
type Kind string

// Kinds. Fork, Rollback and Rejected mean that somebody lies (exit code 1); Stall, Lagging, Unproven and Unreachable that
// something is missing (exit code 2).
const (
	Anchor      Kind = "anchor"      // new anchors were proven and accepted
	Fork        Kind = "fork"        // two stories, both signed; File holds the evidence
	Rollback    Kind = "rollback"    // no API shows an anchor any more that was final; File holds its evidence
	Rejected    Kind = "rejected"    // an API's evidence does not hold, or is not what it claims
	Stall       Kind = "stall"       // leaves wait and no anchor comes
	Lagging     Kind = "lagging"     // one API shows an old state
	Unproven    Kind = "unproven"    // an anchor is claimed that cannot be shown to be final
	Unreachable Kind = "unreachable" // an API does not answer
	Recovered   Kind = "recovered"   // what was reported is over
)

// exit is the exit code that a lasting event of this kind calls for.
func (k Kind) exit() int {
	switch k {
	case Fork, Rollback, Rejected:
		return evidence.ExitFail
	case Stall, Lagging, Unproven, Unreachable:
		return evidence.ExitUnknown
	}
	return evidence.ExitPass
}

// Event is one thing that happened. Its JSON form is stable.
type Event struct {
	Time   time.Time `json:"time"`
	Kind   Kind      `json:"event"`
	API    string    `json:"api,omitempty"`
	Ingest string    `json:"ingest,omitempty"`
	Heads  string    `json:"heads,omitempty"` // heads-log id
	N      *uint64   `json:"n,omitempty"`     // number of the anchor
	Size   uint64    `json:"size,omitempty"`
	Root   string    `json:"root,omitempty"`
	Block  uint64    `json:"block,omitempty"`
	Detail string    `json:"detail,omitempty"`
	File   string    `json:"file,omitempty"`
}

// key tells conditions apart: what lasts is one condition, whatever its detail says from round to round.
func (e Event) key() string { return string(e.Kind) + " " + e.API + " " + e.Heads }

// String is the event on one line.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-11s", e.Time.UTC().Format("2006-01-02T15:04:05Z"), e.Kind)
	if e.Ingest != "" {
		fmt.Fprintf(&b, " %s", clean(e.Ingest))
	}
	if e.N != nil {
		fmt.Fprintf(&b, " anchor %d", *e.N)
	}
	if e.Size > 0 {
		fmt.Fprintf(&b, " size %d root %.16s block %d", e.Size, e.Root, e.Block)
	}
	if e.API != "" {
		fmt.Fprintf(&b, " through %s", e.API)
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", clean(e.Detail))
	}
	if e.File != "" {
		fmt.Fprintf(&b, " [%s]", e.File)
	}
	return b.String()
}
