// Package compliance judges readings by a rule set in event time. Pure: the same code runs at ingest, in the API and in
// the auditor's verifier.
package compliance

// RuleSet is versioned data, pinned to a shipment by id@version and hash.
type RuleSet struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Title   string `json:"title"`
	// MaxGapS: time between two readings of a metric beyond this is unknown time, never in range.
	MaxGapS int    `json:"max_gap_s"`
	Rules   []Rule `json:"rules"`
}

// Rule: the metric breaks it when "value Op Limit" holds for DurationS (0 = at once).
type Rule struct {
	ID        string `json:"id"`
	Metric    string `json:"metric"` // quantity name
	Op        string `json:"op"`     // > >= < <=
	Limit     string `json:"limit"`  // decimal
	Mode      string `json:"mode"`   // instant | consecutive | cumulative
	DurationS int    `json:"duration_s"`
	Severity  string `json:"severity"` // minor | major | critical
}

// Sample is one reading of one tracker.
type Sample struct {
	Tracker string
	TimeMS  int64
	Values  map[string]float64
	Message [32]byte // hash of the message that carried it
}

// Excursion is one time that a rule was broken. EndMS 0 = not over at the last reading.
type Excursion struct {
	ID             string // rule/tracker/start, stable when later data arrives
	Rule, Metric   string
	Tracker        string
	Severity       string
	StartMS, EndMS int64
	Peak, Limit    string // decimals
	OutMS          int64
}

// Result of an evaluation up to ToMS.
type Result struct {
	Verdict                string // compliant | non_compliant | inconclusive
	Reasons                []string
	Excursions             []Excursion
	FromMS, ToMS           int64
	InMS, OutMS, UnknownMS map[string]int64 // by metric
}

// Ref is "id@version".
func (r RuleSet) Ref() string { panic("todo") }

// Canonical is the JSON that Hash covers; Hash is what the ledger pins.
func (r RuleSet) Canonical() []byte { panic("todo") }
func (r RuleSet) Hash() [32]byte    { panic("todo") }

// Parse reads and checks a rule set (all problems at once).
func Parse(data []byte) (RuleSet, error) { panic("todo") }

// Builtin rule sets, and one by reference.
func Builtin() []RuleSet                { panic("todo") }
func Lookup(ref string) (RuleSet, bool) { panic("todo") }

// Evaluator absorbs samples in any order, with repeats, and gives the same Result for the same set of samples.
type Evaluator struct{}

// New judges from fromMS (the assignment's start) on.
func New(rs RuleSet, fromMS int64) *Evaluator { panic("todo") }
func (e *Evaluator) Add(s Sample)             { panic("todo") }
func (e *Evaluator) Result(toMS int64) Result { panic("todo") } // toMS 0 = up to the newest sample
