// Package topology describes one stack and touches nothing: the members that run in its folder, their processes, the port of every
// listener and the path of every file.
package topology

import "strings"

// Org is a member's name as users write it: carrier, shipper, …
type Org string

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

// PeerHost is the name in the peer's certificate, beside its address.
func (o Org) PeerHost() string { return "peer." + o.Domain() }

// OrdererHost is the name in the orderer's certificate, beside its address.
func (o Org) OrdererHost() string { return "orderer." + o.OrdererDomain() }

// OperatorUser is the identity with the role operator, which every organisation has.
const OperatorUser = "api"

// IngestUser is the identity with which an organisation's ingest signs.
const IngestUser = "ingest"

// User is a client identity with a role that chaincode reads.
type User struct {
	Name string
	Role string // value of the certificate attribute trackseal.role
}
