package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
	"rsc.io/qr"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// XLSX writes the report as a workbook: a sheet for each part and a chart of each metric. Text cells are typed as text, so
// no program evaluates them.
func XLSX(w io.Writer, r *Report) error {
	f := excelize.NewFile()
	defer f.Close() // closes temporary files of streams; there are none
	b := &book{File: f, report: r}
	b.styles()
	b.summary()
	sheet(b, "Metrics", []string{"Metric", "Unit", "In range (min)", "Out of range (min)", "Unknown (min)", "Min", "Max", "Mean", "Readings"}, r.Metrics, func(m Metric) []any {
		if m.Unjudged {
			return []any{m.Name, m.Unit, nil, nil, nil, decimal(m.Min), decimal(m.Max), decimal(m.Mean), m.Readings}
		}
		return []any{m.Name, m.Unit, minutes(m.InMS), minutes(m.OutMS), minutes(m.UnknownMS), decimal(m.Min), decimal(m.Max), decimal(m.Mean), m.Readings}
	})
	sheet(b, "Rules", []string{"Rule", "What it asks", "Severity", "State"}, r.Rules, func(x Rule) []any {
		return []any{x.ID, x.Text, x.Severity, x.State}
	})
	sheet(b, "Excursions", []string{"Id", "Rule", "Metric", "Tracker", "Severity", "Began (UTC)", "Ended (UTC)", "Minutes", "Peak", "Limit", "Held by", "Note", "Transaction", "Verified by all peers"}, r.Excursions, func(e Excursion) []any {
		var length any
		if e.EndMS != 0 {
			length = minutes(e.EndMS - e.StartMS)
		}
		return []any{e.ID, e.Rule, e.Metric, e.Tracker, e.Severity, moment(e.StartMS), moment(e.EndMS), length, decimal(e.Peak), decimal(e.Limit), e.Custodian, e.Note, e.Tx, e.Verified}
	})
	sheet(b, "Allowed stays", []string{"Id", "Rule", "Metric", "Tracker", "Began (UTC)", "Ended (UTC)", "Minutes", "Peak", "Limit"}, r.Allowed, func(e Excursion) []any {
		return []any{e.ID, e.Rule, e.Metric, e.Tracker, moment(e.StartMS), moment(e.EndMS), minutes(max(0, e.EndMS-e.StartMS)), e.Peak, e.Limit}
	})
	sheet(b, "Ledger only", []string{"Id", "Rule", "Metric", "Tracker", "Began (UTC)", "Ended (UTC)", "Peak", "Limit", "Transaction", "Verified by all peers"}, r.LedgerOnly, func(e Excursion) []any {
		return []any{e.ID, e.Rule, e.Metric, e.Tracker, moment(e.StartMS), moment(e.EndMS), decimal(e.Peak), decimal(e.Limit), e.Tx, e.Verified}
	})
	sheet(b, "Stray readings", []string{"Readings", "With them"}, r.Strays, func(x Strays) []any { return []any{x.Readings, x.text()} })
	sheet(b, "Figures", []string{"Rule", "Tracker", "Figure", "Value", "Unit"}, r.Figures, func(x compliance.Figure) []any {
		return []any{x.Rule, x.Tracker, x.Name, decimal(x.Value), x.Unit}
	})
	sheet(b, "Budget", []string{"Rule", "Band", "State", "Spent (min)", "Allowed (min)", "Longest stay (min)", "Carried in (min)", "Unknown charged (min)"}, r.Budget, func(x compliance.BudgetUse) []any {
		return []any{x.Rule, x.Band, x.Level, minutes(x.SpentMS), minutes(x.MaxMS), minutes(x.LongestMS), minutes(x.CarriedMS), minutes(x.ChargedMS)}
	})
	sheet(b, "Legs", []string{"Custodian", "From (UTC)", "To (UTC)", "Excursions", "Out of range (min)", "Verdict at handover"}, r.Legs, func(l Leg) []any {
		return []any{l.Custodian, moment(l.FromMS), moment(l.ToMS), l.Excursions, minutes(l.OutMS), l.Verdict}
	})
	sheet(b, "Verdicts", []string{"Revision", "Result", "Judged up to (UTC)", "Recorded (UTC)", "By", "Reason", "Logs (id size root)", "Transaction"}, r.Revisions, func(v Revision) []any {
		return []any{v.N, v.Result, moment(v.ToMS), moment(v.RecordedMS), v.By, v.Reason, judgedFrom(v.Logs), v.Tx}
	})
	sheet(b, "Signed acts", []string{"Act", "Of", "Signed by", "Organisation", "Meaning", "Time (UTC)", "Reason", "Transaction"}, r.Acts, func(a Act) []any {
		return []any{a.Kind, a.Subject, a.Name, a.Org, a.Meaning, moment(a.TimeMS), a.Reason, a.Tx}
	})
	sheet(b, "Trackers", []string{"Tracker", "Trust", "Model", "From (UTC)", "To (UTC)", "Stated afterwards", "Calibration", "Valid to (UTC)"}, r.Trackers, func(t Tracker) []any {
		return []any{t.ID, t.Trust, t.Model, moment(t.FromMS), moment(t.ToMS), t.Recorded, t.Calibration, moment(t.CalibrationValidToMS)}
	})
	sheet(b, "Logs", []string{"Log", "Size", "Root"}, r.Logs, func(l ledger.LogHead) []any { return []any{l.Log, l.Size, l.Root} })
	sheet(b, "Anchors", []string{"Transaction", "Block", "Size", "Root", "Time (UTC)"}, r.Anchors, func(a stored.Head) []any {
		return []any{a.Tx, a.Block, a.Size, a.Root, moment(a.TimeMS)}
	})
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
	report           *Report
	head, time, wrap int
	err              error
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
	b.wrap = style(&excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
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
		if !x.IsZero() {
			b.keep(b.SetCellValue(sheet, at, x))
			b.keep(b.SetCellStyle(sheet, at, at, b.time))
		}
	default:
		b.keep(b.SetCellValue(sheet, at, v))
	}
}

