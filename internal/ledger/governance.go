package ledger

import "slices"

// MemberProposal asks the members to admit an organisation or to evict one, to accept a maker of trackers or to end that. Each member in force has one vote, and may change it until
// the proposal is executed. A member that has ended has none, also when it voted before.
type MemberProposal struct {
	ID  string `json:"id"`  // begins with the proposer's name
	Act string `json:"act"` // Admit, Evict, AcceptMaker or EndMaker
	// Member is whom to admit, and Request the SHA-256 (hex) of the file in which it asked for it.
	Member  *Founder `json:"member,omitempty"`
	Request string   `json:"request,omitempty"`
	Name    string   `json:"name,omitempty"` // whom to evict, or the maker to accept
	// Certificate is the maker's root (DER, base64 in JSON) to accept, and Root the SHA-256 (hex) of the one to end.
	Certificate []byte `json:"certificate,omitempty"`
	Root        string `json:"root,omitempty"`
	// Update is the channel's configuration update that goes with it. The ledger keeps it for those who sign it, and never reads it.
	Update []byte `json:"update,omitempty"`
	By     string `json:"by"` // MSP id of the proposer
	TimeMS int64  `json:"time_ms"`
	Tx     string `json:"tx"`
	// State is ProposalOpen until it is one of the others. A lapsed one is stored as open, and read as lapsed.
	State   string       `json:"state"`
	Votes   []MemberVote `json:"votes"` // in the order of their MSP ids, the proposer's among them
	EndedMS int64        `json:"ended_ms,omitempty"`
	EndedTx string       `json:"ended_tx,omitempty"` // of the execution or withdrawal
}

// MemberVote is one organisation's vote.
type MemberVote struct {
	By  string `json:"by"` // MSP id
	Yes bool   `json:"yes"`
	// Signature is the organisation's on the channel's update, as the ledger got it.
	Signature []byte `json:"signature,omitempty"`
	TimeMS    int64  `json:"time_ms"`
	Tx        string `json:"tx"`
}

// Acts of a proposal.
const (
	Admit       = "admit"
	Evict       = "evict"
	AcceptMaker = "accept_maker"
	EndMaker    = "end_maker"
)

// States of a proposal.
const (
	ProposalOpen      = "open"
	ProposalExecuted  = "executed"
	ProposalWithdrawn = "withdrawn"
	ProposalLapsed    = "lapsed"
)

// ProposalLivesMS is how long a proposal may be voted on and executed.
const ProposalLivesMS = 30 * 24 * 3600 * 1000

// StateAt is the state of a proposal at a time: an open one lapses.
func (p *MemberProposal) StateAt(ms int64) string {
	if p.State == ProposalOpen && ms-p.TimeMS > ProposalLivesMS {
		return ProposalLapsed
	}
	return p.State
}

// Yes counts the electors that said yes.
func (p *MemberProposal) Yes(electors []string) int {
	n := 0
	for _, v := range p.Votes {
		if v.Yes && slices.Contains(electors, v.By) {
			n++
		}
	}
	return n
}

// Majority is how many of so many electors must say yes: more than half.
func Majority(electors int) int { return electors/2 + 1 }

// Bounds of a proposal.
const (
	MaxUpdate    = 64 << 10 // bytes of a channel update
	MaxSignature = 8 << 10  // bytes of a vote's signature
)

// ProposeMemberArgs makes a proposal. Update and Signature are base64 in JSON.
type ProposeMemberArgs struct {
	ID      string   `json:"id"`
	Act     string   `json:"act"`
	Member  *Founder `json:"member,omitempty"`  // only to admit
	Request string   `json:"request,omitempty"` // only to admit
	Name    string   `json:"name,omitempty"`    // only to evict, or the maker to accept

	Certificate []byte `json:"certificate,omitempty"` // only to accept a maker
	Root        string `json:"root,omitempty"`        // only to end one

	Update    []byte `json:"update,omitempty"`
	Signature []byte `json:"signature,omitempty"`
}

func (a ProposeMemberArgs) Validate() error {
	if err := first(checkID("id", a.ID), checkSize("update", a.Update, MaxUpdate), checkSize("signature", a.Signature, MaxSignature)); err != nil {
		return err
	}
	if a.Act == AcceptMaker || a.Act == EndMaker {
		return a.validateMaker()
	}
	if len(a.Certificate) > 0 || a.Root != "" {
		return invalid("certificate and root are of makers")
	}
	switch a.Act {
	case Admit:
		switch {
		case a.Member == nil:
			return invalid("member: say whom to admit")
		case a.Name != "":
			return invalid("name is for whom to evict; whom to admit is member")
		}
		return first(a.Member.validate(), checkHash("request", a.Request))
	case Evict:
		if a.Member != nil || a.Request != "" {
			return invalid("member and request are for whom to admit; whom to evict is name")
		}
		return checkName(a.Name)
	}
	return invalid("act must be %s, %s, %s or %s, not %.40q", Admit, Evict, AcceptMaker, EndMaker, a.Act)
}

// validateMaker: a maker is no organisation of the network, so no member, request or channel update goes with it.
func (a ProposeMemberArgs) validateMaker() error {
	switch {
	case a.Member != nil || a.Request != "" || len(a.Update) > 0 || len(a.Signature) > 0:
		return invalid("member, request, update and signature are not for makers")
	case a.Act == EndMaker && (a.Name != "" || len(a.Certificate) > 0):
		return invalid("name and certificate are of a maker to accept; which one to end is root")
	case a.Act == EndMaker:
		return checkHash("root", a.Root)
	case a.Root != "":
		return invalid("root is of a maker to end; what to accept is certificate")
	case len(a.Certificate) == 0 || len(a.Certificate) > MaxCertificate:
		return invalid("certificate must be 1 to %d bytes of DER, base64", MaxCertificate)
	}
	return checkText("name", a.Name, 1, 128)
}

// VoteArgs votes on a proposal.
type VoteArgs struct {
	ID        string `json:"id"`
	Yes       bool   `json:"yes"`
	Signature []byte `json:"signature,omitempty"` // base64 in JSON
}

func (a VoteArgs) Validate() error {
	return first(checkID("id", a.ID), checkSize("signature", a.Signature, MaxSignature))
}

func checkSize(member string, b []byte, max int) error {
	if len(b) > max {
		return invalid("%s: %d bytes, at most %d are accepted", member, len(b), max)
	}
	return nil
}
