package merkle

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
)

// Nodes reads stored complete nodes.
type Nodes interface {
	// Node returns the complete node at level (0 = leaves) and index, or an error when it is not stored.
	Node(level uint, index uint64) (Hash, error)
}

// Inclusion builds the proof that leaf index is in the tree of size leaves (RFC 9162 section 2.1.3).
func Inclusion(n Nodes, index, size uint64) ([]Hash, error) {
	p, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, err
	}
	return fetch(n, p)
}

// Consistency builds the proof that the tree of size1 leaves is a prefix of that of size2 (RFC 9162 section 2.1.4). It is
// empty when size1 is 0 or equals size2.
func Consistency(n Nodes, size1, size2 uint64) ([]Hash, error) {
	p, err := proof.Consistency(size1, size2)
	if err != nil {
		return nil, err
	}
	return fetch(n, p)
}

func fetch(n Nodes, p proof.Nodes) ([]Hash, error) {
	hashes := make([][]byte, len(p.IDs))
	for i, id := range p.IDs {
		h, err := n.Node(id.Level, id.Index)
		if err != nil {
			return nil, err
		}
		hashes[i] = h[:]
	}
	joined, err := p.Rehash(hashes, hasher.HashChildren)
	if err != nil {
		return nil, err
	}
	out := make([]Hash, len(joined))
	for i := range joined {
		out[i] = Hash(joined[i])
	}
	return out, nil
}

// VerifyInclusion returns nil or an error saying what differs.
func VerifyInclusion(index, size uint64, leaf Hash, path []Hash, root Hash) error {
	if size > maxSize {
		return fmt.Errorf("size %d is not plausible", size)
	}
	return proof.VerifyInclusion(hasher, index, size, leaf[:], slices(path), root[:])
}

// VerifyConsistency returns nil or an error saying what differs. From size 0 only the empty proof and the empty root are
// right: v0.0.2 of the library accepts any root there.
func VerifyConsistency(size1, size2 uint64, path []Hash, root1, root2 Hash) error {
	switch {
	case size2 > maxSize:
		return fmt.Errorf("size %d is not plausible", size2)
	case size1 > size2:
		return fmt.Errorf("size shrinks from %d to %d", size1, size2)
	case size1 == 0:
		if len(path) != 0 {
			return errors.New("a proof from size 0 must be empty")
		}
		if root1 != Hash(hasher.EmptyRoot()) {
			return errors.New("the root of size 0 is not the empty root")
		}
		if size2 == 0 && root1 != root2 {
			return errors.New("two roots of size 0")
		}
		return nil
	}
	return proof.VerifyConsistency(hasher, size1, size2, slices(path), root1[:], root2[:])
}

func slices(path []Hash) [][]byte {
	out := make([][]byte, len(path))
	for i := range path {
		out[i] = path[i][:]
	}
	return out
}
