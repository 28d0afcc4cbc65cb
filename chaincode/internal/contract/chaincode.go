// Package contract is Trackseal's chaincode: the contracts tracker, shipment, anchor, compliance and ruleset.
//
// Every endorsing peer runs this code on its own and the results must be equal byte for byte. So nothing here reads a
// clock (the transaction's time counts), draws random numbers or walks a map; floating point is only what a tracker signed,
// compared with a limit. Who calls is taken from the certificate, never from an argument.
//
// State is not private: every organisation's peer holds all of it. What the evaluate transactions hide from those who are
// no party keeps clients honest and listings short; it is not secrecy from the organisations that run peers.
package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/trackseal/trackseal/internal/ledger"
)

// New returns the chaincode with all contracts.
func New() (shim.Chaincode, error) {
	cc, err := contractapi.NewChaincode(
		&Tracker{base("tracker", "Trackers, their keys and their calibration")},
		&Shipment{base("shipment", "Shipments: parties, assignments, custody, close")},
		&Anchor{base("anchor", "Heads logs: append-only roots of an ingest instance's logs")},
		&Compliance{base("compliance", "Excursions, verdict revisions, what people sign about them")},
		&RuleSet{base("ruleset", "Published compliance rule sets")},
	)
	if err != nil {
		return nil, fmt.Errorf("build the contracts: %w", err)
	}
	cc.Info.Title = "Trackseal"
	return &strict{cc}, nil
}

func base(name, title string) contractapi.Contract {
	return contractapi.Contract{
		Name:                      name,
		Info:                      metadata.InfoMetadata{Title: title, Version: "1"},
		TransactionContextHandler: new(Context),
	}
}

// strict lets only calls through that are spelt as in package ledger, with exactly one argument. The contract API itself
// takes other spellings (tracker:enrol) and drops surplus arguments.
type strict struct{ *contractapi.ContractChaincode }

func (c *strict) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	fn, args := stub.GetFunctionAndParameters()
	switch {
	case strings.HasPrefix(fn, contractapi.SystemContractName+":"):
		// The contract API's own metadata.
	case !slices.Contains(ledger.Transactions, fn):
		return shim.Error(ledger.Refuse(ledger.Invalid, "there is no transaction %.100q", fn).Error())
	case len(args) != 1:
		return shim.Error(ledger.Refuse(ledger.Invalid, "%s takes one JSON object, not %d arguments", fn, len(args)).Error())
	}
	return c.ContractChaincode.Invoke(stub)
}

// Init is the same as Invoke would be without a function: there is nothing to set up.
func (c *strict) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }
