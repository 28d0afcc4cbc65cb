package recording

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// numbers reads values. A file has one decimal mark.
type numbers struct {
	mark                  byte   // '.' or ','; 0 = not known yet
	comma, point, perhaps string // cells that tell it: 4,1 and 4.1 and 1,234
	column                string // of the first that tells nothing for certain
}

func newNumbers(mark string) (n numbers, err error) {
	switch mark {
	case "":
	case "point":
		n.mark = '.'
	case "comma":
		n.mark = ','
	default:
		return n, &Fault{Reason: fmt.Sprintf("option decimal: %.20q must be point or comma", mark)}
	}
	return n, nil
}

// thousands can be a number in the thousands, or one with three decimals.
var thousands = regexp.MustCompile(`^[-+]?[1-9]\d{0,2}(,\d{3})+\D*$`)

func (n *numbers) learn(text string, c *column) {
	switch {
	case strings.Contains(text, "."):
		n.point = text
	case thousands.MatchString(text):
		n.perhaps, n.column = text, c.header
	case strings.Contains(text, ","):
		n.comma = text
	}
}

// decide is asked when the head of the file is known.
func (n *numbers) decide(line int) error {
	switch {
	case n.mark != 0:
	case n.comma != "" && n.point != "":
		return &Fault{Line: line, Reason: fmt.Sprintf("the file has both %.20q and %.20q: give option decimal, point or comma", n.comma, n.point)}
	case n.comma != "":
		n.mark = ','
	case n.perhaps != "":
		return &Fault{Line: line, Column: n.column, Reason: fmt.Sprintf("%.20q may be thousands or have three decimals: give option decimal, point or comma", n.perhaps)}
	default:
		n.mark = '.'
	}
	return nil
}

// read gives a cell's number, and the unit when it is written beside it.
func (n *numbers) read(text string, c *column) (v float64, own *unit, err error) {
	if c.quantity.Name == "door" {
		switch strings.ToLower(text) {
		case "open":
			return 1, nil, nil
		case "closed":
			return 0, nil, nil
		}
	}
	digits := text
	if last := strings.LastIndexFunc(text, unicode.IsDigit); last >= 0 && last+1 < len(text) {
		beside := strings.TrimSpace(text[last+1:])
		var ok bool
		if own, ok = unitOf(beside, c.quantity.Unit); !ok {
			return 0, nil, fmt.Errorf("%.40q is not a number", text)
		}
		if c.unit != nil && *own != *c.unit {
			return 0, nil, fmt.Errorf("%.40q is not in the header's unit, %s", text, c.unit.symbol)
		}
		digits = strings.TrimSpace(text[:last+1])
	}
	digits = strings.Replace(digits, "−", "-", 1)
	if n.mark == ',' && !strings.Contains(digits, ".") {
		digits = strings.Replace(digits, ",", ".", 1)
	}
	if v, ok := number(digits); ok {
		return v, own, nil
	}
	switch {
	case n.mark == ',' && strings.Contains(digits, "."), n.mark == '.' && strings.Contains(digits, ","):
		return 0, nil, fmt.Errorf("%.40q does not have the decimal mark of the other values; separators of thousands are not read. Option decimal sets the mark: point or comma", text)
	case !strings.ContainsFunc(text, unicode.IsDigit):
		return 0, nil, fmt.Errorf("%.40q is not a number; if it means that there is no value, give it as option missing", text)
	}
	return 0, nil, fmt.Errorf("%.40q is not a number", text)
}

// number reads decimal digits with a point only: no hexadecimal, no infinity, no words.
func number(text string) (float64, bool) {
	for _, r := range text {
		if !(r >= '0' && r <= '9' || strings.ContainsRune("+-.eE", r)) {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}

// measurement is a number, also with a unit beside it.
var measurement = regexp.MustCompile(`^[-+−]?\d*[.,]?\d+(?:[eE][-+]?\d+)?\s*[°ºµ]?[\p{L}%/²³·]{0,6}$`)

// looksLikeNumber reports whether a cell could be a measurement.
func looksLikeNumber(text string) bool {
	return measurement.MatchString(strings.ReplaceAll(text, ",", "."))
}
