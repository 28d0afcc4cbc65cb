package evidence

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
)

// The claims are the opinions that the ledger held when the shipment was closed: each party's newest verdict. The chaincode copied them
// into the closing record, so nobody can have chosen them. Each names the logs that it was made from, and is compared with the judgement
// over these.

// maxClaimRecords bounds how many states of the shipment's record are tried for a verdict that is older than the closing.
const maxClaimRecords = 64

// reached is a log as it was when it had a size that a claim names.
type reached struct {
	root string // "" = it never was that long
	end  int    // of its readings
}

// claims are the opinions of the closing record.
func (v *verifier) claims() []ledger.Opinion {
	if v.closing == nil || v.closing.Compliance == nil {
		return nil
	}
	return v.closing.Compliance.Opinions
}

// expectClaims notes how much of each log the claims name.
func (v *verifier) expectClaims() {
	for _, o := range v.claims() {
		for _, h := range o.Logs {
			if l := v.log(h.Log); l != nil {
				if l.claims == nil {
					l.claims = map[uint64]*reached{}
				}
				l.claims[h.Size] = new(reached)
			}
		}
	}
}

// log is the log with this id, nil when there is none.
func (v *verifier) log(id string) *shipmentLog {
	i := slices.IndexFunc(v.logs, func(l *shipmentLog) bool { return hex.EncodeToString(l.id[:]) == id })
	if i < 0 {
		return nil
	}
	return v.logs[i]
}

// reachClaim notes the log's root and readings when it has a size that a claim names.
func (v *verifier) reachClaim(l *shipmentLog) {
	if c := l.claims[l.tree.Size()]; c != nil {
		root := l.tree.Root()
		c.root, c.end = hex.EncodeToString(root[:]), len(v.judging.readings)
	}
}

// whole reports whether a claim was made from every leaf.
func (v *verifier) whole(o ledger.Opinion) bool {
	n := 0
	for _, l := range v.logs {
		if l.tree.Size() == 0 {
			continue
		}
		n++
		root := l.tree.Root()
		if !slices.Contains(o.Logs, ledger.LogHead{Log: hex.EncodeToString(l.id[:]), Size: l.tree.Size(), Root: hex.EncodeToString(root[:])}) {
			return false
		}
	}
	return n == len(o.Logs)
}

// named copies, for each claim, the readings of the leaves that it names, unless these are all: judging sorts what it gets.
func (v *verifier) named() [][]compliance.Reading {
	all := make([][]compliance.Reading, len(v.claims()))
	for i, o := range v.claims() {
		if v.whole(o) {
			continue
		}
		for _, h := range o.Logs {
			if l := v.log(h.Log); l != nil && l.claims[h.Size].root != "" {
				all[i] = append(all[i], v.judging.readings[l.claimStart:l.claims[h.Size].end]...)
			}
		}
	}
	return all
}

// opinions lists the claims in the report, before they are compared.
func (v *verifier) opinions() {
	if v.closing == nil || v.closing.Compliance == nil {
		return
	}
	v.report.Confirmed = &Confirmed{Of: len(v.shipment.Parties.MSPs())}
	for _, o := range v.claims() {
		v.report.Opinions = append(v.report.Opinions, Opinion{By: o.By, Revision: o.Revision, Result: o.Result, ToMS: o.ToMS, Logs: o.Logs, Whole: v.whole(o), Standing: OpinionUnchecked})
	}
}

// claim compares each claim with the whole judgement, or with the one over the logs that it names. A party that is wrong bends nothing
// while another is right: that is a warning, which names it.
func (v *verifier) claim(rules compliance.RuleSet, result compliance.Result, early [][]compliance.Reading) error {
	switch {
	case v.closing == nil:
		return nil
	case len(v.claims()) == 0:
		v.book.warn(NoClaim, "closing record", "a verdict on the ledger", "none")
		return nil
	}
	type wrong struct{ where, expected, found string }
	var all []wrong
	var old []string
	for i, o := range v.claims() {
		listed := &v.report.Opinions[i]
		expected, found, err := v.contradiction(rules, o, result, early[i])
		switch {
		case err != nil:
			return err
		case found != "":
			all = append(all, wrong{fmt.Sprintf("verdict revision %d of %s on the ledger", o.Revision, o.By), expected, found})
			listed.Standing, listed.Expected = OpinionWrong, expected
			continue
		}
		listed.Standing = OpinionRight
		if o.Result == result.Verdict {
			v.report.Confirmed.By++
		}
		if !v.whole(o) {
			old = append(old, fmt.Sprintf("revision %d of %s, made from %d of %d leaves", o.Revision, o.By, leavesOf(o.Logs), v.leafCount()))
		}
	}
	if len(old)+len(all) == len(v.claims()) { // none is of the whole logs, and right
		for _, o := range old {
			v.book.warn(OldClaim, "closing record", "a verdict made from the whole logs", "%s", o)
		}
	}
	for _, w := range all {
		if len(all) < len(v.claims()) {
			v.book.warn(FalseOpinion, w.where, w.expected, "%s", w.found)
		} else {
			v.book.fail(Claim, w.where, w.expected, "%s", w.found)
		}
	}
	return nil
}

// contradiction says what a claim should be and is; found is "" when it is right.
func (v *verifier) contradiction(rules compliance.RuleSet, o ledger.Opinion, result compliance.Result, early []compliance.Reading) (expected, found string, err error) {
	if v.whole(o) {
		if o.Result != result.Verdict {
			return result.Verdict + ", as the readings and the pinned rules give", o.Result, nil
		}
		return "", "", nil
	}
	for _, h := range o.Logs {
		l := v.log(h.Log)
		switch {
		case l == nil || l.claims[h.Size].root == "":
			return "logs of the shipment, no longer than they are", fmt.Sprintf("log %.16s with %d leaves", h.Log, h.Size), nil
		case l.claims[h.Size].root != h.Root:
			return fmt.Sprintf("root %s of log %.16s with %d leaves", l.claims[h.Size].root, h.Log, h.Size), fmt.Sprintf("%q", h.Root), nil
		}
	}
	ok, err := v.wasRight(rules, o, early)
	if err != nil || ok {
		return "", "", err
	}
	return fmt.Sprintf("what its own logs and the pinned rules give up to %d", o.ToMS), o.Result, nil
}

// wasRight reports whether some state of the shipment's record, as it was before the closing, gives the claim from the leaves
// that it names. The ledger does not say which state it was judged by: a handover or a delivery may have come since.
func (v *verifier) wasRight(rules compliance.RuleSet, o ledger.Opinion, early []compliance.Reading) (bool, error) {
	for i, past := range slices.Backward(v.changes) {
		s := past.state
		if len(v.changes)-i > maxClaimRecords {
			return true, nil // nobody can say: a warning, not a failure
		}
		r, err := compliance.Judge(rules, journey.Of(s, v.judging.handovers[:s.Handovers], nil), slices.Clone(early), 0)
		if err != nil {
			return false, fmt.Errorf("judge by %s: %w", s.RuleSet, err)
		}
		if r.Verdict == o.Result && r.ToMS == o.ToMS {
			return true, nil
		}
	}
	return false, nil
}

func leavesOf(logs []ledger.LogHead) (n uint64) {
	for _, h := range logs {
		n += h.Size
	}
	return n
}

func (v *verifier) leafCount() (n uint64) {
	for _, l := range v.logs {
		n += l.tree.Size()
	}
	return n
}
