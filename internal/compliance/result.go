package compliance

import "github.com/trackseal/trackseal/internal/ledger"

// Verdicts.
const (
	Compliant    = "compliant"
	NonCompliant = "non_compliant"
	Inconclusive = "inconclusive"
)

// NotJudged is the state of a rule that did not apply: its stage has not begun, its jurisdiction does not admit it, or it is
// optional and nobody measures what it is about. The other states are met, unknown and broken.
const NotJudged = "not_judged"

// Result of judging up to ToMS. Times are milliseconds since 1970 UTC, lengths of time milliseconds.
type Result struct {
	Algorithm   string   `json:"algorithm"`
	RuleSet     string   `json:"rule_set"`
	RuleSetHash string   `json:"rule_set_hash"`
	Verdict     string   `json:"verdict"`
	Reasons     []string `json:"reasons"`
	FromMS      int64    `json:"from_ms"`
	ToMS        int64    `json:"to_ms"`
	Final       bool     `json:"final"` // the shipment is delivered: no more time comes
	// Metrics: time in range of all rules that apply, out of range of one, and unknown, summed over the trackers that measure it.
	Metrics    []MetricTime    `json:"metrics"`
	Excursions []Excursion     `json:"excursions"` // by start, then id
	More       int             `json:"more"`       // excursions beyond those that are listed
	Allowed    Allowed         `json:"allowed"`
	Rules      []RuleResult    `json:"rules"` // in the order of the rule set
	Legs       []LegResult     `json:"legs"`
	Trackers   []TrackerResult `json:"trackers"`
	Figures    []Figure        `json:"figures"`
	Budget     []BudgetUse     `json:"budget"`
	Recorders  []Adequacy      `json:"recorders"`
	Faults     []FaultCount    `json:"faults"` // values that are no measurements, by tracker
}

// Allowed are the stays out of range that broke no rule, of rules that list them. They have no weight and no place on the ledger.
type Allowed struct {
	Stays []Excursion `json:"stays"` // by start
	Count int         `json:"count"` // of all, also of those that are not listed
	OutMS int64       `json:"out_ms"`
}

// MetricTime is how long a metric was in range of all rules that apply, out of one, and unknown.
type MetricTime struct {
	Metric    string `json:"metric"`
	InMS      int64  `json:"in_ms"`
	OutMS     int64  `json:"out_ms"`
	BelowMS   int64  `json:"below_ms"` // of out: below a limit, and above none
	UnknownMS int64  `json:"unknown_ms"`
}

// Excursion is one time that a rule was broken.
type Excursion struct {
	ID       string `json:"id"` // rule/tracker/start in ms: the same whenever it is computed from the same readings
	Rule     string `json:"rule"`
	Kind     string `json:"kind"`
	Metric   string `json:"metric"` // or the kind, when it is not about one metric
	Tracker  string `json:"tracker"`
	Severity string `json:"severity"` // after escalation
	Leg      int    `json:"leg"`      // where it began; place in legs
	StartMS  int64  `json:"start_ms"`
	EndMS    int64  `json:"end_ms"`
	Open     bool   `json:"open"` // goes on at the end of judging
	Peak     string `json:"peak"`
	Limit    string `json:"limit"`
	OutMS    int64  `json:"out_ms"`
	// Messages that decide: SHA-256 (hex) of those that carried the first, worst and last breaking reading.
	Messages []string `json:"messages"`
	Note     string   `json:"note,omitempty"`
}

// RuleResult is what one rule says, over all trackers: the worst decides.
type RuleResult struct {
	ID         string   `json:"id"`
	Title      string   `json:"title,omitempty"`
	Kind       string   `json:"kind"`
	Severity   string   `json:"severity"`
	State      string   `json:"state"`
	Reasons    []string `json:"reasons"`
	Excursions int      `json:"excursions"`
	InMS       int64    `json:"in_ms"`
	OutMS      int64    `json:"out_ms"`
	UnknownMS  int64    `json:"unknown_ms"`
}

// LegResult is what happened while one party held the goods.
type LegResult struct {
	Custodian  string       `json:"custodian"` // MSP id
	FromMS     int64        `json:"from_ms"`
	ToMS       int64        `json:"to_ms"`      // 0 = still
	Metrics    []MetricTime `json:"metrics"`    // of the tracker on which the metric was out of range the longest
	Excursions []string     `json:"excursions"` // ids of those that began in it
	Severity   string       `json:"severity"`   // the worst of them, "" without any
}

// TrackerResult is one tracker's share.
type TrackerResult struct {
	ID       string `json:"id"`
	Readings int    `json:"readings"` // judged, without repeats
	FirstMS  int64  `json:"first_ms"` // 0 without readings
	LastMS   int64  `json:"last_ms"`
	// Metrics add up to those of the result.
	Metrics []MetricTime `json:"metrics"`
}

// Figure is a number that a reader wants beside the verdict.
type Figure struct {
	Rule    string `json:"rule"`
	Tracker string `json:"tracker"`
	Name    string `json:"name"`
	Value   string `json:"value"`
	Unit    string `json:"unit"`
}

// BudgetUse is the use of one band of a stability budget, on the tracker that shows most of it.
type BudgetUse struct {
	Rule        string `json:"rule"`
	Band        string `json:"band"`
	Tracker     string `json:"tracker"`
	SpentMS     int64  `json:"spent_ms"`
	MaxMS       int64  `json:"max_ms"` // 0 = no limit in all
	LongestMS   int64  `json:"longest_ms"`
	MaxSingleMS int64  `json:"max_single_ms"` // 0 = no limit for one stay
	ChargedMS   int64  `json:"charged_ms"`    // of spent: unknown time
	CarriedMS   int64  `json:"carried_ms"`    // of spent: before this shipment
	Level       string `json:"level"`         // ok | watch (from 50 %) | critical (from 80 %) | exhausted
}

// Adequacy says whether a tracker was fit to be judged by.
type Adequacy struct {
	Tracker  string   `json:"tracker"`
	Adequate bool     `json:"adequate"`
	Reasons  []string `json:"reasons"`
}

// Encode gives the canonical bytes: two results say the same if and only if their bytes are equal.
func (r Result) Encode() []byte {
	b, err := ledger.Encode(r)
	if err != nil { // texts, integers and booleans only: cannot fail
		panic(err)
	}
	return b
}
