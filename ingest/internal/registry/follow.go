package registry

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
)

const metaBlock = "block"

// Run loads what the ledger holds, unless the journal has a copy, and follows its events until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.cfg.Log.Warn("the ledger cannot be followed, trying again", "err", err, "wait", wait)
		if !service.Pause(ctx, wait) {
			return nil
		}
	}
}

func (r *Registry) follow(ctx context.Context) error {
	from, err := r.checkpoint()
	if err != nil {
		return err
	}
	if from == 0 {
		if from, err = r.load(ctx); err != nil {
			return err
		}
	}
	r.block = from
	return r.cfg.Ledger.Events(ctx, from, r.handle, func(height uint64) {
		r.once.Do(func() { close(r.caughtUp) })
		// Nothing before the newest block can concern us any more. A repeated block changes nothing, so being one behind
		// is right and saves knowing whether that block was complete.
		if height > 0 {
			r.saveBlock(height - 1)
		}
	})
}

func (r *Registry) checkpoint() (uint64, error) {
	b, err := r.cfg.DB.Get(journal.MetaKey(metaBlock))
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

func (r *Registry) saveBlock(n uint64) {
	if n <= r.block {
		return
	}
	r.block = n
	b := r.cfg.DB.Begin()
	b.Set(journal.MetaKey(metaBlock), binary.BigEndian.AppendUint64(nil, n))
	if err := b.Commit("registry"); err != nil {
		r.cfg.Log.Warn("checkpoint not saved", "err", err)
	}
}

// load pages through the ledger and returns the block from which its events have to be followed. The height is taken
// before the listing: what changes during the listing is among the events.
func (r *Registry) load(ctx context.Context) (from uint64, err error) {
	nodes, err := r.cfg.Ledger.Network(ctx)
	if err != nil {
		return 0, err
	}
	for _, n := range nodes {
		if n.Role == "peer" && n.Up && n.Height > 0 && (from == 0 || n.Height < from) {
			from = n.Height
		}
	}
	if from > 0 {
		from--
	}
	err = pages(ctx, r.cfg.Ledger, ledger.TrackerList, func(t []ledger.Tracker) error { return r.store(t, nil) })
	if err != nil {
		return 0, fmt.Errorf("trackers: %w", err)
	}
	err = pages(ctx, r.cfg.Ledger, ledger.ShipmentList, func(s []ledger.Shipment) error { return r.store(nil, s) })
	if err != nil {
		return 0, fmt.Errorf("shipments: %w", err)
	}
	trackers, shipments := r.Size()
	r.cfg.Log.Info("ledger loaded", "trackers", trackers, "shipments", shipments, "block", from)
	return from, nil
}

func pages[T any](ctx context.Context, l Ledger, list ledger.Listing[T], each func([]T) error) error {
	for args := (ledger.ListArgs{Limit: ledger.MaxLimit}); ; {
		page, err := list.Page(ctx, l, args)
		if err != nil {
			return err
		}
		if err := each(page.Items); err != nil || page.Bookmark == "" {
			return err
		}
		args.Bookmark = page.Bookmark
	}
}

// handle applies one event. Handling it again, or an older one after a newer listing, ends in the same state once the
// stream is at the head.
func (r *Registry) handle(e ledger.Event) error {
	var err error
	switch e.Name {
	case ledger.EventTracker:
		var t ledger.Tracker
		if err = json.Unmarshal(e.Payload, &t); err == nil {
			err = r.store([]ledger.Tracker{t}, nil)
		}
	case ledger.EventShipment:
		var s ledger.Shipment
		if err = json.Unmarshal(e.Payload, &s); err == nil {
			err = r.store(nil, []ledger.Shipment{s})
		}
	case ledger.EventClosed:
		var c ledger.Close
		if err = json.Unmarshal(e.Payload, &c); err == nil {
			err = r.close(c)
		}
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		r.cfg.Log.Error("event cannot be read", "event", e.Name, "tx", e.TxID, "err", err)
		err = nil
	}
	if err == nil && e.Block > 0 {
		r.saveBlock(e.Block - 1)
	}
	return err
}

// store keeps records in the journal, then in memory.
func (r *Registry) store(trackers []ledger.Tracker, shipments []ledger.Shipment) error {
	// Events tell of all shipments; ours are those that our organisation takes part in.
	ours := slices.DeleteFunc(slices.Clone(shipments), func(s ledger.Shipment) bool { return !s.IsParty(r.cfg.Ledger.MSP()) })
	if len(trackers)+len(ours) == 0 {
		return nil
	}
	b := r.cfg.DB.Begin()
	for i := range trackers {
		b.Set(journal.TrackerKey(trackers[i].ID), journal.JSON(&trackers[i]))
	}
	for i := range ours {
		b.Set(journal.ShipmentKey(ours[i].ID), journal.JSON(&ours[i]))
	}
	if err := b.Commit("registry"); err != nil {
		return err
	}
	var changed []*ledger.Shipment
	var shut []string
	r.mu.Lock()
	for i := range trackers {
		was, known := r.trackers[trackers[i].ID]
		if trackers[i].RevokedMS != 0 || known && was.SecretHash != trackers[i].SecretHash {
			shut = append(shut, trackers[i].ID)
		}
		r.putTracker(trackers[i])
	}
	for i := range ours {
		changed = append(changed, r.putShipment(ours[i]))
	}
	r.mu.Unlock()
	for _, tracker := range shut {
		if r.cfg.OnRevoked != nil {
			r.cfg.OnRevoked(tracker)
		}
	}
	for _, s := range changed {
		if r.cfg.OnShipment != nil {
			r.cfg.OnShipment(s)
		}
	}
	return nil
}

func (r *Registry) close(c ledger.Close) error {
	v, err := r.cfg.DB.Get(journal.ShipmentKey(c.Shipment))
	if v == nil || err != nil {
		return err
	}
	var s ledger.Shipment
	if err := json.Unmarshal(v, &s); err != nil {
		return err
	}
	s.State, s.ClosedMS = ledger.Closed, c.TimeMS
	return r.store(nil, []ledger.Shipment{s})
}
