package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/sfnt"
	"rsc.io/qr"
)

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
	curves = []rgb{{0, 92, 170}, {128, 60, 150}, {0, 120, 110}, {160, 80, 0}, {200, 60, 120}, {70, 90, 30}, {60, 60, 160}, {180, 130, 0}, {0, 150, 190}, {110, 40, 40}, {90, 110, 130}, {0, 90, 60}}
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
func PDF(w io.Writer, r *Report, look Style) error {
	if look.Fonts == nil {
		look.Fonts = builtin()
	}
	d := &document{Fpdf: fpdf.New("P", "mm", "A4", ""), report: r, fonts: look.Fonts, held: map[string]bool{}, glyphs: map[style]map[rune]glyph{}, clock: clockOf(r.Zone)}
	d.SetTitle("Shipment report "+plain(r.Shipment), true)
	d.SetAuthor(plain(r.By), true)
	d.SetCreator("Trackseal", true)
	d.SetLang("en")
	made := time.UnixMilli(r.GeneratedMS).UTC()
	d.SetCreationDate(made)
	d.SetModificationDate(made)
	d.SetCatalogSort(true)
	d.SetMargins(left, 14, 210-right)
	d.SetAutoPageBreak(false, 0)
	d.SetFooterFunc(d.foot)
	d.AliasNbPages("{pages}")
	d.AddPage()
	d.head(look.Logo)
	d.facts()
	d.verdict()
	for i, t := range tables(r) {
		d.part(t)
		if i > 0 {
			continue
		}
		for i := range r.Series { // the pictures stand below the summary
			d.chart(&r.Series[i])
		}
		d.trackMap(&r.Map)
	}
	d.verification()
	if err := d.Error(); err != nil {
		return fmt.Errorf("report as PDF: %w", err)
	}
	return d.Output(w)
}

type document struct {
	*fpdf.Fpdf
	report *Report
	fonts  *Fonts
	held   map[string]bool // fonts, by family
	glyphs map[style]map[rune]glyph
	buffer sfnt.Buffer
	clock  clock
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
	s := style{size: 7}
	d.ink(soft)
	d.put(right-19, 286, s, fmt.Sprintf("page %d of {pages}", d.PageNo()))
	d.put(left, 286, s, d.fit(s, d.text(fmt.Sprintf("Trackseal · %s · made %s by %s", d.report.Shipment, d.clock.brief(d.report.GeneratedMS), d.report.By)), width-24))
}

