package evidence

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Report is what a verification found. Its JSON form is stable.
type Report struct {
	Version  int       `json:"version"` // of this shape: 1
	Bundle   string    `json:"bundle"`  // SHA-256 of the bundle, hex; "" when it was not read to its end
	Policy   string    `json:"policy"`  // SHA-256 of the policy file, hex
	Kind     string    `json:"kind"`    // shipment | message | heads
	Channel  string    `json:"channel"`
	Shipment string    `json:"shipment"`
	Verdicts Verdicts  `json:"verdicts"`
	Passed   bool      `json:"passed"` // all that the policy requires passed
	Required []string  `json:"required"`
	Findings []Finding `json:"findings"`
	Facts    Facts     `json:"facts"`
	// Judgement is what the rules give, recomputed from the readings; nil when they were not judged.
	Judgement *compliance.Result `json:"judgement,omitempty"`
	// Beside is the judgement by the other times, where both sides of a handover stated one that is not the ledger's: by the ledger's
	// when the stated ones count, by the stated ones when the policy's stated_max_s does not let them.
	Beside *compliance.Result `json:"beside,omitempty"`
	// Opinions are the parties' newest verdicts as the closing record has them, each compared with what was computed here; Confirmed is how
	// many parties say the same. Absent without a closing record.
	Opinions  []Opinion  `json:"opinions,omitempty"`
	Confirmed *Confirmed `json:"confirmed,omitempty"`
}

// Opinion of a party.
type Opinion struct {
	By       string           `json:"by"` // MSP id
	Revision int              `json:"revision"`
	Result   string           `json:"result"`
	ToMS     int64            `json:"to_ms"`
	Logs     []ledger.LogHead `json:"logs"`               // from which it was judged
	Whole    bool             `json:"whole"`              // these are all leaves
	Standing string           `json:"standing"`           // right | wrong | unchecked
	Expected string           `json:"expected,omitempty"` // of a wrong one
}

// Standings: an opinion is right when its logs, as long as it names them, give its result by the shipment's record as it was in some state.
const (
	OpinionRight     = "right"
	OpinionWrong     = "wrong"
	OpinionUnchecked = "unchecked" // nothing could be judged
)

// Confirmed is how many of the parties have a right opinion with the result that was computed.
type Confirmed struct {
	By int `json:"by"`
	Of int `json:"of"`
}

// Verdicts answers the five questions.
type Verdicts struct {
	Authentic Status `json:"authentic"`
	Anchored  Status `json:"anchored"`
	Final     Status `json:"final"`
	Complete  Status `json:"complete"`
	Compliant Status `json:"compliant"`
}

// Of returns the answer to one question.
func (v *Verdicts) Of(q Question) Status {
	if p := v.at(q); p != nil {
		return *p
	}
	return Unknown
}

func (v *Verdicts) at(q Question) *Status {
	switch q {
	case Authentic:
		return &v.Authentic
	case Anchored:
		return &v.Anchored
	case Final:
		return &v.Final
	case Complete:
		return &v.Complete
	case Compliant:
		return &v.Compliant
	}
	return nil
}

// Finding is one thing that a check found.
type Finding struct {
	Code     Code     `json:"code"`
	Verdict  Question `json:"verdict"`
	Severity Severity `json:"severity"` // fail | unknown | warn
	Where    string   `json:"where"`
	Expected string   `json:"expected"`
	Found    string   `json:"found"`
	// More counts further findings of this code that are not listed.
	More int `json:"more,omitempty"`
}

func (f Finding) String() string {
	s := fmt.Sprintf("%-7s %s at %s: expected %s, found %s", f.Severity, f.Code, f.Where, f.Expected, f.Found)
	if f.More > 0 {
		s += fmt.Sprintf(" (and %d more)", f.More)
	}
	return s
}

