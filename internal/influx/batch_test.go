package influx

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/influxdata/influxdb-client-go/v2/api/write"

	"github.com/trackseal/trackseal/internal/stored"
)

// FuzzBatchAgainstLibrary compares our line protocol with the library's encoder wherever the library keeps the value (it
// replaces control characters in strings by two-character texts).
func FuzzBatchAgainstLibrary(f *testing.F) {
	f.Add("a b,c=d", `say "hi" \ there`, 4.2, int64(1563321600001))
	f.Add("é", "", math.Copysign(0, -1), int64(0))
	f.Fuzz(func(t *testing.T, tag, text string, x float64, ms int64) {
		unprintable := func(r rune) bool { return r < ' ' || r == 0x7f }
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) || math.IsNaN(x) || math.IsInf(x, 0) || ms != ms*1e6/1e6 {
			t.Skip()
		}
		// Tags are identifiers that were checked before; a backslash or a line end never gets here.
		if !utf8.ValidString(tag) || strings.ContainsFunc(tag, unprintable) || strings.Contains(tag, `\`) || tag == "" {
			t.Skip()
		}
		var b batch
		b.QualityFlag(&stored.QualityFlag{Tracker: tag, Reason: "jump", Metric: tag, Shipment: text, TimeMS: ms, Value: x, Against: -x})
		want := write.PointToLineProtocol(write.NewPoint("anomaly", map[string]string{"tracker": tag, "reason": "jump", "metric": tag},
			map[string]any{"shipment": text, "value": x, "against": -x}, time.UnixMilli(ms)), time.Nanosecond)
		if got := string(b.buf); got != want {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	})
}
