package contract

import (
	"cmp"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// partitions: which of an operator's instances takes the messages of which partitions. One record for an operator, with an epoch that each
// anchor of its instances names.
var partitions = []function{
	change(ledger.PartitionClaim, either, ledger.EventServing, claim),
	read(ledger.PartitionGet, func(t *transaction, a ledger.MSPArgs) (*ledger.Serving, error) {
		return existing[ledger.Serving](t, ledger.ServingKey(a.MSP), "%s has claimed no partitions", a.MSP)
	}),
}

// servingOf is who serves which of an operator's partitions; epoch 0 when nobody has claimed any.
func servingOf(t *transaction, msp string) (ledger.Serving, error) {
	s, err := get[ledger.Serving](t, ledger.ServingKey(msp))
	if err != nil || s == nil {
		return ledger.Serving{Owner: msp}, err
	}
	return *s, nil
}

// putServing writes the next epoch.
func (t *transaction) putServing(s *ledger.Serving) error {
	s.Epoch, s.TimeMS, s.Tx, s.Ranges = s.Epoch+1, t.TimeMS, t.Tx, listOf(s.Ranges)
	return t.put(ledger.ServingKey(s.Owner), s)
}

func otherEpoch(s ledger.Serving, epoch uint64) error {
	return ledger.Refuse(ledger.Conflict, "the partitions of %s are in epoch %d, not %d", s.Owner, s.Epoch, epoch)
}

// claim gives partitions to an instance of the caller's. Two that claim at once read the same epoch, so only one of them is valid.
func claim(t *transaction, a ledger.ClaimArgs) (*ledger.Serving, error) {
	if err := t.own("ingest", a.Ingest); err != nil {
		return nil, err
	}
	if m, err := memberOf(t, t.MSP); err != nil {
		return nil, err
	} else if m == nil || !m.Operator {
		return nil, ledger.Refuse(ledger.Forbidden, "%s is no operator: only members that run ingest have partitions", t.MSP)
	}
	s, err := servingOf(t, t.MSP)
	if err != nil {
		return nil, err
	}
	if slices.Equal(s.Of(a.Ingest), a.Ranges) {
		s.Ranges = listOf(s.Ranges)
		return &s, nil // in force already: nothing is written
	}
	if a.Epoch != s.Epoch {
		return nil, otherEpoch(s, a.Epoch)
	}
	others := s.Others(a.Ingest, a.Ranges)
	if len(others) > 0 && !a.Take {
		var who []string
		for _, r := range others {
			who = append(who, ledger.Range{From: r.From, To: r.To}.String()+" by "+r.Ingest)
		}
		return nil, ledger.Refuse(ledger.Conflict, "partitions are served already: %s", strings.Join(who, ", "))
	}
	var next []ledger.ServedRange
	for _, r := range s.Ranges {
		if r.Ingest != a.Ingest {
			next = append(next, cut(r, a.Ranges)...)
		}
	}
	for _, r := range a.Ranges {
		next = append(next, ledger.ServedRange{From: r.From, To: r.To, Ingest: a.Ingest, SinceMS: t.TimeMS})
	}
	slices.SortFunc(next, func(a, b ledger.ServedRange) int { return cmp.Compare(a.From, b.From) })
	s.Ranges = next
	return &s, t.putServing(&s)
}

// cut is what a range has left without others, which are in their order.
func cut(r ledger.ServedRange, without []ledger.Range) []ledger.ServedRange {
	var left []ledger.ServedRange
	for _, w := range without {
		if w.To < r.From || w.From > r.To {
			continue
		}
		if r.From < w.From {
			before := r
			before.To = w.From - 1
			left = append(left, before)
		}
		r.From = w.To + 1
	}
	if r.From <= r.To {
		left = append(left, r)
	}
	return left
}
