package judge

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// bide is how long a copy may lack what the ledger names before the opinion is recorded from what is there, with the logs as far as they
// were judged. So an operator that withholds keeps nobody from having an opinion, and one that is a little late costs no revision more.
const bide = 20 * time.Second

// Meet notes an ingest instance that the ledger knows: it may have logs of any shipment.
func (j *Judge) Meet(instance string) { j.meet(instance) }

// Copied says that the store has a log of a shipment up to this head, whole.
func (j *Judge) Copied(shipment string, head ledger.LogHead) { j.grown(shipment, head, true) }

// Named says that a record on the ledger names logs of a shipment: the opinion is to be from as much.
func (j *Judge) Named(shipment string, logs []ledger.LogHead) {
	j.mu.Lock()
	if c := j.cases[shipment]; c != nil {
		c.lacks(logs)
	}
	j.mu.Unlock()
	j.Mark(shipment)
}

// Waiting is how many shipments are judged later, because the store lacks leaves that the ledger names.
func (j *Judge) Waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, r := range j.retry {
		if r.lack {
			n++
		}
	}
	return n
}

// lacks notes what others say of the logs. Only those that are the shipment's are looked at: nobody can have another one read into it.
func (c *shipmentCase) lacks(heads []ledger.LogHead) {
	c.expect(slices.DeleteFunc(slices.Clone(heads), func(h ledger.LogHead) bool { return !c.has(h.Log) }))
}

// named are the logs of all parties' newest verdicts.
func (j *Judge) named(ctx context.Context, id string) ([]ledger.LogHead, error) {
	held, err := ledger.ComplianceNow.Ask(ctx, j.cfg.Ledger, ledger.IDArgs{ID: id})
	var all []ledger.LogHead
	for _, o := range held.Opinions {
		all = append(all, o.Logs...)
	}
	return all, err
}

// opine records the own opinion of a shipment. After the delivery it waits for the seals, which say how long the logs are in the end: an
// opinion that is of all of that is the last one. A crash anywhere leaves what the ledger has: the next judgement submits the rest.
func (j *Judge) opine(ctx context.Context, s *ledger.Shipment) error {
	var sealed []ledger.LogHead
	if s.DeliveredMS != 0 {
		seals, err := ledger.ShipmentSeals.All(ctx, j.cfg.Ledger, s.ID, maxSeals)
		if err != nil {
			return err
		}
		for _, x := range seals {
			if x.Log != nil {
				sealed = append(sealed, *x.Log)
			}
		}
		ledger.SortLogs(sealed)
	}
	if s.State == ledger.Closed {
		done, err := j.concluded(ctx, s, sealed)
		if err != nil || done {
			return err
		}
	}
	j.mu.Lock()
	if c := j.cases[s.ID]; c != nil {
		c.lacks(sealed)
	}
	j.mu.Unlock()
	g, c, err := j.compute(ctx, s, false)
	if err != nil {
		return err
	}
	if g == nil {
		return j.unjudged(ctx, s, sealed)
	}
	g.final = ends(s, g.heads, sealed)
	if ledger.Covers(g.heads, sealed) != nil {
		g.lag = true // a log that was sealed is not as long here, or another one
	}
	now := j.cfg.Now()
	switch {
	case !g.lag:
		c.behind = time.Time{}
	case c.behind.IsZero():
		c.behind = now
	}
	if g.lag && now.Sub(c.behind) < bide {
		return errBehind
	}
	if err := ledger.Covers(g.heads, c.ledger.newest.Logs); err != nil {
		// The copy is being made again, or has another past than it had. The ledger would refuse it.
		return fmt.Errorf("%w: %w", errBehind, err)
	}
	if j.revises(g, c.ledger) {
		// What is written rests on the newest record.
		newest, err := ledger.ShipmentGet.Ask(ctx, j.cfg.Ledger, ledger.IDArgs{ID: s.ID})
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(newest, *s) {
			return j.opine(ctx, &newest)
		}
	}
	if err := j.record(ctx, g, c, true); err != nil {
		return err
	}
	if g.lag {
		return errBehind
	}
	if s.State == ledger.Closed && g.final {
		j.conclude(s.ID)
	}
	return nil
}

// unjudged is a shipment of which nothing is here, or that nobody can judge. A closed one whose logs have leaves waits for the copy.
func (j *Judge) unjudged(ctx context.Context, s *ledger.Shipment, sealed []ledger.LogHead) error {
	if s.State != ledger.Closed {
		return nil
	}
	rules, err := j.cfg.Rules(ctx, s)
	if err != nil {
		return err
	}
	if rules != nil && len(sealed) > 0 {
		return errBehind
	}
	j.conclude(s.ID)
	return nil
}

// ends reports whether a judgement from these logs is the last one: of all that is sealed, and of nothing that still grows. What an
// instance logged that was retired before the seals is named by no seal.
func ends(s *ledger.Shipment, heads, sealed []ledger.LogHead) bool {
	return s.DeliveredMS != 0 && len(sealed) > 0 && within(sealed, heads) && (s.State == ledger.Closed || len(heads) == len(sealed))
}

// maxSeals is more than a network has instances.
const maxSeals = 1000

// concluded lets a closed shipment go whose last opinion is on the ledger: of all that was sealed, by a record with the delivery.
func (j *Judge) concluded(ctx context.Context, s *ledger.Shipment, sealed []ledger.LogHead) (bool, error) {
	v, err := ledger.ComplianceVerdict.Ask(ctx, j.cfg.Ledger, ledger.OpinionArgs{ID: s.ID, By: j.cfg.Ledger.MSP()})
	switch {
	case ledger.CodeOf(err) == ledger.NotFound:
		if len(sealed) > 0 {
			return false, nil
		}
	case err != nil:
		return false, err
	case !within(sealed, v.Logs), findings(&v).Record.LastMS < s.DeliveredMS:
		return false, nil
	}
	j.conclude(s.ID)
	return true, nil
}

// within reports whether all heads are among others.
func within(heads, others []ledger.LogHead) bool {
	return !slices.ContainsFunc(heads, func(h ledger.LogHead) bool { return !slices.Contains(others, h) })
}

func (j *Judge) conclude(id string) {
	j.drop(id)
	j.cfg.Final(id)
}
