package profile

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// instant is where a time stands and how it is written.
type instant struct {
	from      *path // nil: the receipt
	as        string
	layout    string
	zoned     bool // the layout has a zone of its own
	zone      zone
	ofMessage bool
}

// epochs are how many of a unit are a millisecond, as a power of ten.
var epochs = map[string]int64{"s": -3, "ms": 0, "us": 3, "ns": 6}

// maxTimeMS is the year 2262, as telemetry has it: no time beyond is dated, so nothing is lost by it.
const maxTimeMS = 9_223_372_036_000

func (p *problems) time(t *Time, codec bool) *instant {
	if t == nil {
		return nil
	}
	out := &instant{as: t.As, ofMessage: t.Of == "message" || t.Of == "" && codec}
	if t.From != "receipt" {
		out.from = p.path("time.from", t.From, true)
	}
	if t.Of != "" && t.Of != "reading" && t.Of != "message" {
		p.bad("time.of", "%q: must be reading or message", cut(t.Of))
	}
	var err error
	if out.zone, err = newZone(t.Zone, t.Offsets); err != nil {
		p.bad("time.zone", "%w", err)
	}
	layout, isLayout := strings.CutPrefix(t.As, "layout:")
	_, epoch := epochs[t.As]
	switch {
	case isLayout:
		out.as, out.layout, out.zoned = "layout", layout, strings.Contains(layout, "Z07") || strings.Contains(layout, "-07")
		if err := checkLayout(layout); err != nil {
			p.bad("time.as", "%w", err)
		}
		if out.zoned && t.Zone != "" {
			p.bad("time.zone", "must be absent: the layout has one")
		}
	case t.Zone != "":
		p.bad("time.zone", "is only for a layout: other times say it themselves")
	case t.As == "":
		out.as = "auto"
	case t.As != "auto" && t.As != "rfc3339" && !epoch:
		p.bad("time.as", "%q: must be auto, s, ms, us, ns, rfc3339, or layout: and a layout of Go such as 2006-01-02 15:04:05", cut(t.As))
	}
	return out
}

// checkLayout wants a layout that says the date and the time to the minute. Names of zones such as CET mean several zones, and machines
// have different ones.
func checkLayout(layout string) error {
	if strings.Contains(layout, "MST") {
		return fmt.Errorf("layout %q has a zone's short name, which means several; give the zone", cut(layout))
	}
	at := time.Date(2026, 11, 24, 17, 38, 0, 0, time.UTC)
	back, err := time.ParseInLocation(layout, at.Format(layout), time.UTC)
	if err != nil || !back.Equal(at) || len(layout) > 64 {
		return fmt.Errorf("layout %q must say the date and the time, in Go's way: 2006-01-02 15:04:05", cut(layout))
	}
	return nil
}

// read gives the milliseconds since 1970, and whether the text says them.
func (in *instant) read(s string) (int64, bool) {
	switch in.as {
	case "rfc3339":
		return rfc3339(s)
	case "layout":
		t, err := time.ParseInLocation(in.layout, s, time.UTC)
		if err != nil {
			return 0, false
		}
		ms := t.UnixMilli()
		if !in.zoned {
			ms = in.zone.utc(ms)
		}
		return clampMS(ms), true
	case "auto":
		if ms, ok := rfc3339(s); ok {
			return ms, true
		}
		return epoch(s, "")
	}
	return epoch(s, in.as)
}

func rfc3339(s string) (int64, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, false
	}
	return clampMS(t.UnixMilli()), true
}

// epoch reads a number of a unit since 1970, to the nearest millisecond. Without unit its size tells: seconds below 100,000,000,000 (the
// year 5138), milliseconds below 100,000,000,000,000, microseconds below 100,000,000,000,000,000.
func epoch(s, unit string) (int64, bool) {
	if numberLen(s) != len(s) || s == "" {
		return 0, false
	}
	if unit == "" {
		whole, _, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
		if strings.ContainsAny(whole, "eE") {
			return 0, false
		}
		switch n := len(whole); {
		case n <= 11:
			unit = "s"
		case n <= 14:
			unit = "ms"
		case n <= 17:
			unit = "us"
		default:
			unit = "ns"
		}
	}
	if m, shift, ok := digits(s); ok && shift == 1 && (unit == "ms" || unit == "s" && -maxTimeMS < m && m < maxTimeMS) {
		if unit == "s" {
			m *= 1000
		}
		return clampMS(m), true
	}
	r, ok := rational(s)
	if !ok {
		return 0, false
	}
	switch power := epochs[unit]; {
	case power < 0:
		r.Mul(r, big.NewRat(1000, 1))
	case power > 0:
		r.Quo(r, new(big.Rat).SetInt64(map[int64]int64{3: 1000, 6: 1_000_000}[power]))
	}
	return clampRat(r), true
}

// clampRat rounds to the nearest millisecond, halves up.
func clampRat(r *big.Rat) int64 {
	n := new(big.Int).Add(new(big.Int).Mul(r.Num(), big.NewInt(2)), r.Denom())
	n.Div(n, new(big.Int).Mul(r.Denom(), big.NewInt(2)))
	if !n.IsInt64() {
		if n.Sign() < 0 {
			return 0
		}
		return maxTimeMS - 1
	}
	return clampMS(n.Int64())
}

func clampMS(ms int64) int64 { return min(max(ms, 0), maxTimeMS-1) }

// reject is a refusal that reaches the sender.
func reject(r telemetry.Reason, format string, args ...any) *telemetry.Reject {
	return &telemetry.Reject{Reason: r, Detail: fmt.Sprintf(format, args...)}
}
