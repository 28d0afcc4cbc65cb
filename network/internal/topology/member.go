package topology

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// Loopback is where a member's processes are reached unless it says otherwise: on this machine only.
const Loopback = "127.0.0.1"

// Kind of a member.
type Kind string

const (
	Node   Kind = "node"   // with a peer, a chaincode process, an InfluxDB and an API
	Client Kind = "client" // keys alone: it uses others' peers
)

// Member is an organisation whose keys are in the folder and whose processes run there.
type Member struct {
	Name        Org    `json:"name"`
	DisplayName string `json:"display_name"`
	Host        string `json:"host"` // IP address or DNS name at which others reach it
	Kind        Kind   `json:"kind"`
	Orderer     bool   `json:"orderer,omitempty"` // it founds the channel, and runs one of its orderers
	Ingest      bool   `json:"ingest,omitempty"`  // it receives from trackers
}

// Founding is whom a folder gets that `up` makes: the demo's four members, in the order of their ports and consenter ids.
func Founding() []Member {
	var all []Member
	for _, o := range []Org{"carrier", "shipper", "consignee", "auditor"} {
		all = append(all, Member{Name: o, DisplayName: o.Title(), Host: Loopback, Kind: Node, Orderer: true, Ingest: o == "carrier"})
	}
	return all
}

// Local tells whether only this machine reaches the member.
func (m Member) Local() bool {
	ip, err := netip.ParseAddr(m.Host)
	return m.Host == "localhost" || err == nil && ip.IsLoopback()
}

var (
	plainName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,23}$`)
	plainHost = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
)

// Validate says what is wrong with the member, and what would be right.
func (m Member) Validate() error {
	switch {
	case !plainName.MatchString(string(m.Name)):
		return fmt.Errorf("name %q: must be 1 to 24 of a-z 0-9 - and start with a letter", m.Name)
	case strings.HasSuffix(string(m.Name), "-orderer") || strings.HasSuffix(string(m.Name), "-"):
		return fmt.Errorf("name %q: must end neither with -orderer nor with -", m.Name)
	case m.DisplayName == "" || len(m.DisplayName) > 128 || strings.ContainsFunc(m.DisplayName, func(r rune) bool { return r < ' ' }):
		return fmt.Errorf("display name %q: must be 1 to 128 bytes of one line", m.DisplayName)
	case m.Kind != Node && m.Kind != Client:
		return fmt.Errorf("kind %q: must be node or client", m.Kind)
	case m.Kind == Client && (m.Ingest || m.Orderer):
		return errors.New("a client member has keys alone: no ingest and no orderer")
	case net.ParseIP(m.Host) == nil && !plainHost.MatchString(m.Host):
		return fmt.Errorf("host %q: must be an IP address or a DNS name, without a port", m.Host)
	}
	if ip := net.ParseIP(m.Host); ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("host %q: must be an address at which others reach the member", m.Host)
	}
	return nil
}

// Member of that name; the zero Member when there is none.
func (s Stack) Member(o Org) Member {
	for _, m := range s.Members {
		if m.Name == o {
			return m
		}
	}
	return Member{}
}

// Orgs are all members of the folder.
func (s Stack) Orgs() []Org { return s.those(func(Member) bool { return true }) }

// Nodes are the members with a peer and what belongs to it.
func (s Stack) Nodes() []Org { return s.those(func(m Member) bool { return m.Kind == Node }) }

// Founders found the channel together, and run its orderers. A folder whose members joined a channel has none.
func (s Stack) Founders() []Org { return s.those(func(m Member) bool { return m.Orderer }) }

// Ingests are the members that run ingest.
func (s Stack) Ingests() []Org { return s.those(func(m Member) bool { return m.Ingest }) }

func (s Stack) those(which func(Member) bool) []Org {
	var all []Org
	for _, m := range s.Members {
		if which(m) {
			all = append(all, m.Name)
		}
	}
	return all
}

// Users of an organisation.
func (s Stack) Users(o Org) []User {
	users := []User{{Name: OperatorUser, Role: "operator"}}
	if s.Member(o).Ingest {
		users = append(users, User{Name: IngestUser, Role: "ingest"})
	}
	return users
}
