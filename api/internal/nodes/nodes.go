// Package nodes has the clients of the other members' nodes, made from the endpoints that each member has announced on the ledger. They follow
// what is announced: a member that joins, moves or ends needs no restart here. An endpoint that cannot be used is named, and used by nobody.
package nodes

import (
	"cmp"
	"crypto/sha256"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/api/internal/details"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/secure"
)

// Config of a book. All members must be set but Own and Calls.
type Config struct {
	Self     string                 // this member's name
	Own      []string               // ids of the instances that write into the own store
	Members  func() []ledger.Member // as they are now; the same slice while nothing has changed
	Identity node.Identity          // signs the calls
	Calls    secure.Client          // what is used beside what members announce: more authorities, a client certificate, insecure
	// Loopback says that this API is itself reached on this machine alone. Else another member's address on this machine is its own
	// machine's, and calling it would only reach what is private here.
	Loopback bool
	Log      *slog.Logger
	Now      func() time.Time
}

// Unusable is an endpoint that a member has announced and that is not called.
type Unusable struct {
	Member  string `json:"member"`
	What    string `json:"what" enum:"api,ingest" doc:"Of which of its nodes"`
	ID      string `json:"id,omitempty" doc:"Of the ingest instance"`
	Address string `json:"address"`
	Why     string `json:"why"`
}

// Book is safe for concurrent use.
type Book struct {
	Config

	mu      sync.Mutex
	of      []ledger.Member // what the clients are made from
	clients map[endpoint]*client
	byID    map[string]*ingestclient.Client // instances
	byName  map[string]*client              // APIs of other members
	byMSP   map[string]*client
	bad     []Unusable
}

// endpoint is what a client is made from.
type endpoint struct {
	member, id, url string // id "" = its API
	ca              [32]byte
}

type client struct {
	ingest  *ingestclient.Client // of an instance; else
	details details.Node
	copies  *node.Copies
	close   func()
}

// maxClients bounds how many nodes are called. Members announce at most ledger.MaxInstances instances each.
const maxClients = 4096

// New makes no connection.
func New(cfg Config) *Book { return &Book{Config: cfg, clients: map[endpoint]*client{}} }

// Instances are the ingest instances of all members, by their ids.
func (b *Book) Instances() []ingestclient.Instance {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follow()
	all := make([]ingestclient.Instance, 0, len(b.byID))
	for _, id := range slices.Sorted(maps.Keys(b.byID)) {
		all = append(all, b.byID[id])
	}
	return all
}

// Operators are the instances whose logs are copied, by their ids.
func (b *Book) Operators() map[string]replica.Operator {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follow()
	all := map[string]replica.Operator{}
	for id, c := range b.byID {
		if !slices.Contains(b.Own, id) {
			all[id] = c
		}
	}
	return all
}

// Party is the API of another member, as one that has copies; nil when none is known.
func (b *Book) Party(msp string) replica.Party {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follow()
	if c := b.byMSP[msp]; c != nil {
		return c.copies
	}
	return nil
}

// Ended reports whether a member, by its name, has left or was evicted.
func (b *Book) Ended(member string) bool {
	return slices.ContainsFunc(b.Members(), func(m ledger.Member) bool { return m.Name == member && !m.InForce() })
}

// Details is the API of another member, as one that keeps details; nil when none is known.
func (b *Book) Details(member string) details.Node {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follow()
	if c := b.byName[member]; c != nil {
		return c.details
	}
	return nil
}

// Unusable endpoints, by member.
func (b *Book) Unusable() []Unusable {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follow()
	return slices.Clone(b.bad)
}

// follow makes the clients anew when the members are others than before. Those that are announced as they were stay.
func (b *Book) follow() {
	now := b.Members()
	if len(now) == len(b.of) && (len(now) == 0 || &now[0] == &b.of[0]) {
		return
	}
	old := b.clients
	b.of, b.clients = now, map[endpoint]*client{}
	b.byID, b.byName, b.byMSP, b.bad = map[string]*ingestclient.Client{}, map[string]*client{}, map[string]*client{}, nil
	for _, m := range now {
		if m.Endpoints == nil || !m.InForce() {
			continue
		}
		for _, in := range m.Endpoints.Ingest {
			if c := b.open(old, m, "ingest", in.ID, in.URL); c != nil {
				b.byID[in.ID] = c.ingest
			}
		}
		if m.Name == b.Self || m.Endpoints.API == "" {
			continue
		}
		if c := b.open(old, m, "api", "", m.Endpoints.API); c != nil {
			b.byName[m.Name], b.byMSP[m.MSP] = c, c
		}
	}
	for e, c := range old {
		if b.clients[e] == nil {
			c.close()
		}
	}
	slices.SortFunc(b.bad, func(x, y Unusable) int { return cmp.Or(cmp.Compare(x.Member, y.Member), cmp.Compare(x.ID, y.ID)) })
}

// open gives the client of an endpoint, the old one if there is one; nil and a line among the bad when it cannot be used.
func (b *Book) open(old map[endpoint]*client, m ledger.Member, what, id, address string) *client {
	e := endpoint{m.Name, id, address, sha256.Sum256([]byte(m.Endpoints.CA))}
	c := old[e]
	if c == nil {
		var why string
		if c, why = b.make(m, id, address); why != "" {
			b.bad = append(b.bad, Unusable{Member: m.Name, What: what, ID: id, Address: address, Why: why})
			return nil
		}
	}
	b.clients[e] = c
	return c
}

// make says why it cannot.
func (b *Book) make(m ledger.Member, id, address string) (c *client, why string) {
	if len(b.clients) >= maxClients {
		return nil, "more nodes are announced than are called"
	}
	if id != "" && ledger.MemberOf(id) != m.Name {
		return nil, "the instance is not this member's"
	}
	calls := b.Calls
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" {
		return nil, "it must be http://host:port or https://host:port"
	}
	if u.Scheme == "http" { // what is for TLS has no part in it
		calls.CA, calls.Cert, calls.Key = "", "", ""
	} else {
		calls.PEM = m.Endpoints.CA
	}
	if secure.Local(net.JoinHostPort(u.Hostname(), "0")) && m.Name != b.Self && !b.Loopback {
		return nil, "it is an address on the member's own machine"
	}
	if err := calls.Check("", address); err != nil {
		return nil, "plain text would leave this machine: it must be https"
	}
	through, err := calls.Transport()
	if err != nil {
		b.Log.Warn("a member's announced authorities cannot be used", "member", m.Name, "error", err)
		return nil, "the announced authorities cannot be read"
	}
	signed := func(audience string) http.RoundTripper {
		return &node.Transport{Identity: b.Identity, Audience: audience, Through: through, Now: b.Now}
	}
	c = &client{close: through.CloseIdleConnections}
	if id != "" {
		c.ingest, err = ingestclient.New(id, address, signed(id))
		if err == nil && !slices.Contains(b.Own, id) {
			c.ingest.OtherStore()
		}
	} else {
		c.details = details.Remote(address, signed(m.Name))
		c.copies, err = node.NewCopies(m.Name, address+node.APICopies, signed(m.Name))
	}
	if err != nil {
		return nil, err.Error()
	}
	return c, ""
}
