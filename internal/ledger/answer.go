package ledger

// SignedAnswer is a peer's answer about a block with the peer's signature, every part as it went over the wire. Response
// is what was signed, together with Endorser; it holds the block with its validity filter.
type SignedAnswer struct {
	Org             string // organisation name
	ChannelHeader   []byte
	SignatureHeader []byte
	Proposal        []byte // ChaincodeProposalPayload
	Response        []byte // ProposalResponsePayload
	Endorser        []byte
	Signature       []byte
}
