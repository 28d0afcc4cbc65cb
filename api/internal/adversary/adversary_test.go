package adversary

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/testkit"
)

// check plays a plan on a ledger and gives every bundle of it to the judge. The error is a law that was broken.
func check(ctx context.Context, t *trip, verify judge, bends int) error {
	if err := t.play(ctx); err != nil {
		return fmt.Errorf("the suite itself: %w", err)
	}
	return t.answers(ctx, verify, bends)
}

// answers has all bundles judged that the collector makes of the trip, and bent ones.
func (t *trip) answers(ctx context.Context, verify judge, bends int) error {
	judged := func(what string, raw []byte, options evidence.Options) (*evidence.Report, error) {
		r, err := verify(bytes.NewReader(raw), t.auditor(), options)
		if err != nil {
			return nil, nil // no bundle
		}
		if err := t.laws(raw, r); err != nil {
			return r, fmt.Errorf("%s: %w\nanswer: %+v %v", what, err, r.Verdicts, r.Findings)
		}
		return r, nil
	}
	if t.record == nil {
		return nil
	}
	raw, err := t.collect(ctx, t.closing)
	if err != nil {
		if t.role == nobody || t.role == outsider {
			return fmt.Errorf("an honest trip has no bundle: %w", err)
		}
		return ctx.Err()
	}
	r, err := judged("the collector's bundle", raw, evidence.Options{Nonce: nonce})
	if err != nil {
		return err
	}
	if t.role == nobody || t.role == outsider {
		if err := t.honest(r); err != nil {
			return err
		}
	}
	dice := rand.New(rand.NewPCG(t.seed, 0x62656e64))
	for range bends {
		b, err := open(raw)
		if err != nil {
			return err
		}
		var said []string
		for range 1 + dice.IntN(2) {
			said = append(said, t.bend(dice, b))
		}
		bent, err := b.write()
		if err != nil {
			continue
		}
		if _, err := judged("bundle "+strings.Join(said, ", "), bent, evidence.Options{Nonce: nonce}); err != nil {
			return err
		}
	}
	return nil
}

// memoryTrip plays a plan on a ledger of its own.
func memoryTrip(p *plan, rules testkit.Rules, verify judge) (*trip, error) {
	m := newMemory(rules)
	m.NowMS += 60_000
	h, err := newHeadsLog(context.Background(), m, "ingest-carrier")
	if err != nil {
		return nil, err
	}
	t := newTrip(m, h, p, "")
	return t, check(context.Background(), t, verify, 4)
}

// smaller drops what an adversary does, one thing after the other, as long as the law stays broken.
func smaller(p *plan, broken func(*plan) bool) *plan {
	for again := true; again; {
		again = false
		for i := len(p.acts) - 1; i >= 0; i-- {
			if !p.acts[i].evil {
				continue
			}
			q := *p
			q.acts = slices.Delete(slices.Clone(p.acts), i, i+1)
			if broken(&q) {
				p, again = &q, true
			}
		}
		for tick := range p.treat {
			q := *p
			q.treat = map[int]string{}
			for k, v := range p.treat {
				if k != tick {
					q.treat[k] = v
				}
			}
			if broken(&q) {
				p, again = &q, true
				break
			}
		}
	}
	return p
}

// tell is a failure in words.
func tell(p *plan, t *trip, err error) string {
	return fmt.Sprintf("%v\n\n%s\nwhat happened:\n%s\nreproduce with TRACKSEAL_ADVERSARY_SEED=%d", err, p, strings.Join(t.said, "\n"), p.seed)
}

func number(name string, or uint64) (uint64, bool) {
	v, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	if err != nil {
		return or, false
	}
	return v, true
}

// TestAdversary plays seeds on ledgers in memory for some seconds.
func TestAdversary(t *testing.T) {
	run := func(seed uint64) {
		p := newPlan(seed, inMemory)
		trip, err := memoryTrip(p, contract.Run, evidence.Verify)
		if err == nil {
			return
		}
		p = smaller(p, func(q *plan) bool {
			_, err := memoryTrip(q, contract.Run, evidence.Verify)
			return err != nil
		})
		if again, err := memoryTrip(p, contract.Run, evidence.Verify); err != nil {
			t.Fatal(tell(p, again, err))
		}
		t.Fatal(tell(p, trip, err))
	}
	if seed, ok := number("TRACKSEAL_ADVERSARY_SEED", 0); ok {
		run(seed)
		return
	}
	limit := 4 * time.Second
	if d, err := time.ParseDuration(os.Getenv("TRACKSEAL_ADVERSARY_TIME")); err == nil {
		limit = d
	}
	first, n := uint64(time.Now().UnixNano()), uint64(0)
	for begun := time.Now(); time.Since(begun) < limit && !t.Failed(); n++ {
		run(first + n)
	}
	t.Logf("%d trips from seed %d on", n, first)
}
