package bundle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
)

// trackers adds the transactions that gave the shipment's trackers another key or profile since the collected ones, which write a tracker's
// record with its assignment, and the documents of the profiles by which its messages may have been read.
func (c *collector) trackers(ctx context.Context) error {
	newest := map[string]ledger.Tracker{}
	for _, p := range slices.Backward(c.manifest.Records) {
		if err := c.wrote(p, func(t ledger.Tracker) {
			if _, known := newest[t.ID]; !known {
				newest[t.ID] = t
			}
		}); err != nil {
			return err
		}
	}
	for i := range c.request.Trackers {
		now := &c.request.Trackers[i]
		old, ours := newest[now.ID]
		tx := changed(&old, now, c.request.Close)
		if !ours || tx == "" {
			continue
		}
		p, err := c.find(ctx, tx)
		if err != nil {
			return err
		}
		c.used[p.Block] = tx
		if !slices.Contains(c.attested, p.Block) {
			c.attested = append(c.attested, p.Block) // nothing of the bundle read what it wrote
		}
		if !slices.Contains(c.manifest.Records, p) {
			c.manifest.Records = append(c.manifest.Records, p)
		}
		if err := c.wrote(p, func(t ledger.Tracker) { newest[t.ID] = t }); err != nil {
			return err
		}
	}
	slices.SortFunc(c.manifest.Records, func(a, b evidence.Position) int {
		return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Tx, b.Tx))
	})
	return c.profiles(ctx, newest)
}

// wrote calls fn for the tracker records that a collected transaction wrote.
func (c *collector) wrote(p evidence.Position, fn func(ledger.Tracker)) error {
	peek, err := c.blocks[p.Block].Peek(int(p.Tx), c.Chaincode)
	if err != nil {
		return err
	}
	for _, w := range peek.Writes {
		var t ledger.Tracker
		if json.Unmarshal(w.Value, &t) == nil && t.ID != "" && w.Key == ledger.TrackerKeyOf(t.ID) {
			fn(t)
		}
	}
	return nil
}

// changed is the transaction that gave a tracker its newest key or profile since its record was as old says, up to the closing; "" when none
// did.
func changed(old, now *ledger.Tracker, closing *ledger.Close) (tx string) {
	in := func(fromMS int64) bool { return closing == nil || fromMS <= closing.TimeMS }
	for i, pin := range now.Profiles {
		if i >= len(old.Profiles) && in(pin.FromMS) {
			tx = pin.Tx
		}
		if pin.ToMS != 0 && in(pin.ToMS) && (i >= len(old.Profiles) || old.Profiles[i].ToMS == 0) {
			tx = pin.EndTx
		}
	}
	for i := len(old.Keys); i < len(now.Keys) && in(now.Keys[i].FromMS); i++ {
		tx = now.Keys[i].Tx
	}
	return tx
}

// profiles adds the documents of those that were in force from the first assignment of their tracker on.
func (c *collector) profiles(ctx context.Context, trackers map[string]ledger.Tracker) error {
	if c.request.Document == nil {
		return nil
	}
	documents := map[string][]byte{} // by hash
	for id, t := range trackers {
		i := slices.IndexFunc(c.record.Assignments, func(a ledger.Assignment) bool { return a.Tracker == id })
		if i < 0 {
			continue
		}
		for _, pin := range t.Profiles {
			_, known := documents[pin.Hash]
			if known || pin.ToMS != 0 && pin.ToMS+ledger.PinToleranceMS < c.record.Assignments[i].FromMS {
				continue
			}
			raw, err := c.request.Document(ctx, pin)
			if err != nil {
				return fmt.Errorf("profile %s: %w", pin.Ref, err)
			}
			if sum := sha256.Sum256(raw); raw != nil && hex.EncodeToString(sum[:]) == pin.Hash {
				documents[pin.Hash] = raw
			}
		}
	}
	for _, hash := range slices.Sorted(maps.Keys(documents)) {
		c.manifest.Profiles = append(c.manifest.Profiles, documents[hash])
	}
	return nil
}
