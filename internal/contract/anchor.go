package contract

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// anchors: each heads log has its own state key, so ingest instances never conflict; the only writer of a heads log is the
// operator whose name its ingest id begins with.
var anchors = []function{
	change(ledger.AnchorExtend, ingest, ledger.EventAnchor, extend),
	change(ledger.AnchorRetire, operator, ledger.EventAnchor, retire),
	read(ledger.AnchorHead, getHead),
	list(ledger.AnchorList, headsID, records[ledger.Head](ledger.ObjAnchor)), // newest first
	list(ledger.AnchorHeads, noID, records[ledger.Head](ledger.ObjHead)),
}

func getHead(t *transaction, a ledger.IDArgs) (*ledger.Head, error) {
	if err := headsID(a.ID); err != nil {
		return nil, err
	}
	return existing[ledger.Head](t, ledger.HeadKey(a.ID), "heads log %s has no anchor", a.ID)
}

// extend moves a heads log forward. Every endorsing peer checks the consistency proof itself, so no history that was
// accepted once can be rewritten, whoever runs the ingest.
func extend(t *transaction, a ledger.ExtendArgs) (*ledger.Head, error) {
	if err := t.own("ingest", a.Ingest); err != nil {
		return nil, err
	}
	want := anchor.HeadsID(t.Channel, a.Ingest)
	if a.Heads != hex.EncodeToString(want[:]) {
		return nil, ledger.Refuse(ledger.Invalid, "heads is not the id of %s's heads log on this channel", a.Ingest)
	}
	if m, err := memberOf(t, t.MSP); err != nil {
		return nil, err
	} else if m == nil || !m.Operator {
		return nil, ledger.Refuse(ledger.Forbidden, "%s is no operator: only members that run ingest have heads logs", t.MSP)
	}
	head, err := get[ledger.Head](t, ledger.HeadKey(a.Heads))
	if err != nil {
		return nil, err
	}
	inService, err := instances(t, t.MSP)
	if err != nil {
		return nil, err
	}
	serving, err := servingOf(t, t.MSP)
	if err != nil {
		return nil, err
	}
	stale := a.Epoch != serving.Epoch
	next := &ledger.Head{
		Heads: a.Heads, Ingest: a.Ingest, Owner: t.MSP, Size: a.NewSize, Root: a.NewRoot,
		TimeMS: a.TimeMS, TxMS: t.TimeMS, Tx: t.Tx,
	}
	if head != nil {
		switch {
		case !slices.Contains(inService, a.Ingest):
			return nil, ledger.Refuse(ledger.BadState, "ingest %s is retired", a.Ingest)
		case head.Size == a.NewSize && head.Root == a.NewRoot:
			// Sent again because its sender did not hear the outcome. Nothing is written and no event emitted.
			return head, nil
		case stale:
			return nil, otherEpoch(serving, a.Epoch)
		case head.Size != a.OldSize:
			return nil, ledger.Refuse(ledger.Conflict, "the head has size %d, not %d", head.Size, a.OldSize)
		}
		next.PrevSize, next.PrevRoot, next.N = head.Size, head.Root, head.N+1
	} else if stale {
		return nil, otherEpoch(serving, a.Epoch)
	} else if a.OldSize != 0 {
		return nil, ledger.Refuse(ledger.Conflict, "this heads log has no anchor yet, so old_size must be 0, not %d", a.OldSize)
	}
	if a.NewSize <= a.OldSize {
		return nil, ledger.Refuse(ledger.Conflict, "new_size %d must be larger than the head's, %d", a.NewSize, a.OldSize)
	}
	if d := a.TimeMS - t.TimeMS; d > skewMS || d < -skewMS {
		return nil, ledger.Refuse(ledger.Invalid, "time_ms is %d ms off the transaction's time, more than %d", d, skewMS)
	}
	if head != nil && a.TimeMS < head.TimeMS {
		return nil, ledger.Refuse(ledger.BadState, "time_ms lies before the head's, %d", head.TimeMS)
	}
	if err := consistent(a, next.PrevRoot); err != nil {
		return nil, ledger.Refuse(ledger.BadProof, "new_root does not extend the head: %v", err)
	}
	if head == nil {
		if inService, err = enter(inService, a.Ingest, t.MSP); err != nil {
			return nil, err
		}
		if err := t.put(ledger.InstancesKey(t.MSP), inService); err != nil {
			return nil, err
		}
	}
	if err := t.put(ledger.HeadKey(a.Heads), next); err != nil {
		return nil, err
	}
	return next, t.put(ledger.AnchorKey(a.Heads, next.N), next)
}

