package fabriccli

// Cryptogen makes the certificates of all nodes and administrators.
type Cryptogen struct {
	Config string
	Output string // folder, made anew
}

func (Cryptogen) Program() string { return "cryptogen" }
func (c Cryptogen) Args() []string {
	return []string{"generate", "--config=" + c.Config, "--output=" + c.Output}
}

// GenesisBlock makes the first block of a channel.
type GenesisBlock struct {
	ConfigDir string // holds configtx.yaml
	Profile   string
	Channel   string
	Output    string // file
}

func (GenesisBlock) Program() string { return "configtxgen" }
func (g GenesisBlock) Args() []string {
	return []string{"-configPath", g.ConfigDir, "-profile", g.Profile, "-channelID", g.Channel, "-outputBlock", g.Output}
}
