// Package report renders what a shipment went through for people: PDF, spreadsheet (XLSX) and CSV, and the FSMA 204
// sortable spreadsheet. Pure: the same Report says the same (the bytes of PDF and XLSX may differ, as their libraries order fonts and parts).
package report

import (
	"strings"
	"time"
	"unicode"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Report is everything that the documents show. Times are milliseconds since 1970 UTC, 0 = none; durations milliseconds;
// numbers that somebody judged are decimals as text, so that no rounding hides a limit.
type Report struct {
	Shipment    string
	Description string
	Origin      string
	Destination string
	Lot         string
	LotSource   string
	Quantity    string
	Unit        string
	Reference   string // document that goes with the goods
	State       string
	Parties     []Party
	CreatedMS   int64
	DeliveredMS int64 // when the ledger heard of it
	StatedMS    int64 // when it was, as both sides stated; 0 = not stated
	ClosedMS    int64

	// Zone is the reader's, beside UTC; nil = UTC alone.
	Zone *time.Location

	// GeneratedMS is when the report was made, By the organisation whose server made it.
	GeneratedMS int64
	By          string

	Verdict       string // compliant | non_compliant | inconclusive
	Reasons       []string
	EvaluatedToMS int64
	Algorithm     string
	RuleSet       string // id@version
	RuleSetTitle  string
	RuleSetHash   string
	Rules         []Rule

	Metrics      []Metric
	Summary      []Summary // by metric as in Metrics, then tracker; their times add up to those
	MaxGapS      int       // for how long a value holds
	Excursions   []Excursion
	More         int         // excursions beyond those that are listed
	Allowed      []Excursion // stays that broke nothing, and how many there are in all, for how long
	AllowedCount int
	AllowedMS    int64
	LedgerOnly   []Excursion // recorded or verified on the ledger, and not among those that the readings show
	Strays       []Strays    // at most one
	Faults       []Fault
	Figures      []compliance.Figure
	Budget       []compliance.BudgetUse
	Legs         []Leg
	Opinions     []Opinion
	Confirmed    Confirmed
	Revisions    []Revision
	Acts         []Act
	Records      []Record // what the ledger holds of the shipment, by time
	Trackers     []Tracker
	Anchors      []stored.Head    // accepted ones that cover the shipment's logs, the newest ones of them
	AnchorCount  int              // of all
	Logs         []ledger.LogHead // with the newest head of each
	Series       []Series
	Map          Map
	Verification Verification
}

// Strays are readings in the shipment's logs that no window of their tracker has. Broken: with them a rule is broken that the judgement
// takes for kept.
type Strays struct {
	Readings int
	Broken   bool
	Reasons  []string // of the judgement with them
}

// Fault is of readings that give no measurement of a metric: unknown time.
type Fault struct {
	Tracker, Metric, Text string
	Readings              int
	FirstMS, LastMS       int64
}

// Party is an organisation in a role.
type Party struct{ Role, Org string }

// Rule is one rule in words, with the state that it is in: met, unknown or broken.
type Rule struct{ ID, Text, Severity, State string }

// Metric is for how long a metric was in range, out of it and unknown (tracker-time), and its extremes. Of one that no rule
// asks about these times say nothing: Unjudged. BelowMS is what of OutMS was below a limit.
type Metric struct {
	Name, Unit                      string
	InMS, OutMS, BelowMS, UnknownMS int64
	Min, Max, Mean                  string
	Readings                        int
	Unjudged                        bool
}

// Summary is what one tracker says of one metric.
type Summary struct {
	Tracker string
	Metric
	MKT  string // mean kinetic temperature, "" = none
	Gaps int    // between readings, each longer than a value holds
}

// Excursion is one time that a rule was broken.
type Excursion struct {
	ID, Rule, Metric, Tracker, Severity string
	What                                string // in words: "temperature above 8 °C"
	Unit                                string // of peak and limit
	StartMS, EndMS                      int64  // EndMS 0 = not over
	OutMS                               int64  // known time out of range in it; a cumulative one spans its stays, and what lies between them
	Peak, Limit, Note                   string
	Custodian                           string // who held the goods when it began
	Tx                                  string // ledger transaction, "" = not recorded
	Verified                            bool   // every endorsing peer checked the signed reading itself
}

// lasted is for how long it was out of range; of one that has no such time, how long it was.
func (e *Excursion) lasted() int64 {
	if e.OutMS != 0 || e.EndMS == 0 {
		return e.OutMS
	}
	return max(0, e.EndMS-e.StartMS)
}

// Leg is a time during which one party held the goods.
type Leg struct {
	Custodian    string
	FromMS, ToMS int64
	Excursions   int
	Trackers     int    // that these are of
	OutMS        int64  // the longest of one metric on one tracker
	Verdict      string // on the ledger at the handover that ended the leg; "" = none
}

// Revision is a verdict on the ledger.
type Revision struct {
	N                int
	Result           string
	ToMS, RecordedMS int64
	Logs             []ledger.LogHead // from which it was judged
	By, Tx, Reason   string
}

// Opinion is a party's newest verdict, compared with what the report's maker finds.
type Opinion struct {
	By, Result string // Result "" = it has none
	Revision   int
	ToMS       int64
	Standing   string // confirms | earlier | differs | other_history | ahead | none
	DifferMS   int64  // from when on its findings are others; 0 = nowhere, or it is not known
	Reason     string
}

// Confirmed is by how many of the parties.
type Confirmed struct{ By, Of int }

// Act is a signed act of a person: an acknowledgement of an excursion, or a disposition of the goods.
type Act struct {
	Kind, Subject, Name, Org, Meaning, Reason, Tx string
	TimeMS                                        int64
}

// Record is an act on the ledger.
type Record struct {
	TimeMS, StatedMS int64 // of the transaction; as those concerned stated it, 0 = not stated
	What, By, Tx     string
}

// Tracker is one device of the shipment.
type Tracker struct {
	ID, Trust, Model     string // Trust is a ledger.TrustClass, or unknown
	Maker                string // whose certificate attests its key; "" for none
	FromMS, ToMS         int64
	Recorded             bool // the window was stated as a whole when it was over
	Calibration          string
	CalibrationValidToMS int64
	By, Tx               string // who assigned it, in which transaction
}

// Series is what a chart shows of one metric: one curve a tracker, each point an interval's extremes.
type Series struct {
	Metric, Unit string
	Stems        bool // each value is of a moment: a shock
	Limits       []Line
	Curves       []Curve
	// Unknown and Out are the shaded times.
	Unknown, Out []Span
}

// Line is a limit in a chart.
type Line struct {
	Value float64
	Label string
}

// Curve is one tracker's points in the order of time; a gap between them longer than GapMS is not joined.
type Curve struct {
	Tracker string
	GapMS   int64
	Points  []Point
}

// Point covers [MS, MS+WidthMS).
type Point struct {
	MS, WidthMS    int64
	Min, Max, Mean float64
}

// Span is [FromMS, ToMS).
type Span struct{ FromMS, ToMS int64 }

// Verification says how a reader checks all this without trusting us.
type Verification struct {
	PageURL     string // where the shipment can be seen; in the QR code
	EvidenceURL string
	Commands    []string
	Genesis     string // hash of the channel's first block, "" = not known here
}

// Word is a verdict's word for people.
func Word(verdict string) string {
	switch verdict {
	case "compliant":
		return "Compliant"
	case "non_compliant":
		return "Not compliant"
	case "inconclusive":
		return "Inconclusive"
	}
	return "No verdict"
}

// plain makes text safe to show on one line: controls, line ends, and what changes the direction of the text after it become blanks.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, s)
}

// cell makes text safe in a spreadsheet that guesses types: what could begin a formula gets an apostrophe in front (CWE-1236).
// Full-width forms count as well, since some programs fold them.
func cell(s string) string {
	s = plain(s)
	switch []rune(s + " ")[0] {
	case '=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠', ' ':
		if s != "" {
			return "'" + s
		}
	}
	return s
}

// Unit of a metric as people write it; "" for one that has none.
func Unit(metric string) string {
	m, ok := detect.MetricOf(metric)
	if !ok {
		return ""
	}
	return m.Quantity().Symbol
}
