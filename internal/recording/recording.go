// Package recording reads the files that data loggers and spreadsheets export: text tables in whatever separators, code pages, units and forms
// of date they came. It reads what is unambiguous, and names line, column and remedy of the rest. Nothing that a file holds is passed over in
// silence, and nothing is guessed that would change a value or a time.
package recording

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Options say what a file does not say itself. All of them may be empty.
type Options struct {
	Profile string   `json:"profile,omitempty" query:"profile" doc:"Known logger or app that wrote the file, such as hobo; docs/files.md has them all"`
	Zone    string   `json:"zone,omitempty" query:"zone" doc:"Zone of times that have none: Europe/Berlin, UTC or +01:00"`
	Dates   string   `json:"dates,omitempty" query:"dates" doc:"Order of day, month and year: dmy, mdy or ymd"`
	Decimal string   `json:"decimal,omitempty" query:"decimal" doc:"Decimal mark: point or comma"`
	Map     []string `json:"map,omitempty" query:"map,explode" doc:"What a column holds: temperature=HEADER, humidity[%]=HEADER, time=HEADER, tracker=HEADER. HEADER may be #3 for the third column, or end with * for any end"`
	Ignore  []string `json:"ignore,omitempty" query:"ignore,explode" doc:"Columns with numbers that are not to be read"`
	Missing []string `json:"missing,omitempty" query:"missing,explode" doc:"Further texts in cells that mean that there is no value"`
}

// Use is a column that was read.
type Use struct {
	Column string `json:"column" doc:"Its header"`
	As     string `json:"as" doc:"time, tracker, or a quantity"`
	Unit   string `json:"unit,omitempty" doc:"Unit of its values in the file"`
}

// Count is how often a cell of a column was no value.
type Count struct {
	Column string `json:"column"`
	Text   string `json:"text" doc:"The cell; of values that cannot be, the first one"`
	Line   int    `json:"line" doc:"The first line with it"`
	Count  int    `json:"count"`
}

// Report is how a file was read.
type Report struct {
	Encoding  string   `json:"encoding"`
	Separator string   `json:"separator"`
	Header    int      `json:"header_line"`
	Zone      string   `json:"zone" doc:"Whose clock the times are read by; empty when each time has its zone"`
	Columns   []Use    `json:"columns"`
	Ignored   []string `json:"ignored" doc:"Columns that were not read because it was asked for"`
	Unread    []string `json:"unread" doc:"Columns without measurements: labels, remarks, events"`
	Readings  int      `json:"readings"`
	Empty     int      `json:"empty" doc:"Rows without any value"`
	Missing   []Count  `json:"missing" doc:"Cells with a word for no value"`
	Faults    []Count  `json:"faults" doc:"Values that no sensor can have measured; for the rules they are unknown time"`
}

const (
	maxColumns = 256
	maxFaults  = 10         // told; then reading ends
	sampleSize = 256 << 10  // of the file's beginning, by which it is understood
	maxRepeats = 200 * 1000 // rows within an hour that comes twice
)

// Read gives the readings in the order of the file; tracker is "" where the file names none. It holds one row in memory, and those of an hour
// that the clocks went through twice. Errors of the file are *Fault, joined, at most ten, each with its line;
// then what was given before is not to be used. An error of give ends it.
func Read(r io.Reader, o Options, give func(tracker string, reading telemetry.Reading) error) (Report, error) {
	f, err := open(r, o)
	if err != nil {
		return Report{}, err
	}
	f.give = give
	err = f.read()
	return f.report, err
}

// file is one that is being read.
type file struct {
	report  Report
	rows    *csv.Reader
	below   int // lines above the header
	sep     rune
	columns columns
	numbers numbers
	clock   clock
	missing map[string]bool
	give    func(string, telemetry.Reading) error

	repeats  []row // in an hour that comes twice, until the rows after them say which is which
	faults   []error
	told     map[int]bool // columns that hold numbers and are not read, and this is told
	toldTime bool         // that zone or order of the dates must be said
	good     map[int]int  // values of a column
}

// row is a reading whose time may still be open.
type row struct {
	tracker string
	reading telemetry.Reading
	at      instant
	line    int
}

func open(r io.Reader, o Options) (*file, error) {
	all, err := o.withProfile()
	if err != nil {
		return nil, err
	}
	f := &file{told: map[int]bool{}, good: map[int]int{}, missing: missingWords(all.Missing)}
	if f.clock, err = newClock(all.Options); err != nil {
		return nil, err
	}
	if f.numbers, err = newNumbers(all.Decimal); err != nil {
		return nil, err
	}
	text, encoding, err := decoded(r)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(text, sampleSize)
	peeked, err := in.Peek(sampleSize)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	sample := string(peeked)
	if err == nil { // there is more: the last line may not be whole
		sample = sample[:strings.LastIndexByte(sample, '\n')+1]
	}
	t, err := findTable(sample, all)
	if err != nil {
		return nil, err
	}
	f.columns, f.sep, f.below = t.columns, t.sep, t.above
	if err := f.learn(t.body()); err != nil {
		return nil, err
	}
	for range f.below {
		if _, err := in.ReadString('\n'); err != nil {
			return nil, err
		}
	}
	f.rows = reader(in, f.sep)
	if _, _, err := f.fields(); err != nil { // the header
		return nil, err
	}
	f.report = f.columns.report()
	f.report.Encoding, f.report.Separator, f.report.Header = encoding, separators[f.sep], f.below+1
	return f, nil
}

