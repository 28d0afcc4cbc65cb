package fabriccli

import "strconv"

// Install gives the peer a chaincode package.
type Install struct {
	Admin
	Package string
}

func (i Install) Args() []string { return []string{"lifecycle", "chaincode", "install", i.Package} }

// Definition of a chaincode on a channel.
type Definition struct {
	Channel  string
	Name     string
	Version  string
	Sequence int
	Policy   string // endorsement, in the language of signature policies
}

func (d Definition) flags() []string {
	return []string{
		"--channelID", d.Channel, "--name", d.Name, "--version", d.Version, "--sequence", strconv.Itoa(d.Sequence),
		"--signature-policy", d.Policy,
	}
}

// Approve is one organisation's consent to a definition.
type Approve struct {
	Admin
	Orderer    Orderer
	Definition Definition
	PackageID  string
}

func (a Approve) Args() []string {
	args := append([]string{"lifecycle", "chaincode", "approveformyorg"}, a.Orderer.flags()...)
	args = append(args, a.Definition.flags()...)
	return append(args, "--package-id", a.PackageID, "--waitForEvent", "--waitForEventTimeout", "60s")
}

// Commit puts a definition that enough organisations approved into force.
type Commit struct {
	Admin
	Orderer    Orderer
	Definition Definition
	Endorsers  []Endorser
}

func (c Commit) Args() []string {
	args := append([]string{"lifecycle", "chaincode", "commit"}, c.Orderer.flags()...)
	args = append(args, c.Definition.flags()...)
	args = append(args, endorsers(c.Endorsers)...)
	return append(args, "--waitForEvent", "--waitForEventTimeout", "60s")
}

// Committed asks for the definition in force.
type Committed struct {
	Admin
	Channel string
	Name    string
}

func (c Committed) Args() []string {
	return []string{"lifecycle", "chaincode", "querycommitted", "-C", c.Channel, "-n", c.Name, "--output", "json"}
}
