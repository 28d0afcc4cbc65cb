package detect

// Kind is one kind of rule: what a rule set says under the kind's name. It is all that the evaluator, the API and the reports
// know of it.
type Kind interface {
	// Detector judges one tracker. Its error names all problems of the kind at once, each starting with the member's name; journey and
	// tracker are no part of them.
	Detector(journey *Journey, tracker string, maxGapMS int64) (Detector, error)
	// Need is what has to be known of a tracker.
	Need() Need
	// Asks says in words what the rule asks, without a full stop: "Temperature must not be above 8 °C at any moment". Each
	// temperature in it is written as "8 °C" or "2 to 8 °C", so that a page can show another unit.
	Asks() string
}

// Validate names everything that is wrong with a kind.
func Validate(k Kind) error {
	_, err := k.Detector(&Journey{}, "", 1)
	return err
}

// Need is what a kind has to know of a tracker.
type Need struct {
	// Metrics: one of these must have been measured, else the rule cannot be judged on that tracker. None: any tracker will do.
	Metrics []Metric
	// Event: the metrics are reported when something happened; their absence from a reading is no gap.
	Event bool
}

// Ranged is a Kind that says what is in range of one metric, which its excursions are about. A value that no bound breaks is in
// range; no bounds at all: the time is judged, and all of it is in range.
type Ranged interface {
	Range() (Metric, []Bound)
}

// Regional is a Kind that is not admitted everywhere. Barred says why not, "" where it is.
type Regional interface {
	Barred(jurisdiction string) string
}

// Bound is a comparison that a value can break.
type Bound struct {
	Op    string // > >= < <=
	Value Decimal
}

// Breaks reports whether v lies beyond the bound.
func (b Bound) Breaks(v Decimal) bool {
	switch b.Op {
	case ">":
		return v > b.Value
	case ">=":
		return v >= b.Value
	case "<":
		return v < b.Value
	default:
		return v <= b.Value
	}
}

// Upper reports whether what lies beyond is above.
func (b Bound) Upper() bool { return b.Op[0] == '>' }

// Worse reports whether a lies further beyond than b.
func (b Bound) Worse(a, than Decimal) bool {
	if b.Op[0] == '>' {
		return a > than
	}
	return a < than
}

// Clear reports whether v is back by h.
func (b Bound) Clear(v, h Decimal) bool {
	if b.Op[0] == '>' {
		h = -h
	}
	return !Bound{b.Op, b.Value + h}.Breaks(v)
}

// Where says in words what lies beyond the bound: "above".
func (b Bound) Where() string {
	return map[string]string{">": "above", ">=": "at or above", "<": "below", "<=": "at or below"}[b.Op]
}
