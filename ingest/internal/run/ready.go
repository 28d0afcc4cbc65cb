package run

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/service"
)

// part is one of the things that ingest is there for, and what it says when it does not do it.
type part struct {
	name  string
	check func(context.Context) error
}

// parts are what readiness means: each with its reason when it is not so. Not ready is not the same as refusing: while InfluxDB or the
// ledger is merely away, messages go on being acknowledged (see accepts).
func (p *Pipeline) parts() []part {
	return []part{{"receives", p.receives}, {"logs", p.accepts}, {"stores", p.stores}, {"anchors", p.anchors}}
}

// Checks registers what readiness depends on.
func (p *Pipeline) Checks(h *service.Health) {
	for _, part := range p.parts() {
		h.Register(part.name, part.check)
	}
}

// receives: messages arrive, and who sent them is known.
func (p *Pipeline) receives(ctx context.Context) error {
	return cmp.Or(p.cfg.Source.Ready(ctx), p.registry.Ready(ctx))
}

// accepts says why nothing is acknowledged: the journal has no room, what it takes can never be anchored, or it is another instance's to take.
func (p *Pipeline) accepts(ctx context.Context) error {
	return cmp.Or(p.db.Ready(ctx), p.anchorer.Fits(ctx), p.serves.Taken())
}

// oldestStored is how long a record may wait for InfluxDB, and oldestAnchored a leaf for its anchor, if that is not more rounds than a
// slow ledger takes.
const (
	oldestStored   = time.Minute
	oldestAnchored = time.Minute
	slowRounds     = 3
)

func (p *Pipeline) stores(ctx context.Context) error {
	if err := p.writer.Ready(ctx); err != nil {
		return fmt.Errorf("InfluxDB does not take points: %w", err)
	}
	if age := p.storeLag(); age > oldestStored {
		return fmt.Errorf("the oldest of %d records waits for InfluxDB since %s", p.db.Metrics().Queue, age.Round(time.Second))
	}
	return nil
}

func (p *Pipeline) anchors(ctx context.Context) error {
	if err := p.anchorer.Ready(ctx); err != nil {
		return err
	}
	if age := p.anchorLag(); age > max(oldestAnchored, slowRounds*p.cfg.Every) {
		return fmt.Errorf("the oldest of %d leaves waits for its anchor since %s", p.seq.Unanchored(), age.Round(time.Second))
	}
	return nil
}

// storeLag is how long ago the oldest message that waits for InfluxDB was received, or the oldest head was anchored; anchorLag how long
// ago the oldest leaf without an anchor was. 0 when none waits.
func (p *Pipeline) storeLag() time.Duration  { return p.since(p.db.WaitingMS()) }
func (p *Pipeline) anchorLag() time.Duration { return p.since(p.seq.WaitingMS()) }

func (p *Pipeline) since(ms int64) time.Duration {
	if ms == 0 {
		return 0
	}
	return max(0, time.Duration(p.cfg.Now().UnixMilli()-ms)*time.Millisecond)
}