// sheet writes a table with a frozen, filterable head.
func sheet[T any](b *book, name string, head []string, items []T, row func(T) []any) {
	_, err := b.NewSheet(name)
	b.keep(err)
	for i, h := range head {
		b.set(name, i+1, 1, h)
	}
	last, err := excelize.CoordinatesToCellName(len(head), 1)
	b.keep(err)
	b.keep(b.SetCellStyle(name, "A1", last, b.head))
	for i, x := range items {
		for j, v := range row(x) {
			b.set(name, j+1, i+2, v)
		}
	}
	column, err := excelize.ColumnNumberToName(len(head))
	b.keep(err)
	b.keep(b.SetColWidth(name, "A", column, 19))
	b.keep(b.SetPanes(name, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
	if n := len(items); n > 0 {
		b.keep(b.AutoFilter(name, fmt.Sprintf("A1:%s%d", column, n+1), nil))
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
	add("From", r.Origin)
	add("To", r.Destination)
	add("Lot", r.Lot)
	add("State", r.State)
	for _, p := range r.Parties {
		add("Party: "+p.Role, p.Org)
	}
	add("Created (UTC)", moment(r.CreatedMS))
	add("Delivered (UTC)", moment(r.DeliveredMS))
	add("Closed (UTC)", moment(r.ClosedMS))
	add("Judged up to (UTC)", moment(r.EvaluatedToMS))
	add("Rule set", r.RuleSet+", "+r.RuleSetTitle)
	add("Rule set SHA-256", r.RuleSetHash)
	add("Algorithm", r.Algorithm)
	for _, reason := range r.Reasons {
		add("Reason", reason)
	}
	add("Report made (UTC)", moment(r.GeneratedMS))
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
	name := sheetName("Chart " + strconv.Itoa(i+1) + " " + s.Metric)
	type line struct {
		tracker string
		Point
	}
	var lines []line
	for _, c := range s.Curves {
		for _, p := range c.Points {
			lines = append(lines, line{c.Tracker, p})
		}
	}
	if len(lines) == 0 {
		return
	}
	head := []string{"Tracker", "Time (UTC)", "Min", "Mean", "Max"}
	for _, l := range s.Limits {
		head = append(head, "Limit "+l.Label)
	}
	sheet(b, name, head, lines, func(l line) []any {
		row := []any{l.tracker, moment(l.MS), l.Min, l.Mean, l.Max}
		for _, x := range s.Limits {
			row = append(row, x.Value)
		}
		return row
	})
	chart := &excelize.Chart{Type: excelize.Scatter, Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: plain(s.Metric + ", " + s.Unit)}}},
		Dimension: excelize.ChartDimension{Width: 960, Height: 380}, XAxis: excelize.ChartAxis{NumFmt: excelize.ChartNumFmt{CustomNumFmt: "dd.mm hh:mm"}},
		Legend: excelize.ChartLegend{Position: "bottom"}}
	at := func(col, first, last int) string {
		letter, err := excelize.ColumnNumberToName(col)
		b.keep(err)
		return fmt.Sprintf("'%s'!$%s$%d:$%s$%d", name, letter, first, letter, last)
	}
	none := excelize.ChartMarker{Symbol: "none"}
	first := 2
	for _, c := range s.Curves {
		last := first + len(c.Points) - 1
		if len(c.Points) > 0 {
			chart.Series = append(chart.Series, excelize.ChartSeries{Name: fmt.Sprintf("'%s'!$A$%d", name, first), Categories: at(2, first, last), Values: at(4, first, last), Marker: none, Line: excelize.LineOptions{Type: excelize.LineSolid, Width: 1.25}})
		}
		first = last + 1
	}
	for j := range s.Limits {
		letter, err := excelize.ColumnNumberToName(6 + j)
		b.keep(err)
		chart.Series = append(chart.Series, excelize.ChartSeries{Name: fmt.Sprintf("'%s'!$%s$1", name, letter), Categories: at(2, 2, len(lines)+1), Values: at(6+j, 2, len(lines)+1), Marker: none, Line: excelize.LineOptions{Type: excelize.LineSolid, Width: 1}})
	}
	place, err := excelize.CoordinatesToCellName(len(head)+2, 2)
	b.keep(err)
	b.keep(b.AddChart(name, place, chart))
}

func sheetName(s string) string {
	if len(s) > 31 { // the format's limit
		return s[:31]
	}
	return s
}

// moment is a time cell; none stays empty.
func moment(ms int64) any {
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
	return s
}

// judgedFrom names the logs of a verdict, one a line.
func judgedFrom(logs []ledger.LogHead) string {
	lines := make([]string, len(logs))
	for i, l := range logs {
		lines[i] = fmt.Sprintf("%s %d %s", l.Log, l.Size, l.Root)
	}
	return strings.Join(lines, "\n")
}