// enter takes an instance into service with its first anchor. A later life takes the place of the one before: whoever still has that one's
// journal cannot anchor any more. Lives follow each other, so the logs of all of them are found from the one that is in service.
func enter(inService []string, ingest, msp string) ([]string, error) {
	if instance, life := ledger.LifeOf(ingest); life > 1 {
		before := ledger.LifeID(instance, life-1)
		i := slices.Index(inService, before)
		if i < 0 {
			return nil, ledger.Refuse(ledger.BadState, "ingest %s is not in service, so %s cannot follow it", before, ingest)
		}
		inService[i] = ingest
		return inService, nil
	}
	if len(inService) >= ledger.MaxInstances {
		return nil, ledger.Refuse(ledger.BadState, "%s has %d ingest instances in service, which is the most: retire one", msp, ledger.MaxInstances)
	}
	return append(inService, ingest), nil
}

// retire takes an instance of the caller's out of service for good: its heads log ends, no shipment waits for its seal any more, and its
// partitions are free.
func retire(t *transaction, a ledger.RetireArgs) (*ledger.Head, error) {
	inService, err := instances(t, t.MSP)
	if err != nil {
		return nil, err
	}
	i := slices.Index(inService, a.Ingest)
	if i < 0 {
		return nil, ledger.Refuse(ledger.NotFound, "%s has no ingest %s in service", t.MSP, a.Ingest)
	}
	heads := anchor.HeadsID(t.Channel, a.Ingest)
	head, err := get[ledger.Head](t, ledger.HeadKey(hex.EncodeToString(heads[:])))
	if err != nil {
		return nil, err
	}
	if head == nil {
		return nil, fmt.Errorf("ingest %s is in service without an anchor", a.Ingest)
	}
	head.Retired = true // so that nobody waits for what it does not give any more
	if err := t.put(ledger.HeadKey(head.Heads), head); err != nil {
		return nil, err
	}
	if err := t.put(ledger.InstancesKey(t.MSP), slices.Delete(inService, i, i+1)); err != nil {
		return nil, err
	}
	serving, err := servingOf(t, t.MSP)
	if err != nil {
		return nil, err
	}
	instance, _ := ledger.LifeOf(a.Ingest)
	if len(serving.Of(instance)) == 0 {
		return head, nil
	}
	serving.Ranges = slices.DeleteFunc(serving.Ranges, func(r ledger.ServedRange) bool { return r.Ingest == instance })
	return head, t.putServing(&serving)
}

func consistent(a ledger.ExtendArgs, oldRoot string) error {
	var old merkle.Hash
	if a.OldSize == 0 {
		old = new(merkle.Log).Root()
	} else {
		old = hash(oldRoot)
	}
	return merkle.VerifyConsistency(a.OldSize, a.NewSize, hashes(a.Proof), old, hash(a.NewRoot))
}

func hashes(proof []string) []merkle.Hash {
	out := make([]merkle.Hash, len(proof))
	for i, p := range proof {
		out[i] = hash(p)
	}
	return out
}

// hash reads hex whose shape was checked.
func hash(s string) (h merkle.Hash) {
	hex.Decode(h[:], []byte(s))
	return h
}
