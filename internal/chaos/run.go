package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/service"
)

// Run plays rows on one stack.
type Run struct {
	Seed uint64
	Load Load // of a row that names none
	Out  io.Writer

	stack  *Stack
	wiring *Wiring // nil = connections go directly
	random *rand.Rand
	dir    string                        // journals
	small  map[string]bool               // processes whose data is on a small disk
	undo   []func(context.Context) error // what a row leaves behind
}

// NewRun prepares; Close puts the stack back as it was.
func NewRun(s *Stack, seed uint64, load Load, out io.Writer) (*Run, error) {
	dir, err := os.MkdirTemp("", "trackseal-chaos")
	return &Run{Seed: seed, Load: load, Out: out, stack: s, dir: dir, small: map[string]bool{}}, err
}

// Close ends the links.
func (r *Run) Close(ctx context.Context) error {
	return errors.Join(r.back(ctx), r.unwire(ctx), os.RemoveAll(r.dir))
}

// back undoes what a row has left behind.
func (r *Run) back(ctx context.Context) error {
	var problems []error
	for _, undo := range r.undo {
		problems = append(problems, undo(ctx))
	}
	r.undo = nil
	return errors.Join(problems...)
}

func (r *Run) unwire(ctx context.Context) error {
	if r.wiring == nil {
		return nil
	}
	w := r.wiring
	r.wiring = nil
	return w.Unwire(ctx)
}

// Result of one row.
type Result struct {
	Row        Row
	Injected   []string // each fault with its targets
	Left       []string // faults that this machine does not allow, and why
	Recoveries []Recovery
	Sent       int
	Acked      int
	Lost       int // acknowledged, and missing in any view; the worst view counts
	Doubled    int
	Phantom    int
	Late       int // recoveries above the bound
	Took       time.Duration
	Findings   []string
	Err        error // the row could not be judged
}

// OK tells whether the row holds.
func (r Result) OK() bool {
	return r.Err == nil && r.Lost == 0 && r.Doubled == 0 && r.Phantom == 0 && len(r.Findings) == 0 && r.Late == 0
}

// judge counts the recoveries that came too late; one in a hundred may.
func (r *Result) judge() {
	r.Late = 0
	for _, rec := range r.Recoveries {
		if rec.Anchored > r.Row.bound() {
			r.Late++
		}
	}
	if r.Late*100 <= len(r.Recoveries) {
		r.Late = 0
	}
}

// hopeless is when a recovery is given up: far above every bound, so that a row says how long it really took.
const hopeless = 5 * time.Minute

// Play injects a row's faults again and again while trackers send, and accounts for every message.
func (r *Run) Play(ctx context.Context, row Row) Result {
	began := time.Now()
	result := Result{Row: row}
	r.random = rand.New(rand.NewPCG(r.Seed, uint64(row.Number)))
	result.Err = r.play(ctx, row, &result)
	result.judge()
	result.Took = time.Since(began)
	return result
}

func (r *Run) play(ctx context.Context, row Row, result *Result) error {
	if err := r.stack.Whole(ctx, 4*time.Minute); err != nil {
		return err
	}
	if slices.ContainsFunc(row.Faults, func(f Fault) bool { return f.Verb == "launcher" }) {
		if err := r.unwire(ctx); err != nil { // the launcher writes the configurations anew
			return err
		}
	}
	if r.wiring == nil && slices.ContainsFunc(row.Faults, isLink) {
		var err error
		if r.wiring, err = r.stack.Wire(ctx); err != nil {
			return err
		}
	}
	before := r.stack.footprints(ctx)
	load := r.Load
	if row.Load != (Load{}) {
		load = row.Load
	}
	faults := slices.Clone(row.Faults)
	r.random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	// What does not fit into one load comes in the next: a fault without messages under way shows nothing.
	for begun, done := false, 0; !begun || done < len(faults); begun = true {
		n, err := r.round(ctx, row, load, faults, done, result)
		if err != nil {
			return err
		}
		done += n
	}
	if err := r.stack.Whole(ctx, 4*time.Minute); err != nil {
		return err
	}
	result.Findings = append(result.Findings, r.stack.shrinks(ctx, before, time.Minute)...)
	return nil
}

