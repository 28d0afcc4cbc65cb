package membership

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/network/internal/channelconfig"
	"github.com/trackseal/trackseal/network/internal/fabriccli"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// Step is how far a decision has come with one member's part of it.
type Step struct {
	Did      string // proposed, voted, agreed before
	Yes      int    // members that said so
	Need     int
	Lacks    string // what else is missing, for people
	Executed bool   // the channel and the members' records are as decided
	// Before and After say who endorses and who agrees on the chaincode; empty when the channel was changed before.
	Before, After string
}

// decision is one of the members about an organisation.
type decision struct {
	act     string
	name    string // of whom
	msp     string
	founder *ledger.Founder // whom to admit
	request string          // SHA-256 of the request
	// change is what the channel becomes, and done tells whether it is.
	change func(channelconfig.Config) (channelconfig.Config, error)
	done   func(channelconfig.Config) bool
}

// ErrOther is why a member does not vote for a proposal: it does not say what the member would have proposed itself.
var ErrOther = errors.New("the proposal is not what the request and the channel's configuration lead to")

// Approve agrees that an organisation becomes a member: it proposes it, or votes for it, and does it when that makes the majority.
// file is the request as it came; r what it says.
func (d Desk) Approve(ctx context.Context, r Request, file []byte) (Step, error) {
	sum := sha256.Sum256(file)
	founder := r.Founder()
	return d.decide(ctx, decision{
		act: ledger.Admit, name: r.Name, msp: r.MSP, founder: &founder, request: hex.EncodeToString(sum[:]),
		change: func(c channelconfig.Config) (channelconfig.Config, error) {
			return c.Admit(r.Organisation())
		},
		done: func(c channelconfig.Config) bool { return c.Has(r.MSP) },
	})
}

// Evict agrees that a member goes: also one that has left, whose place on the channel is still there.
func (d Desk) Evict(ctx context.Context, name string) (Step, error) {
	o := topology.Org(name)
	return d.decide(ctx, decision{
		act: ledger.Evict, name: name, msp: o.MSP(),
		change: func(c channelconfig.Config) (channelconfig.Config, error) {
			return c.Evict(o.MSP(), o.OrdererMSP())
		},
		done: func(c channelconfig.Config) bool { return !c.Has(o.MSP()) },
	})
}

// decide is idempotent. Crash order: the vote with its signatures is on the ledger, the channel is changed, the members' records follow.
// Whoever comes next goes on from there.
func (d Desk) decide(ctx context.Context, what decision) (Step, error) {
	var s Step
	c, err := d.Configuration(ctx)
	if err != nil {
		return s, err
	}
	members, err := ledger.MemberList.All(ctx, d, "", 0)
	if err != nil {
		return s, err
	}
	var electors []string
	settled := what.act == ledger.Evict
	for _, m := range members {
		if m.InForce() {
			electors = append(electors, m.MSP)
		}
		if m.Name == what.name {
			settled = m.InForce() == (what.act == ledger.Admit)
		}
	}
	s.Need = ledger.Majority(len(electors))
	if settled && what.done(c) {
		s.Did, s.Executed = "agreed before", true
		return s, nil
	}
	p, err := d.proposal(ctx, what)
	if err != nil {
		return s, err
	}
	var update, text []byte
	if !what.done(c) {
		next, err := what.change(c)
		if err != nil {
			return s, err
		}
		s.Before, s.After = policies(c), policies(next)
		if update, text, err = d.update(ctx, c, next); err != nil {
			return s, err
		}
	}
	if p != nil {
		if err := d.compare(ctx, what, *p, text); err != nil {
			if p.By != d.MSP || !errors.Is(err, ErrOther) {
				return s, err
			}
			// The channel has changed since: this member proposes it anew.
			if err := d.submit(ctx, ledger.MemberWithdraw.Name(), ledger.IDArgs{ID: p.ID}); err != nil {
				return s, err
			}
			p = nil
		}
	}
	if s.Did, err = d.agree(ctx, what, p, update); err != nil {
		return s, err
	}
	if p, err = d.proposal(ctx, what); err != nil {
		return s, err
	}
	if p == nil { // executed by another one meanwhile, or withdrawn
		return s, nil
	}
	if s.Yes = p.Yes(electors); s.Yes < s.Need {
		return s, nil
	}
	if !what.done(c) {
		err := d.change(ctx, *p, what.done)
		if errors.Is(err, ErrSignatures) {
			s.Lacks = err.Error()
			return s, nil
		}
		if err != nil {
			return s, err
		}
	}
	if err := d.submit(ctx, ledger.MemberExecute.Name(), ledger.IDArgs{ID: p.ID}); err != nil {
		return s, err
	}
	s.Executed = true
	return s, nil
}

func policies(c channelconfig.Config) string {
	return "transactions: " + c.Endorsement() + "; the chaincode: " + c.Lifecycle() + "; blocks: " + c.BlockQuorum()
}

// proposal is the oldest open one of this decision; nil when there is none.
func (d Desk) proposal(ctx context.Context, what decision) (*ledger.MemberProposal, error) {
	all, err := ledger.MemberProposals.All(ctx, d, "", 0)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p ledger.MemberProposal) bool {
		of := p.Name
		if p.Member != nil {
			of = p.Member.Name
		}
		return p.State != ledger.ProposalOpen || p.Act != what.act || of != what.name
	})
	if len(all) == 0 {
		return nil, nil
	}
	oldest := slices.MinFunc(all, func(a, b ledger.MemberProposal) int { return int(a.TimeMS - b.TimeMS) })
	return &oldest, nil
}

