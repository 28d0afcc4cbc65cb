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

// promise is what a signed message says about the next one, in seconds; 0 = nothing. It stands in the signed bytes only.
func promise(raw []byte) uint32 {
	m, err := telemetry.Decode(raw)
	if err != nil { // ingest took it once: damaged since, which is verification's business
		return 0
	}
	return uint32(min(m.NextDueS, math.MaxUint32))
}

// promises reads them from InfluxDB for rules that ask for them.
func (w *Watcher) promises(ctx context.Context, rules *compliance.RuleSet, logs []string) (map[leaf]uint32, error) {
	if !rules.Promised() {
		return nil, nil
	}
	out := map[leaf]uint32{}
	for _, log := range logs {
		err := w.cfg.Database.Messages(ctx, log, 0, 0, func(m stored.Message) error {
			if m.Trust == stored.Signed {
				if s := promise(m.Raw); s > 0 {
					out[leaf{log, m.Leaf}] = s
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
