package ledger

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// BreachArgs claims that signed messages of one tracker break an instant limit of the shipment's rules. Rule, metric and
// comparator say which; the limit itself comes from the pinned rule set.
type BreachArgs struct {
	Shipment string          `json:"shipment"`
	RuleHash string          `json:"rule_hash"`
	Rule     string          `json:"rule"`
	Metric   string          `json:"metric"`
	Op       string          `json:"op"` // > >= < <=
	Messages []BreachMessage `json:"messages"`
}

// BreachMessage is a signed message exactly as it was published, and which of its readings breaks the limit. The message goes to
// the endorsing peers only: it may hold more than the breach, such as where the goods are.
type BreachMessage struct {
	Raw    []byte `json:"-"` // CBOR [cose_sign1, pack]; see Private
	TimeMS int64  `json:"time_ms"`
}

// Validate wants 1 to MaxWitnesses messages, later readings after earlier ones.
func (a BreachArgs) Validate() error {
	err := first(checkID("shipment", a.Shipment), checkHash("rule_hash", a.RuleHash), checkText("rule", a.Rule, 1, 64),
		checkText("metric", a.Metric, 1, 64), checkText("op", a.Op, 1, 2))
	switch {
	case err != nil:
		return err
	case len(a.Messages) == 0 || len(a.Messages) > MaxWitnesses:
		return invalid("messages: %d given, 1 to %d are accepted", len(a.Messages), MaxWitnesses)
	}
	total := 0
	for i, m := range a.Messages {
		total += len(m.Raw)
		switch {
		case len(m.Raw) == 0 || total > telemetry.MaxMessage:
			return invalid("%s: messages[%d] must be at least a byte, and with those before it at most %d bytes, base64", PrivateKey, i, telemetry.MaxMessage)
		case i > 0 && m.TimeMS <= a.Messages[i-1].TimeMS:
			return invalid("messages[%d].time_ms must be after the one before it", i)
		}
		if err := checkTime(fmt.Sprintf("messages[%d].time_ms", i), m.TimeMS, false); err != nil {
			return err
		}
	}
	return nil
}

// breachPrefix sets the ids of verified excursions apart: a recorder cannot take one, nor be in the way of a recorder's.
const breachPrefix = "verified:"

// BreachID is the id of a verified excursion. It follows from the claim, so that two parties who make the same one learn
// that it is there.
func BreachID(rule, tracker string, firstMS int64) string {
	return breachPrefix + rule + "/" + tracker + "/" + strconv.FormatInt(firstMS, 10)
}

// Limit is what one reading can break, see package compliance.
type Limit interface {
	Value(reading map[string]float64) (v float64, ok bool)
	Breaks(v float64) bool
	Worse(a, b float64) bool
}

// SkewMS is how far a clock may be off the transactions' time.
const SkewMS = 120_000

