package fabriccli

// Admin is an organisation's administrator, or another identity of it, at its own peer.
type Admin struct {
	ConfigDir string // holds core.yaml
	MSP       string
	MSPDir    string
	Address   string // of the peer
	TLSRoot   string // of the peer
}

func (Admin) Program() string { return "peer" }

// Env for every call of peer.
func (a Admin) Env() []string {
	return []string{
		"FABRIC_CFG_PATH=" + a.ConfigDir,
		"FABRIC_LOGGING_SPEC=error",
		"CORE_PEER_LOCALMSPID=" + a.MSP,
		"CORE_PEER_MSPCONFIGPATH=" + a.MSPDir,
		"CORE_PEER_ADDRESS=" + a.Address,
		"CORE_PEER_TLS_ENABLED=true",
		"CORE_PEER_TLS_ROOTCERT_FILE=" + a.TLSRoot,
	}
}

// Orderer says where transactions are ordered.
type Orderer struct {
	Address string
	CAFile  string
}

func (o Orderer) flags() []string { return []string{"-o", o.Address, "--tls", "--cafile", o.CAFile} }

// Endorser is a peer that a transaction asks for its endorsement.
type Endorser struct {
	Address string
	TLSRoot string
}

func endorsers(all []Endorser) []string {
	var flags []string
	for _, e := range all {
		flags = append(flags, "--peerAddresses", e.Address, "--tlsRootCertFiles", e.TLSRoot)
	}
	return flags
}

// PeerJoin makes the peer join the channel of a genesis block.
type PeerJoin struct {
	Admin
	Block string
}

func (j PeerJoin) Args() []string { return []string{"channel", "join", "-b", j.Block} }

// PeerChannels lists what the peer has joined.
type PeerChannels struct{ Admin }

func (PeerChannels) Args() []string { return []string{"channel", "list"} }

// Invoke submits a transaction and waits until the peer has its block.
type Invoke struct {
	Admin
	Orderer   Orderer
	Channel   string
	Chaincode string
	Call      string // JSON: {"Args":["function","argument"]}
	Endorsers []Endorser
}

func (i Invoke) Args() []string {
	args := append([]string{"chaincode", "invoke"}, i.Orderer.flags()...)
	args = append(args, "-C", i.Channel, "-n", i.Chaincode, "-c", i.Call)
	args = append(args, endorsers(i.Endorsers)...)
	return append(args, "--waitForEvent", "--waitForEventTimeout", "60s")
}

// Query evaluates a chaincode function on the peer.
type Query struct {
	Admin
	Channel   string
	Chaincode string
	Call      string // JSON: {"Args":["function","argument"]}
}

func (q Query) Args() []string {
	return []string{"chaincode", "query", "-C", q.Channel, "-n", q.Chaincode, "-c", q.Call}
}
