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
	State       string
	Parties     []Party
	CreatedMS   int64
	DeliveredMS int64
	ClosedMS    int64

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
	Excursions   []Excursion
	Allowed      []Excursion // stays that broke nothing, and how many there are in all, for how long
	AllowedCount int
	AllowedMS    int64
	LedgerOnly   []Excursion // recorded or verified on the ledger, and not among those that the readings show
	Strays       []Strays    // at most one
	Figures      []compliance.Figure
	Budget       []compliance.BudgetUse
	Legs         []Leg
	Revisions    []Revision
	Acts         []Act
	Trackers     []Tracker
	Anchors      []stored.Head    // accepted ones that cover the shipment's logs
	Logs         []ledger.LogHead // with the newest head of each
	Series       []Series
	Verification Verification
}

// Strays are readings in the shipment's logs that no window of their tracker has. Broken: with them a rule is broken that the judgement
// takes for kept.
type Strays struct {
	Readings int
	Broken   bool
	Reasons  []string // of the judgement with them
}

// Party is an organisation in a role.
type Party struct{ Role, Org string }

// Rule is one rule in words, with the state that it is in: met, unknown or broken.
type Rule struct{ ID, Text, Severity, State string }

// Metric is for how long a metric was in range, out of it and unknown (tracker-time), and its extremes. Of one that no rule
// asks about these times say nothing: Unjudged.
type Metric struct {
	Name, Unit             string
	InMS, OutMS, UnknownMS int64
	Min, Max, Mean         string
	Readings               int
	Unjudged               bool
}

// Excursion is one time that a rule was broken.
type Excursion struct {
	ID, Rule, Metric, Tracker, Severity string
	StartMS, EndMS                      int64 // EndMS 0 = not over
	Peak, Limit, Note                   string
	Custodian                           string // who held the goods when it began
	Tx                                  string // ledger transaction, "" = not recorded
	Verified                            bool   // every endorsing peer checked the signed reading itself
}

// Leg is a time during which one party held the goods.
type Leg struct {
	Custodian    string
	FromMS, ToMS int64
	Excursions   int
	OutMS        int64
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

// Act is a signed act of a person: an acknowledgement of an excursion, or a disposition of the goods.
type Act struct {
	Kind, Subject, Name, Org, Meaning, Reason, Tx string
	TimeMS                                        int64
}

// Tracker is one device of the shipment.
type Tracker struct {
	ID, Trust, Model     string
	FromMS, ToMS         int64
	Recorded             bool // the window was stated as a whole when it was over
	Calibration          string
	CalibrationValidToMS int64
}

// Series is what a chart shows of one metric: one curve a tracker, each point an interval's extremes.
type Series struct {
	Metric, Unit string
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

// when shows a time with its zone; a dash for none.
func when(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC")
}

// at is when without the zone, for columns whose head names it.
func at(ms int64) string { return strings.TrimSuffix(when(ms), " UTC") }

// short shows the beginning of a hash or an id: enough to find it in the spreadsheet.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

// stamp is the machine-readable form; "" for none.
func stamp(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// minutes is for columns that are summed.
func minutes(ms int64) float64 { return float64(ms) / 60000 }

// plain makes text safe to show on one line: controls, line ends, and what changes the direction of the text after it become blanks.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return ' '
		}
		if r > 0xffff { // the PDF's fonts hold the basic plane only
			return '□'
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
