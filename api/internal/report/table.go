package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// table is one part of the report, as page and spreadsheet show it.
type table struct {
	title string
	sheet string // "" = title
	note  string
	none  string // said when there are no rows; "" = then the part is left out
	head  []column
	rows  [][]any
	tint  func(row, col int) (rgb, bool) // of the page; nil = none
}

// column of a table. What its cells are, the cells say: text, count, instant, length, measure or flag; all of one column are of one kind, or text
// in place of it on the page.
type column struct {
	head string
	w    float64 // on the page, 0 = in the spreadsheet only
	kind kind
	mono bool
}

type kind uint8

const (
	prose kind = iota
	count
	instant
	length
	measure
	yesNo
)

// moment is a time; none is said on the page when it is 0.
type moment struct {
	ms   int64
	none string
}

// span is how long something took; none is said on the page instead of it.
type span struct {
	ms   int64
	none string
}

// value is a decimal with its unit.
type value struct{ number, unit string }

func (v value) String() string {
	if s, err := strconv.ParseFloat(v.number, 64); err == nil && v.unit == "s" {
		return detect.Span(int64(s * 1000))
	}
	if v.unit == "" || v.number == "" {
		return v.number
	}
	return v.number + " " + v.unit
}

// shown is a cell on the page; a line end begins a new line.
func (c clock) shown(cell any) string {
	switch x := cell.(type) {
	case moment:
		switch {
		case x.ms == 0:
			return x.none
		case c.utc():
			return c.local(x.ms)
		}
		return c.in(x.ms).Format("2006-01-02 15:04:05\n-07:00, ") + time.UnixMilli(x.ms).UTC().Format("01-02 15:04 UTC")
	case span:
		if x.none != "" {
			return x.none
		}
		return lasted(x.ms)
	case bool:
		return map[bool]string{true: "yes", false: "no"}[x]
	case int:
		return strconv.Itoa(x)
	}
	return fmt.Sprint(cell)
}

// heading of a column on the page.
func (c clock) heading(col column) string {
	if col.kind == instant {
		return col.head + " (" + c.name() + ")"
	}
	return col.head
}

const (
	maxRows   = 60 // of a table of the page; the spreadsheet has all rows
	cellLines = 6  // of a cell before it is shortened
)

var (
	tableText = style{size: 7}
	tableHead = style{size: 7, bold: true}
	tableMono = style{size: 6.5, mono: true}
)

// part draws a table under its title.
func (d *document) part(t table) {
	var cols []int
	for i, c := range t.head {
		if c.w > 0 {
			cols = append(cols, i)
		}
	}
	if len(cols) == 0 || len(t.rows) == 0 && t.none == "" {
		return
	}
	if len(t.rows) == 0 {
		d.need(16)
		d.title(t.title)
		d.note(t.none)
		return
	}
	first := d.row(t, cols, 0)
	d.need(20 + first.high) // no title without what it is of
	d.title(t.title)
	d.headRow(t, cols)
	for i := range t.rows {
		if i == maxRows {
			d.note(fmt.Sprintf("and %d more rows, in the spreadsheet", len(t.rows)-i))
			break
		}
		r := d.row(t, cols, i)
		if d.GetY()+r.high > bottom {
			d.AddPage()
			d.headRow(t, cols)
		}
		d.drawRow(t, cols, i, r)
	}
	if t.note != "" {
		d.note(t.note)
	}
}

// laid is a row whose cells are broken into lines.
type laid struct {
	cells [][]string
	high  float64
}

func (c column) style() style {
	if c.mono {
		return tableMono
	}
	return tableText
}

func (c column) right() bool { return c.kind == count || c.kind == measure || c.kind == length }

const cellGap = 2.0 // between columns

func (d *document) row(t table, cols []int, i int) laid {
	out := laid{cells: make([][]string, len(cols))}
	lines := 1
	for n, col := range cols {
		c := t.head[col]
		all := d.wrap(c.style(), d.lines(d.clock.shown(t.rows[i][col])), c.w-cellGap)
		if len(all) > cellLines {
			all = append(all[:cellLines-1:cellLines-1], d.fit(c.style(), strings.Join(all[cellLines-1:], " "), c.w-cellGap))
		}
		out.cells[n], lines = all, max(lines, len(all))
	}
	out.high = float64(lines)*tableText.high() + 1.3
	return out
}

// lines makes text ready to be set that may have line ends of ours.
func (d *document) lines(s string) string {
	parts := strings.Split(s, "\n")
	for i := range parts {
		parts[i] = d.text(parts[i])
	}
	return strings.Join(parts, "\n")
}

func (d *document) headRow(t table, cols []int) {
	d.ink(soft)
	lines, y := 1, d.GetY()
	heads := make([][]string, len(cols))
	for n, col := range cols {
		heads[n] = d.wrap(tableHead, d.clock.heading(t.head[col]), t.head[col].w-cellGap)
		lines = max(lines, len(heads[n]))
	}
	x := left
	for n, col := range cols {
		c := t.head[col]
		top := y + float64(lines-len(heads[n]))*tableHead.high()
		for k, line := range heads[n] {
			d.cell(x, top+float64(k)*tableHead.high(), c, tableHead, line)
		}
		x += c.w
	}
	y += float64(lines)*tableHead.high() + 0.6
	d.line(rule)
	d.SetLineWidth(0.2)
	d.Line(left, y, right, y)
	d.SetY(y + 0.8)
}

func (d *document) cell(x, y float64, c column, s style, line string) {
	if c.right() {
		d.right(x+c.w-cellGap, y, s, line)
		return
	}
	d.put(x, y, s, line)
}

func (d *document) drawRow(t table, cols []int, i int, r laid) {
	x, y := left, d.GetY()
	for n, col := range cols {
		c := t.head[col]
		d.ink(ink)
		if t.tint != nil {
			if shade, ok := t.tint(i, col); ok {
				d.ink(shade)
			}
		}
		for k, line := range r.cells[n] {
			d.cell(x, y+float64(k)*tableText.high(), c, c.style(), line)
		}
		x += c.w
	}
	d.ink(ink)
	d.SetY(y + r.high)
}