// round is one load with as many of the faults as fit into it, from one on, and its account.
func (r *Run) round(ctx context.Context, row Row, load Load, faults []Fault, from int, result *Result) (done int, err error) {
	mqtt := r.stack.file.MQTT
	if r.wiring != nil {
		mqtt = strings.Replace(mqtt, hostOf(mqtt), r.wiring.Link(linkBroker).Address, 1)
	}
	w, err := r.stack.send(ctx, load, mqtt, r.dir)
	if err != nil {
		return 0, err
	}
	defer w.close()
	var writes *writer
	if row.Writes {
		writes = r.stack.write(ctx, fmt.Sprintf("chaos-%x", time.Now().UnixNano()))
	}
	done, broken := r.inject(ctx, load, faults, from, w, result)
	broken = errors.Join(broken, r.back(ctx))
	if writes != nil {
		result.Findings = append(result.Findings, writes.end(ctx, r.stack)...)
	}
	sum, err := w.wait(ctx)
	if err != nil {
		return done, errors.Join(broken, err)
	}
	result.Sent, result.Acked = result.Sent+sum.Sent, result.Acked+sum.Acked
	round := Result{}
	round.worse("REST", sum.Lost+sum.Unlogged, sum.Doubled, sum.Phantom, sum.Findings)
	if sum.Unacked > 0 || sum.Mismatch > 0 || sum.LeafErrors > 0 {
		round.Findings = append(round.Findings, fmt.Sprintf("tracker-sim: %d never acknowledged, %d read back differ, %d holes in logs", sum.Unacked, sum.Mismatch, sum.LeafErrors))
	}
	for _, v := range r.stack.views(ctx, w.journal.Header.Shipments) {
		report, err := v.compare(ctx, w.journal.Book, 3*time.Minute)
		if err != nil {
			broken = errors.Join(broken, fmt.Errorf("%s: %w", v.Name, err))
			continue
		}
		round.worse(v.Name, report.Lost+report.Unlogged, report.Doubled, report.Phantom, report.Findings)
		if report.LeafErrors > 0 || report.Anchored != report.Stored {
			round.Findings = append(round.Findings, fmt.Sprintf("%s: %d holes in logs; %d of %d anchored", v.Name, report.LeafErrors, report.Anchored, report.Stored))
		}
	}
	result.Lost, result.Doubled, result.Phantom = result.Lost+round.Lost, result.Doubled+round.Doubled, result.Phantom+round.Phantom
	result.Findings = append(result.Findings, round.Findings...)
	return done, broken
}

func (r *Result) worse(view string, lost, doubled, phantom int, findings []string) {
	r.Lost, r.Doubled, r.Phantom = max(r.Lost, lost), max(r.Doubled, doubled), max(r.Phantom, phantom)
	for _, f := range findings {
		r.Findings = append(r.Findings, view+": "+f)
	}
}

// inject does the faults in turn while the schedule runs; each waits until the one before is over.
func (r *Run) inject(ctx context.Context, load Load, faults []Fault, from int, w *sending, result *Result) (done int, err error) {
	end := time.Now().Add(load.For)
	if len(faults) == 0 {
		return 0, r.look(ctx, end, w, result)
	}
	for ; ; done++ {
		f := faults[(from+done)%len(faults)]
		if done > 0 && time.Until(end) < f.For+settle {
			return done, nil
		}
		if !service.Pause(ctx, time.Duration(500+r.random.IntN(3000))*time.Millisecond) {
			return done, ctx.Err()
		}
		on, err := r.draw(ctx, f)
		if err != nil {
			return done, err
		}
		what := strings.Join(strings.Fields(f.Verb+" "+f.Toxic+" "+strings.Join(on, " ")), " ")
		if err := verbs[f.Verb](ctx, r, f, on); errors.Is(err, errNotHere) {
			if !slices.Contains(result.Left, err.Error()) {
				result.Left = append(result.Left, err.Error())
			}
			continue
		} else if err != nil {
			return done, fmt.Errorf("%s: %w", what, err)
		}
		result.Injected = append(result.Injected, what)
		recovery, err := r.stack.recovered(ctx, w, time.Now(), hopeless)
		if err != nil {
			return done, fmt.Errorf("after %s: %w", what, err)
		}
		recovery.Fault = what
		result.Recoveries = append(result.Recoveries, recovery)
		fmt.Fprintf(r.Out, "  %s: acknowledged after %.1f s, anchored after %.1f s\n", what, recovery.Acked.Seconds(), recovery.Anchored.Seconds())
	}
}

// settle is what a fault needs of the schedule beside its own time: the pause before it, and messages after it.
const settle = 6 * time.Second

// look takes the same measure without a fault.
func (r *Run) look(ctx context.Context, end time.Time, w *sending, result *Result) error {
	for time.Until(end) > settle {
		if !service.Pause(ctx, time.Duration(1000+r.random.IntN(3000))*time.Millisecond) {
			return ctx.Err()
		}
		recovery, err := r.stack.recovered(ctx, w, time.Now(), hopeless)
		if err != nil {
			return err
		}
		result.Recoveries = append(result.Recoveries, recovery)
	}
	return nil
}
