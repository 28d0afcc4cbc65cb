// Package adversary plays simulated trips with known truth, in which one role tries random sequences of what it may do and of what it
// may not, and wants that `verify` never answers better than the truth. It has tests only: the same trips on a ledger in memory
// and on a real network (TestStackAdversary). TRACKSEAL_ADVERSARY_SEED plays one trip, TRACKSEAL_ADVERSARY_TIME says how long to go on.
package adversary

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Roles of an adversary, with the keys and servers that each has.
const (
	nobody    = "nobody"    // an honest trip
	carrier   = "carrier"   // owner of the trackers and their custodian, but not of ingest's servers
	shipper   = "shipper"   //
	consignee = "consignee" //
	operator  = "operator"  // whoever runs ingest: its identity, its logs, its store
	collusion = "collusion" // carrier with its ingest, and consignee, together
	outsider  = "auditor"   // a member that is no party
)

var roles = []string{nobody, carrier, shipper, consignee, operator, collusion, outsider}

// act is one thing that somebody does on a trip. What the numbers mean depends on the kind; String says it.
type act struct {
	at     int64  // ms since the trip began
	by     string // organisation
	kind   string
	n      int   // tracker, or message, or way
	ms     int64 // a time, relative to now; 0 = not said
	untilS int64 // recorded window's end, s before now
	aheadS int64 // by how much the client's clock is ahead
	holdS  int64 // how long the endorsed transaction is held back
	twice  bool  // ordered again later
	evil   bool
	to     string
}

func (a act) String() string {
	s := fmt.Sprintf("%7.1f s  %s: %s", float64(a.at)/1000, a.by, a.kind)
	for _, x := range []struct {
		name string
		v    int64
	}{{"n", int64(a.n)}, {"ms", a.ms}, {"until s ago", a.untilS}, {"clock ahead by s", a.aheadS}, {"held back for s", a.holdS}} {
		if x.v != 0 {
			s += fmt.Sprintf(", %s %d", x.name, x.v)
		}
	}
	if a.to != "" {
		s += ", to " + a.to
	}
	if a.twice {
		s += ", ordered twice"
	}
	if a.evil {
		s += "  <- adversary"
	}
	return s
}

// plan is a trip before it is played.
type plan struct {
	seed                        uint64
	role                        string
	trackers                    int   // on the goods
	stepMS                      int64 // between readings
	perMessage                  int   // readings in a message
	loadTick, handTick, endTick int   // first assignment, handover to the consignee, delivery
	creator                     string
	hotFrom, hotTo              int  // ticks at which it is too hot, [from, to); none when equal
	hotOne                      bool // at the first tracker only
	clockMS, statedS            int64
	late                        int            // ticks for which the trip goes on when somebody did not do their part
	treat                       map[int]string // what the operator does with the messages of a tick
	acts                        []act          // in the order of time
}

func (p *plan) hot(tick, tracker int) bool {
	return tick >= p.hotFrom && tick < p.hotTo && (tracker == 0 || !p.hotOne)
}

// promiseS is how soon trackers promise their next message.
func (p *plan) promiseS() int64 { return p.stepMS*int64(p.perMessage)/1000 + 1 }

func (p *plan) lastTick() int { return p.endTick + 4 }

func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, adversary %s: %d trackers, a reading every %d ms, %d in a message; hot at ticks [%d, %d), at one tracker only: %t; clock_ms %d, stated_max_s %d\n",
		p.seed, p.role, p.trackers, p.stepMS, p.perMessage, p.hotFrom, p.hotTo, p.hotOne, p.clockMS, p.statedS)
	for tick := range p.lastTick() + 1 {
		if w := p.treat[tick]; w != "" {
			fmt.Fprintf(&b, "   tick %d  ingest: %s  <- adversary\n", tick, w)
		}
	}
	for _, a := range p.acts {
		if a.kind != "measure" {
			fmt.Fprintln(&b, a)
		}
	}
	return b.String()
}

// pace is what a ledger lets a plan have: real time is short.
type pace struct {
	stepsMS []int64
	ticks   int // at most, from loading to delivery
	roles   []string
	delaysS []int64 // for which something is held back
	// evilBeats lets members set the beat ahead: on a ledger that others share they would meet it.
	evilBeats bool
}

var inMemory = pace{stepsMS: []int64{10_000, 45_000, 60_000, 200_000}, ticks: 14, roles: roles, delaysS: []int64{5, 25, 60, 600}, evilBeats: true}

// newPlan makes the trip of a seed.
func newPlan(seed uint64, c pace) *plan {
	r := rand.New(rand.NewPCG(seed, 0x7472616b))
	p := &plan{seed: seed, role: pick(r, c.roles...), trackers: 1 + r.IntN(2), stepMS: pick(r, c.stepsMS...), perMessage: 1, creator: pick(r, carrier, shipper), treat: map[int]string{}}
	if p.trackers == 2 && r.IntN(4) == 0 {
		p.perMessage = 2
	}
	p.loadTick = 4
	p.endTick = p.loadTick + 6 + r.IntN(c.ticks-5)
	p.handTick = p.loadTick + 2 + r.IntN(p.endTick-p.loadTick-3)
	if r.IntN(10) < 7 {
		p.hotFrom = p.loadTick + 1 + r.IntN(p.endTick-p.loadTick-1)
		p.hotTo = min(p.hotFrom+1+r.IntN(3), p.endTick)
	}
	p.hotOne = r.IntN(2) == 0
	p.clockMS = pick(r, int64(5000), 120_000)
	p.statedS = pick(r, int64(0), 3600)
	if p.role != nobody && p.role != outsider {
		p.late = 6
	}
	p.course()
	g := &generator{r, p, c}
	if p.role != nobody {
		g.omit()
		for range 1 + r.IntN(6) {
			p.acts = append(p.acts, g.evil()...)
		}
		g.treatments()
	}
	slices.SortStableFunc(p.acts, func(a, b act) int { return int(a.at - b.at) })
	return p
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// course is the honest trip: readings at each tick, what the ledger is told half a step later.
func (p *plan) course() {
	for i := range p.trackers {
		p.do(0, carrier, "enrol", i, "")
	}
	p.do(2, p.creator, "create", 0, "")
	if p.creator != carrier {
		p.do(3, p.creator, "propose", 0, carrier)
		p.do(3, carrier, "accept", 0, "")
	}
	for i := range p.trackers {
		p.do(p.loadTick, carrier, "assign", i, "")
	}
	p.do(p.handTick, carrier, "propose", 0, consignee)
	p.do(p.handTick, consignee, "accept", 0, "")
	p.do(p.endTick, consignee, "deliver", 0, "")
	p.finish(p.endTick + 2)
	for tick := 1; tick <= p.lastTick()+p.late; tick++ {
		p.acts = append(p.acts, act{at: int64(tick) * p.stepMS, kind: "measure", n: tick})
		if tick%2 == 1 && tick > p.loadTick && tick < p.endTick+2 {
			p.acts = append(p.acts, act{at: int64(tick)*p.stepMS + p.stepMS*3/4, by: operator, kind: "anchor"})
		}
	}
}

func (p *plan) finish(tick int) {
	p.do(tick, operator, "seal", 0, "")
	p.do(tick, operator, "verdict", 0, "")
	p.do(tick, carrier, "close", 0, "")
}

func (p *plan) do(tick int, by, kind string, n int, to string) {
	p.acts = append(p.acts, act{at: int64(tick)*p.stepMS + p.stepMS/2, by: by, kind: kind, n: n, to: to})
}
