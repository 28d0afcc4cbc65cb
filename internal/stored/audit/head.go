package audit

import (
	"encoding/hex"
	"fmt"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
)

// CheckHead checks a stored head by itself: its columns by its entry, and its place by its inclusion proof. Placed says that the proof leads
// to the root that it names; whether the ledger has that is the caller's to ask. ok is false when the entry is none.
func CheckHead(h *stored.Head) (leaf anchor.HeadLeaf, faults []string, placed, ok bool) {
	leaf, err := anchor.DecodeHeadLeaf(h.Entry)
	if err != nil {
		return leaf, []string{fmt.Sprintf("its stored entry is not one: %v", err)}, false, false
	}
	prev := int64(-1)
	if leaf.Prev != nil {
		prev = int64(*leaf.Prev)
	}
	for _, f := range []struct {
		name         string
		stored, want any
	}{
		{"log", h.Log, Text(leaf.Log)},
		{"size", h.Size, leaf.Size},
		{"root", h.Root, Text(leaf.Root)},
		{"prev", h.Prev, prev},
		{"closed", h.Closed, leaf.Closed},
	} {
		if f.stored != f.want {
			faults = append(faults, fmt.Sprintf("its column %s is %v in the store, its entry says %v", f.name, f.stored, f.want))
		}
	}
	root, err := hex.DecodeString(h.HeadsRoot)
	if err != nil || len(root) != 32 {
		return leaf, append(faults, "its heads root is not a hash"), false, true
	}
	if err := merkle.VerifyInclusion(h.Index, h.HeadsSize, merkle.LeafHash(h.Entry), h.Proof, merkle.Hash(root)); err != nil {
		return leaf, append(faults, fmt.Sprintf("its inclusion proof does not verify: %v", err)), false, true
	}
	return leaf, faults, true, true
}
