package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"rsc.io/qr"
)

// maxRows bounds the tables of the PDF; the spreadsheet has all rows.
const maxRows = 60

// page geometry in millimetres, A4.
const (
	left   = 15.0
	right  = 195.0
	width  = right - left
	bottom = 280.0
)

type rgb struct{ r, g, b int }

var (
	ink    = rgb{28, 34, 40}
	soft   = rgb{98, 108, 118}
	rule   = rgb{214, 219, 224}
	good   = rgb{22, 112, 74}
	bad    = rgb{178, 34, 40}
	unsure = rgb{150, 98, 0}
	curves = []rgb{{0, 92, 170}, {128, 60, 150}, {0, 120, 110}, {160, 80, 0}}
)

func colour(verdict string) rgb {
	switch verdict {
	case "compliant", "met", "pass":
		return good
	case "non_compliant", "broken", "fail":
		return bad
	}
	return unsure
}

// PDF writes the report as A4 pages: verdict first, then charts, what happened, who held the goods, and how to check it.
func PDF(w io.Writer, r *Report) error {
	d := &document{Fpdf: fpdf.New("P", "mm", "A4", ""), report: r}
	d.AddUTF8FontFromBytes("go", "", goregular.TTF)
	d.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	d.AddUTF8FontFromBytes("mono", "", gomono.TTF)
	d.SetTitle("Shipment report "+plain(r.Shipment), true)
	d.SetAuthor(plain(r.By), true)
	d.SetCreator("Trackseal", true)
	d.SetLang("en")
	made := time.UnixMilli(r.GeneratedMS).UTC()
	d.SetCreationDate(made)
	d.SetModificationDate(made)
	d.SetCatalogSort(true)
	d.SetMargins(left, 14, 210-right)
	d.SetAutoPageBreak(true, 297-bottom)
	d.SetFooterFunc(d.foot)
	d.AliasNbPages("{pages}")
	d.AddPage()
	d.head()
	d.facts()
	d.verdict()
	for i := range r.Series {
		d.chart(&r.Series[i])
	}
	d.tables()
	d.verification()
	if err := d.Error(); err != nil {
		return fmt.Errorf("report as PDF: %w", err)
	}
	return d.Output(w)
}

type document struct {
	*fpdf.Fpdf
	report *Report
}

func (d *document) ink(c rgb)  { d.SetTextColor(c.r, c.g, c.b) }
func (d *document) line(c rgb) { d.SetDrawColor(c.r, c.g, c.b) }
func (d *document) fill(c rgb) { d.SetFillColor(c.r, c.g, c.b) }

// need begins a new page unless h millimetres are left.
func (d *document) need(h float64) {
	if d.GetY()+h > bottom {
		d.AddPage()
	}
}

func (d *document) foot() {
	d.SetY(-12)
	d.SetFont("go", "", 7.5)
	d.ink(soft)
	d.CellFormat(width-30, 5, fmt.Sprintf("Trackseal · shipment %s · made %s by %s", plain(d.report.Shipment), when(d.report.GeneratedMS), plain(d.report.By)), "", 0, "L", false, 0, "")
	d.CellFormat(34, 5, fmt.Sprintf("page %d of {pages}", d.PageNo()), "", 0, "R", false, 0, "")
}

func (d *document) head() {
	d.SetFont("go", "B", 18)
	d.ink(ink)
	d.CellFormat(width, 9, "Shipment report", "", 1, "L", false, 0, "")
	d.SetFont("mono", "", 11)
	d.ink(soft)
	d.CellFormat(width, 6, plain(d.report.Shipment), "", 1, "L", false, 0, "")
	d.Ln(2)
}

// facts are two columns of name and value.
func (d *document) facts() {
	r := d.report
	rows := [][2]string{{"Goods", r.Description}, {"From", r.Origin}, {"To", r.Destination}, {"Lot", r.Lot}, {"State", strings.ReplaceAll(r.State, "_", " ")},
		{"Created", when(r.CreatedMS)}, {"Delivered", when(r.DeliveredMS)}, {"Closed", when(r.ClosedMS)}}
	for _, p := range r.Parties {
		rows = append(rows, [2]string{strings.ToUpper(p.Role[:1]) + p.Role[1:], p.Org})
	}
	y, column := d.GetY(), width/2
	half := (len(rows) + 1) / 2
	for i, row := range rows {
		x := left
		line := i
		if i >= half {
			x, line = left+column, i-half
		}
		d.SetXY(x, y+float64(line)*5.2)
		d.SetFont("go", "", 8.5)
		d.ink(soft)
		d.CellFormat(22, 5, row[0], "", 0, "L", false, 0, "")
		d.ink(ink)
		value := plain(row[1])
		if value == "" {
			value = "–"
		}
		d.CellFormat(column-24, 5, d.fit(value, column-24), "", 0, "L", false, 0, "")
	}
	d.SetXY(left, y+float64(half)*5.2+2)
}

