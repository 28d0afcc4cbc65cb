package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// maxClaims bounds the excursions of a shipment for which the signed message goes to the ledger.
const maxClaims = 50

// errNoClaim: there is nothing that the peers could check; the excursion stands on the recorder's word alone.
var errNoClaim = errors.New("no signed message to claim with")

// claimable tells whether peers can check an excursion by themselves: an instant limit that more than a note hangs on.
func claimable(rules *compliance.RuleSet, e *compliance.Excursion) bool {
	i := slices.IndexFunc(rules.Rules, func(r compliance.Rule) bool { return r.ID == e.Rule })
	return i >= 0 && rules.Rules[i].Limit != nil && rules.Rules[i].Limit.Mode == "instant" && e.Severity != "info"
}

// claim makes the transaction that shows a breach to the peers: the signed message whose reading began the excursion.
func (w *Watcher) claim(ctx context.Context, tx transaction) (ledger.BreachArgs, error) {
	var none ledger.BreachArgs
	e := tx.Excursion
	s, ok := w.cfg.Shipments.Shipment(tx.Shipment)
	if !ok {
		return none, errNoClaim
	}
	w.judging.Lock()
	rules, err := w.ruleSet(ctx, s)
	w.judging.Unlock()
	if err != nil {
		return none, err
	}
	if rules == nil {
		return none, errNoClaim
	}
	i := slices.IndexFunc(rules.Rules, func(r compliance.Rule) bool { return r.ID == e.Rule && r.Limit != nil })
	if i < 0 {
		return none, errNoClaim
	}
	limit := rules.Rules[i].Limit
	args := ledger.BreachArgs{Shipment: s.ID, RuleHash: s.RuleSetHash, Rule: e.Rule, Metric: limit.Metric, Op: limit.Op}
	logs, err := w.cfg.Logs.Logs(anchor.Shipment, s.ID)
	if err != nil {
		return none, err
	}
	q := stored.ReadingsQuery{FromMS: e.StartMS, ToMS: e.StartMS + 1}
	for _, l := range logs {
		q.Logs = append(q.Logs, l.Log)
	}
	var found []stored.Reading
	err = w.cfg.Database.Readings(ctx, q, func(r stored.Reading, _ time.Time) error {
		if breached, err := rules.InstantBreach(e.Rule, r.Values); err == nil && breached && r.Tracker == tx.Tracker && r.TimeMS == e.StartMS {
			found = append(found, r)
		}
		return nil
	})
	if err != nil {
		return none, err
	}
	if len(found) == 0 {
		return none, errNoClaim
	}
	r := found[0]
	err = w.cfg.Database.Messages(ctx, r.Log, r.Leaf, r.Leaf+1, func(m stored.Message) error {
		if m.Trust == stored.Signed {
			args.Messages = []ledger.BreachMessage{{Raw: slices.Clone(m.Raw), TimeMS: e.StartMS}}
		}
		return nil
	})
	if err != nil {
		return none, fmt.Errorf("message of leaf %d: %w", r.Leaf, err)
	}
	if len(args.Messages) == 0 {
		return none, errNoClaim
	}
	return args, nil
}
