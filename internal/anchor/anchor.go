// Package anchor is how shipment logs reach the ledger: log ids, the heads log and its leaves.
package anchor

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/merkle"
)

// Hash is a SHA-256 digest.
type Hash = merkle.Hash

// Subject kinds of a log.
const (
	Shipment = "shipment"
	Tracker  = "tracker"
)

// LogID names one log: one subject, one opening transaction, one writer.
func LogID(channel, kind, subject, openTx, ingest string) Hash {
	return id("trackseal/log/1", channel, kind, subject, openTx, ingest)
}

// HeadsID names the heads log of an ingest instance.
func HeadsID(channel, ingest string) Hash { return id("trackseal/heads/1", channel, ingest) }

func id(parts ...string) Hash {
	return sha256.Sum256(canon.MustMarshalCBOR(parts))
}

// HeadLeaf is a leaf of the heads log: the state of one log when it was anchored.
type HeadLeaf struct {
	Log    Hash
	Size   uint64
	Root   Hash
	Prev   *uint64 // index in the heads log of this log's previous head
	Closed bool
}

type headEntry struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Log     []byte
	Size    uint64
	Root    []byte
	Prev    *uint64
	Closed  bool
}

// Encode returns deterministic CBOR.
func (h HeadLeaf) Encode() []byte {
	return canon.MustMarshalCBOR(headEntry{Version: 1, Log: h.Log[:], Size: h.Size, Root: h.Root[:], Prev: h.Prev, Closed: h.Closed})
}

// DecodeHeadLeaf accepts only bytes that Encode makes.
func DecodeHeadLeaf(entry []byte) (HeadLeaf, error) {
	var e headEntry
	if err := canon.UnmarshalCBOR(entry, &e); err != nil {
		return HeadLeaf{}, fmt.Errorf("head leaf: %w", err)
	}
	if e.Version != 1 || len(e.Log) != 32 || len(e.Root) != 32 {
		return HeadLeaf{}, errors.New("head leaf: wrong version or hash length")
	}
	return HeadLeaf{Log: Hash(e.Log), Size: e.Size, Root: Hash(e.Root), Prev: e.Prev, Closed: e.Closed}, nil
}
