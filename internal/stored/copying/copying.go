// Package copying takes logs from another node into an own store: the leaves that an anchor on the ledger covers, each verified before it is
// written. It believes neither the node nor its operator. A replica copies with it from an operator or from another party, and an operator
// whose store is lost from a party.
//
// Leaves come before the head that covers them: the newest head in the own store is where a new process goes on. A crash anywhere leaves
// points that are written again.
package copying

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// From is a node that has a log: its operator's, or another party's. Errors are those of package transfer, all others say that it cannot be
// asked.
type From interface {
	Name() string // whose words they are, for findings: an instance's id, or a member's name
	LogHeads(ctx context.Context, of Ref, from uint64) (transfer.Heads, error)
	Messages(ctx context.Context, of Ref, from, to uint64, entries bool) (transfer.Messages, error)
}

// Ledger is read at the own organisation's peer. Errors are those of package ledger.
type Ledger interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error)
}

// Store is the own one.
type Store interface {
	NewBatch() stored.Batch
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// Subject is whose log it is: a shipment, or a tracker with its own log.
type Subject struct {
	Kind, ID string // anchor.Shipment or anchor.Tracker
	OpenTx   string
}

// Ref names a log, so that whoever serves it can say from the ledger who may have it.
type Ref struct {
	Subject
	Ingest string // the life of the instance that wrote it
	Log    string // its id, hex
	Heads  string // id of the heads log whose heads are asked for, hex
}

// RefOf a subject's log at a life of an instance, and its heads in the heads log of that life or of a later one.
func RefOf(channel string, of Subject, ingest, anchoredBy string) Ref {
	log, heads := anchor.LogID(channel, of.Kind, of.ID, of.OpenTx, ingest), anchor.HeadsID(channel, anchoredBy)
	return Ref{Subject: of, Ingest: ingest, Log: hex.EncodeToString(log[:]), Heads: hex.EncodeToString(heads[:])}
}

// Copier copies logs whose heads are in one heads log. Not safe for concurrent use; Trackers may be shared.
type Copier struct {
	Store    Store
	Anchors  *Anchors
	Trackers *Trackers
	Now      func() time.Time
	// Codec, if set, runs the codecs of profiles again; else what they made is taken as it is.
	Codec profile.Runner
	// Held, if not 0, bounds the bytes of messages that are kept while roots are computed, instead of 16 MiB. Tests.
	Held int
	// Measured, if set, is told of the readings of each message of a shipment that was written.
	Measured func(tracker string, readings []telemetry.Reading, receivedMS int64)
	// Copied, if set, is told of the newest head that was written of a log, and by how many leaves the log has grown.
	Copied func(l *Log, newest *stored.Head, grown uint64)
}

func (c *Copier) measured(m *stored.Message, readings []telemetry.Reading) {
	if c.Measured != nil && m.Shipment != "" {
		c.Measured(m.Tracker, readings, m.ReceivedMS)
	}
}

// What can be wrong with what a node gives.
const (
	Form    = "form"    // an answer is not in its form
	Missing = "missing" // a leaf or head that is there is not given
	Differs = "differs" // the bytes are not those that were logged
	Forged  = "forged"  // no key of the tracker that was in force signed the message, or the tracker has no place in this log
	Misread = "misread" // what is said to be read of the message is not what its tracker's profile reads
	Root    = "root"    // the leaves do not have the root of the head
	Anchor  = "anchor"  // the head is in no heads log that the ledger has anchored
	Lagging = "lagging" // the operator does not give what the ledger has anchored
	// Unstorable: it verifies, and the own store refuses it.
	Unstorable = "unstorable"
)

// Finding names one thing that a node gives and that does not verify, or that it does not give.
type Finding struct {
	By      string // who gave it, From.Name
	Log     string // "" = of the operator as a whole
	Subject string // shipment or tracker whose log it is
	Leaf    uint64
	What    string
	Detail  string
	SinceMS int64
}

// Same reports whether two findings are of one thing.
func (f Finding) Same(o Finding) bool { return f.By == o.By && f.What == o.What && f.Leaf == o.Leaf }

// Fault is why something is not taken: What is one of the words of a Finding.
type Fault struct{ What, Detail string }

func faulty(what, format string, args ...any) *Fault {
	return &Fault{what, fmt.Sprintf(format, args...)}
}
