package registry

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
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
	named := false
	r.block = from
	return r.cfg.Ledger.Events(ctx, from, func(e ledger.Event) error { return r.handle(ctx, e) }, func(height uint64) {
		r.once.Do(func() { close(r.caughtUp) })
		if !named { // until then operators go by their MSP ids
			err := pages(ctx, r.cfg.Ledger, ledger.MemberList, func(m []ledger.Member) error { r.name(m...); return nil })
			if named = err == nil; !named {
				r.cfg.Log.Debug("the members cannot be read, trying again", "err", err)
			}
		}
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
	err = pages(ctx, r.cfg.Ledger, ledger.TrackerList, func(t []ledger.Tracker) error {
		r.fetch(ctx, t)
		return r.store(t, nil)
	})
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
func (r *Registry) handle(ctx context.Context, e ledger.Event) error {
	var err error
	switch e.Name {
	case ledger.EventTracker:
		var t ledger.Tracker
		if r.readable(e, &t, &t.ID) {
			r.fetch(ctx, []ledger.Tracker{t})
			err = r.store([]ledger.Tracker{t}, nil)
		}
	case ledger.EventShipment:
		var s ledger.Shipment
		if r.readable(e, &s, &s.ID) {
			err = r.store(nil, []ledger.Shipment{s})
		}
	case ledger.EventMember:
		var m ledger.Member
		if r.readable(e, &m, &m.MSP) {
			r.name(m)
		}
	case ledger.EventProposal:
		var p ledger.MemberProposal
		if r.readable(e, &p, &p.ID) && p.State == ledger.ProposalExecuted {
			r.executed(p)
		}
	case ledger.EventClosed:
		var c ledger.Close
		if r.readable(e, &c, &c.Shipment) {
			err = r.close(c)
		}
	}
	if err == nil && e.Block > 0 {
		r.saveBlock(e.Block - 1)
	}
	return err
}

// name keeps what members are called and where they are reached: what a tracker is told that is served elsewhere.
func (r *Registry) name(members ...ledger.Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range members {
		r.members[m.MSP] = m
	}
}

// executed follows an admission or an eviction.
func (r *Registry) executed(p ledger.MemberProposal) {
	if p.Member != nil {
		r.name(ledger.Member{Name: p.Member.Name, MSP: p.Member.MSP})
		return
	}
	if p.Act != ledger.Evict {
		return // of a maker
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for msp, m := range r.members {
		if m.Name == p.Name {
			m.Ended = &ledger.Ended{Why: ledger.Evicted, TimeMS: p.EndedMS, Tx: p.EndedTx}
			r.members[msp] = m
		}
	}
}

// readable decodes an event into to, whose id it must name. Two organisations can endorse an event of any shape: one that is none
// of ours is told and passed over, or it would end the following of all others for good.
func (r *Registry) readable(e ledger.Event, to any, id *string) bool {
	err := json.Unmarshal(e.Payload, to)
	if err == nil && !telemetry.ValidID(*id) {
		err = fmt.Errorf("%q is no id", *id)
	}
	if err != nil {
		r.skipped.Add(1)
		r.cfg.Log.Error("event on the ledger cannot be read, passed over", "event", e.Name, "block", e.Block, "tx", e.TxID, "err", err)
	}
	return err == nil
}