// head is the title with the organisation's logo at the right.
func (d *document) head(logo []byte) {
	y := d.GetY()
	d.ink(ink)
	d.put(left, y, style{bold: true, size: 17}, "Shipment report")
	d.ink(soft)
	bottom := d.block(left, y+8.5, width-50, style{mono: true, size: 10}, d.text(d.report.Shipment))
	if logo != nil {
		const wide, high = 44.0, 16.0
		d.RegisterImageOptionsReader("logo", fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(logo))
		if info := d.GetImageInfo("logo"); info != nil && info.Width() > 0 && info.Height() > 0 {
			scale := min(wide/info.Width(), high/info.Height())
			w, h := info.Width()*scale, info.Height()*scale
			d.ImageOptions("logo", right-w, y, w, h, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
			bottom = max(bottom, y+h)
		}
	}
	d.SetY(bottom + 2.5)
}

// facts are two columns of name and value.
func (d *document) facts() {
	r := d.report
	delivered := d.clock.full(r.DeliveredMS)
	if r.StatedMS != 0 {
		delivered = d.clock.full(r.StatedMS) + ", as both sides stated; recorded on the ledger " + d.clock.full(r.DeliveredMS)
	}
	rows := [][2]string{{"Goods", r.Description}, {"Quantity", strings.TrimSpace(r.Quantity + " " + r.Unit)}, {"Lot", r.Lot}, {"Lot source", r.LotSource}, {"Reference", r.Reference}, {"From", r.Origin}, {"To", r.Destination},
		{"State", inWords(r.State)}, {"Created", d.clock.full(r.CreatedMS)}, {"Delivered", delivered}, {"Closed", d.clock.full(r.ClosedMS)}}
	rows = append(rows, roles(r.Parties)...)
	if !d.clock.utc() {
		rows = append(rows, [2]string{"Times", "in " + d.clock.name() + ", with the offset from UTC; UTC beside them"})
	}
	s := style{size: 8}
	const name, column = 19.0, width / 2
	type fact struct {
		name  string
		lines []string
	}
	var all []fact
	total := 0
	for _, row := range rows {
		value := d.text(row[1])
		if value == "" || value == "–" {
			switch row[0] {
			case "Goods", "From", "To", "Lot", "State":
				value = "–"
			default:
				continue
			}
		}
		f := fact{row[0], d.wrap(s, value, column-name-4)}
		all, total = append(all, f), total+len(f.lines)
	}
	y := d.GetY()
	x, at, most, used := left, y, y, 0
	for _, f := range all {
		if x == left && used*2 >= total && used > 0 { // the second half
			x, at = left+column, y
		}
		d.ink(soft)
		d.put(x, at, s, f.name)
		d.ink(ink)
		for _, line := range f.lines {
			d.put(x+name, at, s, line)
			at += s.high()
		}
		at += 0.8
		used += len(f.lines)
		most = max(most, at)
	}
	d.SetY(most + 2)
}

// roles are the parties by role.
func roles(parties []Party) (out [][2]string) {
	for _, p := range parties {
		name := strings.ToUpper(p.Role[:1]) + p.Role[1:]
		if n := len(out); n > 0 && out[n-1][0] == name {
			out[n-1][1] += ", " + p.Org
			continue
		}
		out = append(out, [2]string{name, p.Org})
	}
	return out
}

func (d *document) verdict() {
	r := d.report
	c := colour(r.Verdict)
	d.need(30)
	y := d.GetY() + 1
	d.ink(c)
	d.put(left+4, y, style{bold: true, size: 15}, Word(r.Verdict))
	d.ink(soft)
	end := d.block(left+4, y+7.5, width-4, style{size: 8}, d.text(fmt.Sprintf("by rule set %s (%s), judged in event time up to %s.", r.RuleSet, r.RuleSetTitle, d.clock.full(r.EvaluatedToMS))))
	d.fill(c)
	d.Rect(left, y, 1.6, end-y, "F")
	d.SetY(end + 2)
	d.ink(ink)
	for i, reason := range r.Reasons {
		if i == 12 {
			d.bullet(fmt.Sprintf("and %d more reasons, in the spreadsheet", len(r.Reasons)-i))
			break
		}
		d.bullet(reason)
	}
	if len(r.Reasons) == 0 && r.Verdict == "compliant" {
		d.bullet("Every rule was kept, and nothing is unknown that could have broken one.")
	}
	d.SetY(d.GetY() + 1)
}

func (d *document) bullet(text string) {
	s := style{size: 8.5}
	d.need(s.high())
	d.put(left+4, d.GetY(), s, "•")
	d.block(left+8, d.GetY(), width-8, s, d.text(text))
}

func (d *document) title(text string) {
	y := d.GetY() + 4
	d.ink(ink)
	d.put(left, y, style{bold: true, size: 10.5}, text)
	d.SetY(y + 6)
}

func (d *document) note(text string) {
	s := style{size: 7}
	text = d.text(text)
	d.need(float64(len(d.wrap(s, text, width)))*s.high() + 0.4)
	d.ink(soft)
	d.block(left, d.GetY()+0.4, width, s, text)
	d.ink(ink)
}

func (d *document) verification() {
	v := d.report.Verification
	d.need(58)
	d.title("Check this yourself")
	y := d.GetY()
	x := left
	if v.PageURL != "" {
		d.square(v.PageURL, left-3, y-2, 34)
		x = left + 34
	}
	d.ink(ink)
	end := d.block(x, y, right-x, style{size: 8}, d.text("This report is made by "+d.report.By+"'s server and proves nothing by itself. The evidence bundle does: it holds every signed message, the logs and the ledger's signed blocks, "+
		"and the program verify recomputes from it what is said here, offline, with a policy file of your own."))
	end++
	for _, c := range v.Commands {
		end = d.block(x, end, right-x, style{size: 7, mono: true}, d.text(c))
	}
	d.ink(soft)
	end += 0.6
	for _, line := range []string{v.PageURL, v.EvidenceURL} {
		if line != "" {
			end = d.block(x, end, right-x, style{size: 7.5}, d.text(line))
		}
	}
	if v.Genesis != "" {
		end = d.block(x, end, right-x, style{size: 7.5}, "Channel's first block: "+v.Genesis)
	}
	d.SetY(max(end, y+34))
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
