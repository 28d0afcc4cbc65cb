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
	// Kind is NodeMember, or ClientMember: an organisation that has keys and uses others' peers. "" is NodeMember.
	Kind     string `json:"kind,omitempty"`
	JoinedMS int64  `json:"joined_ms"`
	Tx       string `json:"tx"` // by which it became a member
	// Endpoints are where its nodes are reached, as it announced them itself; nil before it has.
	Endpoints *Endpoints `json:"endpoints,omitempty"`
	// Ended says since when it is no member any more; nil while it is in force. Its record, its name and its MSP id stay taken.
	Ended *Ended `json:"ended,omitempty"`
}

// Kinds of a member.
const (
	NodeMember   = "node"   // runs a peer
	ClientMember = "client" // has keys and no peer
)

// InForce reports whether the member has not left and was not evicted.
func (m Member) InForce() bool { return m.Ended == nil }

// HasPeer reports whether it is a node member: one whose peers endorse.
func (m Member) HasPeer() bool { return m.Kind != ClientMember }

// Ended is the end of a membership. It stands in the member's record, and under a key of its own, which exists exactly when the
// member has ended: every transaction of the member reads that one, so that nothing that was endorsed before the end is valid after it.
type Ended struct {
	Why    string `json:"why"` // Left or Evicted
	TimeMS int64  `json:"time_ms"`
	Tx     string `json:"tx"`
}

// Why a membership ended.
const (
	Left    = "left"
	Evicted = "evicted"
)

// EndorsersNeeded is how many organisations endorse a transaction in a network with so many node members: half of them, rounded up, at least
// two where there are two, and at most five, so that a large network is not slower than a small one.
func EndorsersNeeded(nodeMembers int) int {
	return min(max((nodeMembers+1)/2, min(nodeMembers, 2), 1), 5)
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

// Founder is one of the first members, or one that is to be admitted.
type Founder struct {
	Name        string `json:"name"`
	MSP         string `json:"msp"`
	DisplayName string `json:"display_name"`
	Operator    bool   `json:"operator"`
	Kind        string `json:"kind,omitempty"` // "" is NodeMember
}

// MaxMembers bounds the members in force. Their votes stand in one record.
const MaxMembers = 64

// MaxInstances bounds the ingest instances that an operator has in service: each has a heads log.
const MaxInstances = 16

func (a FoundArgs) Validate() error {
	if len(a.Members) < 1 || len(a.Members) > MaxMembers {
		return invalid("members: 1 to %d are founded, not %d", MaxMembers, len(a.Members))
	}
	msps := map[string]bool{}
	for i, m := range a.Members {
		if err := m.validate(); err != nil {
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

func (m Founder) validate() error {
	switch {
	case m.Kind != "" && m.Kind != NodeMember && m.Kind != ClientMember:
		return invalid("kind must be %s or %s, not %.40q", NodeMember, ClientMember, m.Kind)
	case m.Kind == ClientMember && m.Operator:
		return invalid("operator: %s is a client member, which runs no ingest", m.Name)
	}
	return first(checkName(m.Name), checkID("msp", m.MSP), checkText("display_name", m.DisplayName, 1, 128))
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
