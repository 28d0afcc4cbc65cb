// Package anchor is how shipment logs reach the ledger: log ids, the heads log and its leaves.
package anchor

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

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
	b, err := canonical.Marshal(parts)
	if err != nil { // texts only: cannot fail
		panic(err)
	}
	return sha256.Sum256(b)
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
	b, err := canonical.Marshal(headEntry{Version: 1, Log: h.Log[:], Size: h.Size, Root: h.Root[:], Prev: h.Prev, Closed: h.Closed})
	if err != nil { // plain values: cannot fail
		panic(err)
	}
	return b
}

// DecodeHeadLeaf accepts only bytes that Encode makes.
func DecodeHeadLeaf(entry []byte) (HeadLeaf, error) {
	var e headEntry
	if err := strict.Unmarshal(entry, &e); err != nil {
		return HeadLeaf{}, fmt.Errorf("head leaf: %w", err)
	}
	if e.Version != 1 || len(e.Log) != 32 || len(e.Root) != 32 {
		return HeadLeaf{}, errors.New("head leaf: wrong version or hash length")
	}
	h := HeadLeaf{Log: Hash(e.Log), Size: e.Size, Root: Hash(e.Root), Prev: e.Prev, Closed: e.Closed}
	if !bytes.Equal(h.Encode(), entry) {
		return HeadLeaf{}, errors.New("head leaf: not deterministic CBOR")
	}
	return h, nil
}

var canonical, strict = modes()

func modes() (cbor.EncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	dec, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}
