package influx

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
)

// quote writes an InfluxQL string literal. A line end cannot stand inside of one.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

// idents writes names as InfluxQL identifiers. They are our own words and the names of quantities.
func idents(names ...string) string { return `"` + strings.Join(names, `", "`) + `"` }

// anyOf is the condition that a tag has one of the values.
func anyOf(tag string, values []string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = idents(tag) + " = " + quote(v)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// within is the condition that a time lies in [start, stop). Both ends are always said: a query of windows without one would
// end now.
func within(start, stop int64) string {
	return fmt.Sprintf("time >= %d AND time < %d", start, stop)
}

// No message and no reading has a time before 1970, or one that these nanoseconds cannot tell.
const (
	minNS = 0
	maxNS = math.MaxInt64 - 1
)

// span is [fromMS, toMS) in nanoseconds; toMS 0 = no end.
func span(fromMS, toMS int64) (start, stop int64) {
	start, stop = minNS, maxNS
	if fromMS > 0 {
		start = nanoseconds(fromMS)
	}
	if toMS > 0 {
		stop = nanoseconds(toMS)
	}
	return start, stop
}

func nanoseconds(ms int64) int64 {
	if ms > maxNS/1_000_000 {
		return maxNS
	}
	return ms * 1e6
}

// row is one row of an answer; it is valid until the next one. A cell that cannot be read is noted in err, which ends the
// query.
type row struct {
	statement int // which of several
	tags      map[string]string
	columns   map[string]int
	cells     [][]byte // JSON
	err       error
}

func (r *row) cell(column string) []byte {
	i, ok := r.columns[column]
	if !ok || i >= len(r.cells) || string(r.cells[i]) == "null" {
		return nil
	}
	return r.cells[i]
}

func (r *row) has(column string) bool { return r.cell(column) != nil }

// text is a copy.
func (r *row) text(column string) string {
	cell := r.cell(column)
	if len(cell) < 2 || cell[0] != '"' {
		return string(cell)
	}
	if bytes.IndexByte(cell, '\\') < 0 {
		return string(cell[1 : len(cell)-1])
	}
	var s string
	_ = json.Unmarshal(cell, &s) // the decoder has read it before
	return s
}

// bytes decodes base64. What is not base64 any more is answered as missing: the caller compares hashes.
func (r *row) bytes(column string) []byte {
	cell := r.cell(column)
	if len(cell) < 2 {
		return nil
	}
	b, _ := base64.StdEncoding.AppendDecode(nil, cell[1:len(cell)-1])
	return b
}

func (r *row) bool(column string) bool { return string(r.cell(column)) == "true" }

// int is 0 for a cell that is missing.
func (r *row) int(column string) (v int64) {
	if cell := r.cell(column); cell != nil {
		var err error
		v, err = strconv.ParseInt(string(cell), 10, 64)
		r.note(column, err)
	}
	return v
}

func (r *row) float(column string) float64 {
	v, err := strconv.ParseFloat(string(r.cell(column)), 64)
	r.note(column, err)
	return v
}

// ns is the row's time.
func (r *row) ns() int64 { return r.int("time") }

func (r *row) note(column string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("column %s: %w", column, err)
	}
}

// gather answers what read makes of each row of some statements; see query.
func gather[T any](ctx context.Context, c *Client, statements string, read func(*row) T) (all []T, err error) {
	err = c.query(ctx, statements, func(r *row) { all = append(all, read(r)) })
	return all, err
}

// inTurn calls fn for one after the other, until it fails.
func inTurn[T any](all []T, fn func(T) error) error {
	for _, one := range all {
		if err := fn(one); err != nil {
			return err
		}
	}
	return nil
}

const (
	queryTimeout = 60 * time.Second
	chunkRows    = "1000"
)

// query runs InfluxQL statements and calls fn for each row as it arrives. fn only gathers: a query holds memory in the server
// until its last row is taken, so whoever reads much asks page by page. When ctx ends the server ends the query. Errors: the
// row's, and stored.ErrUnavailable when asking again can help.
func (c *Client) query(ctx context.Context, statements string, fn func(*row)) error {
	qctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	form := url.Values{"db": {c.database}, "rp": {c.policy}, "q": {statements}, "epoch": {"ns"}, "chunked": {"true"}, "chunk_size": {chunkRows}}
	var answer error // the library would wrap it out of recognition
	refused := c.db.HTTPService().DoPostRequest(qctx, c.queryURL, strings.NewReader(form.Encode()), func(req *http.Request) {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept", "application/json") // in its CSV, InfluxDB 1.8 says nothing of a statement that fails
	}, func(resp *http.Response) error {
		defer resp.Body.Close()
		answer = readAnswer(resp.Body, fn)
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", stored.ErrUnavailable, ctx.Err())
	case refused != nil && refused.StatusCode == http.StatusBadRequest:
		return fmt.Errorf("influxdb refused a query: %s", refused.Error())
	case refused != nil:
		return writeError(refused)
	}
	return answer
}

// chunk is one part of an answer. An error can follow good parts, all with status 200.
type chunk struct {
	Error   string `json:"error"`
	Results []struct {
		Statement int    `json:"statement_id"`
		Error     string `json:"error"`
		Partial   bool   `json:"partial"` // more follows
		Series    []struct {
			Tags    map[string]string `json:"tags"`
			Columns []string          `json:"columns"`
			Values  json.RawMessage   `json:"values"`
		} `json:"series"`
	} `json:"results"`
}

func readAnswer(body io.Reader, fn func(*row)) error {
	partial := false
	for in := json.NewDecoder(body); ; {
		var part chunk
		err := in.Decode(&part)
		if err == io.EOF && !partial {
			return nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && part.Error != "" {
			err = errors.New(part.Error)
		}
		if err != nil {
			return unavailable(err)
		}
		for _, result := range part.Results {
			if result.Error != "" {
				return unavailable(errors.New(result.Error))
			}
			partial = result.Partial
			for _, s := range result.Series {
				r := row{statement: result.Statement, tags: s.Tags, columns: make(map[string]int, len(s.Columns))}
				for i, name := range s.Columns {
					r.columns[name] = i
				}
				if err := r.each(s.Values, fn); err != nil {
					return err
				}
			}
		}
	}
}

// each calls fn for the rows of a JSON array of arrays of numbers, strings, booleans and null, which the decoder has found
// well-formed. It cuts the cells and leaves them as they are: most are numbers that somebody parses anyway.
func (r *row) each(values json.RawMessage, fn func(*row)) error {
	r.cells = make([][]byte, 0, len(r.columns))
	start := -1 // of the cell
	for i, depth := 0, 0; i < len(values); i++ {
		switch values[i] {
		case '[':
			depth++
			start = i + 1
		case ']':
			if depth--; depth == 1 {
				r.cells = append(r.cells, values[start:i])
				if fn(r); r.err != nil {
					return r.err
				}
				r.cells = r.cells[:0]
			}
		case ',':
			if depth == 2 {
				r.cells = append(r.cells, values[start:i])
				start = i + 1
			}
		case '"':
			for i++; values[i] != '"'; i++ {
				if values[i] == '\\' {
					i++
				}
			}
		}
	}
	return nil
}
