package judge

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

// maxRules bounds how many published rule sets are kept.
const maxRules = 256

// ruleSet finds the rules that a shipment pinned, built in or on the ledger; nil when they cannot be judged by.
func (j *Judge) ruleSet(ctx context.Context, s *ledger.Shipment) (*compliance.RuleSet, error) {
	if rules, ok := compliance.Lookup(s.RuleSet); ok && rules.Hash() == s.RuleSetHash {
		return &rules, nil
	}
	j.mu.Lock()
	known := j.rules[s.RuleSet]
	j.mu.Unlock()
	if known != nil && known.Hash() == s.RuleSetHash {
		return known, nil
	}
	published, err := ledger.RuleSetGet.Ask(ctx, j.cfg.Ledger, ledger.RefArgs{Ref: s.RuleSet})
	if ledger.CodeOf(err) == ledger.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rules, err := compliance.Parse(published.Rules)
	if err != nil || rules.Hash() != s.RuleSetHash || !bytes.Equal(rules.Canonical(), published.Rules) {
		j.cfg.Log.Warn("shipment cannot be judged: its rules cannot be read by this version", "shipment", s.ID, "rule_set", s.RuleSet, "err", err)
		return nil, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.rules) >= maxRules {
		clear(j.rules)
	}
	j.rules[s.RuleSet] = &rules
	return &rules, nil
}

// handovers reads a shipment's ended handovers.
func (j *Judge) handovers(ctx context.Context, shipment string) ([]ledger.Handover, error) {
	return ledger.ShipmentHandover.All(ctx, j.cfg.Ledger, shipment, math.MaxInt)
}

// delivered is the shipment's record once it says that the goods were delivered, or what it says after some seconds: a peer
// may lag a little behind the one that took the delivery.
func (j *Judge) delivered(ctx context.Context, last ledger.Shipment) (ledger.Shipment, error) {
	for range deliveryTries {
		now, err := ledger.ShipmentGet.Ask(ctx, j.cfg.Ledger, ledger.IDArgs{ID: last.ID})
		if err != nil {
			return last, err
		}
		last = now
		if last.DeliveredMS != 0 {
			break
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(deliveryPoll):
		}
	}
	return last, nil
}

const (
	deliveryTries = 20
	deliveryPoll  = 100 * time.Millisecond
)
