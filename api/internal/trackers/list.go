package trackers

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// line is one row of a list of trackers; err when it cannot be read.
type line struct {
	line                                          int
	id, model, profile, gateway, device, operator string
	err                                           error
}

var columns = []string{"id", "model", "profile", "gateway", "device", "operator"}

func (l *line) column(name string) *string {
	return map[string]*string{"id": &l.id, "model": &l.model, "profile": &l.profile, "gateway": &l.gateway, "device": &l.device, "operator": &l.operator}[name]
}

var trackerID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// readList reads a list in CSV. The error is about the file as a whole; a row that is wrong says so itself.
func readList(raw []byte) ([]line, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // as spreadsheets write it
	if !utf8.Valid(raw) {
		return nil, rest.InvalidField("csv", "is not UTF-8; export the list as CSV in UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord, r.Comma = -1, separator(raw)
	head, err := r.Read()
	if err != nil {
		return nil, rest.InvalidField("csv", "the first line must name the columns: "+strings.Join(columns, ", "))
	}
	for i, name := range head {
		head[i] = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(columns, head[i]):
			return nil, rest.InvalidField("csv.line[1]", fmt.Sprintf("%.40q is no column; there are %s", name, strings.Join(columns, ", ")))
		case slices.Contains(head[:i], head[i]):
			return nil, rest.InvalidField("csv.line[1]", "names the column "+head[i]+" twice")
		}
	}
	if !slices.Contains(head, "id") {
		return nil, rest.InvalidField("csv.line[1]", "names no column id")
	}
	var list []line
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if len(list) == maxImport {
			return nil, problem.New(http.StatusUnprocessableEntity, problem.InvalidRequest, "the list has more than %d rows: send it in parts", maxImport)
		}
		list = append(list, readLine(r, head, fields, err))
	}
	if len(list) == 0 {
		return nil, rest.InvalidField("csv", "has no row beside the columns' names")
	}
	return list, nil
}

func readLine(r *csv.Reader, head, fields []string, err error) line {
	var l line
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		l.line, l.err = bad.StartLine, rest.InvalidField("csv", fmt.Sprintf("cannot be read: %v", bad.Err))
		if bad.Line > bad.StartLine {
			l.err = rest.InvalidField("csv", fmt.Sprintf("cannot be read: %v; that ends in line %d", bad.Err, bad.Line))
		}
		return l
	}
	l.line, _ = r.FieldPos(0)
	if len(fields) > len(head) {
		l.err = rest.InvalidField("csv", fmt.Sprintf("has %d values for %d columns", len(fields), len(head)))
		return l
	}
	for i, f := range fields {
		*l.column(head[i]) = strings.TrimSpace(f)
	}
	switch {
	case !trackerID.MatchString(l.id):
		l.err = rest.InvalidField("csv.id", fmt.Sprintf("must be 1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit, not %.80q", l.id))
	case l.gateway != "" && !trackerID.MatchString(l.gateway):
		l.err = rest.InvalidField("csv.gateway", fmt.Sprintf("must be the id of a tracker, not %.80q", l.gateway))
	case len(l.device) > ledger.MaxDevice:
		l.err = rest.InvalidField("csv.device", fmt.Sprintf("has %d bytes, at most %d are accepted", len(l.device), ledger.MaxDevice))
	}
	return l
}

// separator is what the first line has most of, outside of quotes.
func separator(raw []byte) rune {
	head, _, _ := bytes.Cut(raw, []byte("\n"))
	quoted := false
	count := map[rune]int{}
	for _, c := range string(head) {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted {
			count[c]++
		}
	}
	best := ','
	for _, c := range []rune{';', '\t'} {
		if count[c] > count[best] {
			best = c
		}
	}
	return best
}
