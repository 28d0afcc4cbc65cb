package verification

import (
	"context"
	"fmt"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// walk is the way through one log: the audit of what is stored, and beside it who signed and what follows what.
type walk struct {
	*run
	audit.Walk
	log Log
}

// signed checks a message's signature by the ledger, and notes its place in its tracker's chain.
func (c *walk) signed(ctx context.Context, m stored.Message, leaf telemetry.Leaf, said *telemetry.Message) error {
	t, err := c.tracker(ctx, said.Tracker)
	if err != nil {
		return err
	}
	say := func(detail string) {
		c.found.add(Finding{Log: c.log.ID, Leaf: m.Leaf, Tracker: m.Tracker, Message: audit.Text(leaf.Hash), Check: Signature, Detail: detail})
	}
	if key, why := t.key(said, leaf.ReceivedMS); why != "" {
		say(why)
	} else if err := said.Verify(key); err != nil {
		say(err.Error())
	}
	c.chain(m.Leaf, said)
	return nil
}

// say takes what the audit finds: of several leaves each one counts, and the first ones are listed.
func (c *walk) say(f audit.Finding) {
	x := Finding{Log: f.Log, Tracker: f.Tracker, Message: f.Message, Check: f.What, Detail: f.Detail}
	if f.Leaf != nil {
		x.Leaf = *f.Leaf
	}
	for end := max(f.To, x.Leaf+1); x.Leaf < end; x.Leaf++ {
		if f.To > 0 {
			x.Detail = fmt.Sprintf("leaf %d is %s", x.Leaf, f.Detail)
		}
		if !c.found.room(x.Check) { // count the rest at once
			c.found.by[x.Check].Count += end - x.Leaf
			return
		}
		c.found.add(x)
	}
}
