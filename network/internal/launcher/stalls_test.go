package launcher

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/network/internal/stall"
	"github.com/trackseal/trackseal/network/internal/topology"
)

// metrics serves what a node's operations listener would: a height, and requests that wait.
func metrics(t *testing.T, l *Launcher, node string) (height, waiting *atomic.Int64) {
	t.Helper()
	height, waiting = new(atomic.Int64), new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE ledger_blockchain_height gauge\nledger_blockchain_height{channel=\"other\"} 99\n"+
			"ledger_blockchain_height{channel=%q} %d\n", topology.Channel, height.Load())
		if strings.HasPrefix(node, "orderer-") {
			fmt.Fprintf(w, "# TYPE consensus_smartbft_pool_count_of_elements gauge\n"+
				"consensus_smartbft_pool_count_of_elements{channel=%q} %d\n", topology.Channel, waiting.Load())
		}
	}))
	t.Cleanup(s.Close)
	l.Stack.Ports[node+".ops"] = s.Listener.Addr().(*net.TCPAddr).Port
	return height, waiting
}

// An orderer that runs, answers and stays behind is killed, so that the supervisor starts it again; one that keeps up is not.
func TestStalledNodeIsKilled(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	l.Stack.Ports = topology.Ports{}
	var nodes []string
	heights := map[string]*atomic.Int64{}
	for _, o := range l.Stack.Orgs() {
		for _, n := range []string{topology.OrdererProcess(o), topology.PeerProcess(o)} {
			heights[n], _ = metrics(t, l, n)
			heights[n].Store(7)
			nodes = append(nodes, n)
		}
	}
	sleepers(t, l, nodes...)
	pids := func() map[string]int {
		all := map[string]int{}
		for _, n := range nodes {
			if r, err := l.table.Lookup(n); err == nil {
				all[n] = r.PID
			}
		}
		return all
	}
	before := pids()

	stuck := topology.OrdererProcess(l.Stack.Orgs()[2])
	for _, n := range nodes {
		if n != stuck {
			heights[n].Store(40)
		}
	}
	rep, err := l.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rep.Processes {
		if p.Name == stuck && (p.State != NotReady || p.Detail != "at height 7 of 40") {
			t.Errorf("status says %+v", p)
		}
		if p.Name != stuck && before[p.Name] != 0 && p.State != Ready {
			t.Errorf("status says %+v", p)
		}
	}
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := stall.New(len(l.Stack.Orgs()), 200*time.Millisecond)
	group.Go(func() { l.watchStalls(ctx, slog.New(slog.DiscardHandler), watch, 10*time.Millisecond) })
	eventually(t, "the stalled orderer is dead", func() bool { return pids()[stuck] == 0 })
	after := pids()
	for _, n := range nodes {
		if n != stuck && after[n] != before[n] {
			t.Errorf("%s was killed, which kept up", n)
		}
	}
	if len(after) != len(nodes)-1 {
		t.Errorf("%d of %d run", len(after), len(nodes))
	}
}

func TestReadChannel(t *testing.T) {
	l := held(t, filepath.Join(t.TempDir(), "stack"))
	l.Stack.Ports = topology.Ports{}
	orderer, peer, dead := topology.OrdererProcess(l.Stack.Orgs()[0]), topology.PeerProcess(l.Stack.Orgs()[0]), topology.PeerProcess(l.Stack.Orgs()[1])
	height, waiting := metrics(t, l, orderer)
	height.Store(12)
	waiting.Store(3)
	height, _ = metrics(t, l, peer)
	height.Store(11)
	l.Stack.Ports[dead+".ops"] = 1
	sleepers(t, l, orderer, peer, dead, topology.Fleet)
	want := []stall.Reading{
		{Node: orderer, Orderer: true, Up: true, Height: 12, Waiting: 3},
		{Node: peer, Up: true, Height: 11},
		{Node: dead},
	}
	got := l.readChannel(t.Context())
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
