package ledger

import (
	"strings"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Member is an organisation of the network. Shipments name members, whoever is none takes no part in them.
type Member struct {
	Name        string `json:"name"` // what REST calls the organisation, and the beginning of its ids
	MSP         string `json:"msp"`  // MSP id, which is in its certificates
	DisplayName string `json:"display_name"`
	Operator    bool   `json:"operator"` // it runs ingest: only such a member has heads logs
	JoinedMS    int64  `json:"joined_ms"`
	Tx          string `json:"tx"` // by which it became a member
}

// Founding is the create-only record of the network's first members.
type Founding struct {
	Members []Member `json:"members"` // sorted by name
	By      string   `json:"by"`      // MSP id
	TimeMS  int64    `json:"time_ms"`
	Tx      string   `json:"tx"`
}

// FoundArgs names the first members, the caller's organisation among them. It is taken once.
type FoundArgs struct {
	Members []Founder `json:"members"` // sorted by name; names and MSP ids unique
}

// Founder is one of the first members.
type Founder struct {
	Name        string `json:"name"`
	MSP         string `json:"msp"`
	DisplayName string `json:"display_name"`
	Operator    bool   `json:"operator"`
}

// MaxFounders bounds the first members, who are written in one transaction.
const MaxFounders = 64

// MaxInstances bounds the ingest instances that an operator has in service: each has a heads log.
const MaxInstances = 16

func (a FoundArgs) Validate() error {
	if len(a.Members) < 1 || len(a.Members) > MaxFounders {
		return invalid("members: 1 to %d are founded, not %d", MaxFounders, len(a.Members))
	}
	msps := map[string]bool{}
	for i, m := range a.Members {
		if err := first(checkName(m.Name), checkID("msp", m.MSP), checkText("display_name", m.DisplayName, 1, 128)); err != nil {
			return err
		}
		if i > 0 && m.Name <= a.Members[i-1].Name {
			return invalid("members must be sorted by name, each name once")
		}
		if msps[m.MSP] {
			return invalid("members: MSP %s is named twice", m.MSP)
		}
		msps[m.MSP] = true
	}
	return nil
}

// NameArgs names a member.
type NameArgs struct {
	Name string `json:"name"`
}

func (a NameArgs) Validate() error { return checkID("name", a.Name) }

// maxName leaves ids that begin with it room.
const maxName = 24

func checkName(name string) error {
	if !telemetry.ValidID(name) || len(name) > maxName || strings.Contains(name, ".") {
		return invalid("name must be 1 to %d of A-Z a-z 0-9 _ - and start with a letter or digit, not %.80q", maxName, name)
	}
	return nil
}
