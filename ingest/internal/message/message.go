// Package message is one received message on its way through ingest: the stages fill it one after the other.
package message

import (
	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Item is one received message on its way. The verifier has filled everything except Outcome.
type Item struct {
	Topic      string
	Raw        []byte // as published; of an accepted message that is not signed, its envelope
	ReceivedMS int64
	Ack        func(refused *telemetry.Reject) // the MQTT acknowledgement; nil when the message is durable
	// Via is the gateway that sent it, and Device what it calls the one that the item is of; "" when a tracker spoke for itself.
	Via, Device string
	// Parts are the items that were made of it, of those that its gateway speaks for; then it goes no further itself.
	Parts []*Item

	Reject  *telemetry.Reject // set: goes to the quarantine, of the rest below only the next three are set
	Alike   uint64            // refused alike, with this one, since the last entry of the quarantine; 0 = it gets none
	Tracker string            // of a refused message: when it is one that the ledger knows
	Hash    [32]byte          // of cose_sign1, of the envelope, or of the refused bytes
	TimeMS  int64             // signed, or of the first reading
	// Signed messages.
	Signed    bool
	Boot, Seq uint64
	Prev      [32]byte
	Kind      telemetry.Kind
	Gap       *telemetry.GapDetail
	// Messages without a signature.
	Envelope  []byte  // as it is logged, of one that was read by a profile; nil = the plain JSON of docs/formats.md
	Counter   *uint64 // its sender's, as a profile read it
	Bits      int     // of the counter: it begins again at 2^Bits
	MessageID string  // by which its sender's platform knows it, "" = none
	JSONSeq   *uint64 // to be acknowledged by its number
	Timed     bool    // every reading carried its time, or the message its seq: the same bytes are the same message

	Readings journal.Readings
	Flags    journal.Flags // clock_*
	// Routes are the shipments that it belongs to, by the ledger's assignments: none for the tracker's own log alone.
	Routes    []Route
	TrackerTx string // the tracker's enrolment

	Outcome Outcome
	// Repeated: a duplicate only because equal bytes came a moment before; it may have been a measurement of its own.
	Repeated bool
}

// Route is a shipment that a message belongs to, and the transaction that created it.
type Route struct{ Shipment, ShipmentTx string }

// Outcome of an item.
type Outcome uint8

const (
	Logged    Outcome = iota + 1 // new: it has a leaf
	Duplicate                    // held already
	Rejected                     // quarantined
	Skipped                      // its profile passes over it
)
