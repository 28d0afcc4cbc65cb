// Package judging judges a shipment's stored readings by a rule set and joins what the ledger holds about it.
package judging

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Telemetry is what the store holds of a log.
type Telemetry interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	// Flagged gives the messages of a log that have one of the flags.
	Flagged(ctx context.Context, log string, flags []telemetry.Reason, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
}

// Judge of shipments.
type Judge struct {
	*records.Records
	Logs      *records.Logs
	Rules     *Rules
	Telemetry Telemetry

	checks checks
}

// Judged is a verdict with what it was made from.
type Judged struct {
	Rules     RuleSetInfo
	Result    compliance.Result
	legs      []detect.Leg
	Handovers []ledger.Handover // ended ones
	Trackers  []ledger.Tracker
	Refs      []records.LogRef
	sizes     map[string]uint64 // of the logs, as far as they have readings
	// Strays are the readings in the shipment's logs that lie outside of all windows of their tracker, and Wide what the rules say with
	// them; nil without any.
	Strays int
	Wide   *compliance.Result
}

// Observer is shown each reading in the order of time, with what was measured alone: a sensor's error values are left out. judged tells that
// it lies in a window of its tracker.
type Observer func(x stored.Reading, judged bool)

// Judge judges a shipment's stored readings by a rule set, which may be another than the pinned one.
func (s *Judge) Judge(ctx context.Context, r ledger.Shipment, rules RuleSetInfo, observers ...Observer) (*Judged, error) {
	j := &Judged{Rules: rules}
	var err error
	if j.Refs, err = s.Logs.Of(ctx, r); err != nil {
		return nil, err
	}
	if j.Handovers, err = ledger.ShipmentHandover.All(ctx, s.Ledger, r.ID, records.Max); err != nil {
		return nil, err
	}
	if j.Trackers, err = s.Assigned(ctx, r); err != nil {
		return nil, err
	}
	promises, err := s.promises(ctx, rules.RuleSet, j.Refs)
	if err != nil {
		return nil, err
	}
	asides, err := s.asides(ctx, j.Refs)
	if err != nil {
		return nil, err
	}
	facts := journey.Of(r, j.Handovers, j.Trackers)
	j.legs = facts.Legs
	j.sizes = map[string]uint64{}
	place := make(map[string]uint64, len(j.Refs))
	for i, ref := range j.Refs {
		place[ref.ID] = uint64(i)
	}
	// The store answers in the order of time, so the evaluator needs to hold little of it.
	judge := func(facts detect.Journey, each func(stored.Reading)) (compliance.Result, error) {
		judge, err := compliance.New(rules.RuleSet, facts)
		if err != nil {
			return compliance.Result{}, err
		}
		for _, a := range asides {
			judge.AddReading(a)
		}
		err = s.Telemetry.Readings(ctx, stored.ReadingsQuery{Logs: records.LogIDs(j.Refs)}, func(x stored.Reading, _ time.Time) error {
			log := place[x.Log]
			p := detect.NewPoint(x.TimeMS, surrogate(log, x.Leaf), x.Values)
			p.NextDueS = promises[leafOf{log, x.Leaf}]
			judge.Add(x.Tracker, p)
			each(x)
			return nil
		})
		if err != nil {
			return compliance.Result{}, err
		}
		return judge.Result(0)
	}
	j.Result, err = judge(facts, func(x stored.Reading) {
		j.sizes[x.Log] = max(j.sizes[x.Log], x.Leaf+1)
		in := journey.Judges(facts, x.Tracker, x.TimeMS)
		if !in {
			j.Strays++
		}
		if len(observers) > 0 {
			x.Values = r.Sensors(x.Tracker, x.TimeMS).Measured(x.Values)
		}
		for _, see := range observers {
			see(x, in)
		}
	})
	if err != nil || j.Strays == 0 {
		return j, err
	}
	wide, err := judge(journey.Wide(facts, 0), func(stored.Reading) {})
	j.Wide = &wide
	return j, err
}

// asides are the values that were reported and do not count. They stand in the messages' bytes only.
func (s *Judge) asides(ctx context.Context, refs []records.LogRef) (out []compliance.Reading, err error) {
	for _, ref := range refs {
		err := s.Telemetry.Flagged(ctx, ref.ID, telemetry.AsideFlags, func(m stored.Message) error {
			if o, err := m.Open(); err == nil { // a damaged one is verification's business
				for _, a := range o.Aside(m.ReceivedMS) {
					out = append(out, compliance.Reading{Tracker: m.Tracker, Aside: &a})
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

type leafOf struct{ log, leaf uint64 }

// promises are what the messages said about the next one. They stand in the signed bytes only, so they are read when a rule
// asks for them.
func (s *Judge) promises(ctx context.Context, rules compliance.RuleSet, refs []records.LogRef) (map[leafOf]uint32, error) {
	if !rules.Promised() {
		return nil, nil
	}
	out := map[leafOf]uint32{}
	for i, ref := range refs {
		err := s.Telemetry.Messages(ctx, ref.ID, 0, 0, func(m stored.Message) error {
			if o, err := m.Open(); err == nil && o.NextDueS() > 0 { // a damaged one is verification's business
				out[leafOf{uint64(i), m.Leaf}] = uint32(o.NextDueS())
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// surrogate stands for a message's hash while judging: a stored reading names its log and leaf only. It is never zero.
func surrogate(log, leaf uint64) (id [32]byte) {
	binary.BigEndian.PutUint64(id[:8], log+1)
	binary.BigEndian.PutUint64(id[24:], leaf)
	return id
}

// maxDeciding bounds how many messages are read to tell their hashes.
const maxDeciding = 300

// deciding translates the surrogates in a result into messages.
func (s *Judge) deciding(ctx context.Context, j *Judged) (map[string]shapes.DecidingMessage, error) {
	out := map[string]shapes.DecidingMessage{}
	var order []string
	for _, e := range j.Result.Excursions {
		for _, text := range e.Messages {
			raw, err := hex.DecodeString(text)
			if err != nil || len(raw) != 32 {
				return nil, fmt.Errorf("message %q in excursion %s", text, e.ID)
			}
			log := binary.BigEndian.Uint64(raw[:8])
			if _, known := out[text]; known || log == 0 || log > uint64(len(j.Refs)) {
				continue
			}
			out[text] = shapes.DecidingMessage{Log: j.Refs[log-1].ID, Leaf: binary.BigEndian.Uint64(raw[24:])}
			order = append(order, text)
		}
	}
	order = order[:min(len(order), maxDeciding)]
	hashes := make([]string, len(order))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(records.Parallel)
	for i, text := range order {
		at := out[text]
		g.Go(func() error {
			return s.Telemetry.Messages(gctx, at.Log, at.Leaf, at.Leaf+1, func(m stored.Message) error {
				if leaf, err := telemetry.DecodeLeaf(m.Entry); err == nil { // a damaged entry is verification's business
					hashes[i] = hex.EncodeToString(leaf.Hash[:])
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, text := range order {
		m := out[text]
		m.Hash = rest.OrNull(hashes[i])
		out[text] = m
	}
	return out, nil
}
