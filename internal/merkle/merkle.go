// Package merkle is the RFC 9162 SHA-256 Merkle tree on github.com/transparency-dev/merkle: the incremental state of a
// log, an in-memory tree, stored nodes, and the proofs.
package merkle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is a SHA-256 digest.
type Hash = [32]byte

var hasher = rfc6962.DefaultHasher

// LeafHash is SHA-256(0x00 ‖ entry).
func LeafHash(entry []byte) Hash { return Hash(hasher.HashLeaf(entry)) }

// maxSize keeps sizes within what every integer type of the ledger and InfluxDB holds.
const maxSize = 1 << 62

// Log is the state of an append-only log: size and the roots of its complete subtrees, largest first (at most 62). The
// zero Log is empty and ready. Not safe for concurrent use.
type Log struct {
	size   uint64
	hashes []Hash
}

// Size is the number of leaves.
func (l *Log) Size() uint64 { return l.size }

// Root is the tree head; of the empty log SHA-256 of nothing.
func (l *Log) Root() Hash {
	if l.size == 0 {
		return Hash(hasher.EmptyRoot())
	}
	root := l.hashes[len(l.hashes)-1]
	for i := len(l.hashes) - 2; i >= 0; i-- {
		root = node(l.hashes[i], root)
	}
	return root
}

// Clone returns an independent copy.
func (l *Log) Clone() *Log {
	return &Log{size: l.size, hashes: append([]Hash(nil), l.hashes...)}
}

// Append adds a leaf; visit, if not nil, sees every node that became complete (level 0 = leaf), which is what Nodes must
// store.
func (l *Log) Append(leaf Hash, visit func(level uint, index uint64, h Hash)) {
	if visit != nil {
		visit(0, l.size, leaf)
	}
	h := leaf
	level := uint(0)
	for n := l.size; n&1 == 1; n >>= 1 {
		h = node(l.hashes[len(l.hashes)-1], h)
		l.hashes = l.hashes[:len(l.hashes)-1]
		level++
		if visit != nil {
			visit(level, l.size>>level, h)
		}
	}
	l.hashes = append(l.hashes, h)
	l.size++
}

// MarshalBinary is 8 bytes big-endian size, then the hashes.
func (l *Log) MarshalBinary() ([]byte, error) {
	b := make([]byte, 8, 8+32*len(l.hashes))
	binary.BigEndian.PutUint64(b, l.size)
	for i := range l.hashes {
		b = append(b, l.hashes[i][:]...)
	}
	return b, nil
}

// UnmarshalBinary refuses a number of hashes that the size does not have.
func (l *Log) UnmarshalBinary(b []byte) error {
	if len(b) < 8 {
		return errors.New("log state: shorter than its size")
	}
	size := binary.BigEndian.Uint64(b)
	if want := 8 + 32*bits.OnesCount64(size); len(b) != want || size > maxSize {
		return fmt.Errorf("log state: %d bytes for size %d, want %d", len(b), size, want)
	}
	l.size, l.hashes = size, make([]Hash, 0, len(b)/32)
	for b = b[8:]; len(b) > 0; b = b[32:] {
		l.hashes = append(l.hashes, Hash(b[:32]))
	}
	return nil
}

func node(left, right Hash) Hash { return Hash(hasher.HashChildren(left[:], right[:])) }

// Tree keeps all complete nodes in memory; it implements Nodes.
type Tree struct {
	log    Log
	levels [][]Hash
}

// Append adds a leaf.
func (t *Tree) Append(leaf Hash) {
	t.log.Append(leaf, func(level uint, _ uint64, h Hash) {
		if int(level) == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[level] = append(t.levels[level], h)
	})
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.log.size }

// Node returns a complete node.
func (t *Tree) Node(level uint, index uint64) (Hash, error) {
	if int(level) >= len(t.levels) || index >= uint64(len(t.levels[level])) {
		return Hash{}, fmt.Errorf("tree of %d leaves has no complete node %d at level %d", t.log.size, index, level)
	}
	return t.levels[level][index], nil
}

// RootAt is the root of the first size leaves.
func (t *Tree) RootAt(size uint64) (Hash, error) { return RootAt(t, size, t.log.size) }

// RootAt computes the root of the first size leaves of a log that has have leaves, from its stored nodes.
func RootAt(n Nodes, size, have uint64) (Hash, error) {
	if size > have {
		return Hash{}, fmt.Errorf("log of %d leaves has no root at %d", have, size)
	}
	if size == 0 {
		return Hash(hasher.EmptyRoot()), nil
	}
	var root Hash
	ids := compact.RangeNodes(0, size, nil) // left to right
	for i := len(ids) - 1; i >= 0; i-- {
		h, err := n.Node(ids[i].Level, ids[i].Index)
		if err != nil {
			return Hash{}, err
		}
		if i == len(ids)-1 {
			root = h
		} else {
			root = node(h, root)
		}
	}
	return root, nil
}
