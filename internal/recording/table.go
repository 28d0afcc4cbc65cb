package recording

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
)

// separators that are tried, with their names.
var separators = map[rune]string{',': "comma", ';': "semicolon", '\t': "tab", '|': "bar"}

// maxAbove is how many lines may stand above the header.
const maxAbove = 200

// table is where a file's rows begin and what their columns hold.
type table struct {
	text    string // from the header on
	above   int
	sep     rune
	columns columns
}

// body reads the rows of the sample below the header.
func (t *table) body() *csv.Reader {
	r := reader(strings.NewReader(t.text), t.sep)
	_, _ = r.Read() // it was read before
	return r
}

// findTable looks for the first line that names a time and something measured, with any of the separators. When there is none, the error is
// about the line that looks most like one.
func findTable(sample string, o options) (t table, err error) {
	best := -1
	rest := sample
	for above := 0; rest != "" && above < maxAbove; above++ {
		line, next, _ := strings.Cut(rest, "\n")
		if strings.TrimSpace(line) == "" { // a CSV reader would go on to the next
			rest = next
			continue
		}
		found := 0
		for _, sep := range []rune{',', ';', '\t', '|'} {
			header, rerr := reader(strings.NewReader(rest), sep).Read()
			if rerr != nil || len(header) < found {
				continue
			}
			cols, seen, cerr := columnsOf(slices.Clone(header), o, above+1)
			seen = seen*maxColumns + min(len(header), maxColumns-1)
			switch {
			case cerr == nil:
				t, found = table{rest, above, sep, cols}, len(header)
			case seen > best:
				best, err = seen, cerr
			}
		}
		if found > 0 {
			return t, nil
		}
		rest = next
	}
	if err == nil {
		err = &Fault{Line: 1, Reason: fmt.Sprintf("no table was found in the first %d lines; a line must name the columns, such as time,temperature", maxAbove)}
	}
	return t, err
}
