package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
)

// proposeMember opens a proposal with the proposer's own yes. More than one for the same organisation may be open; the first that is executed
// counts, and the others cannot be any more.
func proposeMember(t *transaction, a ledger.ProposeMemberArgs) (*ledger.MemberProposal, error) {
	if err := t.own("id", a.ID); err != nil {
		return nil, err
	}
	p := &ledger.MemberProposal{
		ID: a.ID, Act: a.Act, Member: a.Member, Request: a.Request, Name: a.Name, Certificate: a.Certificate, Root: a.Root, Update: a.Update, By: t.MSP, TimeMS: t.TimeMS, Tx: t.Tx, State: ledger.ProposalOpen,
	}
	p.Votes = []ledger.MemberVote{{By: t.MSP, Yes: true, Signature: a.Signature, TimeMS: t.TimeMS, Tx: t.Tx}}
	// First, so that a repeated proposal learns that it was made before.
	if err := t.free(ledger.ProposalKey(a.ID), ledger.Refuse(ledger.Exists, "proposal %s exists already", a.ID)); err != nil {
		return nil, err
	}
	if _, err := possible(t, p); err != nil {
		return nil, err
	}
	return p, t.put(ledger.ProposalKey(p.ID), p)
}

// possible refuses a proposal that could not be executed whatever the votes, and gives the member that it evicts. That may be one that has
// ended: its place on the channel is still there, and the others sign the update that takes it away.
func possible(t *transaction, p *ledger.MemberProposal) (*ledger.Member, error) {
	switch p.Act {
	case ledger.AcceptMaker, ledger.EndMaker:
		_, err := possibleMaker(t, p)
		return nil, err
	case ledger.Admit:
		err := t.free(ledger.MemberKey(p.Member.Name), ledger.Refuse(ledger.Exists, "there is or was a member %s", p.Member.Name))
		if err == nil {
			err = t.free(ledger.MemberMSPKey(p.Member.MSP), ledger.Refuse(ledger.Exists, "%s is or was a member's MSP", p.Member.MSP))
		}
		return nil, err
	}
	m, err := existing[ledger.Member](t, ledger.MemberKey(p.Name), "there is no member %s", p.Name)
	switch {
	case err != nil:
		return nil, err
	case m.MSP == p.By:
		return nil, ledger.Refuse(ledger.Invalid, "name: %s evicts nobody but others; to go, leave", p.Name)
	}
	return m, nil
}

// openProposal is a proposal that can still be voted on and executed, for a member.
func openProposal(t *transaction, id string) (*ledger.MemberProposal, error) {
	if _, err := t.member(); err != nil {
		return nil, err
	}
	p, err := existing[ledger.MemberProposal](t, ledger.ProposalKey(id), "there is no proposal %s", id)
	if err != nil {
		return nil, err
	}
	if state := p.StateAt(t.TimeMS); state != ledger.ProposalOpen {
		return p, ledger.Refuse(ledger.BadState, "proposal %s is %s", id, state)
	}
	return p, nil
}

// vote sets the caller's vote, in place of the one that it gave before.
func vote(t *transaction, a ledger.VoteArgs) (*ledger.MemberProposal, error) {
	p, err := openProposal(t, a.ID)
	if err != nil {
		return nil, err
	}
	v := ledger.MemberVote{By: t.MSP, Yes: a.Yes, Signature: a.Signature, TimeMS: t.TimeMS, Tx: t.Tx}
	i, voted := slices.BinarySearchFunc(p.Votes, v, func(a, b ledger.MemberVote) int { return cmp.Compare(a.By, b.By) })
	switch {
	case !voted:
		p.Votes = slices.Insert(p.Votes, i, v)
	case p.Votes[i].Yes == v.Yes && slices.Equal(p.Votes[i].Signature, v.Signature):
		return p, nil // said again because its sender did not hear the outcome: nothing is written
	default:
		p.Votes[i] = v
	}
	return p, t.put(ledger.ProposalKey(p.ID), p)
}

// executeProposal does what more than half of the members want. Whoever is a member now counts, with the vote that it has now: the roster and the proposal are read,
// so that a vote or an end that comes between makes this transaction invalid.
func executeProposal(t *transaction, a ledger.IDArgs) (*ledger.MemberProposal, error) {
	p, err := openProposal(t, a.ID)
	if p != nil && p.State == ledger.ProposalExecuted {
		return p, nil // sent again because its sender did not hear the outcome
	}
	if err != nil {
		return nil, err
	}
	electors, err := roster(t)
	if err != nil {
		return nil, err
	}
	if yes, need := p.Yes(electors), ledger.Majority(len(electors)); yes < need {
		return nil, ledger.Refuse(ledger.BadState, "proposal %s has %d yes of %d members, and needs %d", p.ID, yes, len(electors), need)
	}
	m, err := possible(t, p)
	switch {
	case err != nil:
		return nil, err
	case p.Act == ledger.AcceptMaker || p.Act == ledger.EndMaker:
		maker, err := possibleMaker(t, p)
		if err != nil {
			return nil, err
		}
		if err := t.put(ledger.MakerKey(maker.Root), maker); err != nil {
			return nil, err
		}
	case p.Act == ledger.Admit && len(electors) >= ledger.MaxMembers:
		return nil, ledger.Refuse(ledger.BadState, "the network has %d members, which is the most", len(electors))
	case p.Act == ledger.Admit:
		if err := t.putMember(t.join(*p.Member)); err != nil {
			return nil, err
		}
		electors = append(electors, p.Member.MSP)
		slices.Sort(electors)
		if err := t.put(ledger.RosterKey(), electors); err != nil {
			return nil, err
		}
	case m.InForce():
		if err := endMember(t, m, ledger.Evicted); err != nil {
			return nil, err
		}
		// It can seal nothing any more, so nobody waits for it.
		t.remove(ledger.InstancesKey(m.MSP))
	}
	p.State, p.EndedMS, p.EndedTx = ledger.ProposalExecuted, t.TimeMS, t.Tx
	return p, t.put(ledger.ProposalKey(p.ID), p)
}

// withdrawProposal ends a proposal by who made it.
func withdrawProposal(t *transaction, a ledger.IDArgs) (*ledger.MemberProposal, error) {
	p, err := openProposal(t, a.ID)
	if err != nil {
		return nil, err
	}
	if p.By != t.MSP {
		return nil, ledger.Refuse(ledger.Forbidden, "only %s withdraws proposal %s", p.By, p.ID)
	}
	p.State, p.EndedMS, p.EndedTx = ledger.ProposalWithdrawn, t.TimeMS, t.Tx
	return p, t.put(ledger.ProposalKey(p.ID), p)
}

// listProposals tells of each how it is now.
func listProposals(t *transaction, a ledger.ListArgs) (*ledger.Page[ledger.MemberProposal], error) {
	item := func(key string, value []byte) (ledger.MemberProposal, error) {
		var p ledger.MemberProposal
		if err := json.Unmarshal(value, &p); err != nil {
			return p, fmt.Errorf("state %q is damaged: %w", key, err)
		}
		p.State = p.StateAt(t.TimeMS)
		return p, nil
	}
	return page(t, a, item, ledger.ObjProposal)
}
