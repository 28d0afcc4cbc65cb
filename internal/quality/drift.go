package quality

import "github.com/trackseal/trackseal/internal/compliance/detect"

// drifting are the quantities that trackers of one shipment share, with how much the difference to the others may move away
// from where it began before it adds up, and what sum is too much.
var drifting = [...]struct {
	metric       detect.Metric
	slack, bound detect.Decimal
}{
	{detect.Temperature, one, 20 * one},
	{detect.Humidity, 5 * one, 100 * one},
}

const (
	maxMembers = 64
	together   = 15 * minuteMS // values further apart in time are not compared
	learn      = 16            // readings from which the usual difference is learnt
	smooth     = 16            // the EWMA's weight is 1/smooth
	far        = 8             // slacks that a difference counts at most
)

// Group is the trackers of one shipment, each compared with the median of the others: two others at least. A tracker by the
// door is warmer than one inside all the way; what counts is that the difference changes and stays changed.
//
// The zero Group is empty. It keeps the newest value of at most 64 trackers; more are not compared.
type Group struct {
	members map[string]*member
}

type member [len(drifting)]difference

// difference to the median of the others.
type difference struct {
	ms       int64
	v        detect.Decimal
	heard    bool
	first    []detect.Decimal // until learnt
	learnt   bool
	usual    detect.Decimal
	ewma     detect.Decimal
	up, down detect.Decimal // CUSUM
}

// Add compares a tracker's next reading. Readings of different trackers may come in any order of time.
func (g *Group) Add(tracker string, r *Reading, flag func(Flag)) {
	m := g.members[tracker]
	if m == nil {
		if len(g.members) >= maxMembers {
			return
		}
		if g.members == nil {
			g.members = map[string]*member{}
		}
		m = &member{}
		g.members[tracker] = m
	}
	for i := range drifting {
		p, d := &drifting[i], &m[i]
		v, ok := r.get(p.metric)
		if !ok || d.heard && r.MS < d.ms {
			continue
		}
		d.ms, d.v, d.heard = r.MS, v, true
		var others []detect.Decimal
		for id, o := range g.members {
			if id != tracker && o[i].heard && max(o[i].ms-r.MS, r.MS-o[i].ms) <= together {
				others = append(others, o[i].v)
			}
		}
		if len(others) < 2 {
			continue
		}
		middle := nearest(others, v)
		if d.moved(v-middle, p.slack, p.bound) {
			flag(Flag{r.MS, Drift, p.metric, v, middle})
		}
	}
}

// nearest is the median of the others; of an even number, that of the two in the middle which is nearer to v, so that one wrong
// value of two blames nobody.
func nearest(others []detect.Decimal, v detect.Decimal) detect.Decimal {
	lower := median(others)
	if upper := others[len(others)/2]; distance(upper, v) < distance(lower, v) {
		return upper
	}
	return lower
}

// moved takes the next difference. One that is far off counts as a smaller one: outliers have their own check. The sums are capped, so that a tracker that comes back is forgiven.
func (d *difference) moved(by, slack, bound detect.Decimal) bool {
	if !d.learnt {
		if d.first = append(d.first, by); len(d.first) == learn {
			d.usual = median(d.first)
			d.learnt, d.first, d.ewma = true, nil, d.usual
		}
		return false
	}
	by = min(max(by, d.usual-far*slack), d.usual+far*slack)
	d.ewma += (by - d.ewma) / smooth
	off := d.ewma - d.usual
	d.up = min(max(d.up+off-slack, 0), 2*bound)
	d.down = min(max(d.down-off-slack, 0), 2*bound)
	return d.up > bound || d.down > bound
}
