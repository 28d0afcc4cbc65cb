package merkle

import (
	"fmt"
	equal "slices"
	"testing"
)

// Whatever the sizes, two proofs joined are the proof that the whole tree gives.
func TestJoinConsistency(t *testing.T) {
	const most = 40
	var tree Tree
	for i := range most {
		tree.Append(LeafHash(fmt.Appendf(nil, "leaf %d", i)))
	}
	proof := func(m, n uint64) []Hash {
		p, err := Consistency(&tree, m, n)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for a := uint64(1); a <= most; a++ {
		for b := a; b <= most; b++ {
			for c := b; c <= most; c++ {
				got, err := JoinConsistency(a, b, c, proof(a, b), proof(b, c))
				if want := proof(a, c); err != nil || !equal.Equal(got, want) {
					t.Fatalf("from %d over %d to %d: came %d hashes, %v; expected %d", a, b, c, len(got), err, len(want))
				}
			}
		}
	}
	for name, err := range map[string]error{
		"no leaves":    second(JoinConsistency(0, 1, 2, nil, proof(1, 2))),
		"backwards":    second(JoinConsistency(3, 2, 5, nil, nil)),
		"too few":      second(JoinConsistency(3, 5, 9, proof(3, 5)[1:], proof(5, 9))),
		"without both": second(JoinConsistency(3, 5, 9, nil, nil)),
	} {
		if err == nil {
			t.Errorf("%s: joined", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