// Facts is what the evidence says, for the reader of a report. Times are milliseconds since 1970.
type Facts struct {
	Parties     ledger.Parties `json:"parties,omitempty"` // role -> MSP ids
	RuleSet     string         `json:"rule_set,omitempty"`
	Details     []DetailsFact  `json:"details,omitempty"` // in the order of their hashes
	CreatedMS   int64          `json:"created_ms,omitempty"`
	DeliveredMS int64          `json:"delivered_ms,omitempty"`
	ClosedMS    int64          `json:"closed_ms,omitempty"`
	Messages    uint64         `json:"messages"`
	Withheld    uint64         `json:"withheld"` // messages whose readings are withheld
	Logs        []LogFact      `json:"logs"`
	Trackers    []TrackerFact  `json:"trackers"`
	Anchors     []AnchorFact   `json:"anchors"`
	Configs     []uint64       `json:"configs"`   // block numbers
	Attested    []string       `json:"attested"`  // MSP ids whose peers signed answers
	Consensus   string         `json:"consensus"` // BFT | etcdraft
}

// LogFact is one log of the shipment.
type LogFact struct {
	Log    string `json:"log"`
	Ingest string `json:"ingest"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
}

// TrackerFact is one tracker's part.
type TrackerFact struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
	Keys  int    `json:"keys"`
	// Trust says what vouches for its messages, by its newest record in the bundle.
	Trust    ledger.TrustClass `json:"trust"`
	Messages int               `json:"messages"`
	FirstMS  int64             `json:"first_ms"`
	LastMS   int64             `json:"last_ms"`
}

// AnchorFact is one anchor.
type AnchorFact struct {
	N           uint64   `json:"n"`
	Block       uint64   `json:"block"`
	Tx          string   `json:"tx"`
	Ingest      string   `json:"ingest"`
	Size        uint64   `json:"size"`
	Root        string   `json:"root"`
	TimeMS      int64    `json:"time_ms"`
	OrderedBy   []string `json:"ordered_by"`  // MSP ids
	EndorsedBy  []string `json:"endorsed_by"` // MSP ids
	ConfirmedBy []string `json:"confirmed_by"`
}

// perCode is how many findings of one code are listed; the rest is counted, so that a report stays readable and small.
const perCode = 20

// book collects findings.
type book struct {
	findings []Finding
	count    map[Code]int
	first    map[Code]int // index of the last listed finding of a code, which carries More
	worst    map[Question]Status
}

func newBook() *book {
	return &book{findings: []Finding{}, count: map[Code]int{}, first: map[Code]int{}, worst: map[Question]Status{}}
}

func (b *book) add(s Severity, f *fabricproof.Fault) {
	q := question(f.Code)
	switch {
	case s == Failure:
		b.worst[q] = Fail
	case s == severityUnknown && b.worst[q] != Fail:
		b.worst[q] = Unknown
	}
	b.count[f.Code]++
	if b.count[f.Code] > perCode {
		b.findings[b.first[f.Code]].More++
		return
	}
	b.first[f.Code] = len(b.findings)
	b.findings = append(b.findings, Finding{Code: f.Code, Verdict: q, Severity: s, Where: f.Where, Expected: f.Expected, Found: f.Found})
}

func (b *book) fail(c Code, where, expected, found string, args ...any) {
	b.add(Failure, &fabricproof.Fault{Code: c, Where: where, Expected: expected, Found: fmt.Sprintf(found, args...)})
}

func (b *book) unknown(c Code, where, expected, found string, args ...any) {
	b.add(severityUnknown, &fabricproof.Fault{Code: c, Where: where, Expected: expected, Found: fmt.Sprintf(found, args...)})
}

func (b *book) warn(c Code, where, expected, found string, args ...any) {
	b.add(severityWarn, &fabricproof.Fault{Code: c, Where: where, Expected: expected, Found: fmt.Sprintf(found, args...)})
}

// stop is a failure after which nothing further can be judged.
func stop(c Code, where, expected, found string, args ...any) error {
	return &fabricproof.Fault{Code: c, Where: where, Expected: expected, Found: fmt.Sprintf(found, args...)}
}
