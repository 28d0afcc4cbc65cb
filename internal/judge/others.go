package judge

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
)

// others are the ingest instances whose messages come into the store without this process: each tells by its anchors which
// logs have grown. Their heads are written into the store after the messages that they cover.
type others struct {
	next map[string]*reach // by heads-log id
	logs map[string]string // log id -> shipment
	seen map[string]bool   // instance and shipment, whose log is among them
	size map[string]uint64 // of other operators' logs
}

// reach is how far the heads of one instance have been read.
type reach struct {
	index   uint64 // of the next head
	sinceMS int64  // no head from here on is older
	begun   bool
}

// recentMS is how long before an instance's newest anchor its heads are looked for first: what was stored before the start is
// read with the shipments themselves, what is stored after it comes with a later head.
const recentMS = 3_600_000

// followOthers looks for what other instances anchored, until ctx ends.
func (j *Judge) followOthers(ctx context.Context) {
	j.others = others{next: map[string]*reach{}, logs: map[string]string{}, seen: map[string]bool{}, size: map[string]uint64{}}
	for {
		if err := j.look(ctx); err != nil && ctx.Err() == nil {
			j.cfg.Log.Debug("other instances' anchors not read", "err", err)
		}
		select {
		case <-time.After(j.cfg.Every):
		case <-ctx.Done():
			return
		}
	}
}

func (j *Judge) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	for h, err := range ledger.AnchorHeads.Each(ctx, j.cfg.Ledger, "") {
		if err != nil {
			return err
		}
		if h.Ingest == j.cfg.Instance {
			continue
		}
		if h.Owner == j.cfg.Ledger.MSP() {
			j.mu.Lock()
			j.siblings = true
			j.mu.Unlock()
		}
		j.meet(h.Ingest)
		if err := j.read(ctx, h); err != nil {
			return fmt.Errorf("heads of %s: %w", h.Ingest, err)
		}
	}
	return nil
}

// meet notes an instance. A new one may have logs of shipments that are judged already.
func (j *Judge) meet(instance string) {
	j.mu.Lock()
	known := j.known[instance]
	j.known[instance] = true
	j.mu.Unlock()
	if !known {
		j.markAll()
	}
}

// read takes the heads that the store has beyond those read, in their order.
func (j *Judge) read(ctx context.Context, newest ledger.Head) error {
	r := j.others.next[newest.Heads]
	if r == nil {
		r = &reach{sinceMS: newest.TimeMS - recentMS}
		j.others.next[newest.Heads] = r
	}
	if r.begun && r.index >= newest.Size {
		return nil
	}
	from, sinceMS, copied := r.index, r.sinceMS, newest.Owner != j.cfg.Ledger.MSP()
	if copied {
		from, sinceMS = 0, sinceMS-disorderMS
	}
	list, err := j.cfg.Store.HeadsFrom(ctx, newest.Heads, from, sinceMS)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		j.nameLogs(newest.Ingest)
	}
	for _, h := range list {
		id, ok := j.others.logs[h.Log]
		r.index, r.begun = max(r.index, h.Index+1), true
		r.sinceMS = max(r.sinceMS, h.TimeMS)
		if !ok || copied && h.Size <= j.others.size[h.Log] {
			continue // a tracker's own log, or a shipment that is not ours; or it was seen
		}
		if copied {
			j.others.size[h.Log] = h.Size
		}
		j.grown(id, ledger.LogHead{Log: h.Log, Size: h.Size}, copied)
	}
	return nil
}

// patience is how many rounds a shipment of which this instance has no message is left to the instance that has them. What that one
// recorded by then is found on the ledger; what it did not, because its judge is slow, dead or wrong, is recorded by this one. So a
// shipment is read by the others now and then, and not as often as it grows.
const patience = 150

// disorderMS is how much later than its neighbours a head may come whose log is copied from another operator: each log comes by itself.
const disorderMS = 60_000

// grown notes a head of another instance's log of a shipment, and has the shipment judged: now when no other instance of the own
// organisation has its messages.
func (j *Judge) grown(id string, h ledger.LogHead, now bool) {
	j.mu.Lock()
	if c := j.cases[id]; c != nil {
		c.expect([]ledger.LogHead{h})
	}
	if j.retry[id].lack {
		delete(j.retry, id)
	}
	if now {
		j.mark(id)
	}
	j.mu.Unlock()
	if !now {
		j.Mark(id)
	}
}

// nameLogs computes the ids of an instance's logs of live shipments: they follow from the shipment and the instance.
func (j *Judge) nameLogs(instance string) {
	live := j.cfg.Shipments.Live()
	if len(j.others.seen) > maxNamed {
		clear(j.others.seen)
		clear(j.others.logs)
		clear(j.others.size)
	}
	for _, s := range live {
		if key := instance + "\x00" + s.ID; !j.others.seen[key] {
			id := j.logID(s, instance)
			j.others.seen[key], j.others.logs[hex.EncodeToString(id[:])] = true, s.ID
		}
	}
}

// maxNamed bounds how many ids of logs are kept; those of live shipments come back when they are needed.
const maxNamed = 500_000

func (j *Judge) logID(s *ledger.Shipment, instance string) [32]byte {
	return anchor.LogID(j.cfg.Channel, anchor.Shipment, s.ID, s.CreateTx, instance)
}