// compare refuses a proposal that this member would not have made so. text is the update that it derives itself; nil when the channel is
// changed already.
func (d Desk) compare(ctx context.Context, what decision, p ledger.MemberProposal, text []byte) error {
	if p.Request != what.request || !reflect.DeepEqual(p.Member, what.founder) {
		return fmt.Errorf("%w: %s is of another request; its proposer withdraws it, or ask which one is right", ErrOther, p.ID)
	}
	if text == nil {
		return nil
	}
	theirs, err := d.says(ctx, p.Update)
	if err != nil {
		return err
	}
	if !channelconfig.Equal(theirs, text) {
		return fmt.Errorf("%w: %s; if the channel has changed since it was made, its proposer %s runs the same command again", ErrOther, p.ID, p.By)
	}
	return nil
}

// agree proposes what is not proposed yet, or votes for it.
func (d Desk) agree(ctx context.Context, what decision, p *ledger.MemberProposal, update []byte) (did string, err error) {
	if p != nil {
		if update != nil {
			update = p.Update // the same; its bytes are what all sign
		}
		if i := slices.IndexFunc(p.Votes, func(v ledger.MemberVote) bool { return v.By == d.MSP }); i >= 0 && p.Votes[i].Yes {
			return "agreed before", nil
		}
	}
	var signature []byte
	if update != nil {
		if signature, err = d.sign(ctx, update); err != nil {
			return "", err
		}
	}
	if p != nil {
		return "voted", d.submit(ctx, ledger.MemberCast.Name(), ledger.VoteArgs{ID: p.ID, Yes: true, Signature: signature})
	}
	err = d.submit(ctx, ledger.MemberPropose.Name(), ledger.ProposeMemberArgs{
		ID: d.proposalID(what), Act: what.act, Member: what.founder, Request: what.request, Name: evictee(what), Update: update, Signature: signature,
	})
	return "proposed", err
}

// proposalID has a random end: a proposal that was withdrawn keeps its id.
func (d Desk) proposalID(what decision) string {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return fmt.Sprintf("%s.%s-%s-%x", d.Name, what.act, what.name, b)
}

func evictee(what decision) string {
	if what.act == ledger.Evict {
		return what.name
	}
	return ""
}

// Invite is the invitation of a member that was admitted.
func (d Desk) Invite(ctx context.Context, name string) (Invitation, error) {
	o := topology.Org(name)
	i := Invitation{Member: name, MSP: o.MSP(), Channel: d.Channel, Chaincode: d.Chaincode}
	c, err := d.Configuration(ctx)
	if err != nil {
		return i, err
	}
	orderers, err := c.Orderers()
	if err != nil {
		return i, err
	}
	for _, o := range orderers {
		i.Orderers = append(i.Orderers, Orderer{MSP: o.MSP, Addresses: o.Addresses, TLSRoots: o.TLSRoots})
	}
	if _, err := d.Run(ctx, d.Admin.Fetch(d.Channel, "0", d.file("0.block"))); err != nil {
		return i, err
	}
	block, err := os.ReadFile(d.file("0.block"))
	if err != nil {
		return i, err
	}
	if i.Genesis, err = GenesisHash(block); err != nil {
		return i, err
	}
	_, i.Version, err = d.Committed(ctx)
	return i, err
}

// Committed is the chaincode's definition in force; sequence 0 when there is none.
func (d Desk) Committed(ctx context.Context) (sequence int, version string, err error) {
	out, err := d.Run(ctx, d.Admin.Committed(d.Channel, d.Chaincode))
	if fabriccli.Said(err, "is not defined") {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	var def struct {
		Sequence int    `json:"sequence"`
		Version  string `json:"version"`
	}
	if err := json.Unmarshal(out, &def); err != nil {
		return 0, "", fmt.Errorf("peer lifecycle chaincode querycommitted: %w", err)
	}
	return def.Sequence, def.Version, nil
}

// Announce tells the ledger where this member's own nodes are reached, unless it says so.
func (d Desk) Announce(ctx context.Context, e ledger.AnnounceArgs) (did bool, err error) {
	m, err := ledger.MemberGet.Ask(ctx, d, ledger.NameArgs{Name: d.Name})
	if err != nil {
		return false, err
	}
	if m.Endpoints != nil && m.Endpoints.Same(e) {
		return false, nil
	}
	return true, d.submit(ctx, ledger.MemberAnnounce.Name(), e)
}

// Leave ends this member's own membership, unless it has ended. retire takes its ingest instances out of service before.
func (d Desk) Leave(ctx context.Context, retire bool) error {
	m, err := ledger.MemberGet.Ask(ctx, d, ledger.NameArgs{Name: d.Name})
	if err != nil || m.Ended != nil {
		return err
	}
	if retire {
		heads, err := ledger.AnchorHeads.All(ctx, d, "", 0)
		if err != nil {
			return err
		}
		for _, h := range heads {
			if h.Owner != d.MSP {
				continue
			}
			err := d.submit(ctx, ledger.AnchorRetire.Name(), ledger.RetireArgs{Ingest: h.Ingest})
			if err != nil && ledger.CodeOf(err) != ledger.NotFound {
				return err
			}
		}
	}
	return d.submit(ctx, ledger.MemberLeave.Name(), ledger.NoArgs{})
}

// Members and proposals, as the ledger has them.
func (d Desk) Members(ctx context.Context) ([]ledger.Member, []ledger.MemberProposal, error) {
	members, err := ledger.MemberList.All(ctx, d, "", 0)
	if err != nil {
		return nil, nil, err
	}
	proposals, err := ledger.MemberProposals.All(ctx, d, "", 0)
	return members, proposals, err
}
