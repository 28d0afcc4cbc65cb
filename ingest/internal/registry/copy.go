package registry

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// store keeps records in the journal. Memory lets go of the trackers that they concern: who needs one reads it again.
//
// Crash order: the records and the trackers' windows that follow from them are one synced batch. A crash before it is repaired by the
// event, which comes again.
func (r *Registry) store(trackers []ledger.Tracker, shipments []ledger.Shipment) error {
	// Events tell of all shipments; ours are those that our organisation takes part in, or did until it declined.
	msp := r.cfg.Ledger.MSP()
	ours := slices.DeleteFunc(slices.Clone(shipments), func(s ledger.Shipment) bool { return !s.IsParty(msp) && !s.HasDeclined(msp) })
	if len(trackers)+len(ours) == 0 {
		return nil
	}
	shut, err := r.write(trackers, ours)
	if err != nil {
		return err
	}
	for _, tracker := range shut {
		if r.cfg.OnRevoked != nil {
			r.cfg.OnRevoked(tracker)
		}
	}
	for i := range ours {
		if r.cfg.OnShipment != nil && ours[i].IsParty(msp) {
			r.cfg.OnShipment(&ours[i])
		}
	}
	return nil
}

// write says which trackers are shut out by it: revoked, or with another secret than before.
func (r *Registry) write(trackers []ledger.Tracker, shipments []ledger.Shipment) (shut []string, err error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	b := r.cfg.DB.Begin()
	affected, known := map[string]bool{}, r.known // of both, only write changes anything
	for i := range trackers {
		t := &trackers[i]
		var old ledger.Tracker
		found, err := r.stored(journal.TrackerKey(t.ID), &old)
		if err != nil {
			b.Drop()
			return nil, err
		}
		if !found {
			known.trackers++
		}
		if t.RevokedMS != 0 || found && old.SecretHash != t.SecretHash {
			shut = append(shut, t.ID)
		}
		affected[t.ID] = true
		index(b, &old, t)
		b.Set(journal.TrackerKey(t.ID), journal.JSON(t))
	}
	for i := range shipments {
		s := &shipments[i]
		old, err := r.record(s.ID)
		if err != nil {
			b.Drop()
			return nil, err
		}
		if old != nil {
			known.shipments--
			for _, a := range old.Assignments {
				affected[a.Tracker] = true
				b.Delete(journal.AssignedKey(a.Tracker, s.ID))
			}
		}
		if !s.IsParty(r.cfg.Ledger.MSP()) {
			b.Delete(journal.ShipmentKey(s.ID))
			continue
		}
		known.shipments++
		for _, a := range s.Assignments {
			affected[a.Tracker] = true
			b.Set(journal.AssignedKey(a.Tracker, s.ID), journal.JSON(windows(s, a.Tracker)))
		}
		b.Set(journal.ShipmentKey(s.ID), journal.JSON(s))
	}
	if err := b.Commit("registry"); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	r.known = known
	for i := range shipments {
		if s := &shipments[i]; s.State == ledger.Closed || !s.IsParty(r.cfg.Ledger.MSP()) {
			delete(r.live, s.ID)
		} else {
			r.live[s.ID] = s
		}
	}
	for id := range affected {
		r.trackers.Delete(id)
	}
	return shut, nil
}

// index keeps by what a tracker is found besides its id.
func index(b *journal.Batch, old, now *ledger.Tracker) {
	if old.SecretHash != "" && old.SecretHash != now.SecretHash {
		b.Delete(journal.SecretKey(old.SecretHash, now.ID))
	}
	if now.SecretHash != "" {
		b.Set(journal.SecretKey(now.SecretHash, now.ID), nil)
	}
	if old.Gateway != "" && (old.Gateway != now.Gateway || old.Device != now.Device) {
		b.Delete(journal.DeviceKey(old.Gateway, old.Device))
	}
	if now.Gateway != "" {
		b.Set(journal.DeviceKey(now.Gateway, now.Device), []byte(now.ID))
	}
}

// stored reads a record from the journal.
func (r *Registry) stored(key []byte, to any) (found bool, err error) {
	v, err := r.cfg.DB.Get(key)
	if v == nil || err != nil {
		return false, err
	}
	if err := json.Unmarshal(v, to); err != nil {
		return false, fmt.Errorf("registry: record %q: %w", key, err)
	}
	return true, nil
}

// record reads a shipment from the journal, nil when it is not there.
func (r *Registry) record(id string) (*ledger.Shipment, error) {
	var s ledger.Shipment
	if found, err := r.stored(journal.ShipmentKey(id), &s); !found || err != nil {
		return nil, err
	}
	return &s, nil
}

// read makes a tracker from the journal, nil when it is not there.
func (r *Registry) read(id string) (*Tracker, error) {
	var rec ledger.Tracker
	if found, err := r.stored(journal.TrackerKey(id), &rec); !found || err != nil {
		return nil, err
	}
	t := &Tracker{ID: rec.ID, Owner: rec.Owner, EnrolTx: rec.EnrolTx, SecretHash: rec.SecretHash, Revoked: rec.RevokedMS != 0, Gateway: rec.Gateway, Device: rec.Device}
	if pin, ok := rec.Profile(); ok {
		t.Profile = &pin
	}
	if !rec.ServedBy(r.cfg.Ledger.MSP()) {
		t.Elsewhere = rec.Operator
	}
	for i, k := range rec.Keys {
		raw, err := hex.DecodeString(k.Public)
		if err != nil {
			r.cfg.Log.Error("ledger holds a key that cannot be read", "tracker", rec.ID, "err", err)
			continue
		}
		public := telemetry.PublicKey{Alg: telemetry.Alg(k.Alg), Raw: raw}
		t.Keys = append(t.Keys, Key{KID: public.KID(), Public: public, Term: rec.Term(i)})
	}
	return t, r.cfg.DB.Scan(journal.AssignedPrefix(id), func(_, v []byte) error {
		var w []Window
		if err := json.Unmarshal(v, &w); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
		t.Windows = append(t.Windows, w...)
		return nil
	})
}

func windows(s *ledger.Shipment, tracker string) []Window {
	var w []Window
	for _, a := range s.Assignments {
		if a.Tracker == tracker {
			w = append(w, Window{s.ID, s.CreateTx, a.FromMS, a.ToMS})
		}
	}
	return w
}

func (r *Registry) close(c ledger.Close) error {
	s, err := r.record(c.Shipment)
	if s == nil || err != nil {
		return err
	}
	s.State, s.ClosedMS, s.LastMS = ledger.Closed, c.TimeMS, c.TimeMS
	// The close ends what is still assigned, as the contract does: the trackers' next messages are the next shipment's.
	for i := range s.Assignments {
		if a := &s.Assignments[i]; a.ToMS == 0 {
			a.ToMS, a.UnassignTx = c.TimeMS, c.Tx
		}
	}
	return r.store(nil, []ledger.Shipment{*s})
}
