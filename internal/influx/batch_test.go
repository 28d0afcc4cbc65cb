package influx

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/influxdata/influxdb-client-go/v2/api/write"
)

// FuzzBatchAgainstLibrary compares our line protocol with the library's encoder wherever the library keeps the value (it
// replaces control characters in strings by two-character texts).
func FuzzBatchAgainstLibrary(f *testing.F) {
	f.Add("reading", "log", "a b,c=d", "note", `say "hi" \ there`, 4.2, int64(-7), int64(1563321600000000001))
	f.Add("m", "k", "é", "f", "", math.Copysign(0, -1), int64(0), int64(0))
	f.Fuzz(func(t *testing.T, measurement, tagKey, tagValue, field, text string, x float64, n, at int64) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) || tagValue == "" || strings.Contains(measurement, "=") {
			t.Skip()
		}
		p := Point{Measurement: measurement, Tags: map[string]string{tagKey: tagValue}, Fields: map[string]any{field: text, field + "_n": n, field + "_x": x, field + "_b": n > 0}, Time: time.Unix(0, at)}
		var b Batch
		if err := b.Add(p); err != nil {
			if len(b.buf) != 0 || b.points != 0 {
				t.Fatal("a refused point left bytes behind")
			}
			t.Skip()
		}
		want := write.PointToLineProtocol(write.NewPoint(measurement, p.Tags, p.Fields, p.Time), time.Nanosecond)
		if got := string(b.buf); got != want {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	})
}

func TestAddRefusesWhatLineProtocolCannotCarry(t *testing.T) {
	for name, p := range map[string]Point{
		"line end in a tag":   {Measurement: "m", Tags: map[string]string{"k": "a\nb"}, Fields: map[string]any{"f": true}},
		"backslash in a tag":  {Measurement: "m", Tags: map[string]string{"k": `a\`}, Fields: map[string]any{"f": true}},
		"no fields":           {Measurement: "m"},
		"comment":             {Measurement: "#m", Fields: map[string]any{"f": true}},
		"unknown field type":  {Measurement: "m", Fields: map[string]any{"f": 1}},
		"not a finite number": {Measurement: "m", Fields: map[string]any{"f": inf()}},
	} {
		var b Batch
		if err := b.Add(p); err == nil {
			t.Errorf("%s: accepted as %q", name, b.buf)
		}
	}
}

func inf() float64 { x := 0.0; return 1 / x }
