// Package fabricproof checks Hyperledger Fabric's own structures offline: configuration blocks, block signatures,
// transactions, endorsements and the peers' signed answers. It links no Fabric library. It reads the protobuf messages
// that it needs with a decoder that is stricter than Fabric's, because a proof whose bytes can be understood in two ways
// proves nothing. Pure: no clock, no I/O.
package fabricproof

import "fmt"

// Code names one kind of failure. The text of a code never changes.
type Code string

// Codes of the checks in this package.
const (
	Pin           Code = "E_PIN"            // the first configuration block is not the pinned one
	ConfigLink    Code = "E_CONFIG_LINK"    // configuration blocks do not follow each other
	ConfigSig     Code = "E_CONFIG_SIG"     // a configuration block lacks the signatures of the configuration before it
	MSPRoot       Code = "E_MSP_ROOT"       // an organisation's root certificate is not pinned
	TxMalformed   Code = "E_TX_MALFORMED"   // an envelope or one of its parts is not in canonical form
	DataHash      Code = "E_DATA_HASH"      // the envelopes are not those of the block
	Channel       Code = "E_CHANNEL"        // another channel
	SigFormat     Code = "E_SIG_FORMAT"     // the signatures' metadata is not in canonical form
	ConfigStale   Code = "E_CONFIG_STALE"   // the block names another configuration than the newest one given
	BlockQuorum   Code = "E_BLOCK_QUORUM"   // too few valid orderer signatures, or one that is wrong
	Identity      Code = "E_IDENTITY"       // a certificate is not one of its organisation, or has the wrong role
	HeaderChain   Code = "E_HEADER_CHAIN"   // two neighbouring blocks are not linked
	CreatorSig    Code = "E_CREATOR_SIG"    // the client's signature over its transaction
	TxID          Code = "E_TXID"           // the transaction id is not the hash of nonce and creator
	ProposalHash  Code = "E_PROPOSAL_HASH"  // what was endorsed is not what was proposed
	Chaincode     Code = "E_CHAINCODE"      // another chaincode, or names that disagree
	RWSet         Code = "E_RWSET"          // the read-write set is not acceptable
	EndorseSig    Code = "E_ENDORSE_SIG"    // an endorsement does not verify
	EndorsePolicy Code = "E_ENDORSE_POLICY" // the endorsers do not meet the auditor's rule
	CCDefinition  Code = "E_CC_DEFINITION"  // run under a chaincode definition that the policy does not name
	Attest        Code = "E_ATTEST"         // a peer's signed answer does not hold
)

// Fault is one failed check.
type Fault struct {
	Code     Code
	Where    string // "block 12, transaction 3"
	Expected string
	Found    string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("%s at %s: expected %s, found %s", f.Code, f.Where, f.Expected, f.Found)
}

// fault fills where later: the innermost check does not know it.
func fault(code Code, expected, found string, args ...any) *Fault {
	return &Fault{Code: code, Expected: expected, Found: fmt.Sprintf(found, args...)}
}

// At adds the place of a failure, outermost first.
func At(err error, format string, args ...any) error {
	f, ok := err.(*Fault)
	if !ok || f == nil {
		return err
	}
	c := *f
	place := fmt.Sprintf(format, args...)
	if c.Where == "" {
		c.Where = place
	} else {
		c.Where = place + ", " + c.Where
	}
	return &c
}

// as gives an error of the decoder the code of the thing that was decoded.
func as(code Code, err error) error {
	if err == nil {
		return nil
	}
	if f, ok := err.(*Fault); ok {
		return f
	}
	return &Fault{Code: code, Expected: "a message in canonical form", Found: err.Error()}
}
