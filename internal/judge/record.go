package judge

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
)

// judgement is what the rules say of a shipment, and from which logs.
type judgement struct {
	shipment *ledger.Shipment
	rules    *compliance.RuleSet
	heads    []ledger.LogHead
	result   compliance.Result
	final    bool
	lag      bool // a log is known to be longer than the store has it
}

// onLedger is what the ledger holds about a shipment's compliance.
type onLedger struct {
	newest     ledger.Verdict // Revision 0 = none
	excursions map[string]ledger.Excursion
	unclaimed  map[string]bool  // breaches that nobody can prove, or that the ledger refused
	named      []ledger.LogHead // as much as the parties' verdicts were judged from; looked at by a copy's judge alone
}

// logs are the heads that the own organisation's records name: whoever revises or takes back must know as much.
func (l *onLedger) logs(msp string) []ledger.LogHead {
	var all []ledger.LogHead
	if l.newest.By == msp {
		all = append(all, l.newest.Logs...)
	}
	for _, e := range l.excursions {
		if e.By == msp && e.CloseTx == "" {
			all = append(all, e.Logs...)
		}
	}
	return all
}

// askLedger reads the newest verdict and the excursions of a shipment.
func (j *Judge) askLedger(ctx context.Context, id string) (*onLedger, error) {
	l := &onLedger{excursions: map[string]ledger.Excursion{}, unclaimed: map[string]bool{}}
	var err error
	if l.newest, err = ledger.ComplianceVerdict.Ask(ctx, j.cfg.Ledger, ledger.OpinionArgs{ID: id, By: j.cfg.Ledger.MSP()}); err != nil && ledger.CodeOf(err) != ledger.NotFound {
		return nil, err
	}
	if j.cfg.Opinion {
		l.named, err = j.named(ctx, id)
		return l, err
	}
	for e, err := range ledger.ComplianceList.Each(ctx, j.cfg.Ledger, id) {
		if err != nil {
			return nil, err
		}
		l.excursions[e.ID] = e
	}
	return l, nil
}

// step is one transaction.
type step struct {
	fn  string
	arg any
	// breach: the argument is made when it is submitted, the message is in the store.
	breach *compliance.Excursion
}

// steps are what the ledger lacks of a judgement, in the order in which it should come there.
func (j *Judge) steps(g *judgement, l *onLedger) []step {
	var out []step
	if !j.cfg.Opinion {
		out = j.excursionSteps(g, l)
	}
	if j.revises(g, l) {
		out = append(out, step{fn: ledger.ComplianceRevise.Name(), arg: ledger.Verdict{
			Shipment: g.shipment.ID, Revision: l.newest.Revision + 1, Supersedes: l.newest.Revision, Result: g.result.Verdict, Reasons: clipReasons(g.result.Reasons),
			ToMS: g.result.ToMS, Logs: g.heads, RuleHash: g.shipment.RuleSetHash, Detail: detail(g.result, journey.StateOf(*g.shipment)),
		}})
	}
	return out
}

// excursionSteps are the excursions, which the operator's judges record.
func (j *Judge) excursionSteps(g *judgement, l *onLedger) (out []step) {
	found := map[string]bool{}
	for i := range g.result.Excursions {
		e := &g.result.Excursions[i]
		found[e.ID] = true
		entry := ledger.Excursion{ID: e.ID, Shipment: g.shipment.ID, Rule: e.Rule, Metric: e.Metric, StartMS: e.StartMS, EndMS: e.EndMS, Peak: e.Peak, Limit: e.Limit,
			Logs: g.heads, RuleHash: g.shipment.RuleSetHash}
		there, known := l.excursions[e.ID]
		if !known {
			opening := entry
			opening.EndMS = 0
			out = append(out, step{fn: ledger.ComplianceOpen.Name(), arg: opening})
		}
		breach := ledger.BreachID(e.Rule, e.Tracker, e.StartMS)
		if _, claimed := l.excursions[breach]; !claimed && !l.unclaimed[breach] && i < maxClaims && claimable(g.rules, e) {
			out = append(out, step{fn: ledger.ComplianceBreach.Name(), breach: e})
		}
		if !e.Open && (!known || there.CloseTx == "" && there.By == j.cfg.Ledger.MSP()) {
			out = append(out, step{fn: ledger.ComplianceClose.Name(), arg: entry})
		}
	}
	// Late readings can show that a recorded excursion was another one: it stays on the ledger, ended where it began, and the new
	// revision counts without it. A judge that knows less than the one that opened it takes nothing back.
	for _, id := range slices.Sorted(maps.Keys(l.excursions)) {
		e := l.excursions[id]
		if !found[id] && e.CloseTx == "" && e.By == j.cfg.Ledger.MSP() && ledger.Covers(g.heads, e.Logs) == nil && g.result.More == 0 {
			out = append(out, step{fn: ledger.ComplianceClose.Name(), arg: ledger.Excursion{ID: id, Shipment: e.Shipment, EndMS: e.StartMS, Peak: e.Peak, Logs: g.heads}})
		}
	}
	return out
}

