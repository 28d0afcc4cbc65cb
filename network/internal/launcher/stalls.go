package launcher

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/trackseal/trackseal/network/internal/stall"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// lookEvery is the pause between two looks at the processes: each makes the channel's nodes write all their metrics.
const lookEvery = 5 * time.Second

// What Fabric's nodes call these figures in their metrics.
const (
	metricHeight  = "ledger_blockchain_height"
	metricWaiting = "consensus_smartbft_pool_count_of_elements"
)

// watchStalls kills nodes that answer and have stopped working, until ctx ends.
func (l *Launcher) watchStalls(ctx context.Context, log *slog.Logger, watch *stall.Watch, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		finding, found := watch.Look(time.Now(), l.readChannel(ctx))
		if !found || ctx.Err() != nil {
			continue
		}
		if r, err := l.table.Lookup(finding.Node); err == nil {
			l.kill(ctx, log, r, finding.Node, fmt.Sprintf("%s for %s", finding, time.Since(finding.Since).Round(time.Second)))
		}
	}
}

// readChannel looks at all orderers and peers that ought to run, side by side: a frozen one answers only with a timeout.
func (l *Launcher) readChannel(ctx context.Context) []stall.Reading {
	w, err := readWishes(l.Stack)
	if err != nil {
		return nil // the supervisor's other half says so
	}
	nodes := map[string]bool{} // to whether it orders
	for _, o := range l.Stack.Nodes() {
		nodes[topology.OrdererProcess(o)], nodes[topology.PeerProcess(o)] = true, false
	}
	var readings []stall.Reading
	for _, s := range w.Processes {
		if orders, isNode := nodes[s.Name]; isNode {
			readings = append(readings, stall.Reading{Node: s.Name, Orderer: orders})
		}
	}
	var group sync.WaitGroup
	for i := range readings {
		group.Go(func() {
			r := &readings[i]
			figures, err := l.figures(ctx, r.Node)
			height, known := figures[metricHeight]
			r.Up, r.Height, r.Waiting = err == nil && known, uint64(height), int(figures[metricWaiting])
		})
	}
	group.Wait()
	return readings
}

// metricsTime: a node on a busy machine may be slow to answer, and one that does not answer is not looked at.
const metricsTime = 4 * time.Second

// figures of a node about the channel, by the metric's name.
func (l *Launcher) figures(ctx context.Context, node string) (map[string]float64, error) {
	families, err := l.metrics(ctx, node+".ops")
	if err != nil {
		return nil, err
	}
	figures := map[string]float64{}
	for _, name := range []string{metricHeight, metricWaiting} {
		for _, m := range families[name].GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "channel" && label.GetValue() == topology.Channel {
					figures[name] = m.GetGauge().GetValue()
				}
			}
		}
	}
	return figures, nil
}

// metrics that a listener of the stack shows.
func (l *Launcher) metrics(ctx context.Context, listener string) (map[string]*dto.MetricFamily, error) {
	client, err := l.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, metricsTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.Stack.URL(listener)+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL, res.Status)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL, err)
	}
	return families, nil
}
