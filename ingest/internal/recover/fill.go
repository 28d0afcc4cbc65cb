package recover

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Fill is where a lost InfluxDB comes back from: other parties' nodes, which have copies of the instance's logs. What they give is verified
// against the ledger's anchors as a replica verifies what an operator gives.
type Fill struct {
	From   []copying.From
	Ledger copying.Ledger
	Store  copying.Store
}

// Filled is what came of it.
type Filled struct {
	Logs   int // of which something came
	Leaves uint64
	// Wrong is what did not verify, or was not given: none of it was written.
	Wrong []copying.Finding
	// Silent are the nodes that could not be asked for a log, with the error.
	Silent []string
}

// fill copies what the parties have into the store. It may be repeated: what is there already is not asked for again.
func (r *run) fill(ctx context.Context) error {
	if journal.Exists(r.dir) && journal.InUse(r.dir) {
		return ErrRunning
	}
	if err := r.upToDate(ctx); err != nil {
		return err
	}
	_, last, err := r.newest(ctx)
	if err != nil || last == 0 {
		return err
	}
	lives := ledger.Lives(ledger.LifeID(r.ID, last))
	r.lives = lives
	known, err := r.known(ctx)
	if err != nil {
		return err
	}
	trackers := copying.NewTrackers(r.Fill.Ledger, r.Now)
	silent := map[string]bool{}
	// A later life's heads log begins with the heads of all logs. Those of earlier ones say how early the leaves were there.
	for n, life := range lives {
		heads := anchor.HeadsID(r.Channel, life)
		anchors := copying.AnchorsOf(r.Fill.Ledger, sequence.HexLog(heads))
		newest, err := anchors.Newest(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLedger, err)
		}
		c := &copying.Copier{Store: r.Fill.Store, Anchors: anchors, Trackers: trackers, Now: r.Now,
			Copied: func(_ *copying.Log, _ *stored.Head, grown uint64) { r.a.Filled.Leaves += grown }}
		for _, s := range known {
			if !slices.Contains(lives[:n+1], s.life) {
				continue
			}
			ref := copying.RefOf(r.Channel, copying.Subject{Kind: s.kind, ID: s.id, OpenTx: s.openTx}, s.life, life)
			if err := r.fillLog(ctx, c, ref, newest.Size, silent); err != nil {
				return err
			}
		}
	}
	return r.step("filled")
}

// fillLog takes one log from whoever has more of it than is here.
func (r *run) fillLog(ctx context.Context, c *copying.Copier, ref copying.Ref, newest uint64, silent map[string]bool) error {
	l, err := c.Open(ctx, ref)
	if err != nil {
		return err
	}
	before := l.Size
	var wrong []copying.Finding
	for _, from := range r.Fill.From {
		for {
			last := l.Last
			page, err := from.LogHeads(ctx, ref, uint64(l.Last+1))
			if errors.Is(err, transfer.ErrNone) {
				break
			}
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if !silent[from.Name()] {
					silent[from.Name()] = true
					r.a.Filled.Silent = append(r.a.Filled.Silent, err.Error())
				}
				break
			}
			heads, f := c.Placed(page, newest, ref.Log)
			if f != nil {
				wrong = append(wrong, copying.Finding{By: from.Name(), Log: ref.Log, Subject: ref.ID, Leaf: l.Size, What: f.What, Detail: f.Detail})
			}
			found, err := c.Extend(ctx, from, l, heads)
			if err != nil {
				return fmt.Errorf("log of %s from %s: %w", ref.ID, from.Name(), err)
			}
			if wrong = append(wrong, found...); len(found) > 0 || l.Last == last || len(page.Items) < transfer.MaxHeads {
				break
			}
		}
	}
	if l.Size > before {
		r.a.Filled.Logs++
	}
	r.a.Filled.Wrong = append(r.a.Filled.Wrong, wrong...)
	return nil
}
