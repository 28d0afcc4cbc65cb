package fabriccli

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// GenesisBlock writes the first block of a channel to file output. Folder configDir holds configtx.yaml.
func GenesisBlock(configDir, profile, channel, output string) Call {
	return Call{Program: "configtxgen", Args: []string{"-configPath", configDir, "-profile", profile, "-channelID", channel, "-outputBlock", output}}
}

// Decode writes a message of file input as JSON to file output, Encode does it backwards. kind is its full name: common.Block.
func Decode(kind, input, output string) Call {
	return Call{Program: "configtxlator", Args: []string{"proto_decode", "--type", kind, "--input", input, "--output", output}}
}

func Encode(kind, input, output string) Call {
	return Call{Program: "configtxlator", Args: []string{"proto_encode", "--type", kind, "--input", input, "--output", output}}
}

// ComputeUpdate writes what leads from one configuration, a common.Config, to another.
func ComputeUpdate(channel, from, to, output string) Call {
	return Call{Program: "configtxlator", Args: []string{"compute_update", "--channel_id", channel, "--original", from, "--updated", to, "--output", output}}
}

// OrdererAdmin says how to reach an orderer's admin listener.
type OrdererAdmin struct {
	Address    string
	CAFile     string
	ClientCert string
	ClientKey  string
}

// Join makes the orderer a consenter of a channel.
func (a OrdererAdmin) Join(channel, block string) Call {
	return Call{Program: "osnadmin", Args: []string{"channel", "join", "--channelID", channel, "--config-block", block,
		"-o", a.Address, "--ca-file", a.CAFile, "--client-cert", a.ClientCert, "--client-key", a.ClientKey}}
}

// Status is the HTTP status that osnadmin prints; it exits with 0 whatever the answer was.
func Status(out []byte) (code int, rest string, err error) {
	first, body, _ := bytes.Cut(out, []byte("\n"))
	if _, err := fmt.Sscanf(string(first), "Status: %d", &code); err != nil {
		return 0, "", fmt.Errorf("osnadmin answered %q", strings.TrimSpace(string(out)))
	}
	return code, strings.Join(strings.Fields(string(body)), " "), nil
}

// Admin is an organisation's administrator, or another identity of it, at its own peer.
type Admin struct {
	ConfigDir string // holds core.yaml
	MSP       string
	MSPDir    string
	Address   string // of the peer
	TLSRoot   string // of the peer
}

func (a Admin) peer(args ...string) Call {
	return Call{Program: "peer", Args: args, Env: []string{
		"FABRIC_CFG_PATH=" + a.ConfigDir,
		"FABRIC_LOGGING_SPEC=error",
		"CORE_PEER_LOCALMSPID=" + a.MSP,
		"CORE_PEER_MSPCONFIGPATH=" + a.MSPDir,
		"CORE_PEER_ADDRESS=" + a.Address,
		"CORE_PEER_TLS_ENABLED=true",
		"CORE_PEER_TLS_ROOTCERT_FILE=" + a.TLSRoot,
	}}
}

// Orderer says where transactions are ordered.
type Orderer struct {
	Address string
	CAFile  string
}

// Endorser is a peer that a transaction asks for its endorsement.
type Endorser struct {
	Address string
	TLSRoot string
}

// transaction is a call whose transaction is ordered; it waits until the peer has the transaction's block.
func (a Admin) transaction(command []string, o Orderer, flags []string, endorsers ...Endorser) Call {
	args := slices.Concat(command, []string{"-o", o.Address, "--tls", "--cafile", o.CAFile}, flags)
	for _, e := range endorsers {
		args = append(args, "--peerAddresses", e.Address, "--tlsRootCertFiles", e.TLSRoot)
	}
	return a.peer(append(args, "--waitForEvent", "--waitForEventTimeout", "60s")...)
}

// Join makes the peer join the channel of a genesis block.
func (a Admin) Join(block string) Call { return a.peer("channel", "join", "-b", block) }

// Fetch writes a block to file output: a number, or config for the newest configuration. It asks the peer, or an orderer that is named.
func (a Admin) Fetch(channel, block, output string, from ...Orderer) Call {
	args := []string{"channel", "fetch", block, output, "-c", channel}
	for _, o := range from {
		args = append(args, "-o", o.Address, "--tls", "--cafile", o.CAFile)
	}
	return a.peer(args...)
}

// SignUpdate adds the signature of a to an update of the channel's configuration, in its file.
func (a Admin) SignUpdate(file string) Call { return a.peer("channel", "signconfigtx", "-f", file) }

// Update signs and submits an update. It ends when an orderer took it.
func (a Admin) Update(o Orderer, channel, file string) Call {
	return a.peer("channel", "update", "-f", file, "-c", channel, "-o", o.Address, "--tls", "--cafile", o.CAFile)
}

// Channels lists what the peer has joined.
func (a Admin) Channels() Call { return a.peer("channel", "list") }

// Install gives the peer a chaincode package.
func (a Admin) Install(pkg string) Call { return a.peer("lifecycle", "chaincode", "install", pkg) }

// Definition of a chaincode on a channel.
type Definition struct {
	Channel  string
	Name     string
	Version  string
	Sequence int
	// Policy is the channel's own that says who endorses, so that it follows the members: /Channel/Application/Endorsement.
	Policy string
}

func (d Definition) flags() []string {
	return []string{
		"--channelID", d.Channel, "--name", d.Name, "--version", d.Version, "--sequence", strconv.Itoa(d.Sequence),
		"--channel-config-policy", d.Policy,
	}
}

// Approve is one organisation's consent to a definition.
func (a Admin) Approve(o Orderer, d Definition, packageID string) Call {
	return a.transaction([]string{"lifecycle", "chaincode", "approveformyorg"}, o, append(d.flags(), "--package-id", packageID))
}

// Commit puts a definition that enough organisations approved into force.
func (a Admin) Commit(o Orderer, d Definition, endorsers []Endorser) Call {
	return a.transaction([]string{"lifecycle", "chaincode", "commit"}, o, d.flags(), endorsers...)
}

// Readiness asks which organisations agree on a definition.
func (a Admin) Readiness(d Definition) Call {
	return a.peer(append([]string{"lifecycle", "chaincode", "checkcommitreadiness", "--output", "json"}, d.flags()...)...)
}

// Height asks how many blocks of a channel the peer has.
func (a Admin) Height(channel string) Call { return a.peer("channel", "getinfo", "-c", channel) }

// Committed asks for the definition in force.
func (a Admin) Committed(channel, name string) Call {
	return a.peer("lifecycle", "chaincode", "querycommitted", "-C", channel, "-n", name, "--output", "json")
}

// Invoke submits a transaction. call is JSON: {"Args":["function","argument"]}.
func (a Admin) Invoke(o Orderer, channel, chaincode, call string, endorsers []Endorser) Call {
	return a.transaction([]string{"chaincode", "invoke"}, o, []string{"-C", channel, "-n", chaincode, "-c", call}, endorsers...)
}

// Query evaluates a chaincode function on the peer; call as in Invoke.
func (a Admin) Query(channel, chaincode, call string) Call {
	return a.peer("chaincode", "query", "-C", channel, "-n", chaincode, "-c", call)
}