// Prove checks the claim against the ledger's own records and returns the excursion that it shows, without what the
// recorder adds (By, times and transactions). Pure: every peer comes to the same. tracker knows those of the shipment.
//
// Refusals: INVALID when a message cannot be read, CONFLICT when the ledger contradicts the claim (tracker, assignment, key),
// BAD_PROOF when a message does not show what is claimed (signature, reading, value).
func (a BreachArgs) Prove(s *Shipment, tracker func(id string) (*Tracker, error), limit Limit, nowMS int64) (*Excursion, error) {
	e := &Excursion{Shipment: s.ID, Rule: a.Rule, Metric: a.Metric, Op: a.Op, RuleHash: a.RuleHash, Verified: true}
	var tr *Tracker
	var peak float64
	for i, claim := range a.Messages {
		o, err := telemetry.Open(telemetry.LeafSigned, claim.Raw, 0)
		if err != nil {
			return nil, invalid("messages[%d]: %v", i, err)
		}
		m := o.Signed
		if tr != nil && m.Tracker != tr.ID {
			return nil, invalid("messages[%d] is of tracker %s, the first of %s: claim them apart", i, m.Tracker, tr.ID)
		}
		// Before the tracker is looked up, so that nobody learns which there are that the shipment never had.
		if s.AssignedAt(m.Tracker, claim.TimeMS) == nil {
			return nil, Refuse(Conflict, "messages[%d]: tracker %s was not assigned to shipment %s at %d", i, m.Tracker, s.ID, claim.TimeMS)
		}
		if tr == nil {
			if tr, err = tracker(m.Tracker); err != nil {
				return nil, err
			}
		}
		if err := authentic(tr, m, nowMS); err != nil {
			return nil, Refuse(err.Code, "messages[%d]: %s", i, err.Message)
		}
		switch {
		case s.DeliveredMS != 0 && claim.TimeMS >= s.DeliveredMS:
			return nil, Refuse(Conflict, "messages[%d]: the shipment was delivered at %d, before the reading's time, %d", i, s.DeliveredMS, claim.TimeMS)
		case telemetry.Undated(claim.TimeMS, nowMS) == telemetry.ClockBehind:
			return nil, Refuse(Conflict, "messages[%d]: the reading's time, %d, lies before 2015: its clock was never set", i, claim.TimeMS)
		case claim.TimeMS > nowMS+SkewMS:
			return nil, Refuse(Conflict, "messages[%d]: the reading's time, %d, lies in the future", i, claim.TimeMS)
		}
		reading := readingAt(m, claim.TimeMS)
		if reading == nil {
			return nil, Refuse(BadProof, "messages[%d] has no reading of %d", i, claim.TimeMS)
		}
		v, ok := limit.Value(reading)
		if !ok {
			return nil, Refuse(BadProof, "messages[%d]: the reading of %d has no %s", i, claim.TimeMS, a.Metric)
		}
		for _, f := range s.Sensors(m.Tracker, claim.TimeMS).Faults(reading) {
			if f.Of(a.Metric) {
				return nil, Refuse(BadProof, "messages[%d]: no measurement: %s", i, f)
			}
		}
		value := strconv.FormatFloat(v, 'f', -1, 64)
		if !limit.Breaks(v) {
			return nil, Refuse(BadProof, "messages[%d]: %s %s keeps the limit of rule %s", i, a.Metric, value, a.Rule)
		}
		if i == 0 || limit.Worse(v, peak) {
			peak, e.Peak = v, value
		}
		e.Witnesses = append(e.Witnesses, Witness{hex.EncodeToString(m.COSEHash[:]), claim.TimeMS, value})
	}
	e.Tracker = tr.ID
	e.StartMS, e.EndMS = a.Messages[0].TimeMS, a.Messages[len(a.Messages)-1].TimeMS
	e.ID = BreachID(a.Rule, tr.ID, e.StartMS)
	return e, nil
}

// authentic checks that the tracker's own key signed the message while it was in force. Nothing shows a peer when a message was
// received; the assignment's window, which lies on the ledger, bounds its time. The key of a revoked tracker may be in anybody's hands and can sign for any past time,
// so a claim that comes after the revocation shows nothing.
func authentic(tr *Tracker, m *telemetry.Message, nowMS int64) *Error {
	if tr.RevokedMS != 0 {
		return Refuse(Conflict, "tracker %s is revoked: nothing tells when its key signed", tr.ID)
	}
	kid := hex.EncodeToString(m.KID[:])
	for i, k := range tr.Keys {
		if k.KID != kid {
			continue
		}
		switch {
		case !tr.Term(i).Covers(m.TimeMS, 0):
			return Refuse(Conflict, "key %.16s of tracker %s was not in force when the message says it was signed, %d", kid, tr.ID, m.TimeMS)
		case m.TimeMS > nowMS+SkewMS:
			return Refuse(Conflict, "the message's signed time, %d, lies in the future", m.TimeMS)
		}
		raw, err := hex.DecodeString(k.Public)
		if err == nil {
			err = m.Verify(telemetry.PublicKey{Alg: telemetry.Alg(k.Alg), Raw: raw})
		}
		if err != nil {
			return Refuse(BadProof, "%v", err)
		}
		return nil
	}
	return Refuse(BadProof, "key %.16s is none of tracker %s", kid, tr.ID)
}

func readingAt(m *telemetry.Message, ms int64) map[string]float64 {
	for _, r := range m.Readings {
		if r.TimeMS == ms {
			return r.Values
		}
	}
	return nil
}

// Sensors are the tracker's, as they were stated when it was assigned to the shipment for an event time.
func (s *Shipment) Sensors(tracker string, ms int64) *telemetry.Sensors {
	if a := s.AssignedAt(tracker, ms); a != nil {
		return telemetry.SensorsOf(a.Sensors)
	}
	return telemetry.NoSensors
}

// AssignedAt is the assignment by which the tracker belonged to the shipment at an event time, nil when it did not.
func (s *Shipment) AssignedAt(tracker string, ms int64) *Assignment {
	for i := range s.Assignments {
		if a := &s.Assignments[i]; a.Tracker == tracker && a.FromMS <= ms && (a.ToMS == 0 || ms < a.ToMS) {
			return a
		}
	}
	return nil
}
