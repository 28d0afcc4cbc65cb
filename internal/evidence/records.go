package evidence

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// key is one enrolled key of a tracker.
type key struct {
	telemetry.PublicKey
	trackerchain.Term
	index int
}

// window is one assignment to the shipment; toMS 0 is open. Messages belong to the shipment within the window; none may be
// missing from its start to endMS, which is the delivery where that comes first: logs are sealed some time before the
// closing record ends the assignment.
type window struct{ fromMS, toMS, endMS int64 }

// tracker is one of the shipment's trackers: its keys and when it belonged to the shipment, both from the ledger, and its
// messages.
type tracker struct {
	record  ledger.Tracker
	keys    map[[32]byte]*key
	windows []window
	off     *Position // the change that ended the last of them, nil while it is open
	sent    []sent
	plain   sighting // messages that nobody signed
	clocks  clocks
}

// records rebuilds the shipment's record from the transactions that wrote it. Each must have read what the one before it
// wrote, so none is left out; the first and the closing one must have found nothing where they wrote.
func (v *verifier) records() error {
	ns, id := v.policy.Chaincode, v.in.Manifest.Shipment
	if !telemetry.ValidID(id) {
		return stop(BundleFormat, "subject", "a shipment id", "%q", id)
	}
	key := ledger.ShipmentKey(id)
	var last *fabricproof.Transaction
	for _, p := range v.in.Manifest.Records {
		t := v.txs[p]
		value := t.Write(ns, key)
		if err := v.trackerRecords(t); err != nil {
			return err
		}
		if value == nil {
			continue
		}
		s := new(ledger.Shipment)
		if err := record(value, s); err != nil || s.ID != id {
			return stop(RecordChain, place(p), "the record of shipment "+id, "%v, %q", err, s.ID)
		}
		read, ok := t.Read(ns, key)
		switch {
		case last == nil:
			if !ok || read.Version != nil || s.CreateTx != t.ID {
				return stop(Open, place(p), "the transaction that created the shipment and found none before", "%s", version(read, ok))
			}
		case !ok || read.Version == nil || Position(*read.Version) != Position(last.Position):
			return stop(RecordChain, place(p), "a change of the record that "+placeOf(last)+" wrote", "of %s", version(read, ok))
		}
		if err := v.handover(t, s); err != nil {
			return err
		}
		if err := v.closeRecord(t, s); err != nil {
			return err
		}
		if s.DeliveredMS != 0 && v.delivery == nil {
			v.delivery = t
		}
		v.shipment, last = s, t
		v.changes = append(v.changes, change{t, *s})
	}
	if v.shipment == nil {
		return stop(Open, "records", "the transaction that created shipment "+id, "none")
	}
	if v.closing == nil {
		v.book.unknown(NotClosed, "records", "a closing record", "the shipment is %s", v.shipment.State)
	}
	if err := v.givenRules(); err != nil {
		return err
	}
	return v.bind()
}

func version(r fabricproof.Read, ok bool) string {
	switch {
	case !ok:
		return "that it did not read the record"
	case r.Version == nil:
		return "that there was none"
	}
	return place(Position(*r.Version))
}

// closeRecord looks for the closing record in a transaction that left the shipment in state s.
func (v *verifier) closeRecord(t *fabricproof.Transaction, s *ledger.Shipment) error {
	key := ledger.CloseKey(s.ID)
	value := t.Write(v.policy.Chaincode, key)
	switch {
	case v.closing != nil:
		return stop(CloseDiffers, placeOf(t), "no change after closing", "one")
	case (value != nil) != (s.State == ledger.Closed):
		return stop(CloseDiffers, placeOf(t), "a closing record exactly when the shipment is closed", "state %s", s.State)
	case value == nil:
		return nil
	}
	if read, ok := t.Read(v.policy.Chaincode, key); !ok || read.Version != nil {
		return stop(CloseDiffers, placeOf(t), "that there was no closing record before", "%s", version(read, ok))
	}
	c := new(ledger.Close)
	if err := record(value, c); err != nil || c.Shipment != s.ID || c.Tx != t.ID {
		return stop(CloseDiffers, placeOf(t), "the closing record of shipment "+s.ID, "%v, %q", err, c.Shipment)
	}
	v.closing = c
	return nil
}

// trackerRecords keeps the newest record of every tracker that the transaction wrote. It holds all keys that the tracker
// ever had.
func (v *verifier) trackerRecords(t *fabricproof.Transaction) error {
	for _, w := range t.Writes {
		var r ledger.Tracker
		if len(w.Key) < 2 || w.Delete || json.Unmarshal(w.Value, &r) != nil || r.ID == "" || w.Key != ledger.TrackerKeyOf(r.ID) {
			continue
		}
		if err := record(w.Value, &r); err != nil {
			return stop(RecordChain, placeOf(t), "a tracker's record", "%v", err)
		}
		if old := v.trackers[r.ID]; old != nil {
			if len(r.Keys) < len(old.record.Keys) {
				return stop(RecordChain, placeOf(t), fmt.Sprintf("at least %d keys of tracker %s", len(old.record.Keys), r.ID), "%d", len(r.Keys))
			}
			if len(r.Profiles) < len(old.record.Profiles) {
				return stop(RecordChain, placeOf(t), fmt.Sprintf("at least %d profiles of tracker %s", len(old.record.Profiles), r.ID), "%d", len(r.Profiles))
			}
		}
		tr := &tracker{record: r, keys: map[[32]byte]*key{}}
		for i, k := range r.Keys {
			pub, err := hex.DecodeString(k.Public)
			e := &key{PublicKey: telemetry.PublicKey{Alg: telemetry.Alg(k.Alg), Raw: pub}, Term: r.Term(i), index: i}
			if err == nil {
				err = e.Validate()
			}
			if err != nil {
				return stop(KeyUnknown, placeOf(t), "valid keys of tracker "+r.ID, "%v", err)
			}
			if kid := e.KID(); hex.EncodeToString(kid[:]) != k.KID {
				return stop(KeyUnknown, placeOf(t), "the thumbprint of key "+k.KID, "%x", kid)
			}
			tr.keys[e.KID()] = e
		}
		v.trackers[r.ID] = tr
	}
	return nil
}

// bind keeps the trackers that were assigned, with their windows, and states the facts of the shipment.
func (v *verifier) bind() error {
	s := v.shipment
	all := v.trackers
	v.trackers = map[string]*tracker{}
	for _, a := range s.Assignments {
		tr := all[a.Tracker]
		if tr == nil {
			return stop(RecordChain, "records", "the record of tracker "+a.Tracker+", which its assignment writes", "none")
		}
		v.trackers[a.Tracker] = tr
		w := window{a.FromMS, a.ToMS, a.ToMS}
		if s.DeliveredMS != 0 && (w.endMS == 0 || s.DeliveredMS < w.endMS) {
			w.endMS = s.DeliveredMS
		}
		tr.windows, tr.off = append(tr.windows, w), nil
		for i := range v.changes {
			if tx := v.changes[i].tx; a.UnassignTx != "" && tx.ID == a.UnassignTx {
				at := Position(tx.Position)
				tr.off = &at
			}
		}
	}
	f := &v.report.Facts
	f.Parties, f.RuleSet = s.Parties, s.RuleSet
	f.CreatedMS, f.DeliveredMS, f.ClosedMS = s.CreatedMS, s.DeliveredMS, s.ClosedMS
	return nil
}

// record decodes what the chaincode wrote: one JSON form and no other.
func record(value []byte, v any) error { return ledger.Decode(value, v) }
