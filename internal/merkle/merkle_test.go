package merkle

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// The eight leaves and roots that RFC 6962 implementations share (certificate-transparency test data).
var vectorLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}

var vectorRoots = []string{
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

func TestPublishedVectors(t *testing.T) {
	var l Log
	var tree Tree
	if got := l.Root(); hex.EncodeToString(got[:]) != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("empty root %x", got)
	}
	for i, s := range vectorLeaves {
		leaf, _ := hex.DecodeString(s)
		l.Append(LeafHash(leaf), nil)
		tree.Append(LeafHash(leaf))
		root := l.Root()
		if hex.EncodeToString(root[:]) != vectorRoots[i] {
			t.Errorf("root of %d leaves is %x", i+1, root)
		}
		for size := uint64(1); size <= tree.Size(); size++ {
			r, err := tree.RootAt(size)
			if err != nil || hex.EncodeToString(r[:]) != vectorRoots[size-1] {
				t.Errorf("root at %d of %d: %x %v", size, i+1, r, err)
			}
		}
	}
}

func build(n int) *Tree {
	var t Tree
	for i := range n {
		t.Append(LeafHash([]byte{byte(i), byte(i >> 8)}))
	}
	return &t
}

// Every proof of every tree up to 70 leaves is right, and is what golang.org/x/mod/sumdb/tlog makes.
func TestProofsAgainstTlog(t *testing.T) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, x := range idx {
			out[i] = stored[x]
		}
		return out, nil
	})
	const n = 70
	for i := range n {
		hs, err := tlog.StoredHashes(int64(i), []byte{byte(i), byte(i >> 8)}, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hs...)
	}
	tree := build(n)
	for size := uint64(1); size <= n; size++ {
		root, _ := tree.RootAt(size)
		for i := uint64(0); i < size; i++ {
			p, err := Inclusion(tree, i, size)
			if err != nil {
				t.Fatal(err)
			}
			leaf, _ := tree.Node(0, i)
			if err := VerifyInclusion(i, size, leaf, p, root); err != nil {
				t.Fatalf("inclusion %d/%d: %v", i, size, err)
			}
			want, err := tlog.ProveRecord(int64(size), int64(i), reader)
			if err != nil || len(want) != len(p) {
				t.Fatalf("inclusion %d/%d: %d hashes, tlog %d", i, size, len(p), len(want))
			}
			for k := range p {
				if p[k] != Hash(want[k]) {
					t.Fatalf("inclusion %d/%d: hash %d differs", i, size, k)
				}
			}
		}
		for first := uint64(1); first <= size; first++ {
			p, err := Consistency(tree, first, size)
			if err != nil {
				t.Fatal(err)
			}
			old, _ := tree.RootAt(first)
			if err := VerifyConsistency(first, size, p, old, root); err != nil {
				t.Fatalf("consistency %d/%d: %v", first, size, err)
			}
		}
	}
}

// A proof with any change is refused.
func TestForgedProofs(t *testing.T) {
	tree := build(200)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(2, 200).Draw(t, "size")
		first := rapid.Uint64Range(1, size-1).Draw(t, "first")
		p, _ := Consistency(tree, first, size)
		r1, _ := tree.RootAt(first)
		r2, _ := tree.RootAt(size)
		switch rapid.IntRange(0, 4).Draw(t, "forgery") {
		case 0:
			p = append(p, Hash{})
		case 1:
			if len(p) == 0 {
				t.Skip()
			}
			p = p[:len(p)-1]
		case 2:
			if len(p) == 0 {
				t.Skip()
			}
			p[rapid.IntRange(0, len(p)-1).Draw(t, "at")][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		case 3:
			r1[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		case 4:
			r2[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		}
		if VerifyConsistency(first, size, p, r1, r2) == nil {
			t.Fatal("a forged consistency proof passed")
		}
	})
	empty, _ := tree.RootAt(0)
	root, _ := tree.RootAt(5)
	if VerifyConsistency(0, 5, nil, root, root) == nil || VerifyConsistency(0, 5, []Hash{{}}, empty, root) == nil || VerifyConsistency(6, 5, nil, root, root) == nil {
		t.Error("size 0 or a shrinking log passed")
	}
}

func TestLogState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "n")
		var l Log
		for i := range n {
			l.Append(LeafHash([]byte{byte(i), byte(i >> 8)}), nil)
		}
		b, _ := l.MarshalBinary()
		var back Log
		if err := back.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		c := back.Clone()
		back.Append(Hash{1}, nil)
		if c.Root() != l.Root() || c.Size() != l.Size() {
			t.Fatal("state differs after a round trip")
		}
		if new(Log).UnmarshalBinary(append(b, 0)) == nil || new(Log).UnmarshalBinary(b[:len(b)-1]) == nil {
			t.Fatal("a state of wrong length was accepted")
		}
	})
}

func FuzzVerify(f *testing.F) {
	tree := build(7)
	p, _ := Consistency(tree, 3, 7)
	var flat []byte
	for _, h := range p {
		flat = append(flat, h[:]...)
	}
	f.Add(uint64(3), uint64(7), flat)
	r3, _ := tree.RootAt(3)
	r7, _ := tree.RootAt(7)
	f.Fuzz(func(t *testing.T, a, b uint64, flat []byte) {
		var path []Hash
		for ; len(flat) >= 32; flat = flat[32:] {
			path = append(path, Hash(flat[:32]))
		}
		leaf, _ := tree.Node(0, 3)
		if VerifyConsistency(a, b, path, r3, r7) == nil && !reflect.DeepEqual(path, p) {
			// A root does not bind its size (3 -> 5 has proofs of the same shape as 3 -> 7), so the real proof may fit other
			// sizes; no other proof fits these roots. Sizes are anchored together with their roots.
			t.Fatalf("sizes %d, %d pass with another proof", a, b)
		}
		_ = VerifyInclusion(a, b, leaf, path, r7)
	})
}

func BenchmarkAppend(b *testing.B) {
	var l Log
	for b.Loop() {
		l.Append(Hash{}, nil)
	}
}

func TestLeafAndNodeDiffer(t *testing.T) {
	a, b := Hash{1}, Hash{2}
	if LeafHash(append(bytes.Clone(a[:]), b[:]...)) == node(a, b) {
		t.Error("a leaf can be passed off as a node")
	}
}
