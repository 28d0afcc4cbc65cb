package judging

import (
	"github.com/trackseal/trackseal/api/internal/report"
)

// Gaps finds the times at which no tracker knew a metric, from readings in the order of time. It is for pictures: the verdict
// counts unknown time for each tracker.
type Gaps struct {
	maxMS int64
	known map[string]int64 // metric -> until when its last value holds
	spans map[string][]report.Span
}

// maxGaps bounds what a chart shades.
const maxGaps = 2000

func NewGaps(maxMS int64) *Gaps {
	return &Gaps{maxMS: maxMS, known: map[string]int64{}, spans: map[string][]report.Span{}}
}

func (g *Gaps) take(ms int64, values map[string]float64) {
	for name := range values {
		g.seen(name, ms)
	}
	for _, a := range []string{"accel_x", "accel_y", "accel_z"} {
		if _, ok := values[a]; !ok {
			return
		}
	}
	g.seen("acceleration", ms)
}

func (g *Gaps) seen(metric string, ms int64) {
	until, ok := g.known[metric]
	if ok && ms > until && len(g.spans[metric]) < maxGaps {
		g.spans[metric] = append(g.spans[metric], report.Span{FromMS: until, ToMS: ms})
	}
	g.known[metric] = max(until, ms+g.maxMS)
}

// of gives a metric's gaps up to the end of judging.
func (g *Gaps) Of(metric string, toMS int64) []report.Span {
	out := g.spans[metric]
	if until, ok := g.known[metric]; ok && toMS > until {
		out = append(out[:len(out):len(out)], report.Span{FromMS: until, ToMS: toMS})
	}
	return out
}
