// Package merkle is the RFC 9162 SHA-256 Merkle tree on github.com/transparency-dev/merkle: the incremental state of a
// log, an in-memory tree, stored nodes, and the proofs.
package merkle

import "github.com/transparency-dev/merkle/rfc6962"

// Hash is a SHA-256 digest.
type Hash = [32]byte

// LeafHash is SHA-256(0x00 ‖ entry).
func LeafHash(entry []byte) Hash { return Hash(rfc6962.DefaultHasher.HashLeaf(entry)) }

// Log is the state of an append-only log: size and the roots of its complete subtrees (at most 64 hashes). The zero Log is empty.
type Log struct {
	size   uint64
	hashes []Hash
}

func (l *Log) Size() uint64 { panic("todo") }
func (l *Log) Root() Hash   { panic("todo") } // of the empty log: SHA-256("")
func (l *Log) Clone() *Log  { panic("todo") }

// Append adds a leaf; visit, if not nil, sees every node that became complete (level 0 = leaf), which is what Nodes must store.
func (l *Log) Append(leaf Hash, visit func(level uint, index uint64, h Hash)) { panic("todo") }

// MarshalBinary is 8 bytes big-endian size, then the hashes; UnmarshalBinary refuses a wrong count.
func (l *Log) MarshalBinary() ([]byte, error) { panic("todo") }
func (l *Log) UnmarshalBinary(b []byte) error { panic("todo") }

// Nodes reads stored complete nodes.
type Nodes interface {
	Node(level uint, index uint64) (Hash, error)
}

// Inclusion and Consistency build proofs from stored nodes.
func Inclusion(n Nodes, index, size uint64) ([]Hash, error)    { panic("todo") }
func Consistency(n Nodes, size1, size2 uint64) ([]Hash, error) { panic("todo") }

// VerifyInclusion and VerifyConsistency return nil or an error saying what differs. VerifyConsistency refuses size1 = 0
// with a non-empty proof, and size1 > size2.
func VerifyInclusion(index, size uint64, leaf Hash, proof []Hash, root Hash) error { panic("todo") }
func VerifyConsistency(size1, size2 uint64, proof []Hash, root1, root2 Hash) error { panic("todo") }

// Tree keeps all complete nodes in memory; it implements Nodes.
type Tree struct {
	log    Log
	levels [][]Hash
}

func (t *Tree) Append(leaf Hash)                            { panic("todo") }
func (t *Tree) Size() uint64                                { panic("todo") }
func (t *Tree) Node(level uint, index uint64) (Hash, error) { panic("todo") }

// RootAt is the root of the first size leaves.
func (t *Tree) RootAt(size uint64) (Hash, error) { panic("todo") }
