package membership

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Maker agrees that the certificates of a maker of trackers count, or with end that they do not any more, by its root certificate (DER): it proposes
// it, or votes for it, and does it when that makes the majority. It is idempotent, as decide is; the channel stays as it is.
func (d Desk) Maker(ctx context.Context, name string, root []byte, end bool) (Step, error) {
	var s Step
	sum := sha256.Sum256(root)
	want := ledger.ProposeMemberArgs{Act: ledger.AcceptMaker, Name: name, Certificate: root}
	if end {
		want = ledger.ProposeMemberArgs{Act: ledger.EndMaker, Root: hex.EncodeToString(sum[:])}
	}
	makers, err := ledger.MemberMakers.All(ctx, d, "", 0)
	if err != nil {
		return s, err
	}
	i := slices.IndexFunc(makers, func(m ledger.Maker) bool { return m.Root == hex.EncodeToString(sum[:]) })
	if i >= 0 && makers[i].InForce() != end {
		s.Did, s.Executed = "agreed before", true
		return s, nil
	}
	members, proposals, err := d.Members(ctx)
	if err != nil {
		return s, err
	}
	var electors []string
	for _, m := range members {
		if m.InForce() {
			electors = append(electors, m.MSP)
		}
	}
	s.Need = ledger.Majority(len(electors))
	p := -1 // the oldest open proposal of this
	for i, x := range proposals {
		same := x.State == ledger.ProposalOpen && x.Act == want.Act && bytes.Equal(x.Certificate, want.Certificate) && x.Root == want.Root
		if same && (p < 0 || x.TimeMS < proposals[p].TimeMS) {
			p = i
		}
	}
	switch {
	case p < 0:
		var b [4]byte
		rand.Read(b[:]) // never fails
		want.ID = fmt.Sprintf("%s.%s-%x", d.Name, want.Act, b)
		s.Did, s.Yes, err = "proposed", 1, d.submit(ctx, ledger.MemberPropose.Name(), want)
	case proposals[p].Name != want.Name:
		return s, fmt.Errorf("%w: %s calls the maker %q", ErrOther, proposals[p].ID, proposals[p].Name)
	default:
		want.ID, s.Yes, s.Did = proposals[p].ID, proposals[p].Yes(electors), "agreed before"
		if !slices.ContainsFunc(proposals[p].Votes, func(v ledger.MemberVote) bool { return v.By == d.MSP && v.Yes }) {
			s.Did, s.Yes = "voted", s.Yes+1
			err = d.submit(ctx, ledger.MemberCast.Name(), ledger.VoteArgs{ID: want.ID, Yes: true})
		}
	}
	if err != nil || s.Yes < s.Need {
		return s, err
	}
	if err := d.submit(ctx, ledger.MemberExecute.Name(), ledger.IDArgs{ID: want.ID}); err != nil {
		return s, err
	}
	s.Executed = true
	return s, nil
}
