package bundle

import (
	"bytes"
	"context"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/outside"
)

// around adds the messages that show that nothing is missing at the ends of the assignments. Only their signed parts go into the bundle.
func (c *collector) around(ctx context.Context, b *Bundle) error {
	of := outside.Shipment{Assignments: c.request.Shipment.Assignments, Own: c.ownLogs}
	for _, l := range c.request.Logs {
		log := outside.Log{ID: l.ID}
		for i, id := range b.logs {
			if id == l.ID {
				log.Leaves = b.sizes[i]
			}
		}
		of.Logs = append(of.Logs, log)
	}
	if c.Outside != nil {
		var err error
		if c.manifest.Outside, err = c.Outside(ctx, c.request.Shipment.ID, of.Logs); err != nil {
			return err
		}
		// Each of those asked knows its own logs. A tracker that one operator served before and another serves now is in both, and here. The store
		// has all that the own instances logged, and of others only what is ours.
		of.Linked = slices.ContainsFunc(c.manifest.Instances, func(i evidence.Instance) bool {
			instance, _ := ledger.LifeOf(i.Ingest)
			return !slices.Contains(c.Own, instance)
		})
	}
	found, err := outside.Find(ctx, c.Store, of)
	for _, m := range found {
		if !slices.ContainsFunc(c.manifest.Outside, func(o []byte) bool { return bytes.Equal(o, m.COSE) }) {
			c.manifest.Outside = append(c.manifest.Outside, m.COSE)
		}
	}
	return err
}

// ownLogs are a tracker's own, at the instances that hold the shipment's logs.
func (c *collector) ownLogs(tracker string) ([]string, error) {
	enrolTx, err := c.enrolTx(tracker)
	if err != nil {
		return nil, err
	}
	var own []string
	for _, ingest := range c.instances() {
		own = append(own, hexHash(anchor.LogID(c.Channel, anchor.Tracker, tracker, enrolTx, ingest)))
	}
	return own, nil
}