// revises tells whether the newest verdict says something else: another result or other excursions. The last judgement also
// says so when it was made from more, or up to another end.
func (j *Judge) revises(g *judgement, l *onLedger) bool {
	if l.newest.Revision == 0 || l.newest.Result != g.result.Verdict {
		return true
	}
	var was struct {
		Excursions int `json:"excursions"`
	}
	if err := json.Unmarshal(l.newest.Detail, &was); err != nil || was.Excursions != len(g.result.Excursions)+g.result.More {
		return true
	}
	return g.final && (l.newest.ToMS != g.result.ToMS || !slices.Equal(l.newest.Logs, g.heads))
}

// submit gives the ledger what it lacks. What another judge did meanwhile is refused as existing, closed or superseded: then the
// ledger is asked again before anything else.
func (j *Judge) submit(ctx context.Context, g *judgement, c *shipmentCase, steps []step) error {
	if len(steps) == 0 {
		return nil
	}
	l := c.ledger
	c.ledger = nil // until all of it is known to be there
	for _, s := range steps {
		arg := s.arg
		if s.breach != nil {
			claim, err := j.claim(ctx, g, s.breach)
			if errors.Is(err, errNoClaim) {
				l.unclaimed[ledger.BreachID(s.breach.Rule, s.breach.Tracker, s.breach.StartMS)] = true
				continue
			}
			if err != nil {
				return err
			}
			arg = claim
		}
		result, err := j.cfg.Ledger.Submit(ctx, s.fn, arg)
		if err != nil {
			if s.breach != nil && ledger.CodeOf(err) != "" && ledger.CodeOf(err) != ledger.Exists {
				// The peers do not see it so, and will not: the excursion stands on the recorder's word alone.
				l.unclaimed[ledger.BreachID(s.breach.Rule, s.breach.Tracker, s.breach.StartMS)] = true
				j.refusal(g, s.fn, err)
				continue
			}
			if !j.overtaken(s.fn, err) {
				j.refusal(g, s.fn, err)
			}
			return err
		}
		if err := l.note(s.fn, result.Payload); err != nil {
			return err
		}
	}
	c.ledger = l
	return nil
}

// note keeps what the ledger answered.
func (l *onLedger) note(fn string, payload []byte) error {
	if fn == ledger.ComplianceRevise.Name() {
		return json.Unmarshal(payload, &l.newest)
	}
	var e ledger.Excursion
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	l.excursions[e.ID] = e
	return nil
}

// overtaken reports whether a failure is one of the usual: the ledger is away, or another judge was first.
func (j *Judge) overtaken(fn string, err error) bool {
	switch ledger.CodeOf(err) {
	case "", ledger.Exists, ledger.Conflict:
		return true
	case ledger.BadState:
		return fn == ledger.ComplianceClose.Name()
	}
	return false
}

func (j *Judge) refusal(g *judgement, fn string, err error) {
	j.refused.Add(1)
	j.cfg.Log.Error("the ledger refuses a compliance record", "shipment", g.shipment.ID, "fn", fn, "err", err)
}
