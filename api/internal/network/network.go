// Package network answers who the members are, and how what this api talks to is.
package network

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Peers tell of the nodes of the ledger network.
type Peers interface {
	Network(ctx context.Context) ([]ledger.Node, error)
}

// Telemetry is the store.
type Telemetry interface {
	Ping(ctx context.Context) error
}

// Resource is made of these parts.
type Resource struct {
	Org       string
	Peers     Peers
	Telemetry Telemetry
	Ingest    []ingestclient.Instance
	Members   *members.Directory
	Copies    *replica.Replica // nil: every instance writes into our store
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/network", ID: "get-network", Tag: "Network", Scope: access.NetworkRead,
		Summary: "Health of peers, orderers, ingest and store", About: "Always 200: what is down is in the answer. ok is false also when a peer or an orderer answers and stays more than 20 blocks behind the others: it catches up, or has stopped working."}, s.network)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/members", ID: "list-members", Tag: "Network", Scope: access.ShipmentsRead,
		Summary: "List the members of the network, by name"}, s.listMembers)
}

// Network is the health of what this api talks to.
type Network struct {
	OK     bool           `json:"ok" doc:"Everything answered"`
	Org    string         `json:"org" doc:"Whose api this is"`
	Nodes  []ledger.Node  `json:"nodes" doc:"Peers and orderers of the channel"`
	Ingest []IngestHealth `json:"ingest"`
	Copies []Copy         `json:"copies" doc:"This member's own copy of what other operators' instances have stored; empty at an operator that has no other"`
	Influx Health         `json:"influx"`
	Ledger Health         `json:"ledger"`
}

// IngestHealth is one instance's own report.
type IngestHealth struct {
	ID     string          `json:"id"`
	OK     bool            `json:"ok"`
	Error  string          `json:"error,omitempty"`
	Status json.RawMessage `json:"status,omitempty" doc:"The instance's own report"`
}

// Copy is what this node has copied from one instance.
type Copy struct {
	Ingest   string        `json:"ingest"`
	OK       bool          `json:"ok" doc:"Nothing is found, and the copy goes on"`
	Error    string        `json:"error,omitempty"`
	Anchored uint64        `json:"anchored" doc:"Heads of logs that the instance has anchored on the ledger"`
	Copied   uint64        `json:"copied" doc:"Of these, looked through here; what is ours is copied and verified"`
	Behind   float64       `json:"behind_s" doc:"Since the first anchor that is not looked through, seconds; 0 when there is none"`
	Findings []CopyFinding `json:"findings" doc:"Oldest first, at most 200"`
	More     int           `json:"more" doc:"Findings that are not listed"`
}

// CopyFinding names what an instance gives that does not verify, or does not give. It is not copied.
type CopyFinding struct {
	Log     string       `json:"log" doc:"Empty when it is about the instance as a whole"`
	Subject string       `json:"subject" doc:"Shipment or tracker whose log it is"`
	Leaf    uint64       `json:"leaf" doc:"The first one concerned"`
	What    string       `json:"what" enum:"form,missing,differs,forged,root,anchor,lagging,unstorable" doc:"form: the answer is not in its form; missing: a leaf or head is not given; differs: other bytes than were logged; forged: no key in force signed it; root: the leaves do not have the head's root; anchor: the head is not anchored on the ledger; lagging: what is anchored is not given; unstorable: our store refuses it"`
	Detail  string       `json:"detail"`
	Since   rest.Instant `json:"since"`
}

// Health of one thing.
type Health struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func health(err error, what string) Health {
	if err != nil {
		return Health{Error: what + " cannot be reached"}
	}
	return Health{OK: true}
}

// tolerated is how many blocks a node may be behind another at one look: the looks are not of one moment. A node further behind
// catches up, or answers and has stopped working.
const tolerated = 20

func (s *Resource) network(ctx context.Context, _ *struct{}) (*rest.Answer[Network], error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	n := Network{Org: s.Org, Ingest: make([]IngestHealth, len(s.Ingest))}
	var g errgroup.Group
	g.Go(func() error {
		nodes, err := s.Peers.Network(ctx)
		n.Ledger = health(err, "the ledger network")
		n.Nodes = rest.OrEmpty(nodes)
		return nil
	})
	g.Go(func() error {
		n.Influx = health(s.Telemetry.Ping(ctx), "the telemetry store")
		return nil
	})
	for i, in := range s.Ingest {
		g.Go(func() error {
			status, err := in.Status(ctx)
			n.Ingest[i] = IngestHealth{ID: in.ID(), OK: err == nil, Status: status}
			if err != nil {
				n.Ingest[i].Error = "the instance cannot be reached"
			}
			return nil
		})
	}
	_ = g.Wait() // each part reports in the answer
	n.OK = n.Ledger.OK && n.Influx.OK
	n.Copies = s.copies()
	for _, c := range n.Copies {
		n.OK = n.OK && c.OK
	}
	var greatest uint64
	for _, x := range n.Nodes {
		greatest = max(greatest, x.Height)
	}
	for _, x := range n.Nodes {
		n.OK = n.OK && x.Up && x.Height+tolerated >= greatest
	}
	for _, x := range n.Ingest {
		n.OK = n.OK && x.OK
	}
	return &rest.Answer[Network]{Body: n}, nil
}

func (s *Resource) copies() []Copy {
	all := []Copy{}
	if s.Copies == nil {
		return all
	}
	for _, st := range s.Copies.States() {
		c := Copy{Ingest: st.Operator, OK: st.Trouble == "" && len(st.Findings) == 0, Anchored: st.Anchored, Copied: st.Copied, Behind: st.Behind.Seconds(), Findings: []CopyFinding{}, More: st.More}
		if st.Trouble != "" {
			c.Error = "the instance, the ledger or our store cannot be asked; the log of this api says which"
		}
		for _, f := range st.Findings {
			c.Findings = append(c.Findings, CopyFinding{Log: f.Log, Subject: f.Subject, Leaf: f.Leaf, What: f.What, Detail: f.Detail, Since: rest.Instant(f.SinceMS)})
		}
		all = append(all, c)
	}
	return all
}

// Member is an organisation of the network.
type Member struct {
	Name        string       `json:"name" doc:"What requests and answers call it"`
	MSP         string       `json:"msp" doc:"Its MSP id, which is in its certificates"`
	DisplayName string       `json:"display_name" doc:"For people"`
	JoinedAt    rest.Instant `json:"joined_at"`
	Tx          string       `json:"tx" doc:"By which it became a member"`
}

// listMembers shows the directory as it is in memory: it is at most half a minute old.
func (s *Resource) listMembers(context.Context, *struct{}) (*rest.Answer[rest.List[Member]], error) {
	out := rest.List[Member]{Items: []Member{}}
	for _, m := range s.Members.All() {
		out.Items = append(out.Items, Member{Name: m.Name, MSP: m.MSP, DisplayName: m.DisplayName, JoinedAt: rest.Instant(m.JoinedMS), Tx: m.Tx})
	}
	return &rest.Answer[rest.List[Member]]{Body: out}, nil
}
