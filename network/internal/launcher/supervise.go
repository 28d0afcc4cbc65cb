package launcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/trackseal/trackseal/network/internal/proc"
	"github.com/trackseal/trackseal/network/internal/stall"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// startSupervisor starts the process that restarts the others. It runs from a copy of this program: the one of `go run` is
// deleted when it ends.
func (l *Launcher) startSupervisor(ctx context.Context, _ func(string)) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program := l.Stack.Program("network")
	data, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	if _, err := replace(program, data, 0o700); err != nil {
		return "", err
	}
	hash, err := fileHash(program)
	if err != nil {
		return "", err
	}
	did, err := l.table.Ensure(ctx, proc.Spec{
		Name: topology.Supervisor, Path: program, Args: []string{"supervise", "--dir", l.Stack.Dir},
		Dir: l.Stack.Dir, Log: l.Stack.Log(topology.Supervisor), Inputs: hash,
	}, nil)
	if err != nil {
		return "", err
	}
	if did {
		return "started", nil
	}
	return "running", nil
}

// Pauses of the supervisor.
const (
	watchEvery  = 300 * time.Millisecond
	firstDelay  = 200 * time.Millisecond
	maxDelay    = 15 * time.Second
	steadyAfter = 30 * time.Second // a process that lived so long has its delay forgotten
	trimEvery   = time.Minute
	maxLog      = 64 << 20
)

// patience is how the supervisor remembers a process that dies again and again.
type patience struct {
	delay time.Duration
	due   time.Time // zero: nothing pending
}

// Supervise restarts what ought to run and does not, or runs and has stopped working, until ctx ends or the stack is taken
// down. It starts nothing on its own account: the list of wishes is the launcher's.
func (l *Launcher) Supervise(ctx context.Context, log *slog.Logger) error {
	log.InfoContext(ctx, "watching", "dir", l.Stack.Dir)
	ctx, cancel := context.WithCancel(ctx)
	var stalls sync.WaitGroup
	defer stalls.Wait()
	defer cancel()
	stalls.Go(func() { l.watchStalls(ctx, log, stall.New(len(topology.Orgs), stall.Patience), lookEvery) })
	waiting := map[string]*patience{}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	trimmed := time.Now()
	unreadable := ""
	for {
		w, err := readWishes(l.Stack)
		if errors.Is(err, os.ErrNotExist) {
			log.InfoContext(ctx, "the stack is down")
			return nil
		}
		switch {
		case err == nil:
			unreadable = ""
		case err.Error() != unreadable: // said once, not at every look
			unreadable = err.Error()
			log.ErrorContext(ctx, "list of processes cannot be read", "error", err)
		}
		for _, s := range w.Processes {
			l.watch(ctx, log, s, waiting)
		}
		if time.Since(trimmed) > trimEvery {
			trimmed = time.Now()
			l.trimLogs(ctx, log)
		}
		select {
		case <-ctx.Done():
			log.InfoContext(context.WithoutCancel(ctx), "stopping")
			return nil
		case <-tick.C:
		}
	}
}

// watch looks at one process and starts it again, the later the more often it died.
func (l *Launcher) watch(ctx context.Context, log *slog.Logger, s proc.Spec, waiting map[string]*patience) {
	p := waiting[s.Name]
	if p == nil {
		p = &patience{delay: firstDelay}
		waiting[s.Name] = p
	}
	r, err := l.table.Lookup(s.Name)
	now := time.Now()
	switch {
	case err == nil:
		p.due = time.Time{}
		if now.Sub(r.Started) > steadyAfter {
			p.delay = firstDelay
		}
		return
	case p.due.IsZero():
		p.due = now.Add(p.delay)
		log.WarnContext(ctx, "process has ended", "process", s.Name, "restart_in", p.delay.String())
		return
	case now.Before(p.due) || ctx.Err() != nil:
		return
	}
	p.due = time.Time{}
	p.delay = min(2*p.delay, maxDelay)
	did, err := l.table.Ensure(ctx, s, nil)
	if err != nil {
		log.ErrorContext(ctx, "process cannot be started", "process", s.Name, "error", err)
		return
	}
	if did {
		log.InfoContext(ctx, "process restarted", "process", s.Name)
	}
}

// trimLogs keeps the newest part of long logs. They are opened for appending, so their writers go on at the new end.
func (l *Launcher) trimLogs(ctx context.Context, log *slog.Logger) {
	logs, _ := filepath.Glob(filepath.Join(l.Stack.LogDir(), "*.log"))
	for _, path := range logs {
		info, err := os.Stat(path)
		if err != nil || info.Size() < maxLog {
			continue
		}
		if err := trim(path); err != nil {
			log.ErrorContext(ctx, "log cannot be trimmed", "file", path, "error", err)
		}
	}
}

// trim moves a log's content to NAME.log.old. Lines written during the copy may be lost.
func trim(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path+".old", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	if err := os.Truncate(path, 0); err != nil {
		return fmt.Errorf("truncate: %w", err)
	}
	return nil
}

// lookEvery is the pause between two looks at the channel's nodes: each makes them write all their metrics.
const lookEvery = 5 * time.Second

// What Fabric's nodes call these figures in their metrics.
const (
	metricHeight  = "ledger_blockchain_height"
	metricWaiting = "consensus_smartbft_pool_count_of_elements"
)

// watchStalls kills nodes that answer and have stopped working, until ctx ends. Starting them again is the other half of the
// supervisor's work: a crash in between leaves a dead process that it starts as any other.
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
		log.WarnContext(ctx, "node has stopped working and is killed", "process", finding.Node, "finding", finding.String(),
			"for", time.Since(finding.Since).Round(time.Second).String())
		if err := l.table.Kill(finding.Node); err != nil {
			log.ErrorContext(ctx, "node cannot be killed", "process", finding.Node, "error", err)
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
	for _, o := range topology.Orgs {
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
	client, err := l.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, metricsTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.Stack.URL(node+".ops")+"/metrics", nil)
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
