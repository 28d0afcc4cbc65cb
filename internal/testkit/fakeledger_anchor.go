package testkit

import (
	"encoding/hex"
	"fmt"
	"math"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// skewMS is how far an anchor's time may be from the transaction's own.
const skewMS = 120_000

func extend(t *tx, a ledger.ExtendArgs) (ledger.Head, error) {
	var was ledger.Head
	id := anchor.HeadsID(ledger.Channel, a.Ingest)
	if a.Heads != hex.EncodeToString(id[:]) {
		return was, refuse(ledger.Invalid, "heads is not the id of %s's heads log", a.Ingest)
	}
	root, err := decodeHex("new_root", a.NewRoot, 32)
	if err != nil {
		return was, err
	}
	exists := t.get("head/"+a.Heads, &was)
	if exists && was.Owner != t.msp {
		return was, refuse(ledger.Forbidden, "this heads log belongs to %s", was.Owner)
	}
	if exists && was.Size == a.NewSize && was.Root == a.NewRoot {
		return was, nil // said already: the same answer, nothing written
	}
	if a.OldSize != was.Size {
		return was, refuse(ledger.Conflict, "the ledger's head has size %d, not %d", was.Size, a.OldSize)
	}
	if a.NewSize <= a.OldSize {
		return was, refuse(ledger.Invalid, "new_size must be greater than old_size")
	}
	if d := a.TimeMS - t.ms; d > skewMS || d < -skewMS {
		return was, refuse(ledger.Invalid, "time_ms is %d ms away from the transaction's time", d)
	}
	proof := make([]merkle.Hash, len(a.Proof))
	for i, p := range a.Proof {
		h, err := decodeHex("proof", p, 32)
		if err != nil {
			return was, err
		}
		proof[i] = merkle.Hash(h)
	}
	if a.OldSize == 0 {
		if len(proof) != 0 {
			return was, refuse(ledger.BadProof, "an empty log needs no proof")
		}
	} else {
		old, err := decodeHex("stored root", was.Root, 32)
		if err != nil {
			return was, err
		}
		if err := merkle.VerifyConsistency(a.OldSize, a.NewSize, proof, merkle.Hash(old), merkle.Hash(root)); err != nil {
			return was, refuse(ledger.BadProof, "consistency: %v", err)
		}
	}
	now := ledger.Head{
		Heads: a.Heads, Ingest: a.Ingest, Owner: t.msp, Size: a.NewSize, Root: a.NewRoot, PrevSize: was.Size, PrevRoot: was.Root,
		TimeMS: a.TimeMS, TxMS: t.ms, Tx: t.id,
	}
	if exists {
		now.N = was.N + 1
	}
	if err := t.put("head/"+a.Heads, now); err != nil {
		return now, err
	}
	// The key falls as n grows, so that a listing starts with the newest.
	if err := t.put(fmt.Sprintf("anchor/%s/%020d", a.Heads, math.MaxUint64-now.N), now); err != nil {
		return now, err
	}
	return now, t.emit(ledger.EventAnchor, now)
}

func head(t *tx, a ledger.IDArgs) (ledger.Head, error) {
	var r ledger.Head
	if !t.get("head/"+a.ID, &r) {
		return r, refuse(ledger.NotFound, "heads log %s has no anchor", a.ID)
	}
	return r, nil
}

func anchors(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Head], error) {
	return list[ledger.Head](t, "anchor/"+a.ID+"/", a, nil)
}
