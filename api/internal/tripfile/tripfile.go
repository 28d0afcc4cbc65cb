// Package tripfile reads a trip from CSV: what a data logger or another system exported, to try a rule set on.
package tripfile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Bounds of a file.
const (
	MaxRows    = 1_000_000
	MaxColumns = 64
	maxFaults  = 10 // named; the rest is counted
)

// Reading is one row.
type Reading struct {
	Tracker string // column "tracker", else "csv"
	TimeMS  int64
	Values  map[string]float64
}

// Fault is a row or a header that cannot be read.
type Fault struct {
	Line   int // 1 is the header
	Column string
	Reason string
}

func (f Fault) Error() string {
	if f.Column == "" {
		return fmt.Sprintf("line %d: %s", f.Line, f.Reason)
	}
	return fmt.Sprintf("line %d, column %s: %s", f.Line, f.Column, f.Reason)
}

// Read gives the readings in the order of the file. The first row names the columns: "time" (RFC 3339, or milliseconds since
// 1970), "tracker" (may be left out), and metrics by their names (temperature, humidity, accel_x …); an empty cell is no
// value. A column of another name is an error, so that no measurement is passed over in silence. Every line that cannot be
// read is a *Fault, joined; then there are no readings.
func Read(r io.Reader) ([]Reading, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	in.TrimLeadingSpace = true
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, Fault{1, "", "the file is empty; the first line names the columns: time, tracker, temperature, …"}
	}
	if err != nil {
		return nil, asFault(err, 1)
	}
	columns, err := columnsOf(head)
	if err != nil {
		return nil, err
	}
	var (
		out    []Reading
		faults []error
		more   int
	)
	for line := 2; ; line++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && len(out) == MaxRows {
			return nil, Fault{line, "", fmt.Sprintf("more than %d rows", MaxRows)}
		}
		var reading Reading
		if err != nil {
			err = asFault(err, line)
		} else {
			line, _ = in.FieldPos(0)
			reading, err = columns.read(row, line)
		}
		switch {
		case err == nil:
			out = append(out, reading)
		case len(faults) < maxFaults:
			faults = append(faults, err)
		default:
			more++
		}
	}
	if more > 0 {
		faults = append(faults, fmt.Errorf("and %d more lines", more))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if len(out) == 0 {
		return nil, Fault{2, "", "no readings"}
	}
	return out, nil
}

func asFault(err error, line int) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return Fault{p.Line, "", p.Err.Error()}
	}
	return Fault{line, "", err.Error()}
}

// columns says what each field of a row is.
type columns struct {
	names         []string
	time, tracker int
}

func columnsOf(head []string) (*columns, error) {
	if len(head) > MaxColumns {
		return nil, Fault{1, "", fmt.Sprintf("%d columns; at most %d", len(head), MaxColumns)}
	}
	c := &columns{time: -1, tracker: -1}
	seen := map[string]bool{}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		c.names = append(c.names, name)
		if seen[name] {
			return nil, Fault{1, name, "is there twice"}
		}
		seen[name] = true
		switch name {
		case "time":
			c.time = i
		case "tracker":
			c.tracker = i
		default:
			if m, ok := detect.MetricOf(name); !ok || m == detect.Acceleration {
				return nil, Fault{1, name, "is not a column that can be read: time, tracker, or a metric such as temperature, humidity, accel_x, shock, light, lat, lon"}
			}
		}
	}
	if c.time < 0 {
		return nil, Fault{1, "", `needs a column "time"`}
	}
	if len(c.names) < 2 || len(c.names) == 2 && c.tracker >= 0 {
		return nil, Fault{1, "", "needs a column with a metric, such as temperature"}
	}
	return c, nil
}

func (c *columns) read(row []string, line int) (Reading, error) {
	r := Reading{Tracker: "csv", Values: make(map[string]float64, len(row))}
	for i, text := range row {
		text = strings.TrimSpace(text)
		switch {
		case i == c.time:
			ms, err := parseTime(text)
			if err != nil {
				return r, Fault{line, "time", err.Error()}
			}
			r.TimeMS = ms
		case i == c.tracker:
			if text != "" {
				r.Tracker = strings.Clone(text)
			}
		case text != "":
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return r, Fault{line, c.names[i], fmt.Sprintf("%.40q is not a number; decimals have a point", text)}
			}
			if _, ok := detect.FromFloat(v); !ok {
				return r, Fault{line, c.names[i], fmt.Sprintf("%.40q is out of all bounds", text)}
			}
			r.Values[c.names[i]] = v
		}
	}
	return r, nil
}

var errTime = errors.New("must be RFC 3339 with a zone such as 2026-01-31T08:00:00Z, or milliseconds since 1970")

func parseTime(s string) (int64, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		if ms < 1e11 || ms > 1e14 { // seconds, or nonsense
			return 0, errTime
		}
		return ms, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1980 || t.Year() > 3000 {
		return 0, errTime
	}
	return t.UnixMilli(), nil
}