// reader splits rows. Fields of a row may be fewer than the header's, since some loggers leave empty ones out.
func reader(r io.Reader, sep rune) *csv.Reader {
	c := csv.NewReader(r)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = sep, -1, true
	c.TrimLeadingSpace = sep != '\t' // it would take empty fields for space
	return c
}

// learn looks at the first rows: the order of dates, the decimal mark, and columns with numbers that nothing reads.
func (f *file) learn(rows *csv.Reader) error {
	if err := f.clock.header(f.columns, f.below+1); err != nil {
		return err
	}
	for {
		fields, err := rows.Read()
		if err != nil { // the end of the sample; what is wrong there is told when it is read for good
			break
		}
		f.clock.narrow(f.columns.timeOf(fields))
		for i, text := range fields {
			text = strings.TrimSpace(text)
			c := f.columns.at(i)
			switch {
			case c == nil || f.missing[strings.ToLower(text)]:
			case c.as == measured:
				f.numbers.learn(text, c)
			case c.as == unread:
				f.overlooked(c, text, f.below+1)
			}
		}
	}
	if err := f.numbers.decide(f.below + 1); err != nil {
		f.faults = append(f.faults, err)
	}
	return errors.Join(f.faults...)
}

// fault keeps what is wrong; nothing is given after it.
func (f *file) fault(line int, column, reason string) {
	f.faults = append(f.faults, &Fault{line, column, reason})
}

// fields reads a row; nil is the end. What does not split into fields is a fault.
func (f *file) fields() ([]string, int, error) {
	for len(f.faults) < maxFaults {
		fields, err := f.rows.Read()
		var p *csv.ParseError
		switch {
		case err == nil:
			line, _ := f.rows.FieldPos(0)
			return fields, line + f.below, nil
		case errors.As(err, &p):
			f.fault(p.Line+f.below, "", p.Err.Error())
		case errors.Is(err, io.EOF):
			return nil, 0, nil
		default:
			return nil, 0, err
		}
	}
	f.faults = append(f.faults, errEnough)
	return nil, 0, nil
}

var errEnough = errors.New("the lines that follow were not looked at")

func (f *file) read() error {
	for {
		fields, line, err := f.fields()
		if err != nil {
			return err
		}
		if fields == nil {
			break
		}
		if err := f.row(fields, line); err != nil {
			return err
		}
	}
	if err := f.settle(); err != nil {
		return err
	}
	for i := range f.columns.all {
		if n, seen := f.good[i]; seen && n == 0 {
			c := &f.columns.all[i]
			f.fault(f.below+1, c.header, fmt.Sprintf("none of its values can be a %s in %s; is the unit right? Give option map: %[1]s[UNIT]=%[3]s", c.quantity.Name, c.unitName(), c.header))
		}
	}
	if len(f.faults) == 0 && f.report.Readings == 0 {
		f.fault(f.below+2, "", "there is no row with a value")
	}
	if f.clock.used {
		f.report.Zone = f.clock.said
	}
	f.report.Missing, f.report.Faults = sorted(f.report.Missing), sorted(f.report.Faults)
	return errors.Join(f.faults...)
}

func (f *file) row(fields []string, line int) error {
	for i := len(f.columns.all); i < len(fields); i++ {
		if strings.TrimSpace(fields[i]) != "" {
			reason := fmt.Sprintf("%d values for %d columns", len(fields), len(f.columns.all))
			if f.sep == ',' {
				reason += "; is the comma the separator and the decimal mark? Export with semicolons, or with quotes around values"
			}
			f.fault(line, "", reason)
			return nil
		}
	}
	if !slices.ContainsFunc(fields, func(s string) bool { return strings.TrimSpace(s) != "" }) {
		return nil
	}
	faults := len(f.faults)
	r := row{line: line, reading: telemetry.Reading{Values: make(map[string]float64, f.columns.measured)}}
	for i, text := range fields {
		text = strings.TrimSpace(text)
		switch c := f.columns.at(i); {
		case c == nil || text == "":
		case c.as == labelTracker:
			r.tracker = strings.Clone(text)
		case c.as == unread:
			f.overlooked(c, text, line)
		case c.as == measured:
			f.value(c, text, fields, &r)
		}
	}
	if len(r.reading.Values) == 0 && len(r.reading.Flaws) == 0 && len(f.faults) == faults { // an event, a remark, the end
		f.report.Empty++
		return nil
	}
	var err error
	if r.at, err = f.clock.read(f.columns.timeOf(fields)); err != nil {
		if every := errors.Is(err, errNoZone) || errors.Is(err, errAmbiguous); !every || !f.toldTime { // most rows have it: once is enough
			f.fault(line, f.columns.timeName(), err.Error())
			f.toldTime = f.toldTime || every
		}
		return nil
	}
	switch {
	case len(f.faults) > faults:
		return nil
	case r.at.later == 0:
		if err := f.settle(); err != nil {
			return err
		}
		return f.emit(r, r.at.ms)
	case len(f.repeats) == maxRepeats:
		f.repeats = nil
		f.fault(line, f.columns.timeName(), "too many rows in an hour that comes twice; export times with a zone")
		return nil
	}
	f.repeats = append(f.repeats, r)
	return nil
}

