package judge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// maxClaims bounds the excursions of a shipment for which the signed message goes to the ledger.
const maxClaims = 50

// errNoClaim: there is nothing that the peers could check; the excursion stands on the recorder's word alone.
var errNoClaim = errors.New("no signed message to claim with")

// claimable tells whether peers can check an excursion by themselves: an instant limit that more than a note hangs on.
func claimable(rules *compliance.RuleSet, e *compliance.Excursion) bool {
	l := limitOf(rules, e)
	return l != nil && l.Mode == "instant" && e.Severity != "info"
}

func limitOf(rules *compliance.RuleSet, e *compliance.Excursion) *compliance.Limit {
	i := slices.IndexFunc(rules.Rules, func(r compliance.Rule) bool { return r.ID == e.Rule })
	if i < 0 {
		return nil
	}
	return rules.Rules[i].Limit
}

// measured reports whether a reading measures a metric, as the peers will see it.
func measured(s *ledger.Shipment, r *stored.Reading, metric string) bool {
	return !slices.ContainsFunc(s.Sensors(r.Tracker, r.TimeMS).Faults(r.Values), func(f telemetry.Fault) bool { return f.Of(metric) })
}

// claim makes the transaction that shows a breach to the peers: the signed message whose reading began the excursion.
func (j *Judge) claim(ctx context.Context, g *judgement, e *compliance.Excursion) (ledger.BreachArgs, error) {
	limit := limitOf(g.rules, e)
	args := ledger.BreachArgs{Shipment: g.shipment.ID, RuleHash: g.shipment.RuleSetHash, Rule: e.Rule, Metric: limit.Metric, Op: limit.Op}
	q := stored.ReadingsQuery{Tracker: e.Tracker, FromMS: e.StartMS, ToMS: e.StartMS + 1}
	for _, h := range g.heads {
		q.Logs = append(q.Logs, h.Log)
	}
	var found []stored.Reading
	err := j.cfg.Store.Readings(ctx, q, func(r stored.Reading, _ time.Time) error {
		if breached, err := g.rules.InstantBreach(e.Rule, r.Values); err == nil && breached && r.TimeMS == e.StartMS && measured(g.shipment, &r, limit.Metric) {
			found = append(found, r)
		}
		return nil
	})
	if err != nil {
		return args, err
	}
	if len(found) == 0 {
		return args, errNoClaim
	}
	r := found[0]
	err = j.cfg.Store.Messages(ctx, r.Log, r.Leaf, r.Leaf+1, func(m stored.Message) error {
		if m.Trust == stored.Signed {
			args.Messages = []ledger.BreachMessage{{Raw: slices.Clone(m.Raw), TimeMS: e.StartMS}}
		}
		return nil
	})
	if err != nil {
		return args, fmt.Errorf("message of leaf %d: %w", r.Leaf, err)
	}
	if len(args.Messages) == 0 {
		return args, errNoClaim
	}
	return args, nil
}
