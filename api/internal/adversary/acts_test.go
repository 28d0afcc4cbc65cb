package adversary

import (
	"math/rand/v2"
	"slices"
)

// generator draws an adversary's acts.
type generator struct {
	*rand.Rand
	*plan
	pace pace
}

// when: anywhere on the trip, more often about the times that matter.
func (g *generator) when() int64 {
	tick := g.IntN(g.lastTick()-1) + 2
	switch g.IntN(4) {
	case 0:
		tick = pick(g.Rand, g.hotTo, max(1, g.hotFrom-1))
	case 1:
		tick = pick(g.Rand, g.loadTick, g.handTick, g.endTick, g.endTick+1, g.endTick+2)
	}
	return int64(tick)*g.stepMS + g.Int64N(g.stepMS)
}

// orgs whose identities the role has.
func (g *generator) org() string {
	switch g.role {
	case operator:
		return operator
	case collusion:
		return pick(g.Rand, carrier, carrier, consignee, operator)
	}
	return g.role
}

// ledgerActs are what operators of organisations send; the ledger refuses what they may not.
var ledgerActs = []string{"assign", "unassign", "propose", "accept", "reject", "withdraw", "deliver", "close", "create", "revoke", "rotate", "breach", "decoy", "beat", "extend", "verdict", "recorded"}

var carrierActs = []string{"unassign", "unassign", "assign", "decoy", "recorded", "propose", "withdraw", "close", "assign"}

var consigneeActs = []string{"accept", "deliver", "deliver", "reject", "propose", "close", "unassign"}

var operatorActs = []string{"seal", "seal", "verdict", "verdict", "rewrite", "fork", "anchor", "close", "extend"}

// omit leaves out, or puts off, some of what the adversary should do; at the end everybody does what is left to do, so that there is an
// answer to be had.
func (g *generator) omit() {
	if g.late == 0 {
		return
	}
	own := map[string][]string{collusion: {carrier, consignee, operator}}[g.role]
	if own == nil {
		own = []string{g.role}
	}
	g.acts = slices.DeleteFunc(g.acts, func(a act) bool { return slices.Contains(own, a.by) && a.kind != "enrol" && g.IntN(8) == 0 })
	for i := range g.acts {
		if a := &g.acts[i]; slices.Contains(own, a.by) && g.IntN(8) == 0 {
			a.at += int64(1+g.IntN(4)) * g.stepMS
		}
	}
	last := g.lastTick() + 1
	g.do(last, carrier, "assign", 0, "")
	g.do(last+1, carrier, "propose", 0, consignee)
	g.do(last+1, consignee, "accept", 0, "")
	g.do(last+2, consignee, "deliver", 0, "")
	g.finish(last + 3)
}

// evil is one act, and those that only make sense with it.
func (g *generator) evil() []act {
	a := act{at: g.when(), by: g.org(), evil: true, n: g.IntN(3)}
	own := map[string][]string{carrier: carrierActs, consignee: consigneeActs, operator: operatorActs}[a.by]
	if own == nil || g.IntN(4) == 0 {
		own = ledgerActs
	}
	a.kind = pick(g.Rand, own...)
	a.aheadS = pick(g.Rand, int64(0), 0, 0, 30, -30, 110, -110, 840, -840)
	if g.IntN(3) == 0 {
		a.holdS = pick(g.Rand, g.pace.delaysS...)
		a.twice = g.IntN(4) == 0
	}
	a.to = pick(g.Rand, carrier, consignee, shipper)
	switch a.kind {
	case "assign":
		a.ms = pick(g.Rand, int64(0), 0, -3*g.stepMS, -g.at(), 60_000)
	case "recorded":
		a.ms = -int64(g.IntN(20)) * g.stepMS
		a.untilS = g.Int64N(1 + max(0, -a.ms/1000))
	case "decoy":
		a.ms = -g.Int64N(2)
		again := a
		again.at = g.when()
		return []act{a, again}
	case "propose", "accept", "deliver":
		if g.IntN(3) == 0 {
			a.ms = -int64(g.IntN(6)) * g.stepMS
		}
	case "beat":
		if !g.pace.evilBeats {
			a.kind = "extend"
		}
	}
	if g.hotFrom < g.hotTo && g.IntN(3) == 0 { // with what happens to the goods in mind
		switch a.kind {
		case "deliver", "accept": // endorsed before, sent when it is over
			a.at = int64(g.hotFrom)*g.stepMS - g.stepMS/4
			a.holdS = int64(g.hotTo-g.hotFrom+1) * g.stepMS / 1000
		case "unassign": // as if it had been before
			a.at = int64(g.hotTo-1)*g.stepMS + g.Int64N(g.stepMS)
			a.aheadS, a.holdS = pick(g.Rand, int64(-30), -110), 0
		}
	}
	out := []act{a}
	if a.kind == "unassign" && g.IntN(2) == 0 { // and on again
		again := a
		again.kind, again.ms, again.holdS, again.twice = "assign", 0, 0, false
		again.at += g.Int64N(3 * g.stepMS)
		out = append(out, again)
	}
	return out
}

// at is a time on the trip that an adversary may have in mind.
func (g *generator) at() int64 { return int64(g.IntN(g.lastTick())) * g.stepMS }

// treatments are what an adversary with ingest's servers does with messages as they come. Most go for those that say it was hot.
func (g *generator) treatments() {
	if g.role != operator && g.role != collusion || g.IntN(3) == 0 {
		return
	}
	ways := []string{"drop", "late", "later", "own log", "cold pack", "forged", "twice", "dated back", "dated ahead"}
	way := pick(g.Rand, ways...)
	from, to := g.hotFrom, g.hotTo
	if from == to || g.IntN(3) == 0 {
		from = g.IntN(g.lastTick())
		to = from + 1 + g.IntN(3)
	}
	switch g.IntN(4) {
	case 0:
		to = g.lastTick() + 1 // all from there on
	case 1:
		from = 0
	}
	for tick := from; tick < to; tick++ {
		g.treat[tick] = way
		if g.IntN(6) == 0 {
			g.treat[tick] = pick(g.Rand, ways...)
		}
	}
}