// fit shortens text to a width, with an ellipsis.
func (d *document) fit(s string, w float64) string {
	w -= 2 // the cell's own margin
	if d.GetStringWidth(s) <= w {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && d.GetStringWidth(string(runes)+"…") > w {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

func (d *document) verdict() {
	r := d.report
	c := colour(r.Verdict)
	d.need(24)
	y := d.GetY() + 1
	d.fill(c)
	d.Rect(left, y, 1.6, 14, "F")
	d.SetXY(left+4, y)
	d.SetFont("go", "B", 15)
	d.ink(c)
	d.CellFormat(width-4, 7, Word(r.Verdict), "", 1, "L", false, 0, "")
	d.SetX(left + 4)
	d.SetFont("go", "", 8.5)
	d.ink(soft)
	d.CellFormat(width-4, 5, d.fit(fmt.Sprintf("by rule set %s, %s. Judged in event time up to %s.", plain(r.RuleSet), plain(r.RuleSetTitle), when(r.EvaluatedToMS)), width-4), "", 1, "L", false, 0, "")
	d.SetXY(left, y+16)
	d.ink(ink)
	for i, reason := range r.Reasons {
		if i == 12 {
			d.bullet(fmt.Sprintf("and %d more reasons, in the spreadsheet", len(r.Reasons)-i))
			break
		}
		d.bullet(reason)
	}
	if len(r.Reasons) == 0 && r.Verdict == "compliant" {
		d.bullet("Every rule was held, and no time is unknown.")
	}
	d.Ln(2)
}

func (d *document) bullet(text string) {
	d.SetFont("go", "", 9)
	d.SetX(left + 4)
	d.CellFormat(4, 4.6, "•", "", 0, "L", false, 0, "")
	d.MultiCell(width-8, 4.6, plain(text), "", "L", false)
}

func (d *document) title(text string) {
	d.need(22)
	d.Ln(3)
	d.SetFont("go", "B", 11)
	d.ink(ink)
	d.CellFormat(width, 6, text, "", 1, "L", false, 0, "")
	d.Ln(0.5)
}

func (d *document) note(text string) {
	d.SetFont("go", "", 8)
	d.ink(soft)
	d.MultiCell(width, 4, plain(text), "", "L", false)
	d.ink(ink)
}

// column of a table.
type column struct {
	head  string
	w     float64
	align string // L or R
	mono  bool
}

// cellLines is how many lines a cell of a table may have before it is shortened.
const cellLines = 3

// lines breaks a cell's text to its column. Numbers and hashes stay on one line.
func (d *document) lines(c column, text string) []string {
	text = plain(text)
	if c.mono || c.align == "R" || d.GetStringWidth(text) <= c.w-2 {
		return []string{d.fit(text, c.w)}
	}
	all := d.SplitText(text, c.w)
	if len(all) > cellLines {
		all = append(all[:cellLines-1], d.fit(strings.Join(all[cellLines-1:], " "), c.w))
	}
	return all
}

// table writes rows under a repeated head. Cells are broken into a few lines, then shortened.
func (d *document) table(columns []column, rows [][]string, tint func(row, col int) rgb) {
	header := func() {
		d.SetFont("go", "B", 8)
		d.ink(soft)
		for _, c := range columns {
			d.CellFormat(c.w, 5, c.head, "", 0, c.align, false, 0, "")
		}
		d.Ln(5)
		d.line(rule)
		d.SetLineWidth(0.2)
		d.Line(left, d.GetY(), right, d.GetY())
	}
	d.need(16)
	header()
	for i, row := range rows {
		if i == maxRows {
			d.note(fmt.Sprintf("and %d more rows, in the spreadsheet", len(rows)-i))
			break
		}
		cells, high := make([][]string, len(columns)), 1
		for j, c := range columns {
			d.font(c)
			cells[j] = d.lines(c, row[j])
			high = max(high, len(cells[j]))
		}
		if d.GetY()+rowHeight(high) > bottom {
			d.AddPage()
			header()
		}
		y := d.GetY()
		for j, c := range columns {
			d.font(c)
			d.ink(tint(i, j))
			x := d.GetX()
			for n, line := range cells[j] {
				d.SetXY(x, y+float64(n)*lineHeight)
				d.CellFormat(c.w, 4.8, line, "", 0, c.align, false, 0, "")
			}
			d.SetXY(x+c.w, y)
		}
		d.SetXY(left, y+rowHeight(high))
	}
	d.ink(ink)
}

const lineHeight = 3.8

func rowHeight(lines int) float64 { return 4.8 + float64(lines-1)*lineHeight }

func (d *document) font(c column) {
	if c.mono {
		d.SetFont("mono", "", 7)
		return
	}
	d.SetFont("go", "", 8)
}

// square draws a QR code of side s.
func (d *document) square(text string, x, y, s float64) {
	code, err := qr.Encode(text, qr.M)
	if err != nil { // too long for a code: the address is printed beside it anyway
		return
	}
	module := s / float64(code.Size+8)
	d.fill(rgb{0, 0, 0})
	for row := range code.Size {
		for col := 0; col < code.Size; col++ {
			run := 0
			for col+run < code.Size && code.Black(col+run, row) {
				run++
			}
			if run > 0 {
				d.Rect(x+module*float64(col+4), y+module*float64(row+4), module*float64(run), module, "F")
				col += run
			}
		}
	}
}
