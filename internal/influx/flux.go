package influx

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// quote writes a Flux string literal. "${" starts an interpolation inside quotes, so the dollar sign is escaped as well.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '$' || c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// anyOf is the Flux condition that column has one of the values.
func anyOf(column string, values []string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = "r." + column + " == " + quote(v)
	}
	return "(" + strings.Join(parts, " or ") + ")"
}

// Flux cannot name times beyond the nanoseconds of an int64; readings lie anywhere between.
var (
	minTime = time.Unix(0, 0).UTC()
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

func fluxTime(t time.Time) string {
	if t.Before(minTime) {
		t = minTime
	}
	if t.After(maxTime) {
		t = maxTime
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// row is one record of an answer; it is valid until the next one.
type row struct {
	columns map[string]int
	cells   []string
}

func (r row) text(column string) string {
	if i, ok := r.columns[column]; ok && i < len(r.cells) {
		return r.cells[i]
	}
	return ""
}

func (r row) has(column string) bool { return r.text(column) != "" }

func (r row) int(column string) (int64, error) {
	s := r.text(column)
	if s == "" {
		return 0, nil
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("column %s: %w", column, err)
	}
	return v, nil
}

func (r row) time(column string) (time.Time, error) {
	return time.Parse(time.RFC3339Nano, r.text(column))
}

// query runs a Flux script and calls fn for each record as it arrives. fn's error ends it. Errors: ErrUnavailable when
// asking again can help.
func (c *Client) query(ctx context.Context, script string, fn func(row) error) error {
	return c.queryNamed(ctx, script, func(_ string, r row) error { return fn(r) })
}

// queryNamed is query for a script with several yields; fn gets the yield's name.
func (c *Client) queryNamed(ctx context.Context, script string, fn func(result string, r row) error) error {
	body, err := json.Marshal(map[string]any{
		"query": script, "type": "flux",
		"dialect": map[string]any{"header": true, "annotations": []string{"datatype", "group", "default"}},
	})
	if err != nil {
		return err
	}
	var inner error // of fn or of the answer; the library would wrap it out of recognition
	perr := c.db.HTTPService().DoPostRequest(ctx, c.queryURL, bytes.NewReader(body), func(req *http.Request) {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "text/csv")
	}, func(resp *http.Response) error {
		defer resp.Body.Close()
		inner = parseAnswer(resp.Body, fn)
		return nil
	})
	if perr != nil {
		if perr.StatusCode == http.StatusBadRequest {
			return fmt.Errorf("influxdb refused a query: %s", perr.Error())
		}
		return writeError(perr)
	}
	var stop *stopError
	switch {
	case errors.As(inner, &stop):
		return stop.err
	case inner != nil:
		return unavailable(inner)
	}
	return nil
}

// stopError carries the caller's own error through query.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// parseAnswer reads annotated CSV: tables one after another, each with its own header after the annotation lines.
func parseAnswer(r io.Reader, fn func(string, row) error) error {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	cur := row{columns: map[string]int{}}
	header := true
	result := ""
	for {
		cells, err := in.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(cells[0], "#"):
			header = true
			if cells[0] == "#default" && len(cells) > 1 {
				result = strings.Clone(cells[1])
			}
		case header:
			header = false
			clear(cur.columns)
			for i, name := range cells {
				cur.columns[strings.Clone(name)] = i
			}
		default:
			if i, ok := cur.columns["error"]; ok && i < len(cells) {
				if _, both := cur.columns["reference"]; both {
					return errors.New(cells[i])
				}
			}
			cur.cells = cells
			if err := fn(result, cur); err != nil {
				return &stopError{err}
			}
		}
	}
}
