package report

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/xuri/excelize/v2"
	"rsc.io/qr"
)

// XLSX writes the report as a workbook: a sheet for each part and a chart of each metric. Text cells are typed as text, so
// no program evaluates them.
func XLSX(w io.Writer, r *Report) error {
	f := excelize.NewFile()
	defer f.Close() // closes temporary files of streams; there are none
	b := &book{File: f, report: r, clock: clockOf(r.Zone)}
	b.styles()
	b.summary()
	for _, t := range tables(r) {
		b.table(t)
	}
	for i := range r.Series {
		b.series(i, &r.Series[i])
	}
	if b.err != nil {
		return fmt.Errorf("report as XLSX: %w", b.err)
	}
	f.SetActiveSheet(0)
	at := stamp(r.GeneratedMS)
	if err := f.SetDocProps(&excelize.DocProperties{Title: "Shipment report " + plain(r.Shipment), Creator: "Trackseal", Created: at, Modified: at}); err != nil {
		return err
	}
	_, err := f.WriteTo(w)
	return err
}

// book keeps the first error: the calls below are many and their errors are all programming mistakes.
type book struct {
	*excelize.File
	report         *Report
	clock          clock
	head, time     int
	day, clockOnly int
	err            error
}

func (b *book) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *book) styles() {
	style := func(s *excelize.Style) int {
		id, err := b.NewStyle(s)
		b.keep(err)
		return id
	}
	format := "yyyy-mm-dd hh:mm:ss"
	b.head = style(&excelize.Style{Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E9EDF0"}}})
	b.time = style(&excelize.Style{CustomNumFmt: &format})
	days, hours := "yyyy-mm-dd", "hh:mm:ss"
	b.day = style(&excelize.Style{CustomNumFmt: &days})
	b.clockOnly = style(&excelize.Style{CustomNumFmt: &hours})
}

// set writes one cell by its type. Text is never a formula.
func (b *book) set(sheet string, col, row int, v any) {
	at, err := excelize.CoordinatesToCellName(col, row)
	b.keep(err)
	switch x := v.(type) {
	case nil:
	case string:
		if x != "" {
			b.keep(b.SetCellStr(sheet, at, plain(x)))
		}
	case time.Time:
		b.date(sheet, at, x, b.time)
	case day:
		b.date(sheet, at, wall(x.Time).Truncate(24*time.Hour), b.day)
	case timeOfDay:
		t := wall(x.Time)
		b.keep(b.SetCellValue(sheet, at, float64(t.Sub(t.Truncate(24*time.Hour)))/float64(24*time.Hour)))
		b.keep(b.SetCellStyle(sheet, at, at, b.clockOnly))
	default:
		b.keep(b.SetCellValue(sheet, at, v))
	}
}

// kinds of cells that the workbook has beside the report's.
type day struct{ time.Time }       // without the time of day
type timeOfDay struct{ time.Time } // without the day

// heads of a column: a time has one in UTC, and in another zone one more with its offset, since an hour can come twice.
func (b *book) heads(c column) []string {
	switch {
	case c.kind == instant && b.clock.utc():
		return []string{c.head + " (UTC)"}
	case c.kind == instant:
		return []string{c.head + " (UTC)", c.head + " (" + b.clock.name() + ")", c.head + ", UTC offset"}
	case c.kind == length:
		return []string{c.head + " (min)"}
	case c.kind == measure:
		return []string{c.head, c.head + ", unit"}
	}
	return []string{c.head}
}

// cells are what a cell of the report is in the workbook, as many as its column has heads.
func (b *book) cells(c column, cell any) []any {
	switch x := cell.(type) {
	case moment:
		if c := b.clock; x.ms != 0 && !c.utc() {
			return []any{at(x.ms), wall(c.in(x.ms)), c.in(x.ms).Format("-07:00")}
		}
		return append([]any{at(x.ms)}, make([]any, len(b.heads(c))-1)...)
	case span:
		if x.none != "" {
			return []any{nil}
		}
		return []any{minutes(x.ms)}
	case value:
		return []any{decimal(x.number), x.unit}
	case number:
		return []any{decimal(string(x))}
	}
	return append([]any{cell}, make([]any, len(b.heads(c))-1)...)
}

// wall is the time that a clock of the zone shows, as a workbook has no zones.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// table writes one with a frozen head that filters.
func (b *book) table(t table) {
	name := t.sheet
	if name == "" {
		name = t.title
	}
	name = sheetName(name)
	_, err := b.NewSheet(name)
	b.keep(err)
	var heads []string
	for _, c := range t.head {
		heads = append(heads, b.heads(c)...)
	}
	for i, h := range heads {
		b.set(name, i+1, 1, h)
	}
	last, err := excelize.CoordinatesToCellName(len(heads), 1)
	b.keep(err)
	b.keep(b.SetCellStyle(name, "A1", last, b.head))
	for i, row := range t.rows {
		at := 1
		for j, cell := range row {
			for _, v := range b.cells(t.head[j], cell) {
				b.set(name, at, i+2, v)
				at++
			}
		}
	}
	column, err := excelize.ColumnNumberToName(len(heads))
	b.keep(err)
	b.keep(b.SetColWidth(name, "A", column, 19))
	b.keep(b.SetPanes(name, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
	if n := len(t.rows); n > 0 {
		b.keep(b.AutoFilter(name, fmt.Sprintf("A1:%s%d", column, n+1), nil))
	}
}

func (b *book) date(sheet, cell string, t time.Time, style int) {
	if !t.IsZero() {
		b.keep(b.SetCellValue(sheet, cell, t))
		b.keep(b.SetCellStyle(sheet, cell, cell, style))
	}
}

func (b *book) summary() {
	r, name := b.report, "Summary"
	b.keep(b.SetSheetName("Sheet1", name))
	row := 1
	add := func(label string, v any) {
		b.set(name, 1, row, label)
		b.set(name, 2, row, v)
		row++
	}
	add("Shipment", r.Shipment)
	add("Verdict", Word(r.Verdict))
	b.keep(b.SetCellStyle(name, "A1", "B2", b.head))
	add("Goods", r.Description)
	add("Quantity", decimal(r.Quantity))
	add("Unit", r.Unit)
	add("Lot", r.Lot)
	add("Lot source", r.LotSource)
	add("Reference", r.Reference)
	add("From", r.Origin)
	add("To", r.Destination)
	add("State", inWords(r.State))
	for _, p := range roles(r.Parties) {
		add("Party: "+p[0], p[1])
	}
	when := func(label string, ms int64) {
		add(label+" (UTC)", at(ms))
		if !b.clock.utc() {
			local := any(nil)
			if ms != 0 {
				local = b.clock.local(ms)
			}
			add(label+" ("+b.clock.name()+")", local)
		}
	}
	when("Created", r.CreatedMS)
	if r.StatedMS != 0 {
		when("Delivered, as both sides stated", r.StatedMS)
	}
	when("Delivered", r.DeliveredMS)
	when("Closed", r.ClosedMS)
	when("Judged up to", r.EvaluatedToMS)
	add("Rule set", r.RuleSet+", "+r.RuleSetTitle)
	add("Rule set SHA-256", r.RuleSetHash)
	add("Algorithm", r.Algorithm)
	for _, reason := range r.Reasons {
		add("Reason", reason)
	}
	when("Report made", r.GeneratedMS)
	add("Report made by", r.By)
	add("Evidence", r.Verification.EvidenceURL)
	for _, c := range r.Verification.Commands {
		add("Check with", c)
	}
	add("", "This file proves nothing by itself; the evidence bundle does, checked offline by the program verify with a policy file of your own.")
	b.keep(b.SetColWidth(name, "A", "A", 22))
	b.keep(b.SetColWidth(name, "B", "B", 70))
	if u := r.Verification.PageURL; u != "" {
		add("Page", u)
		if code, err := qr.Encode(u, qr.M); err == nil {
			b.keep(b.AddPictureFromBytes(name, "D2", &excelize.Picture{Extension: ".png", File: code.PNG(), Format: &excelize.GraphicOptions{AltText: "QR code of " + u, ScaleX: 0.5, ScaleY: 0.5}}))
		}
	}
}

// series is a sheet of chart points with the chart beside them.
func (b *book) series(i int, s *Series) {
	t := table{title: "Chart " + strconv.Itoa(i+1) + " " + s.Metric, head: []column{{"Tracker", 0, prose, false}, {"Time", 0, instant, false}, {"Min", 0, count, false}, {"Mean", 0, count, false}, {"Max", 0, count, false}}}
	for _, l := range s.Limits {
		t.head = append(t.head, column{head: "Limit " + l.Label})
	}
	for _, c := range s.Curves {
		for _, p := range c.Points {
			row := []any{c.Tracker, moment{ms: p.MS}, p.Min, p.Mean, p.Max}
			for _, x := range s.Limits {
				row = append(row, x.Value)
			}
			t.rows = append(t.rows, row)
		}
	}
	if len(t.rows) == 0 {
		return
	}
	name := sheetName(t.title)
	b.table(t)
	times := len(b.heads(t.head[1])) // columns of the time
	mean, limits := 3+times, 5+times
	chart := &excelize.Chart{Type: excelize.Scatter, Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: plain(s.Metric + ", " + s.Unit)}}},
		Dimension: excelize.ChartDimension{Width: 960, Height: 380}, XAxis: excelize.ChartAxis{NumFmt: excelize.ChartNumFmt{CustomNumFmt: "yyyy-mm-dd hh:mm"}},
		Legend: excelize.ChartLegend{Position: "bottom"}}
	cells := func(col, first, last int) string {
		letter, err := excelize.ColumnNumberToName(col)
		b.keep(err)
		return fmt.Sprintf("'%s'!$%s$%d:$%s$%d", name, letter, first, letter, last)
	}
	none := excelize.ChartMarker{Symbol: "none"}
	first := 2
	for _, c := range s.Curves {
		last := first + len(c.Points) - 1
		if len(c.Points) > 0 {
			chart.Series = append(chart.Series, excelize.ChartSeries{Name: fmt.Sprintf("'%s'!$A$%d", name, first), Categories: cells(2, first, last), Values: cells(mean, first, last), Marker: none, Line: excelize.LineOptions{Type: excelize.LineSolid, Width: 1.25}})
		}
		first = last + 1
	}
	for j := range s.Limits {
		letter, err := excelize.ColumnNumberToName(limits + j)
		b.keep(err)
		chart.Series = append(chart.Series, excelize.ChartSeries{Name: fmt.Sprintf("'%s'!$%s$1", name, letter), Categories: cells(2, 2, len(t.rows)+1), Values: cells(limits+j, 2, len(t.rows)+1), Marker: none, Line: excelize.LineOptions{Type: excelize.LineSolid, Width: 1}})
	}
	place, err := excelize.CoordinatesToCellName(limits+len(s.Limits)+1, 2)
	b.keep(err)
	b.keep(b.AddChart(name, place, chart))
}

func sheetName(s string) string {
	if len(s) > 31 { // the format's limit
		return s[:31]
	}
	return s
}

// at is a time cell; none stays empty.
func at(ms int64) any {
	if ms == 0 {
		return nil
	}
	return time.UnixMilli(ms).UTC()
}

// decimal is a number cell where the text is a number, so that it sorts.
func decimal(s string) any {
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		return v
	}
	if s == "" {
		return nil
	}
	return s
}
