// Package replay turns a recorded file into a tracker's trip.
package replay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Recording is a parsed file.
type Recording struct {
	Readings []telemetry.Reading // in the order of the file
	Mapping  Mapping             // as used
	Unused   []string            // columns that hold nothing known
	Empty    int                 // lines without any value, left out
}

// Read parses a CSV file with a header. An error names the line.
func Read(r io.Reader, m Mapping) (*Recording, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	c.TrimLeadingSpace = true
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	}
	if err != nil {
		return nil, csvError(err)
	}
	header = append([]string(nil), header...)
	if !utf8.ValidString(strings.Join(header, "")) {
		return nil, errors.New("line 1: not UTF-8 text; export the file as CSV (UTF-8)")
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // spreadsheets write a byte order mark
	rec := &Recording{}
	if rec.Mapping, rec.Unused, err = m.Complete(header); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	at := make(map[string]int, len(header))
	for i, h := range header {
		at[h] = i
	}
	timeAt := at[rec.Mapping.Time]
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(err)
		}
		line, _ := c.FieldPos(0)
		ms, err := parseTime(fields[timeAt])
		if err != nil {
			return nil, fmt.Errorf("line %d: column %s: %w", line, rec.Mapping.Time, err)
		}
		reading := telemetry.Reading{TimeMS: ms, Values: make(map[string]float64, len(rec.Mapping.Quantities))}
		for _, q := range telemetry.Quantities {
			col, ok := rec.Mapping.Quantities[q.Name]
			if !ok {
				continue
			}
			text := strings.TrimSpace(fields[at[col.Name]])
			if text == "" {
				continue
			}
			raw, err := number(text)
			if err != nil {
				return nil, fmt.Errorf("line %d: column %s: %q is not a number", line, col.Name, text)
			}
			v := tidy(raw*col.Factor + col.Offset)
			if v < q.Min || v > q.Max {
				return nil, fmt.Errorf("line %d: column %s: %s of %g %s is outside %g to %g; is the factor in --map right?", line, col.Name, q.Name, v, q.Unit, q.Min, q.Max)
			}
			reading.Values[q.Name] = v
		}
		if len(reading.Values) == 0 {
			rec.Empty++
			continue
		}
		rec.Readings = append(rec.Readings, reading)
	}
	if len(rec.Readings) == 0 {
		return nil, errors.New("the file has no line with a value")
	}
	return rec, nil
}

// tidy drops the noise that a factor adds: nine decimals are finer than any sensor.
func tidy(v float64) float64 { return math.Round(v*1e9) / 1e9 }

func csvError(err error) error {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return err
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00"}

// earliest is what a pack can carry: RFC 8428 reads smaller times as relative.
const earliest = 1 << 28

// parseTime takes RFC 3339, the same without zone (UTC), and seconds or milliseconds since 1970.
func parseTime(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if math.Abs(f) < 1e11 {
			f *= 1000
		}
		if f < earliest*1000 || f >= 1e14 {
			return 0, fmt.Errorf("time %s is not between 1978 and 5138", text)
		}
		return int64(math.Round(f)), nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			if t.Unix() < earliest {
				return 0, fmt.Errorf("time %s is before 1978", text)
			}
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time (RFC 3339, or seconds or milliseconds since 1970)", text)
}
