package merkle

import (
	"errors"
	"math/bits"
)

// errJoin: the proofs are not of these sizes.
var errJoin = errors.New("the proofs do not fit the sizes")

// span is the leaves [from, to).
type span struct{ from, to uint64 }

// split is where RFC 9162 divides n leaves: the greatest power of two below n.
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }

// JoinConsistency makes the consistency proof from size a to c out of those from a to b and from b to c: all that it needs is in them. Nothing
// is verified; 0 < a <= b <= c.
func JoinConsistency(a, b, c uint64, ab, bc []Hash) ([]Hash, error) {
	switch {
	case a == 0 || a > b || b > c:
		return nil, errJoin
	case a == b:
		return bc, nil
	case b == c:
		return ab, nil
	}
	known := map[span]Hash{}
	for _, p := range []struct {
		m, n uint64
		path []Hash
	}{{a, b, ab}, {b, c, bc}} {
		spans := consistencySpans(p.m, p.n)
		if len(spans) != len(p.path) {
			return nil, errJoin
		}
		for i, s := range spans {
			known[s] = p.path[i]
		}
	}
	var joined []Hash
	for _, s := range consistencySpans(a, c) {
		h, err := hashOf(known, s)
		if err != nil {
			return nil, err
		}
		joined = append(joined, h)
	}
	return joined, nil
}

// consistencySpans are the leaves that each hash of a consistency proof covers, in the order of RFC 9162, 2.1.4.1; 0 < m < n.
func consistencySpans(m, n uint64) (spans []span) {
	var sub func(m uint64, of span, whole bool)
	sub = func(m uint64, of span, whole bool) {
		size := of.to - of.from
		if m == size {
			if !whole {
				spans = append(spans, of)
			}
			return
		}
		k := split(size)
		left, right := span{of.from, of.from + k}, span{of.from + k, of.to}
		if m <= k {
			sub(m, left, whole)
			spans = append(spans, right)
		} else {
			sub(m-k, right, false)
			spans = append(spans, left)
		}
	}
	sub(m, span{0, n}, true)
	return spans
}

func hashOf(known map[span]Hash, s span) (Hash, error) {
	if h, ok := known[s]; ok {
		return h, nil
	}
	if s.to-s.from < 2 {
		return Hash{}, errJoin
	}
	k := split(s.to - s.from)
	left, err := hashOf(known, span{s.from, s.from + k})
	if err != nil {
		return Hash{}, err
	}
	right, err := hashOf(known, span{s.from + k, s.to})
	return node(left, right), err
}
