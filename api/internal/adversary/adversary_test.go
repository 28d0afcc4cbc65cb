package adversary

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/testkit"
)

// lawful plays a trip and judges it. The error is a law that was broken.
func (t *trip) lawful(ctx context.Context, bends int) error {
	if err := t.play(ctx); err != nil {
		return fmt.Errorf("the suite itself: %w", err)
	}
	return t.judged(ctx, bends)
}

// judged wants the laws kept by all answers.
func (t *trip) judged(ctx context.Context, bends int) error {
	return t.answers(ctx, bends, func(a answer) error {
		t.passed = t.passed || a.Exit() == evidence.ExitPass
		err := t.laws(a.raw, a.Report)
		if err == nil && !a.bent && (t.role == nobody || t.role == outsider) {
			err = t.honest(a.Report)
		}
		if err != nil {
			return fmt.Errorf("%s: %w\nanswer: %+v %v", a.what, err, a.Verdicts, a.Findings)
		}
		return nil
	})
}

// answer is what the verifier says of one bundle.
type answer struct {
	*evidence.Report
	raw  []byte
	what string
	bent bool // by whoever handed it over
}

// answers has bundles judged: the one that the collector makes of the trip, and bent ones.
func (t *trip) answers(ctx context.Context, bends int, each func(answer) error) error {
	judge := func(a answer) error {
		r, err := evidence.Verify(bytes.NewReader(a.raw), t.auditor(), evidence.Options{Nonce: nonce})
		if err != nil {
			return nil // no bundle
		}
		a.Report = r
		return each(a)
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
	if err := judge(answer{raw: raw, what: "the collector's bundle"}); err != nil {
		return err
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
		if err := judge(answer{raw: bent, what: "bundle " + strings.Join(said, ", "), bent: true}); err != nil {
			return err
		}
	}
	return nil
}

// memoryTrip is a plan on a ledger of its own.
func memoryTrip(p *plan, rules testkit.Rules) *trip {
	m := newMemory(rules)
	m.NowMS += 60_000
	return newTrip(m, &headsLog{chain: m, ingest: "carrier.ingest"}, p, "")
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
func tell(p *plan, t *trip, err error) error {
	return fmt.Errorf("%w\n\n%s\nwhat happened:\n%s\nreproduce with TRACKSEAL_ADVERSARY_SEED=%d", err, p, strings.Join(t.said, "\n"), p.seed)
}

func number(name string) (uint64, bool) {
	v, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	return v, err == nil
}

// TestAdversary plays seeds on ledgers in memory for some seconds.
func TestAdversary(t *testing.T) {
	if seed, ok := number("TRACKSEAL_ADVERSARY_SEED"); ok {
		if err := play(seed); err != nil {
			t.Fatal(err)
		}
		return
	}
	limit := 4 * time.Second
	if d, err := time.ParseDuration(os.Getenv("TRACKSEAL_ADVERSARY_TIME")); err == nil {
		limit = d
	}
	begun := time.Now()
	first := uint64(begun.UnixNano())
	var n atomic.Uint64
	var wait sync.WaitGroup
	for range runtime.NumCPU() {
		wait.Go(func() {
			for time.Since(begun) < limit && !t.Failed() {
				if err := play(first + n.Add(1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	t.Logf("%d trips from seed %d on", n.Load(), first)
}

// play plays a seed on a ledger of its own. The error is a broken law, with the fewest acts that break it.
func play(seed uint64) error {
	p := newPlan(seed, inMemory)
	try := func(p *plan) (*trip, error) {
		t := memoryTrip(p, contract.Run)
		return t, t.lawful(context.Background(), 1)
	}
	trip, err := try(p)
	if err == nil {
		return nil
	}
	small := smaller(p, func(q *plan) bool { _, err := try(q); return err != nil })
	if again, err := try(small); err != nil {
		return tell(small, again, err)
	}
	return tell(p, trip, err)
}
