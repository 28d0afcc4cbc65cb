package network

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	nodeUp     = prometheus.NewDesc("trackseal_ledger_node_up", "1 when a peer or orderer answers this node.", []string{"org", "role", "address"}, nil)
	nodeHeight = prometheus.NewDesc("trackseal_ledger_node_height", "Blocks that a peer or orderer which answers holds.", []string{"org", "role", "address"}, nil)
)

// reach is a collector of how the nodes of the ledger network are, as they are asked when somebody scrapes.
type reach struct{ peers Peers }

// Describe implements prometheus.Collector.
func (reach) Describe(ch chan<- *prometheus.Desc) { ch <- nodeUp; ch <- nodeHeight }

// Collect implements prometheus.Collector.
func (r reach) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), nodesPatience)
	defer cancel()
	nodes, _ := r.peers.Network(ctx) // a node that does not answer is in it
	for _, n := range nodes {
		up := 0.0
		if n.Up {
			up = 1
			ch <- prometheus.MustNewConstMetric(nodeHeight, prometheus.GaugeValue, float64(n.Height), n.Org, n.Role, n.Address)
		}
		ch <- prometheus.MustNewConstMetric(nodeUp, prometheus.GaugeValue, up, n.Org, n.Role, n.Address)
	}
}
