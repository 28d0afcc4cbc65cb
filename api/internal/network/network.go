// Package network answers who the members are, and how what this api talks to is.
package network

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/nodes"
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
	Ingest    ingestclient.Instances
	Members   *members.Directory
	Ledger    ledger.Evaluator
	Cursors   rest.Cursors
	Copies    *replica.Replica        // nil: every instance writes into our store
	Unusable  func() []nodes.Unusable // endpoints; nil: none is known
	Metrics   *prometheus.Registry
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.Metrics.MustRegister(reach{s.Peers})
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/network", ID: "get-network", Tag: "Network", Scope: access.NetworkRead,
		Summary: "Health of peers, orderers, ingest and store", About: "Always 200, within 3 s: what is down is in the answer. What did not answer in time is listed as unknown: nothing is known of it. " +
			"An ingest instance is ok when it receives, logs, stores and anchors, by its own report. " +
			"ok is false also when a peer or an orderer answers and stays more than 20 blocks behind the others: it catches up, or has stopped working."}, s.network)
	s.memberRoutes(api)
}

// Network is the health of what this api talks to.
type Network struct {
	OK       bool             `json:"ok" doc:"Everything answered, and does what it is there for"`
	Org      string           `json:"org" doc:"Whose api this is"`
	Unknown  []string         `json:"unknown" doc:"What could not be asked just now, so that nothing is known of it: ledger, influx, the id of an ingest instance, or copy of and that id" example:"carrier.ingest-1"`
	Nodes    []ledger.Node    `json:"nodes" doc:"Peers and orderers of the channel"`
	Ingest   []IngestHealth   `json:"ingest"`
	Copies   []Copy           `json:"copies" doc:"This member's own copy of what other operators' instances have stored; empty where there is no other operator"`
	Unusable []nodes.Unusable `json:"unusable" doc:"Endpoints that members have announced on the ledger and that are not called"`
	Influx   Health           `json:"influx"`
	Ledger   Health           `json:"ledger"`
}

// IngestHealth is one instance's own report.
type IngestHealth struct {
	ID     string          `json:"id"`
	OK     bool            `json:"ok" doc:"It receives, logs, stores and anchors, by its own report"`
	Error  string          `json:"error,omitempty" doc:"Which of these it does not and why, or that it cannot be asked; then it is listed as unknown"`
	Status json.RawMessage `json:"status,omitempty" doc:"The instance's own report; absent when it cannot be asked"`
}

// Copy is what this node has copied from one instance.
type Copy struct {
	Ingest   string        `json:"ingest"`
	OK       bool          `json:"ok" doc:"Nothing is found, and the copy goes on"`
	Error    string        `json:"error,omitempty" doc:"Why it is not known how far the copy is now; then it is listed as unknown"`
	Anchored *uint64       `json:"anchored,omitempty" doc:"Heads of logs that the instance has anchored on the ledger, at the newest look; absent before the first"`
	Copied   *uint64       `json:"copied,omitempty" doc:"Of these, looked through here; what is ours is copied and verified; absent likewise"`
	Behind   *float64      `json:"behind_s,omitempty" doc:"Since the first anchor that is not looked through, seconds; 0 when there is none, absent likewise"`
	Findings []CopyFinding `json:"findings" doc:"Oldest first, at most 200"`
	More     int           `json:"more" doc:"Findings that are not listed"`
}

// CopyFinding names what a node gives that does not verify, or does not give. It is not copied.
type CopyFinding struct {
	By      string       `json:"by" doc:"Who gives it: the instance, or the member whose node was asked instead" example:"carrier.ingest-1"`
	Log     string       `json:"log" doc:"Empty when it is about the instance as a whole"`
	Subject string       `json:"subject" doc:"Shipment or tracker whose log it is"`
	Leaf    uint64       `json:"leaf" doc:"The first one concerned"`
	What    string       `json:"what" enum:"form,missing,differs,forged,misread,root,anchor,lagging,unstorable" doc:"form: the answer is not in its form; missing: a leaf or head is not given; differs: other bytes than were logged; forged: no key in force signed it; misread: its tracker's profile reads something else of it; root: the leaves do not have the head's root; anchor: the head is not anchored on the ledger; lagging: what is anchored is not given; unstorable: our store refuses it"`
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
		return Health{Error: what + " cannot be asked"}
	}
	return Health{OK: true}
}

