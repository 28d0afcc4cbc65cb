package watch

import (
	"context"
	"math"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// leaf is a message's place.
type leaf struct {
	log   string
	index uint64
}

// promise is what a message says about the next one, in seconds; 0 = nothing. It stands in the signed bytes only.
func promise(o telemetry.Opened, err error) uint32 {
	if err != nil { // ingest took it once: damaged since, which is verification's business
		return 0
	}
	return uint32(min(o.NextDueS(), math.MaxUint32))
}

// promises reads them from InfluxDB for rules that ask for them.
func (w *Watcher) promises(ctx context.Context, rules *compliance.RuleSet, logs []string) (map[leaf]uint32, error) {
	if !rules.Promised() {
		return nil, nil
	}
	out := map[leaf]uint32{}
	for _, log := range logs {
		err := w.cfg.Database.Messages(ctx, log, 0, 0, func(m stored.Message) error {
			if s := promise(m.Open()); s > 0 {
				out[leaf{log, m.Leaf}] = s
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
