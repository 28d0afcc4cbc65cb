package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// judging gathers what the rules need while the leaves come by. Its memory grows with the readings: some 100 bytes each.
type judging struct {
	readings  []compliance.Reading
	handovers []ledger.Handover
	rules     *compliance.RuleSet // nil: none in the bundle
	withheld  uint64              // messages whose readings are not there
	promised  bool                // a rule asks when the next message was due
	strays    int                 // readings that no window has, or that were anchored before the delivery which is dated before them
	elsewhere map[reading]bool    // those of them that came in a batch with others, after their tracker had been taken off
	late      map[reading]bool    // those of them that were anchored before the delivery, and lastMS the newest
	lastMS    int64
}

// reading is one of a message.
type reading struct {
	message Hash
	ms      int64
}

func put(m map[reading]bool, r reading) map[reading]bool {
	if m == nil {
		m = map[reading]bool{}
	}
	m[r] = true
	return m
}

// handover keeps a handover's record that a transaction of the shipment wrote.
func (v *verifier) handover(t *fabricproof.Transaction, s *ledger.Shipment) error {
	prefix := ledger.Key(ledger.ObjHandover, s.ID)
	for _, w := range t.Writes {
		if w.Namespace != v.policy.Chaincode || w.Delete || !strings.HasPrefix(w.Key, prefix) {
			continue
		}
		var h ledger.Handover
		if err := record(w.Value, &h); err != nil || w.Key != ledger.HandoverKey(s.ID, h.N) || h.N != len(v.judging.handovers) || h.N+1 != s.Handovers {
			return stop(RecordChain, placeOf(t), fmt.Sprintf("handover %d of shipment %s", len(v.judging.handovers), s.ID), "%v, %q", err, w.Key)
		}
		v.judging.handovers = append(v.judging.handovers, h)
	}
	if len(v.judging.handovers) != s.Handovers {
		return stop(RecordChain, placeOf(t), fmt.Sprintf("%d handover records, as the shipment's record counts", s.Handovers), "%d", len(v.judging.handovers))
	}
	return nil
}

// judgeSigned keeps the readings of a message whose signature was checked.
func (v *verifier) judgeSigned(m *telemetry.Message, there bool, readings []telemetry.Reading, receivedMS int64, covering *anchored) {
	if !there {
		v.judging.withheld++
		return
	}
	v.judge(m.Tracker, m.COSEHash, readings, receivedMS, m.NextDueS, covering)
}

func (v *verifier) judge(tracker string, message Hash, readings []telemetry.Reading, receivedMS int64, nextDueS uint64, covering *anchored) {
	early := v.delivery != nil && before(Position(covering.tx.Position), Position(v.delivery.Position))
	t := v.trackers[tracker]
	spans := t.off != nil && before(*t.off, Position(covering.tx.Position)) && slices.ContainsFunc(readings, func(r telemetry.Reading) bool {
		return r.Counts(receivedMS) && t.judges(r.TimeMS)
	})
	for _, a := range telemetry.AsideOf(readings, receivedMS) {
		v.judging.readings = append(v.judging.readings, compliance.Reading{Tracker: tracker, Aside: &a})
	}
	for _, r := range readings {
		if !r.Counts(receivedMS) {
			continue
		}
		late := early && r.TimeMS >= v.shipment.DeliveredMS
		if late {
			v.judging.lastMS = max(v.judging.lastMS, r.TimeMS)
			v.judging.late = put(v.judging.late, reading{message, r.TimeMS})
		}
		if late || !t.judges(r.TimeMS) {
			v.judging.strays++
		}
		if spans && r.TimeMS >= t.windows[len(t.windows)-1].toMS {
			v.judging.elsewhere = put(v.judging.elsewhere, reading{message, r.TimeMS})
		}
		p := detect.NewPoint(r.TimeMS, message, r.Said())
		if v.judging.promised {
			p.NextDueS = uint32(min(nextDueS, math.MaxUint32))
		}
		v.judging.readings = append(v.judging.readings, compliance.Reading{Tracker: tracker, Point: p})
	}
}

