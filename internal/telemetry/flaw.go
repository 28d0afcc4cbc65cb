package telemetry

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Reasons of a flaw, besides out_of_range, malformed and not_canonical.
const (
	NotANumber      Reason = "not_a_number"
	UnknownQuantity Reason = "unknown_quantity"
	WrongUnit       Reason = "wrong_unit"
	Repeated        Reason = "repeated"
	NotATime        Reason = "not_a_time"
)

// Flaw is a member of a reading that gave no value. It takes nothing with it: the other members count, and so do the other readings.
type Flaw struct {
	Name   string // as sent; time for the reading's time, pack for all that was signed
	Text   string // the value as sent
	Reason Reason
}

const (
	maxFlawText     = 64 // bytes of Name and Text
	maxUnknownFlaws = 64 // unknown names of one message that are kept: nothing is judged by them
)

// flaw makes one with its texts cut to size.
func flaw(name, text string, reason Reason) Flaw {
	return Flaw{Name: bounded(name), Text: bounded(text), Reason: reason}
}

func bounded(s string) string {
	if len(s) <= maxFlawText {
		return s
	}
	n := maxFlawText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return string([]byte(s[:n])) // not the whole text kept for its beginning
}

// Value is the number that was sent for a known quantity and does not count: out of range, or contradicted.
func (f *Flaw) Value() (float64, bool) {
	if f.Reason != OutOfRange && f.Reason != Repeated || quantityByName[f.Name] == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(f.Text, 64)
	return v, err == nil && !math.IsInf(v, 0)
}

func (f *Flaw) String() string { return fmt.Sprintf("%s %s: %s", f.Name, f.Text, f.Reason) }

// text of a number, which Value reads back.
func text(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
