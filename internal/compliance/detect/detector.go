// Package detect is the ground on which a rule set's rules stand: exact numbers, readings in event-time order, what the
// ledger says of the shipment, and the contract between the evaluator and the detector of one rule.
//
// Everything here is pure. No wall clock, no float, no order of a map or of arrival may enter what a detector finds.
package detect

import "fmt"

// Detector judges one rule on one tracker.
//
// The evaluator gives it the tracker's readings in the order of Point.Compare, each once. A detector never meets a late
// reading: the evaluator goes back to a Clone from before it and steps again. All methods cost O(1) on average and Clone no
// more than a bounded state; a detector's memory does not grow with the readings (a list of excursions is bounded by
// MaxExcursions).
type Detector interface {
	// Step takes the next reading. It may lack the rule's metrics: then it says nothing about them.
	Step(p *Point)
	// Cut ends judging at ms (the stage is over, the tracker was taken off, a settling time begins): a run ends there, and the time until the next Step is
	// neither in range, out of it, nor unknown. ms is not before the last reading. With open, a run goes on, as far as is known: judging ends there for
	// the sake of a Finding.
	Cut(ms int64, open bool)
	// Clone gives an independent copy.
	Clone() Detector
	// Finding tells what was found up to an open Cut, and uses the detector up. See Finish.
	Finding() Finding
}

// Loser is a detector that is told of a reading whose value of a metric is no measurement (Point.Lost), after Step: what was measured before
// holds no longer. Such a metric is unknown until a reading measures it again.
type Loser interface{ Lose(p *Point) }

// Finish tells what a detector found up to toMS, which is not before the last reading. It leaves the detector as it is: further
// Steps and other Finishes may follow.
func Finish(d Detector, toMS int64) Finding {
	d = d.Clone()
	d.Cut(toMS, true)
	return d.Finding()
}

// State of a rule.
type State uint8

// The states, in the order in which one outweighs the other.
const (
	Met     State = iota // held, and everything that it needs was known
	Unknown              // not seen to be broken, but time or data is missing: never a pass
	Broken
)

// String is the state's word in results.
func (s State) String() string { return [...]string{"met", "unknown", "broken"}[s] }

// Finding is what one rule says of one tracker.
type Finding struct {
	State State
	// Reasons say in short sentences why the state is not Met, with numbers and units. Without tracker and rule name: the
	// evaluator adds them.
	Reasons    []string
	Excursions []Excursion
	// More counts excursions beyond MaxExcursions.
	More int
	// Allowed are the stays out of range that broke nothing, of rules that list them.
	Allowed Excursions
	// Tally of the rule's metric while the rule applied. 0 for rules that judge no continuous metric.
	Tally
	// Figures are numbers that a reader wants beside the state, such as {"mkt","8.285","Cel"}; in a fixed order.
	Figures []Figure
	// Fitness: the finding is about the tracker, which was fit to be judged by if the state is Met.
	Fitness bool
	// Spent is the stability budget's use, of budget rules only.
	Spent []Spent
}

// Inadequate begins each reason that says what a tracker cannot have seen.
const Inadequate = "recorder inadequate"

// Because adds a reason why the rule is not Met. Of all reasons' states the worst one counts.
func (f *Finding) Because(s State, format string, args ...any) {
	f.State = max(f.State, s)
	f.Reasons = append(f.Reasons, fmt.Sprintf(format, args...))
}

// Figure adds a number.
func (f *Finding) Figure(name, value, unit string) {
	f.Figures = append(f.Figures, Figure{name, value, unit})
}

// MaxExcursions is how many excursions a detector lists; it counts the rest.
const MaxExcursions = 1000

// MaxAllowed is how many stays that broke nothing it lists.
const MaxAllowed = 100

// Excursion is one time that the rule was broken. Limits that are broken at once have StartMS = EndMS possible.
type Excursion struct {
	StartMS int64
	EndMS   int64   // end; where Open, the end so far
	Open    bool    // not over at the end of judging
	Peak    Decimal // the worst value
	Limit   Decimal
	OutMS   int64 // known time out of range within it
	// Messages that decide: those that carried the first, the worst and the last breaking reading, without repeats.
	Messages [][32]byte
	// Note is what the numbers do not say, such as "drop of about 0.6 m"; may be "".
	Note string
}

// Figure is a named number.
type Figure struct{ Name, Value, Unit string }

// Spent is the use of one band of a stability budget.
type Spent struct {
	Band           string
	SpentMS, MaxMS int64 // MaxMS 0 = only a single limit
	LongestMS      int64 // the longest single stay
	MaxSingleMS    int64 // 0 = none
	ChargedMS      int64 // of SpentMS: unknown time, charged by the rule's policy
	CarriedMS      int64 // of SpentMS: from earlier shipments of the lot
}

// Level of a budget's use.
type Level uint8

// The levels, in their order.
const (
	LevelOK        Level = iota
	LevelWatch           // from a half
	LevelCritical        // from four fifths
	LevelExhausted       // nothing left
)

// String is the level's word in results.
func (l Level) String() string { return [...]string{"ok", "watch", "critical", "exhausted"}[l] }

// LevelOf a part of the whole that is allowed; 0 = no such limit.
func LevelOf(part, whole int64) Level {
	switch {
	case whole == 0 || part*2 < whole:
		return LevelOK
	case part*5 < whole*4:
		return LevelWatch
	case part < whole:
		return LevelCritical
	}
	return LevelExhausted
}
