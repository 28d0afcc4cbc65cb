package fabric

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Config says as whom to speak to which network. The YAML form is part of ingest's and api's configuration.
type Config struct {
	Profile   string   `yaml:"profile"`   // path of the connection profile that `network up` renders
	Org       string   `yaml:"org"`       // organisation name in the profile: carrier, …
	User      string   `yaml:"user"`      // identity below the profile's crypto path: ingest, api, …
	Channel   string   `yaml:"channel"`   // default ledger.Channel
	Chaincode string   `yaml:"chaincode"` // default ledger.Chaincode
	Timeouts  Timeouts `yaml:"timeouts"`  // each 0 = default
}

// Timeouts bound how long one thing may take. They are upper bounds: nothing waits for them when every node is well.
type Timeouts struct {
	Connect   time.Duration `yaml:"connect"`   // one connection to one node; default 3s
	Endorse   time.Duration `yaml:"endorse"`   // all attempts to have one transaction endorsed; default 15s
	Evaluate  time.Duration `yaml:"evaluate"`  // one question, whoever answers it; default 10s
	Hedge     time.Duration `yaml:"hedge"`     // silence of a peer after which another is asked as well; default 1s
	Broadcast time.Duration `yaml:"broadcast"` // one orderer's receipt for a transaction; default 3s
	Resend    time.Duration `yaml:"resend"`    // no commit for so long: the orderers get it again; default 2s, less than the patience of BFT orderers with their leader (RequestComplainTimeout)
	Commit    time.Duration `yaml:"commit"`    // from the receipt until commit unknown; default 30s, more than a BFT view change
	Idle      time.Duration `yaml:"idle"`      // a stream without a block for so long is checked; default 5s
}

// Validate returns all problems at once.
func (c Config) Validate() error {
	var problems []error
	if c.Profile == "" {
		problems = append(problems, errors.New("fabric.profile: give the path of the connection profile that `network up` renders"))
	} else if _, err := os.Stat(c.Profile); err != nil {
		problems = append(problems, fmt.Errorf("fabric.profile: %w; start the network first or correct the path", err))
	}
	if c.Org == "" {
		problems = append(problems, errors.New("fabric.org: give the organisation's name in the profile, for example carrier"))
	}
	if c.User == "" {
		problems = append(problems, errors.New("fabric.user: give the identity's name, for example api or ingest"))
	}
	for name, d := range map[string]time.Duration{
		"connect": c.Timeouts.Connect, "endorse": c.Timeouts.Endorse, "evaluate": c.Timeouts.Evaluate, "hedge": c.Timeouts.Hedge,
		"broadcast": c.Timeouts.Broadcast, "resend": c.Timeouts.Resend, "commit": c.Timeouts.Commit, "idle": c.Timeouts.Idle,
	} {
		if d < 0 {
			problems = append(problems, fmt.Errorf("fabric.timeouts.%s: must not be negative", name))
		}
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	c.Channel = cmp.Or(c.Channel, ledger.Channel)
	c.Chaincode = cmp.Or(c.Chaincode, ledger.Chaincode)
	t := &c.Timeouts
	t.Connect = cmp.Or(t.Connect, 3*time.Second)
	t.Endorse = cmp.Or(t.Endorse, 15*time.Second)
	t.Evaluate = cmp.Or(t.Evaluate, 10*time.Second)
	t.Hedge = cmp.Or(t.Hedge, time.Second)
	t.Broadcast = cmp.Or(t.Broadcast, 3*time.Second)
	t.Resend = cmp.Or(t.Resend, 2*time.Second)
	t.Commit = cmp.Or(t.Commit, 30*time.Second)
	t.Idle = cmp.Or(t.Idle, 5*time.Second)
	return c
}
