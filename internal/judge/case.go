package judge

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
)

// shipmentCase is what is in memory of a shipment. Only the one that judges it replaces its parts; the judge's mu guards them.
type shipmentCase struct {
	logs map[[32]byte]*logState
	// early are readings from before it was judged first, while open is false.
	early []compliance.Reading
	open  bool

	rules     *compliance.RuleSet
	handovers []ledger.Handover // the ended ones
	eval      *compliance.Evaluator
	points    int
	used      time.Time
	behind    time.Time // since when the store lacks what a log is known to have; 0 = it has all
	ledger    *onLedger // nil: to be asked
}

// maxEarly bounds the readings of a shipment that wait for its first judgement, usually some seconds long.
const maxEarly = 20_000

// Observe takes messages that are in the store now, in the order of their leaves. It does no I/O. Messages that come otherwise
// into the store are found by the anchors of their instance.
func (j *Judge) Observe(messages []Message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range messages {
		m := &messages[i]
		j.mark(m.Shipment)
		c := j.cases[m.Shipment]
		if c == nil {
			if m.Leaf != 0 {
				continue // the rest is in the store
			}
			c = &shipmentCase{logs: map[[32]byte]*logState{}, used: j.cfg.Now()}
			j.cases[m.Shipment] = c
		}
		if l := c.log(m.Log); m.Leaf < l.tree.Size() {
			continue
		}
		t, err := take(m, c.rules == nil || c.rules.Promised())
		if err != nil {
			j.cfg.Log.Error("readings cannot be judged", "shipment", m.Shipment, "err", err)
		}
		if c.log(m.Log).add(&t) {
			c.absorb(t.readings)
		}
		if len(c.early) > maxEarly && !j.busy[m.Shipment] {
			j.forget(m.Shipment)
		}
		j.count(c)
	}
}

// openCase returns the shipment's case with everything added that the store has and this judge knows of; nil when nobody can
// judge by its rule set.
func (j *Judge) openCase(ctx context.Context, s *ledger.Shipment, all bool) (*shipmentCase, error) {
	rules, err := j.cfg.Rules(ctx, s)
	if err != nil || rules == nil {
		if err == nil {
			j.drop(s.ID) // nobody will ask for its readings
		}
		return nil, err // without rules the API and the verifier say so; there is nothing to record
	}
	j.mu.Lock()
	c := j.cases[s.ID]
	if c == nil {
		c = &shipmentCase{logs: map[[32]byte]*logState{}, used: j.cfg.Now()}
		j.cases[s.ID] = c
	}
	c.rules = rules
	for instance := range j.known {
		c.log(j.logID(s, instance))
	}
	handovers := c.handovers
	j.mu.Unlock()
	if err := j.catchUp(ctx, c, all); err != nil {
		return nil, err
	}
	if j.empty(s.ID, c) {
		return nil, nil // nothing was logged yet: nobody has to be asked
	}
	if len(handovers) != s.Handovers {
		if handovers, err = j.handovers(ctx, s.ID); err != nil {
			return nil, err
		}
	}
	if c.ledger == nil {
		if c.ledger, err = j.askLedger(ctx, s.ID); err != nil {
			return nil, err
		}
		j.mu.Lock()
		c.expect(c.ledger.logs(j.cfg.Ledger.MSP()))
		c.lacks(c.ledger.named)
		j.mu.Unlock()
		if err := j.catchUp(ctx, c, false); err != nil {
			return nil, err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	c.handovers = handovers
	facts := journey.Of(*s, handovers, nil)
	if !c.open {
		eval, err := compliance.New(*rules, facts)
		if err != nil {
			return nil, err
		}
		if !rules.Promised() {
			for i := range c.early {
				c.early[i].Point.NextDueS = 0 // as every other way leaves it: else the same reading would be two
			}
		}
		eval.Load(c.early)
		c.eval, c.open, c.early = eval, true, nil
	} else if err := c.eval.SetJourney(facts); err != nil {
		return nil, err
	}
	if c.eval.Stale() {
		j.forget(s.ID)
		return nil, compliance.ErrStale // the next try reads all of it again
	}
	return c, nil
}

// empty lets a case go that no log has a leaf for. Its first message begins it anew.
func (j *Judge) empty(id string, c *shipmentCase) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range c.logs {
		if l.want > 0 || l.tree.Size() > 0 {
			return false
		}
	}
	if j.cases[id] == c {
		j.forget(id)
	}
	return true
}

// count notes what a case keeps in memory. The caller holds mu.
func (j *Judge) count(c *shipmentCase) {
	n := len(c.early)
	if c.eval != nil {
		n += c.eval.Size()
	}
	j.points += n - c.points
	c.points = n
}

func (j *Judge) drop(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forget(id)
}

// forget lets a case go: it is built again from the store when it is needed. The caller holds mu.
func (j *Judge) forget(id string) {
	if c := j.cases[id]; c != nil {
		j.points -= c.points
		c.points = 0
		delete(j.cases, id)
	}
}

// evict forgets the cases that were used longest ago.
func (j *Judge) evict() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.points > j.cfg.MaxPoints {
		oldest := ""
		for id, c := range j.cases {
			if !j.busy[id] && (oldest == "" || c.used.Before(j.cases[oldest].used)) {
				oldest = id
			}
		}
		if oldest == "" {
			return
		}
		j.forget(oldest)
	}
}