func (f *file) emit(r row, ms int64) error {
	if len(f.faults) > 0 { // nothing comes of this file
		return nil
	}
	f.report.Readings++
	r.reading.TimeMS = ms
	return f.give(r.tracker, r.reading)
}

// settle says of rows in an hour that comes twice which of the two they belong to. The rows themselves tell it when their times step back
// once: those before are of the first hour, those after of the second.
func (f *file) settle() error {
	rows := f.repeats
	if len(rows) == 0 {
		return nil
	}
	f.repeats = nil
	back := 0
	for i := 1; i < len(rows); i++ {
		if rows[i].at.ms < rows[i-1].at.ms {
			if back > 0 {
				back = 0
				break
			}
			back = i
		}
	}
	if back == 0 || slices.ContainsFunc(rows, func(r row) bool { return r.tracker != rows[0].tracker }) {
		f.fault(rows[0].line, f.columns.timeName(), fmt.Sprintf("this hour comes twice in %s, and the rows do not tell which one it is; "+
			"export times with a zone, or give the offset of the logger's clock as option zone, such as +01:00", f.clock.said))
		return nil
	}
	for i, r := range rows {
		ms := r.at.ms
		if i >= back {
			ms = r.at.later
		}
		if err := f.emit(r, ms); err != nil {
			return err
		}
	}
	return nil
}

// value takes a cell of a column with measurements into the row.
func (f *file) value(c *column, text string, fields []string, r *row) {
	if f.missing[strings.ToLower(text)] {
		f.report.Missing = counted(f.report.Missing, Count{c.header, text, r.line, 1}, true)
		return
	}
	u := c.unit
	if c.unitAt >= 0 && c.unitAt < len(fields) {
		var ok bool
		if u, ok = unitOf(fields[c.unitAt], c.quantity.Unit); !ok {
			f.fault(r.line, c.header, fmt.Sprintf("unit %.20q is not one of %s", fields[c.unitAt], c.quantity.Name))
			return
		}
	}
	v, own, err := f.numbers.read(text, c)
	if err != nil {
		f.fault(r.line, c.header, err.Error())
		return
	}
	if own != nil {
		u = own
	}
	if u != nil {
		v = tidy(v*u.factor + u.offset)
	}
	if q := c.quantity; v < q.Min || v > q.Max {
		f.report.Faults = counted(f.report.Faults, Count{c.header, text, r.line, 1}, false)
		f.good[c.i] += 0 // seen
		r.reading.Flaws = append(r.reading.Flaws, telemetry.Flaw{Name: c.quantity.Name, Text: strconv.FormatFloat(v, 'g', -1, 64), Reason: telemetry.OutOfRange})
		return
	}
	f.good[c.i]++
	r.reading.Values[c.quantity.Name] = v
}

// overlooked notes a column that holds numbers and that nothing reads: once.
func (f *file) overlooked(c *column, text string, line int) {
	if f.told[c.i] || !looksLikeNumber(text) {
		return
	}
	f.told[c.i] = true
	f.faults = append(f.faults, c.unreadFault(text, line))
}

// tidy drops the noise that a factor adds: nine decimals are finer than any sensor.
func tidy(v float64) float64 { return math.Round(v*1e9) / 1e9 }

// counted adds to a list of counts, which is short: one of a column, or of a column and a text.
func counted(list []Count, c Count, byText bool) []Count {
	for i := range list {
		if l := &list[i]; l.Column == c.Column && (!byText || l.Text == c.Text) {
			l.Count++
			return list
		}
	}
	if len(list) == 100 {
		list[99].Count++
		return list
	}
	c.Column, c.Text = strings.Clone(c.Column), strings.Clone(c.Text)
	return append(list, c)
}

func sorted(list []Count) []Count {
	slices.SortStableFunc(list, func(a, b Count) int { return cmp.Compare(a.Line, b.Line) })
	return list
}
