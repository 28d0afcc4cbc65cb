package report

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // a logo may be one
	"image/png"
	"strings"
	"sync"
	"unicode"

	"github.com/go-fonts/dejavu/dejavusanscondensed"
	"github.com/go-fonts/dejavu/dejavusanscondensedbold"
	"github.com/go-fonts/dejavu/dejavusansmono"
	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/runenames"
)

// Style is how an organisation's PDFs look.
type Style struct {
	Fonts *Fonts // nil = the built-in ones
	Logo  []byte // as ReadLogo gives it; nil = none
}

// Fonts set text: the built-in ones hold Latin, Greek, Cyrillic, Armenian and Georgian letters, further ones what these lack.
type Fonts struct{ plain, bold, mono, more []*face }

// face is one font.
type face struct {
	family string
	ttf    []byte
	font   *sfnt.Font
}

// NewFonts adds TrueType fonts to the built-in ones, to be asked in this order for what these lack.
func NewFonts(more ...[]byte) (*Fonts, error) {
	f := &Fonts{}
	read := func(family string, ttf []byte) (*face, error) {
		if bytes.HasPrefix(ttf, []byte("OTTO")) || bytes.HasPrefix(ttf, []byte("ttcf")) {
			return nil, errors.New("is not a single font with TrueType outlines")
		}
		outlines, err := sfnt.Parse(ttf)
		if err != nil {
			return nil, err
		}
		return &face{family, ttf, outlines}, nil
	}
	for _, b := range []struct {
		to     *[]*face
		family string
		ttf    []byte
	}{{&f.plain, "sans", dejavusanscondensed.TTF}, {&f.bold, "bold", dejavusanscondensedbold.TTF}, {&f.mono, "mono", dejavusansmono.TTF}} {
		x, err := read(b.family, b.ttf)
		if err != nil {
			return nil, fmt.Errorf("built-in font %s: %w", b.family, err)
		}
		*b.to = []*face{x}
	}
	for i, ttf := range more {
		x, err := read(fmt.Sprintf("more%d", i), ttf)
		if err != nil {
			return nil, err
		}
		f.more = append(f.more, x)
	}
	return f, nil
}

// builtin fonts alone.
var builtin = sync.OnceValue(func() *Fonts {
	f, err := NewFonts()
	if err != nil { // they are part of the program
		panic(err)
	}
	return f
})

// of are the fonts of a style, in the order in which they are asked.
func (f *Fonts) of(s style) []*face {
	own := f.plain
	switch {
	case s.mono:
		own = f.mono
	case s.bold:
		own = f.bold
	}
	return append(append(own[:1:1], f.plain...), f.more...)
}

// set are the scripts whose letters stand side by side in the order in which they are written. Others need a typesetter that joins and
// reorders letters, which this one does not.
var set = []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Georgian, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo,
	unicode.Hangul, unicode.Common, unicode.Inherited}

// face of a rune, nil when it cannot be set.
func (f *Fonts) face(faces []*face, r rune, buf *sfnt.Buffer) *face {
	if r > 0xffff || !unicode.In(r, set...) { // the PDF's fonts are addressed by 16 bits
		return nil
	}
	for _, x := range faces {
		if g, err := x.font.GlyphIndex(buf, r); err == nil && g != 0 {
			return x
		}
	}
	return nil
}

// wide is a rune's width in ems.
func (x *face) wide(r rune, buf *sfnt.Buffer) float64 {
	g, err := x.font.GlyphIndex(buf, r)
	if err != nil {
		return 0
	}
	const em = 1000
	a, err := x.font.GlyphAdvance(buf, g, fixed.I(em), font.HintingNone)
	if err != nil {
		return 0
	}
	return float64(a) / 64 / em
}

// spell gives text in which everything can be set: what cannot be is spelled out in brackets, by its Unicode names or, where it has none,
// by its code, so that nothing is a box.
func (f *Fonts) spell(text string) string {
	faces, buf := f.of(style{}), &sfnt.Buffer{}
	var out strings.Builder
	var lost []rune
	end := func() {
		if len(lost) > 0 {
			out.WriteString("[" + spelled(lost) + "]")
			lost = lost[:0]
		}
	}
	for _, r := range norm.NFC.String(text) {
		switch {
		case r != ' ' && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r)): // says how to draw its neighbours
		case f.face(faces, r, buf) == nil:
			lost = append(lost, r)
		default:
			end()
			out.WriteRune(r)
		}
	}
	end()
	return out.String()
}

// spelled names runes: "package", "Arabic lam qaf alef hah", "U+674E".
func spelled(runes []rune) string {
	var words []string
	script := ""
	for _, r := range runes {
		name := runenames.Name(r)
		if name == "" || name[0] == '<' || strings.Contains(name, "IDEOGRAPH") {
			words, script = append(words, fmt.Sprintf("U+%04X", r)), ""
			continue
		}
		of, letter, ok := strings.Cut(name, " LETTER ")
		if !ok {
			words, script = append(words, strings.ToLower(name)), ""
			continue
		}
		if of != script {
			words, script = append(words, of[:1]+strings.ToLower(of[1:])), of
		}
		words = append(words, strings.ToLower(letter))
	}
	return strings.Join(words, " ")
}

// The largest logo.
const (
	maxLogo   = 1 << 20 // bytes
	maxPixels = 4 << 20
)

// ReadLogo reads a PNG or JPEG picture, and gives it in the one form that is put into documents.
func ReadLogo(raw []byte) ([]byte, error) {
	if len(raw) > maxLogo {
		return nil, fmt.Errorf("is larger than %d bytes", maxLogo)
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("is no PNG or JPEG picture: %w", err)
	}
	if size.Width <= 0 || size.Height <= 0 || size.Width*size.Height > maxPixels {
		return nil, fmt.Errorf("has %d by %d pixels, at most %d in all are taken", size.Width, size.Height, maxPixels)
	}
	picture, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	flat := image.NewNRGBA(image.Rect(0, 0, size.Width, size.Height)) // eight bits, not interlaced
	for y := range size.Height {
		for x := range size.Width {
			flat.Set(x, y, picture.At(picture.Bounds().Min.X+x, picture.Bounds().Min.Y+y))
		}
	}
	var out bytes.Buffer
	err = png.Encode(&out, flat)
	return out.Bytes(), err
}
