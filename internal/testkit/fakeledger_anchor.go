package testkit

import (
	"encoding/hex"
	"fmt"
	"math"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

func extend(t *tx, a ledger.ExtendArgs) (ledger.Head, error) {
	var was ledger.Head
	id := anchor.HeadsID(ledger.Channel, a.Ingest)
	if a.Heads != hex.EncodeToString(id[:]) {
		return was, refuse(ledger.Invalid, "heads is not the id of %s's heads log", a.Ingest)
	}
	exists := t.get("head/"+a.Heads, &was)
	switch {
	case exists && was.Owner != t.msp:
		return was, refuse(ledger.Conflict, "this heads log belongs to %s", was.Owner)
	case exists && was.Size == a.NewSize && was.Root == a.NewRoot:
		return was, nil // said already: the same answer, nothing written
	case a.OldSize != was.Size:
		return was, refuse(ledger.Conflict, "the head has size %d, not %d", was.Size, a.OldSize)
	case a.NewSize <= a.OldSize:
		return was, refuse(ledger.Conflict, "new_size %d must be larger than the head's, %d", a.NewSize, a.OldSize)
	}
	if d := a.TimeMS - t.ms; d > skewMS || d < -skewMS {
		return was, refuse(ledger.Invalid, "time_ms is %d ms off the transaction's time", d)
	}
	if a.TimeMS < was.TimeMS {
		return was, refuse(ledger.BadState, "time_ms lies before the head's, %d", was.TimeMS)
	}
	old := new(merkle.Log).Root()
	if exists {
		old = hash(was.Root)
	}
	proof := make([]merkle.Hash, len(a.Proof))
	for i, p := range a.Proof {
		proof[i] = hash(p)
	}
	if err := merkle.VerifyConsistency(a.OldSize, a.NewSize, proof, old, hash(a.NewRoot)); err != nil {
		return was, refuse(ledger.BadProof, "new_root does not extend the head: %v", err)
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
	return now, t.put(fmt.Sprintf("anchor/%s/%020d", a.Heads, math.MaxUint64-now.N), now)
}

// hash reads hex whose shape was checked.
func hash(s string) (h merkle.Hash) {
	_, _ = hex.Decode(h[:], []byte(s))
	return h
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
