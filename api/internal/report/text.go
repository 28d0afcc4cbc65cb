package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// style of a piece of text.
type style struct {
	bold, mono bool
	size       float64 // points
}

// high is how high a line is, in millimetres.
func (s style) high() float64 { return s.size * 0.48 }

// glyph is how a rune is set in a style.
type glyph struct {
	*face
	wide float64 // in ems
}

// glyph finds a rune's font and width; what no font has, which spelled text does not hold, is set in the first.
func (d *document) glyph(s style, r rune) glyph {
	s.size = 0
	known := d.glyphs[s]
	if known == nil {
		known = map[rune]glyph{}
		d.glyphs[s] = known
	}
	g, ok := known[r]
	if !ok {
		faces := d.fonts.of(s)
		if g.face = d.fonts.face(faces, r, &d.buffer); g.face == nil {
			g.face = faces[0]
		}
		g.wide = g.face.wide(r, &d.buffer)
		known[r] = g
	}
	return g
}

// run is text of one font.
type run struct {
	*face
	text string
	wide float64 // in millimetres
}

// inMM is a point in millimetres.
const inMM = 25.4 / 72

// runs cuts text where another font is needed. Text must have been spelled.
func (d *document) runs(s style, text string) []run {
	var out []run
	begin := 0
	for i, r := range text {
		g := d.glyph(s, r)
		if n := len(out); n == 0 || out[n-1].face != g.face {
			if n > 0 {
				out[n-1].text = text[begin:i]
			}
			out, begin = append(out, run{face: g.face}), i
		}
		out[len(out)-1].wide += g.wide * s.size * inMM
	}
	if n := len(out); n > 0 {
		out[n-1].text = text[begin:]
	}
	return out
}

// use makes a font the current one; a document holds those that it uses, with the glyphs that it uses.
func (d *document) use(x *face, size float64) {
	if !d.held[x.family] {
		d.AddUTF8FontFromBytes(x.family, "", x.ttf)
		d.held[x.family] = true
	}
	d.SetFont(x.family, "", size)
}

// wide is the width of text in millimetres.
func (d *document) wide(s style, text string) (w float64) {
	for _, r := range text {
		w += d.glyph(s, r).wide
	}
	return w * s.size * inMM
}

// put sets one line with its top left at x, y.
func (d *document) put(x, y float64, s style, text string) {
	y += s.size * 0.36 // the baseline
	for _, r := range d.runs(s, text) {
		d.use(r.face, s.size)
		d.Text(x, y, r.text)
		x += r.wide
	}
}

// right sets one line that ends at x.
func (d *document) right(x, y float64, s style, text string) { d.put(x-d.wide(s, text), y, s, text) }

// fit shortens text to a width, with an ellipsis.
func (d *document) fit(s style, text string, w float64) string {
	if d.wide(s, text) <= w {
		return text
	}
	return text[:d.within(s, text, w-d.wide(s, "…"))] + "…"
}

// within is how many bytes of text, in whole runes, a width holds.
func (d *document) within(s style, text string, w float64) int {
	for i, r := range text {
		if w -= d.wide(s, string(r)); w < 0 {
			return i
		}
	}
	return len(text)
}

// text makes what somebody wrote ready to be set.
func (d *document) text(s string) string { return strings.TrimSpace(d.fonts.spell(plain(s))) }

// wrap breaks text into lines of a width: between words, between ideographs, and within what is longer than a line.
func (d *document) wrap(s style, text string, w float64) []string {
	var out []string
	for _, paragraph := range strings.Split(text, "\n") {
		line, at := "", 0.0
		for _, word := range words(paragraph) {
			n := d.wide(s, strings.TrimRight(word, " "))
			if at+n > w && line != "" {
				out, line, at = append(out, strings.TrimRight(line, " ")), "", 0
			}
			for n > w { // longer than a line
				_, first := utf8.DecodeRuneInString(word)
				cut := max(d.within(s, word, w), first)
				if i := strings.LastIndexAny(word[:cut], "-._/"); i > 0 && !s.mono { // ids and names of zones
					cut = i + 1
				}
				out, word = append(out, word[:cut]), word[cut:]
				n = d.wide(s, strings.TrimRight(word, " "))
			}
			line += word
			at += d.wide(s, word)
		}
		out = append(out, strings.TrimRight(line, " "))
	}
	return out
}

// words are the pieces between which a line may end; blanks stay at the end of the one before. No line begins with a unit's sign.
func words(s string) []string {
	var out []string
	begin := 0
	var last rune
	for i, r := range s {
		if i > begin && (last == ' ' && !strings.ContainsRune(" °%", r) || ideograph(last) && r != ' ' && !unicode.IsPunct(r) || ideograph(r) && last != ' ' && !unicode.IsPunct(last)) {
			out, begin = append(out, s[begin:i]), i
		}
		last = r
	}
	if begin < len(s) {
		out = append(out, s[begin:])
	}
	return out
}

func ideograph(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) }

// block sets text in lines at x, y and gives where the next line would be.
func (d *document) block(x, y, w float64, s style, text string) float64 {
	for _, line := range d.wrap(s, text, w) {
		if y+s.high() > bottom {
			d.AddPage()
			y = d.GetY()
		}
		d.put(x, y, s, line)
		y += s.high()
	}
	d.SetY(y)
	return y
}
