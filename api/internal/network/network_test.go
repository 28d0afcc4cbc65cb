package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/internal/ledger"
)

// instance answers what a test says; without, it hangs.
type instance struct {
	ingestclient.Instance
	status string
	err    error
}

func (instance) ID() string { return "carrier.ingest-1" }
func (i instance) Status(ctx context.Context) (json.RawMessage, error) {
	if i.status == "" && i.err == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return json.RawMessage(i.status), i.err
}

// others are the ledger and the store.
type others struct {
	node ledger.Node
	err  error
	hang bool
}

func (o others) Network(ctx context.Context) ([]ledger.Node, error) {
	return []ledger.Node{o.node}, o.Ping(ctx)
}
func (o others) Ping(ctx context.Context) error {
	if o.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return o.err
}

// TestNetworkNeverOverstates: what an instance says of itself counts, and what does not answer is unknown, soon, and not fine.
func TestNetworkNeverOverstates(t *testing.T) {
	well := others{node: ledger.Node{Up: true, Height: 7}}
	for name, c := range map[string]struct {
		ingest  instance
		others  others
		ok      bool
		reason  string
		unknown []string
	}{
		"all is well":               {instance{status: `{"problems":{}}`}, well, true, "", nil},
		"it anchors nothing":        {instance{status: `{"problems":{"anchors":"journal and ledger disagree"}}`}, well, false, "anchors: journal and ledger disagree", nil},
		"two parts":                 {instance{status: `{"problems":{"stores":"b","logs":"a"}}`}, well, false, "logs: a; stores: b", nil},
		"it does not say":           {instance{status: `{"id":"carrier.ingest-1"}`}, well, false, "the instance does not say whether it receives, logs, stores and anchors", nil},
		"the instance is away":      {instance{err: errors.New("refused")}, well, false, "the instance cannot be asked", []string{"carrier.ingest-1"}},
		"the instance hangs":        {instance{}, well, false, "the instance cannot be asked", []string{"carrier.ingest-1"}},
		"store and ledger are away": {instance{status: `{"problems":{}}`}, others{err: errors.New("refused")}, false, "", []string{"ledger", "influx"}},
		"all hang":                  {instance{}, others{hang: true}, false, "the instance cannot be asked", []string{"ledger", "influx", "carrier.ingest-1"}},
		"a peer is down":            {instance{status: `{"problems":{}}`}, others{}, false, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := &Resource{Peers: c.others, Telemetry: c.others, Ingest: ingestclient.These(c.ingest)}
				a, err := s.network(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				n := a.Body
				if n.OK != c.ok || n.Ingest[0].Error != c.reason || !slices.Equal(n.Unknown, c.unknown) {
					t.Errorf("came ok %v, reason %q, unknown %q; expected %v, %q, %q", n.OK, n.Ingest[0].Error, n.Unknown, c.ok, c.reason, c.unknown)
				}
				if took := time.Since(start); took > nodesPatience {
					t.Errorf("the answer took %s, at most %s is meant", took, nodesPatience)
				}
			})
		})
	}
}

// TestReach: a node that is down is there, and has no height.
func TestReach(t *testing.T) {
	for up, want := range map[bool]string{
		true:  "trackseal_ledger_node_height=7 trackseal_ledger_node_up=1",
		false: "trackseal_ledger_node_up=0",
	} {
		r := prometheus.NewRegistry()
		r.MustRegister(reach{others{node: ledger.Node{Org: "a", Role: "peer", Address: "p:1", Up: up, Height: 7}}})
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range families {
			for _, m := range f.GetMetric() {
				got = append(got, fmt.Sprintf("%s=%v", f.GetName(), m.GetGauge().GetValue()))
			}
		}
		if came := strings.Join(got, " "); came != want {
			t.Errorf("up %v: came %s, expected %s", up, came, want)
		}
	}
}
