package evidence

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
)

// The claim is the verdict that the ledger held when the shipment was closed. The chaincode copied it into the closing record,
// so nobody can have chosen it. It names the logs that it was made from, and is compared with the judgement over these.

// maxClaimRecords bounds how many states of the shipment's record are tried for a verdict that is older than the closing.
const maxClaimRecords = 64

// claimed is the closing record's verdict; nil when there is none.
func (v *verifier) claimed() *ledger.ComplianceState {
	if v.closing == nil || v.closing.Compliance == nil || v.closing.Compliance.Revision == 0 {
		return nil
	}
	return v.closing.Compliance
}

// expectClaim notes how much of each log the claim names.
func (v *verifier) expectClaim() {
	c := v.claimed()
	if c == nil {
		return
	}
	for _, l := range v.logs {
		id := hex.EncodeToString(l.id[:])
		if i := slices.IndexFunc(c.Logs, func(h ledger.LogHead) bool { return h.Log == id }); i >= 0 {
			l.claimSize = c.Logs[i].Size
		}
	}
}

// reachClaim notes the log's root and readings when it has the size that the claim names.
func (v *verifier) reachClaim(l *shipmentLog) {
	if l.tree.Size() == l.claimSize {
		root := l.tree.Root()
		l.claimRoot, l.claimEnd = hex.EncodeToString(root[:]), len(v.judging.readings)
	}
}

// whole reports whether the claim was made from every leaf.
func (v *verifier) whole(c *ledger.ComplianceState) bool {
	n := 0
	for _, l := range v.logs {
		if l.tree.Size() == 0 {
			continue
		}
		n++
		root := l.tree.Root()
		if !slices.Contains(c.Logs, ledger.LogHead{Log: hex.EncodeToString(l.id[:]), Size: l.tree.Size(), Root: hex.EncodeToString(root[:])}) {
			return false
		}
	}
	return n == len(c.Logs)
}

// named copies the readings of the leaves that the claim names, unless these are all: judging sorts what it gets.
func (v *verifier) named() []compliance.Reading {
	c := v.claimed()
	if c == nil || v.whole(c) {
		return nil
	}
	var early []compliance.Reading
	for _, l := range v.logs {
		if l.claimRoot != "" {
			early = append(early, v.judging.readings[l.claimStart:l.claimEnd]...)
		}
	}
	return early
}

// claim compares the claim with the whole judgement, or with the one over the logs that it names.
func (v *verifier) claim(rules compliance.RuleSet, result compliance.Result, early []compliance.Reading) error {
	if v.closing == nil {
		return nil
	}
	c := v.claimed()
	if c == nil {
		v.book.warn(NoClaim, "closing record", "a verdict on the ledger", "none")
		return nil
	}
	where := fmt.Sprintf("verdict revision %d on the ledger", c.Revision)
	if v.whole(c) {
		if c.Result != result.Verdict {
			v.book.fail(Claim, where, result.Verdict+", as the readings and the pinned rules give", "%s", c.Result)
		}
		return nil
	}
	for _, h := range c.Logs {
		i := slices.IndexFunc(v.logs, func(l *shipmentLog) bool { return hex.EncodeToString(l.id[:]) == h.Log })
		switch {
		case i < 0 || v.logs[i].claimRoot == "":
			v.book.fail(Claim, where, "logs of the shipment, no longer than they are", "log %.16s with %d leaves", h.Log, h.Size)
			return nil
		case v.logs[i].claimRoot != h.Root:
			v.book.fail(Claim, where, fmt.Sprintf("root %s of log %.16s with %d leaves", v.logs[i].claimRoot, h.Log, h.Size), "%s", h.Root)
			return nil
		}
	}
	ok, err := v.wasRight(rules, c, early)
	switch {
	case err != nil:
		return err
	case !ok:
		v.book.fail(Claim, where, "what its own logs and the pinned rules give up to "+fmt.Sprint(c.ToMS), "%s", c.Result)
	default:
		v.book.warn(OldClaim, "closing record", "a verdict made from the whole logs", "revision %d, made from %d of %d leaves", c.Revision, leavesOf(c.Logs), v.leafCount())
	}
	return nil
}

// wasRight reports whether some state of the shipment's record, as it was before the closing, gives the claim from the leaves
// that it names. The ledger does not say which state it was judged by: a handover or a delivery may have come since.
func (v *verifier) wasRight(rules compliance.RuleSet, c *ledger.ComplianceState, early []compliance.Reading) (bool, error) {
	for i, past := range slices.Backward(v.changes) {
		s := past.state
		if len(v.changes)-i > maxClaimRecords {
			return true, nil // nobody can say: a warning, not a failure
		}
		r, err := compliance.Judge(rules, journey.Of(s, v.judging.handovers[:s.Handovers], nil), slices.Clone(early), 0)
		if err != nil {
			return false, fmt.Errorf("judge by %s: %w", s.RuleSet, err)
		}
		if r.Verdict == c.Result && r.ToMS == c.ToMS {
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
