// Package anchor is how shipment logs reach the ledger: log ids, the heads log and its leaves.
package anchor

import "github.com/trackseal/trackseal/internal/merkle"

// Hash is a SHA-256 digest.
type Hash = merkle.Hash

// Subject kinds of a log.
const (
	Shipment = "shipment"
	Tracker  = "tracker"
)

// LogID names one log: one subject, one opening transaction, one writer.
func LogID(channel, kind, subject, openTx, ingest string) Hash { panic("todo") }

// HeadsID names the heads log of an ingest instance.
func HeadsID(channel, ingest string) Hash { panic("todo") }

// HeadLeaf is a leaf of the heads log: the state of one log when it was anchored.
type HeadLeaf struct {
	Log    Hash
	Size   uint64
	Root   Hash
	Prev   *uint64 // index in the heads log of this log's previous head
	Closed bool
}

// Encode returns deterministic CBOR; DecodeHeadLeaf accepts only such bytes.
func (h HeadLeaf) Encode() []byte                   { panic("todo") }
func DecodeHeadLeaf(entry []byte) (HeadLeaf, error) { panic("todo") }
