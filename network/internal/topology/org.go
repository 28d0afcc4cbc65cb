// Package topology describes one stack and touches nothing: its organisations, its processes, the port of every role and
// the path of every file.
package topology

import "strings"

// Org is an organisation's name as users write it: carrier, shipper, consignee or auditor.
type Org string

// The four organisations, in the order of their ports and consenter ids.
var Orgs = []Org{"carrier", "shipper", "consignee", "auditor"}

// OperatorUser is the identity with the role operator, which every organisation has.
const OperatorUser = "api"

// Operator is the organisation that runs ingest.
const Operator Org = "carrier"

// Title is the name with a capital letter, as people read it.
func (o Org) Title() string { return strings.ToUpper(string(o[:1])) + string(o[1:]) }

// MSP is the id of the organisation's peers and clients.
func (o Org) MSP() string { return o.Title() + "MSP" }

// OrdererMSP is the id of the organisation's orderer.
func (o Org) OrdererMSP() string { return o.Title() + "OrdererMSP" }

// Domain is where the organisation's peer and client certificates live.
func (o Org) Domain() string { return string(o) + ".trackseal" }

// OrdererDomain differs from Domain, so that the two authorities never share a subject.
func (o Org) OrdererDomain() string { return string(o) + "-orderer.trackseal" }

// PeerHost is the name in the peer's certificate, beside 127.0.0.1 and localhost.
func (o Org) PeerHost() string { return "peer." + o.Domain() }

// OrdererHost is the name in the orderer's certificate, beside 127.0.0.1 and localhost.
func (o Org) OrdererHost() string { return "orderer." + o.OrdererDomain() }

// User is a client identity that we issue ourselves, with a role that chaincode reads.
type User struct {
	Name string
	Role string // value of the certificate attribute trackseal.role
}

// Users of the organisation.
func (o Org) Users() []User {
	users := []User{{Name: OperatorUser, Role: "operator"}}
	if o == Operator {
		users = append(users, User{Name: "ingest", Role: "ingest"})
	}
	return users
}
