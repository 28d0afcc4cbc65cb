package report

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/image/font/gofont/goregular"
)

var (
	streams = regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`)
	shown   = regexp.MustCompile(`(?s)Td \(((?:[^\\)]|\\.)*)\) Tj`)
	escape  = regexp.MustCompile(`(?s)\\(.)`)
)

// textOf are the pieces of text that a PDF sets, in their order: each run of one font is one.
func textOf(t *testing.T, pdf []byte) []string {
	t.Helper()
	var out []string
	for _, m := range streams.FindAllSubmatch(pdf, -1) {
		z, err := zlib.NewReader(bytes.NewReader(m[1]))
		if err != nil {
			continue
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			continue
		}
		for _, s := range shown.FindAllSubmatch(raw, -1) {
			b := escape.ReplaceAllFunc(s[1], func(e []byte) []byte {
				if e[1] == 'r' {
					return []byte("\r")
				}
				return e[1:]
			})
			units := make([]uint16, len(b)/2)
			for i := range units {
				units[i] = binary.BigEndian.Uint16(b[2*i:])
			}
			out = append(out, string(utf16.Decode(units)))
		}
	}
	return out
}

func pdfOf(t *testing.T, r *Report, look Style) (pieces []string, text string) {
	t.Helper()
	var b bytes.Buffer
	if err := PDF(&b, r, look); err != nil {
		t.Fatal(err)
	}
	pieces = textOf(t, b.Bytes())
	return pieces, strings.Join(pieces, "\n")
}

func TestPDFSaysWhatTheReportHolds(t *testing.T) {
	_, text := pdfOf(t, sample(), Style{})
	for _, want := range []string{"Not compliant", "Vaccine DTP, 40 boxes", "Ljubljana, Klinični center", "Ana Kovač, consignee", "1 h 45 min", "all 2 together", "5.9", "all peers", "shipment created",
		"Tue 2023-11-14 21:13:20 UTC", "2023-11-15 08:38:20", "page 1 of 3"} {
		if !strings.Contains(text, want) {
			t.Errorf("the PDF lacks %q:\n%s", want, text)
		}
	}
}

// What a font lacks is spelled out, and nothing is a box.
func TestSpell(t *testing.T) {
	f := builtin()
	for in, want := range map[string]string{
		"Nguyễn, Ελλάδα, Якутск, Łódź, ΐ": "Nguyễn, Ελλάδα, Якутск, Łódź, ΐ",
		"疫苗":               "[U+75AB U+82D7]",
		"لقاح x":           "[Arabic lam qaf alef hah] x",
		"📦📦":               "[package package]",
		"👩‍🔬 a":            "[woman microscope] a",
		"e\u0301":          "é",
		"𠮷":                "[U+20BB7]",
		"a\u200d\ufe0fb":   "ab",
		"ワ":                "[Katakana wa]",
		"\ue000":           "[U+E000]",
		"8 °C ≤ ½ → № – €": "8 °C ≤ ½ → № – €",
	} {
		if got := f.spell(in); got != want {
			t.Errorf("%q is set as %q, want %q", in, got, want)
		}
	}
}

// withHan is a font that draws two ideographs: Go's, with their codes in the place of two letters.
func withHan(t *testing.T) []byte {
	t.Helper()
	ttf := bytes.Clone(goregular.TTF)
	for i := range int(binary.BigEndian.Uint16(ttf[4:])) {
		entry := ttf[12+16*i:]
		if string(entry[:4]) != "cmap" {
			continue
		}
		at := binary.BigEndian.Uint32(entry[8:])
		table := []byte{0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 0, 12, // one subtable: Windows, Unicode
			0, 4, 0, 40, 0, 0, 0, 6, 0, 4, 0, 1, 0, 2, // format 4, three segments
			0x67, 0x4e, 0x75, 0xab, 0xff, 0xff, 0, 0, // ends
			0x67, 0x4e, 0x75, 0xab, 0xff, 0xff, // starts
			0x98, 0xd6, 0x8a, 0x7a, 0, 1, // deltas: U+674E is glyph 36, U+75AB glyph 37
			0, 0, 0, 0, 0, 0}
		copy(ttf[at:], table)
		binary.BigEndian.PutUint32(entry[12:], uint32(len(table)))
		return ttf
	}
	t.Fatal("no cmap")
	return nil
}

// The printed name of who signed is readable in the signer's script when a font has it.
func TestFurtherFonts(t *testing.T) {
	fonts, err := NewFonts(withHan(t))
	if err != nil {
		t.Fatal(err)
	}
	r := sample()
	r.Acts[0].Name = "QA Person 李"
	if _, text := pdfOf(t, r, Style{Fonts: fonts}); !strings.Contains(text, "李") {
		t.Errorf("the signer's name is not set:\n%s", text)
	}
	if _, text := pdfOf(t, r, Style{}); !strings.Contains(text, "[U+674E]") {
		t.Errorf("without the font it is not spelled out:\n%s", text)
	}
	for name, ttf := range map[string][]byte{"no font": []byte("x"), "collection": []byte("ttcf\x00\x01\x00\x00"), "other outlines": []byte("OTTO\x00\x01")} {
		if _, err := NewFonts(ttf); err == nil {
			t.Errorf("%s: expected an error", name)
		}
	}
}

// Both hours of a change of clocks are told apart, and UTC stands beside them.
func TestReadersZone(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	r := sample()
	r.Zone = vienna
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC).UnixMilli()
	r.Excursions[0].StartMS, r.Excursions[0].EndMS = first, first+3600_000
	_, text := pdfOf(t, r, Style{})
	for _, want := range []string{"2026-10-25 02:30:00\n+02:00, 10-25 00:30 UTC", "2026-10-25 02:30:00\n+01:00, 10-25 01:30 UTC", "Began (Europe/Vienna)", "times in Europe/Vienna"} {
		if !strings.Contains(text, want) {
			t.Errorf("the PDF lacks %q:\n%s", want, text)
		}
	}
	row := cellsOf(t, workbook(t, r, "vienna.xlsx"), "Excursions")[0]
	for head, want := range map[string]string{"Began (UTC)": "2026-10-25 00:30:00", "Began (Europe/Vienna)": "2026-10-25 02:30:00", "Began, UTC offset": "+02:00", "Ended (UTC)": "2026-10-25 01:30:00",
		"Ended (Europe/Vienna)": "2026-10-25 02:30:00", "Ended, UTC offset": "+01:00"} {
		if row[head] != want {
			t.Errorf("%s is %q, want %q", head, row[head], want)
		}
	}
	var table bytes.Buffer
	if err := CSV(&table, r); err != nil || !strings.Contains(table.String(), "2026-10-25T02:30:00.000+02:00,2026-10-25T02:30:00.000+01:00") {
		t.Errorf("%v:\n%s", err, table.String())
	}
}

// The marks of a day that is 25 hours long are at the zone's midnights.
func TestTicksAreDaysOfTheZone(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 10, 23, 12, 0, 0, 0, vienna)
	for _, x := range clockOf(vienna).ticks(from.UnixMilli(), from.AddDate(0, 0, 5).UnixMilli()) {
		if at := time.UnixMilli(x.ms).In(vienna); at.Hour() != 0 || at.Format("2006-01-02") != x.text {
			t.Errorf("mark %q is at %s", x.text, at)
		}
	}
}

func TestLogo(t *testing.T) {
	picture := image.NewNRGBA64(image.Rect(3, 3, 83, 43))
	picture.Set(10, 10, color.White)
	var p, j bytes.Buffer
	if err := png.Encode(&p, picture); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&j, picture, nil); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"png": p.Bytes(), "jpeg": j.Bytes()} {
		logo, err := ReadLogo(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var pdf bytes.Buffer
		if err := PDF(&pdf, sample(), Style{Logo: logo}); err != nil || !bytes.Contains(pdf.Bytes(), []byte("/Subtype /Image")) {
			t.Errorf("%s: no picture in the PDF: %v", name, err)
		}
	}
	var huge bytes.Buffer
	if err := png.Encode(&huge, image.NewGray(image.Rect(0, 0, 4000, 3000))); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "too many bytes": make([]byte, maxLogo+1), "too many pixels": huge.Bytes(), "cut": p.Bytes()[:60]} {
		if _, err := ReadLogo(raw); err == nil {
			t.Errorf("%s: expected an error", name)
		}
	}
}

func TestWrap(t *testing.T) {
	d := &document{fonts: builtin(), glyphs: map[style]map[rune]glyph{}}
	s := style{size: 8}
	for in, want := range map[string]string{
		"short":                        "short",
		"two words that need lines":    "two words|that need|lines",
		"temperature above 8 °C":       "temperature|above 8 °C",
		"carrier.PALLET-LOGGER-01":     "carrier.|PALLET-|LOGGER-01",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaa": "aaaaaaaaaaaa|aaaaaaaaaaaa|aaaa",
		"one\ntwo":                     "one|two",
		"":                             "",
	} {
		got := d.wrap(s, in, 19)
		for _, line := range got {
			if d.wide(s, line) > 19 {
				t.Errorf("%q: the line %q is %.1f mm wide", in, line, d.wide(s, line))
			}
		}
		if joined := strings.Join(got, "|"); joined != want {
			t.Errorf("%q is broken as %q, want %q", in, joined, want)
		}
	}
}
