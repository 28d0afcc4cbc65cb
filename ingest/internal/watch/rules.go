package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

// maxRules bounds how many published rule sets are kept.
const maxRules = 256

// ruleSet finds the rules that a shipment pinned, built in or on the ledger; nil when they cannot be judged by.
func (w *Watcher) ruleSet(ctx context.Context, s *ledger.Shipment) (*compliance.RuleSet, error) {
	if rules, ok := compliance.Lookup(s.RuleSet); ok && rules.Hash() == s.RuleSetHash {
		return &rules, nil
	}
	if rules := w.rules[s.RuleSet]; rules != nil && rules.Hash() == s.RuleSetHash {
		return rules, nil
	}
	raw, err := w.cfg.Ledger.Evaluate(ctx, ledger.RuleSetGet, ledger.RefArgs{Ref: s.RuleSet})
	if ledger.CodeOf(err) == ledger.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var published ledger.RuleSet
	if err := json.Unmarshal(raw, &published); err != nil {
		return nil, fmt.Errorf("rule set %s: %w", s.RuleSet, err)
	}
	rules, err := compliance.Parse(published.Rules)
	if err != nil || rules.Hash() != s.RuleSetHash || !bytes.Equal(rules.Canonical(), published.Rules) {
		w.cfg.Log.Warn("shipment cannot be judged: its rules cannot be read by this version", "shipment", s.ID, "rule_set", s.RuleSet, "err", err)
		return nil, nil
	}
	if len(w.rules) >= maxRules {
		clear(w.rules)
	}
	w.rules[s.RuleSet] = &rules
	return &rules, nil
}

// handovers reads a shipment's ended handovers.
func (w *Watcher) handovers(ctx context.Context, shipment string) ([]ledger.Handover, error) {
	args := ledger.ListArgs{ID: shipment, Limit: 200}
	var all []ledger.Handover
	for {
		raw, err := w.cfg.Ledger.Evaluate(ctx, ledger.ShipmentHandover, args)
		if err != nil {
			return nil, err
		}
		var page ledger.Page[ledger.Handover]
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("handovers of %s: %w", shipment, err)
		}
		all = append(all, page.Items...)
		if page.Bookmark == "" || page.Bookmark == args.Bookmark {
			return all, nil
		}
		args.Bookmark = page.Bookmark
	}
}

// delivered is the shipment's record once it says that the goods were delivered, or what it says after some seconds: a peer
// may lag a little behind the one that took the delivery.
func (w *Watcher) delivered(ctx context.Context, last ledger.Shipment) (ledger.Shipment, error) {
	for range deliveryTries {
		raw, err := w.cfg.Ledger.Evaluate(ctx, ledger.ShipmentGet, ledger.IDArgs{ID: last.ID})
		if err != nil {
			return last, err
		}
		last = ledger.Shipment{}
		if err := json.Unmarshal(raw, &last); err != nil {
			return last, err
		}
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
