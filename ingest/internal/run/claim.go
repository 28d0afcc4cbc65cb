package run

import (
	"context"
	"errors"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/partition"
)

// firstClaim is how long the ledger has at the start to say whose the partitions are. One that is away does not keep an instance from receiving:
// the claim is made with the first anchor.
const firstClaim = 5 * time.Second

// Claim claims the instance's partitions, before Run. The error is partition.ErrTaken when another instance serves them and nothing is left
// to do here. An instance that still has to bring messages to InfluxDB or to the ledger runs, does that, and takes no more.
func (p *Pipeline) Claim(ctx context.Context) error {
	if len(p.cfg.Partitions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, firstClaim)
	defer cancel()
	_, err := p.serves.Claim(ctx, false)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, partition.ErrTaken) && p.seq.Unanchored() == 0 && p.db.Metrics().Queue == 0:
		return err
	case errors.Is(err, partition.ErrTaken):
		p.cfg.Log.Error("nothing more is acknowledged here; what was is stored and anchored", "err", err)
	default:
		p.cfg.Log.Warn("cannot claim the partitions yet, trying again with the anchors", "err", err)
	}
	return nil
}