// tolerated is how many blocks a node may be behind another at one look: the looks are not of one moment. A node further behind
// catches up, or answers and has stopped working.
const tolerated = 20

// patience is how long one part may take to answer: one that hangs must not delay what is known of the others. The ledger's nodes have bounds
// of their own, which are shorter than nodesPatience.
const (
	patience      = 1500 * time.Millisecond
	nodesPatience = 3 * time.Second
)

func (s *Resource) network(ctx context.Context, _ *struct{}) (*rest.Answer[Network], error) {
	instances := s.Ingest.All()
	n := Network{Org: s.Org, Ingest: make([]IngestHealth, len(instances))}
	var g errgroup.Group
	within := func(patience time.Duration, ask func(context.Context)) {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			ask(ctx)
			return nil
		})
	}
	within(nodesPatience, func(ctx context.Context) {
		nodes, err := s.Peers.Network(ctx)
		n.Ledger = health(err, "the ledger network")
		n.Nodes = rest.OrEmpty(nodes)
	})
	within(patience, func(ctx context.Context) { n.Influx = health(s.Telemetry.Ping(ctx), "the telemetry store") })
	for i, in := range instances {
		within(patience, func(ctx context.Context) { n.Ingest[i] = ingestHealth(ctx, in) })
	}
	_ = g.Wait() // each part reports in the answer
	n.Copies = s.copies()
	if s.Unusable != nil {
		n.Unusable = s.Unusable()
	}
	n.Unusable = rest.OrEmpty(n.Unusable)
	n.Unknown = n.unknown()
	n.OK = len(n.Unknown) == 0
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

// ingestHealth asks one instance, and takes its word for what it does not do.
func ingestHealth(ctx context.Context, in ingestclient.Instance) IngestHealth {
	h := IngestHealth{ID: in.ID()}
	status, err := in.Status(ctx)
	if err != nil {
		h.Error = "the instance cannot be asked"
		return h
	}
	h.Status = status
	var own struct {
		Problems map[string]string `json:"problems"`
	}
	if err := json.Unmarshal(status, &own); err != nil || own.Problems == nil {
		h.Error = "the instance does not say whether it receives, logs, stores and anchors"
		return h
	}
	var why []string
	for _, part := range slices.Sorted(maps.Keys(own.Problems)) {
		why = append(why, part+": "+own.Problems[part])
	}
	h.OK, h.Error = len(why) == 0, strings.Join(why, "; ")
	return h
}

// unknown lists what did not answer.
func (n *Network) unknown() []string {
	names := []string{}
	for _, part := range []struct {
		name string
		h    Health
	}{{"ledger", n.Ledger}, {"influx", n.Influx}} {
		if !part.h.OK {
			names = append(names, part.name)
		}
	}
	for _, i := range n.Ingest {
		if i.Status == nil {
			names = append(names, i.ID)
		}
	}
	for _, c := range n.Copies {
		if c.Error != "" {
			names = append(names, "copy of "+c.Ingest)
		}
	}
	return names
}

func (s *Resource) copies() []Copy {
	all := []Copy{}
	if s.Copies == nil {
		return all
	}
	for _, st := range s.Copies.States() {
		c := Copy{Ingest: st.Operator, OK: st.Known && st.Trouble == "" && len(st.Findings) == 0, Findings: []CopyFinding{}, More: st.More}
		if st.Known {
			c.Anchored, c.Copied, c.Behind = &st.Anchored, &st.Copied, new(st.Behind.Seconds())
		}
		switch {
		case st.Trouble != "":
			c.Error = "how far it is is not known: the instance, the ledger or our store cannot be asked; the log of this api says which"
		case !st.Known:
			c.Error = "not asked yet"
		}
		for _, f := range st.Findings {
			c.Findings = append(c.Findings, CopyFinding{By: f.By, Log: f.Log, Subject: f.Subject, Leaf: f.Leaf, What: f.What, Detail: f.Detail, Since: rest.Instant(f.SinceMS)})
		}
		all = append(all, c)
	}
	return all
}
