package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// expected holds the readings that the messages of one window carry, in the order of (leaf, time): a digest each, not the
// values.
type expected struct {
	from     uint64 // first leaf of the window
	readings []want
	hashes   []leafHash // ascending leaf
	skips    map[uint64]bool
}

type want struct {
	leaf    uint64
	timeMS  int64
	digest  uint64
	found   bool
	differs bool
}

type leafHash struct {
	leaf uint64
	hash telemetry.Hash
}

func newExpected(from uint64) *expected { return &expected{from: from, skips: map[uint64]bool{}} }

// Window bounds how many expected readings are held at a time: 32 bytes each.
var Window = 1_000_000

func (e *expected) full() bool { return len(e.readings) >= Window }

// skip leaves out a message that is a finding already.
func (e *expected) skip(leaf uint64)         { e.skips[leaf] = true }
func (e *expected) skipped(leaf uint64) bool { return e.skips[leaf] }

// add is called in leaf order; a message's readings have ascending, different times.
func (e *expected) add(leaf uint64, hash telemetry.Hash, tracker string, readings []telemetry.Reading, receivedMS int64) {
	e.hashes = append(e.hashes, leafHash{leaf, hash})
	for _, r := range readings {
		if !r.Counts(receivedMS) {
			continue // it has no point
		}
		e.readings = append(e.readings, want{leaf: leaf, timeMS: r.TimeMS, digest: digest(tracker, r.Said())})
	}
}

// take finds the reading that a stored point should be, once.
func (e *expected) take(leaf uint64, timeMS int64) *want {
	i, ok := slices.BinarySearchFunc(e.readings, want{leaf: leaf, timeMS: timeMS}, func(a, b want) int {
		return cmp.Or(cmp.Compare(a.leaf, b.leaf), cmp.Compare(a.timeMS, b.timeMS))
	})
	if !ok || e.readings[i].found {
		return nil
	}
	e.readings[i].found = true
	return &e.readings[i]
}

func (e *expected) hash(leaf uint64) *telemetry.Hash {
	i, ok := slices.BinarySearchFunc(e.hashes, leaf, func(h leafHash, leaf uint64) int { return cmp.Compare(h.leaf, leaf) })
	if !ok {
		return nil
	}
	return &e.hashes[i].hash
}

// bad are the leaves with a reading that is missing or differs.
func (e *expected) bad() []uint64 {
	var leaves []uint64
	for _, w := range e.readings {
		if (!w.found || w.differs) && (len(leaves) == 0 || leaves[len(leaves)-1] != w.leaf) {
			leaves = append(leaves, w.leaf)
		}
	}
	return leaves
}

// digest of a reading's tracker and values: 64 bits of SHA-256, a second preimage of which costs 2^64 tries for each value
// that somebody would want to hide.
func digest(tracker string, values map[string]float64) uint64 {
	h := sha256.New()
	h.Write([]byte(tracker))
	var b [8]byte
	for i, q := range telemetry.Quantities {
		v, ok := values[q.Name]
		if !ok {
			continue
		}
		if v == 0 {
			v = 0 // -0 and 0 are the same value
		}
		h.Write([]byte{0, byte(i)})
		binary.BigEndian.PutUint64(b[:], math.Float64bits(v))
		h.Write(b[:])
	}
	sum := h.Sum(b[:0:0])
	return binary.BigEndian.Uint64(sum)
}