// compliance judges the readings by the rules that the shipment pinned, and compares with what the ledger was told.
func (v *verifier) compliance() error {
	v.opinions()
	rules := v.rules()
	if rules == nil {
		return nil
	}
	if n := v.judging.withheld; n > 0 {
		v.book.unknown(ReadingsWithheld, "rules", "every reading", "%d messages without theirs", n)
		return nil
	}
	early := v.named()
	way := journey.Of(*v.shipment, v.judging.handovers, v.trackerRecordsInOrder())
	told, err := v.judgeBy(rules, way) // as the ledger was told
	if err != nil {
		return err
	}
	result := told
	if s, handovers, most := journey.ByLedger(*v.shipment, v.judging.handovers); most > 0 {
		byLedger := journey.Of(s, handovers, v.trackerRecordsInOrder())
		other, err := v.judgeBy(rules, byLedger)
		if err != nil {
			return err
		}
		if most > v.policy.StatedMaxS*1000 {
			way, result, other = byLedger, other, told
		}
		v.report.Beside = &other
		v.stated(most, result, other)
	}
	v.report.Judgement = &result
	if err := v.strays(rules, way, result.Verdict); err != nil {
		return err
	}
	v.judging.readings = nil
	v.breaches(&result)
	v.recordedWindows()
	found := strings.Join(result.Reasons, "; ")
	switch result.Verdict {
	case compliance.NonCompliant:
		v.book.fail(RulesBroken, "rule set "+v.shipment.RuleSet, "that every rule was kept", "%s", found)
	case compliance.Inconclusive:
		v.book.unknown(NotConclusive, "rule set "+v.shipment.RuleSet, "readings that show whether every rule was kept", "%s", found)
	}
	return v.claim(*rules, told, early)
}

// judgeBy judges all readings.
func (v *verifier) judgeBy(rules *compliance.RuleSet, way detect.Journey) (compliance.Result, error) {
	r, err := compliance.Judge(*rules, way, v.judging.readings, 0)
	if err != nil {
		return r, fmt.Errorf("judge by %s: %w", v.shipment.RuleSet, err)
	}
	return r, nil
}

// givenRules reads the rules in the bundle. They are bytes of the bundle like all others, so wrong ones end the verification.
func (v *verifier) givenRules() error {
	raw := v.in.Manifest.RuleSet
	if len(raw) == 0 {
		known, _ := compliance.Lookup(v.shipment.RuleSet)
		v.judging.promised = known.Promised()
		return nil
	}
	s := v.shipment
	where := "rule set " + s.RuleSet
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != s.RuleSetHash {
		return stop(Rules, where, "rules with hash "+s.RuleSetHash+", which the shipment pinned", "%x", sum)
	}
	rs, err := compliance.Parse(raw)
	if err != nil || rs.Ref() != s.RuleSet || !slices.Equal(rs.Canonical(), raw) {
		return stop(Rules, where, "its canonical form", "%q, %v", rs.Ref(), err)
	}
	v.judging.rules, v.judging.promised = &rs, rs.Promised()
	return nil
}

// rules are the bundle's, or those that this program knows; their hash decides. Nil leaves the question open.
func (v *verifier) rules() *compliance.RuleSet {
	if v.judging.rules != nil {
		return v.judging.rules
	}
	s := v.shipment
	rs, ok := compliance.Lookup(s.RuleSet)
	if !ok || rs.Hash() != s.RuleSetHash {
		v.book.unknown(NotJudged, "rule set "+s.RuleSet, "the rules with hash "+s.RuleSetHash, "none in the bundle")
		return nil
	}
	return &rs
}

func (v *verifier) trackerRecordsInOrder() []ledger.Tracker {
	var out []ledger.Tracker
	for _, id := range sorted(v.trackers) {
		out = append(out, v.trackers[id].record)
	}
	return out
}
