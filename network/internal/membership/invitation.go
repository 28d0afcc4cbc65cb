package membership

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// Invitation tells a new member where the channel is. It holds no secret; whoever gets a wrong one joins another channel, so it is
// taken from a member that one trusts, and Genesis is compared with another one's.
type Invitation struct {
	Format    string    `json:"format"`
	Member    string    `json:"member"`
	MSP       string    `json:"msp"`
	Channel   string    `json:"channel"`
	Chaincode string    `json:"chaincode"`
	Genesis   string    `json:"genesis"` // hash of block 0, hex
	Version   string    `json:"version"` // of the chaincode's definition in force; a part of it is the program's hash
	Orderers  []Orderer `json:"orderers"`
}

// Orderer is where an organisation's orderers are.
type Orderer struct {
	MSP       string   `json:"msp"`
	Addresses []string `json:"addresses"` // host:port
	TLSRoots  string   `json:"tls_roots"` // PEM
}

// File is the invitation as it is handed over.
func (i Invitation) File() ([]byte, error) {
	i.Format = invitationFormat
	data, err := json.MarshalIndent(i, "", "  ")
	return append(data, '\n'), err
}

// ReadInvitation reads an invitation.
func ReadInvitation(data []byte) (Invitation, error) {
	var i Invitation
	if err := canon.UnmarshalJSON(data, &i); err != nil {
		return i, fmt.Errorf("it is no invitation: %w", err)
	}
	switch sum, err := hex.DecodeString(i.Genesis); {
	case i.Format != invitationFormat:
		return i, fmt.Errorf("format is %q: this program reads %s", i.Format, invitationFormat)
	case i.Member == "" || i.MSP == "" || i.Channel == "" || i.Chaincode == "":
		return i, errors.New("member, msp, channel and chaincode must be there")
	case err != nil || len(sum) != sha256.Size:
		return i, errors.New("genesis must be a SHA-256 in hex")
	case len(i.Orderers) == 0:
		return i, errors.New("it names no orderers")
	}
	for _, o := range i.Orderers {
		if len(o.Addresses) == 0 || o.TLSRoots == "" {
			return i, fmt.Errorf("orderers: %s has no addresses or no TLS roots", o.MSP)
		}
	}
	return i, nil
}

// GenesisHash of a channel's first block, checked against what it holds.
func GenesisHash(block []byte) (string, error) {
	b, err := fabricproof.DecodeBlock(block)
	if err != nil {
		return "", err
	}
	if b.Number != 0 || len(b.Envelopes) != 1 {
		return "", fmt.Errorf("it is block %d with %d transactions, not the first one", b.Number, len(b.Envelopes))
	}
	if sum := sha256.Sum256(b.Envelopes[0]); string(sum[:]) != string(b.DataHash) {
		return "", errors.New("its content is not that of its header")
	}
	sum := b.Hash()
	return hex.EncodeToString(sum[:]), nil
}
