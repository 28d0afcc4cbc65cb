package contract

import (
	"encoding/hex"
	"strings"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// seal is an operator saying that an ingest instance of its adds nothing more to a delivered shipment. It names the final head of the
// instance's log, and every endorsing peer looks whether that head is anchored as closed: so nobody can close a shipment over another
// history than the one that the ledger has seen grow. It is proved against any anchor: they are consistent with each other, and one that
// is there does not change while the transaction is under way. The logs of an instance's earlier lives end in the heads log of the life that
// is in service.
func seal(t *transaction, a ledger.SealArgs) (*ledger.Seal, error) {
	s, err := shipment(t, a.ID)
	if err != nil {
		return nil, err
	}
	heads := anchor.HeadsID(t.Channel, a.Ingest)
	id := hex.EncodeToString(heads[:])
	newest, err := existing[ledger.Head](t, ledger.HeadKey(id), "ingest %s has no anchor", a.Ingest)
	switch {
	case err != nil:
		return nil, err
	case newest.Owner != t.MSP:
		return nil, ledger.Refuse(ledger.Forbidden, "the heads log of %s belongs to %s", a.Ingest, newest.Owner)
	}
	next := &ledger.Seal{Shipment: s.ID, Ingest: a.Ingest, By: t.MSP, TimeMS: t.TimeMS, Tx: t.Tx}
	if f := a.Final; f != nil {
		log := anchor.LogID(t.Channel, anchor.Shipment, s.ID, s.CreateTx, a.Ingest)
		next.Log = &ledger.LogHead{Log: hex.EncodeToString(log[:]), Size: f.Size, Root: f.Root}
	}
	before, err := get[ledger.Seal](t, ledger.SealKey(s.ID, a.Ingest))
	switch {
	case err != nil:
		return nil, err
	case before != nil && sameLog(before.Log, next.Log):
		return before, nil // sent again because its sender did not hear the outcome: nothing is written
	case before != nil:
		return nil, ledger.Refuse(ledger.Exists, "ingest %s has sealed shipment %s otherwise", a.Ingest, s.ID)
	case s.State != ledger.Delivered:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is %s, not delivered", s.ID, s.State)
	}
	if f := a.Final; f != nil {
		by, err := inServiceFor(t, a.Ingest)
		if err != nil {
			return nil, err
		}
		heads := anchor.HeadsID(t.Channel, by)
		at, err := existing[ledger.Head](t, ledger.AnchorKey(hex.EncodeToString(heads[:]), f.Anchor), "ingest %s has no anchor %d", by, f.Anchor)
		if err != nil {
			return nil, err
		}
		leaf := anchor.HeadLeaf{Log: hash(next.Log.Log), Size: f.Size, Root: hash(f.Root), Prev: f.Prev, Closed: true}
		if err := merkle.VerifyInclusion(f.Index, at.Size, merkle.LeafHash(leaf.Encode()), hashes(f.Proof), hash(at.Root)); err != nil {
			return nil, ledger.Refuse(ledger.BadProof, "anchor %d of %s does not hold this closed head of the shipment's log: %v", f.Anchor, by, err)
		}
	}
	return next, t.put(ledger.SealKey(s.ID, a.Ingest), next)
}

// inServiceFor is the life of an instance that is in service, when the id names an earlier one; else the id itself.
func inServiceFor(t *transaction, ingest string) (string, error) {
	ids, err := instances(t, t.MSP)
	for _, id := range ids {
		if ledger.IsLater(id, ingest) {
			return id, err
		}
	}
	return ingest, err
}

func sameLog(a, b *ledger.LogHead) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// sealed are the final heads of a shipment. Every instance of the operators among its parties must have sealed, for each of its lives: whoever
// closes cannot leave a log out. One that has anchored nothing since the shipment was created has nothing of it on the ledger, and is not waited for: it may be
// gone for good.
func sealed(t *transaction, s *ledger.Shipment) ([]ledger.LogHead, error) {
	heads := []ledger.LogHead{}
	var missing []string
	for _, msp := range s.Parties.MSPs() {
		ids, err := instances(t, msp)
		if err != nil {
			return nil, err
		}
		var lives []string
		for _, id := range ids {
			lives = append(lives, ledger.Lives(id)...)
		}
		for _, ingest := range lives {
			done, err := get[ledger.Seal](t, ledger.SealKey(s.ID, ingest))
			if err != nil {
				return nil, err
			}
			if done == nil {
				id := anchor.HeadsID(t.Channel, ingest)
				head, err := get[ledger.Head](t, ledger.HeadKey(hex.EncodeToString(id[:])))
				if err != nil {
					return nil, err
				}
				if head != nil && head.TxMS >= s.CreatedMS {
					missing = append(missing, ingest+" of "+msp)
				}
			} else if done.Log != nil {
				heads = append(heads, *done.Log)
			}
		}
	}
	if len(missing) > 0 {
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is not sealed by ingest %s", s.ID, strings.Join(missing, ", "))
	}
	ledger.SortLogs(heads)
	return heads, nil
}
