package compliance

import (
	"fmt"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// Silence is the longest time without any reading, of whatever metric. Longer silence is unknown time and listed as an
// excursion: it makes a verdict inconclusive, since nothing says that the goods suffered.
type Silence struct {
	MaxS int `json:"max_s"`
	// Promise: a message may say when the next one is due; silence beyond that is too long even when it is shorter than MaxS.
	Promise bool `json:"promise,omitempty"`
}

// Detector implements detect.Kind.
func (c *Silence) Detector(_ *detect.Journey, _ string, _ int64) (detect.Detector, error) {
	if c.MaxS < 1 || c.MaxS > maxTime {
		return nil, fmt.Errorf("max_s must be 1 to %d", maxTime)
	}
	return &silenceDetector{config: c}, nil
}

// Need implements detect.Kind: any tracker will do.
func (c *Silence) Need() detect.Need { return detect.Need{} }

// Asks implements detect.Kind.
func (c *Silence) Asks() string {
	text := "A reading at least every " + detect.Seconds(c.MaxS)
	if c.Promise {
		text += ", and whenever the tracker promised one"
	}
	return text
}

// beginner is a detector that wants to know when judging begins: at fromMS, while the tracker has been silent since sinceMS.
type beginner interface{ begin(fromMS, sinceMS int64) }

type silenceDetector struct {
	config           *Silence
	judged           bool
	fromMS           int64 // judging began
	lastMS           int64
	due              int64 // silence is too long from here on
	last             [32]byte
	time             detect.Tally
	longest, allowed int64
	found            detect.Excursions
}

func (d *silenceDetector) begin(fromMS, sinceMS int64) {
	d.judged, d.fromMS, d.lastMS, d.last = true, fromMS, sinceMS, [32]byte{}
	d.due = sinceMS + int64(d.config.MaxS)*1000
}

// Step implements detect.Detector.
func (d *silenceDetector) Step(p *detect.Point) {
	if d.judged {
		d.spend(p.MS, false, p.Message)
	}
	d.judged, d.fromMS, d.lastMS, d.last = true, p.MS, p.MS, p.Message
	allowed := int64(d.config.MaxS)
	if n := int64(p.NextDueS); d.config.Promise && n > 0 {
		allowed = min(allowed, n)
	}
	d.due = p.MS + allowed*1000
}

// spend charges the silence up to ms. fromMS is where the judged part of it begins.
func (d *silenceDetector) spend(ms int64, open bool, next [32]byte) {
	from := max(d.fromMS, d.due)
	if ms <= from {
		d.time.InMS += ms - d.fromMS
		return
	}
	d.time.InMS += from - d.fromMS
	d.time.UnknownMS += ms - from
	x := detect.Excursion{StartMS: from, EndMS: ms, Open: open, Peak: inSeconds(ms - d.lastMS), Limit: inSeconds(d.due - d.lastMS)}
	for _, m := range detect.Messages(d.last, next) {
		if m != [32]byte{} {
			x.Messages = append(x.Messages, m)
		}
	}
	if ms-d.lastMS > d.longest {
		d.longest, d.allowed = ms-d.lastMS, d.due-d.lastMS
	}
	d.found.Add(x)
}

// inSeconds is a time as a number; the largest times do not fit and stay at the largest number.
func inSeconds(ms int64) detect.Decimal { return detect.Decimal(min(ms, 999_999_999_999) * 1000) }

// Cut implements detect.Detector.
func (d *silenceDetector) Cut(ms int64, open bool) {
	if d.judged {
		d.spend(ms, open, [32]byte{})
	}
	d.judged = false
}

// Clone implements detect.Detector.
func (d *silenceDetector) Clone() detect.Detector {
	c := *d
	c.found = d.found.Clone()
	return &c
}

// Finding implements detect.Detector.
func (d *silenceDetector) Finding() detect.Finding {
	f := d.time.Finding(&d.found)
	if n := d.found.Count(); n > 0 {
		f.Because(detect.Unknown, "no reading for %s, %s is allowed; too long %s", detect.Span(d.longest), detect.Span(d.allowed), detect.Times(n))
	}
	return f
}

// Promised tells whether a rule asks what messages say about the next one (detect.Point.NextDueS).
func (r RuleSet) Promised() bool { return promised(r.Rules) }

func promised(rules []Rule) bool {
	for i := range rules {
		if r := &rules[i]; r.Silence != nil && r.Silence.Promise || promised(r.All) || promised(r.Any) {
			return true
		}
	}
	return false
}
