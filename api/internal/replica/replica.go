// Package replica keeps a member's own copy of what operators have stored: the logs of the shipments of which it is a party, and of the
// trackers that it owns. It follows the ledger, pulls what is new from the operators' nodes, verifies it (package copying), and writes it into
// the member's own store as ingest writes it into the operator's. So nobody reads another organisation's database, and an operator that lies,
// withholds or is gone takes nothing away: what it does not give is asked of the other parties' nodes.
package replica

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/state"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Operator is the node of one ingest instance. Errors are those of package transfer, all others say that it cannot be asked.
type Operator interface {
	copying.From // Name is the instance's id
	NewHeads(ctx context.Context, from uint64, sinceMS int64) (transfer.Heads, error)
	Quality(ctx context.Context, tracker string, fromMS, toMS int64) (transfer.Quality, error)
	Outside(ctx context.Context, shipment string, size uint64) (transfer.Outside, error)
}

// Party is another member's node, which has a copy as we do. Name is the member's.
type Party interface {
	copying.From
	Outside(ctx context.Context, shipment string, size uint64) (transfer.Outside, error)
}

// Nodes are those of now, as their members announce them.
type Nodes interface {
	// Operators are the nodes of ingest instances, by their ids.
	Operators() map[string]Operator
	// Party is the node of the member with an MSP id, nil when it is not known.
	Party(msp string) Party
	// Ended reports whether the member of a name has left or was evicted: its instances anchor nothing more, and need not answer.
	Ended(member string) bool
}

// Ledger is read at the own organisation's peer. Errors are those of package ledger.
type Ledger interface {
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	Events(ctx context.Context, from uint64, handle func(ledger.Event) error, atHead func(height uint64)) error
	Network(ctx context.Context) ([]ledger.Node, error)
	TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error)
	MSP() string
}

// Store is the member's own.
type Store = copying.Store

// Config of a replica. Every member must be set but Own, Metrics, Copied and Every.
type Config struct {
	Channel string
	Nodes   Nodes
	Own     []string // ids of the instances that write into the store themselves: of these nothing is copied
	Ledger  Ledger
	Store   Store
	Kept    *state.Tenant // what has no place in the store: messages from outside of the logs
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
	// Codec, if set, runs the codecs of profiles again, to check what an operator says that they made.
	Codec profile.Runner
	// Copied, if set, is told how much of a shipment's log is here now, whole. It must not wait.
	Copied func(shipment string, head ledger.LogHead)
	// Every is how often an operator is looked at when the ledger tells nothing new; 0 = 5 s.
	Every time.Duration
}

// Replica is safe for concurrent use.
type Replica struct {
	cfg      Config
	subjects *subjects
	trackers *copying.Trackers

	mu      sync.Mutex
	sources []*source // by id; they only grow: what an instance has anchored stays owed
}

// New makes a replica; Run works.
func New(cfg Config) *Replica {
	if cfg.Every == 0 {
		cfg.Every = 5 * time.Second
	}
	r := &Replica{cfg: cfg, trackers: copying.NewTrackers(cfg.Ledger, cfg.Now)}
	r.subjects = newSubjects(&r.cfg, r.trackers.Changed, func() {
		for _, s := range r.all() {
			s.wakeUp()
		}
	})
	r.refresh()
	if cfg.Metrics != nil {
		r.measure(cfg.Metrics)
	}
	return r
}

// Run copies until ctx ends.
func (r *Replica) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { r.subjects.run(ctx) })
	for fresh := r.all(); ; fresh = r.refresh() {
		for _, s := range fresh {
			wg.Go(func() { s.run(ctx) })
			wg.Go(func() { s.runAside(ctx) })
		}
		if !service.Pause(ctx, r.cfg.Every) {
			break
		}
	}
	wg.Wait()
	return nil
}

// refresh takes over where the instances' nodes are now, and gives the sources that are new.
func (r *Replica) refresh() (fresh []*source) {
	operators := r.cfg.Nodes.Operators()
	for id := range operators {
		r.subjects.instance(id)
	}
	ids := r.subjects.instances()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		i, there := slices.BinarySearchFunc(r.sources, id, func(s *source, id string) int { return cmp.Compare(s.id, id) })
		if !there {
			s := newSource(r, id)
			r.sources = slices.Insert(r.sources, i, s)
			fresh = append(fresh, s)
		}
		r.sources[i].moved(operators[id], r.subjects.retired(id) || r.cfg.Nodes.Ended(ledger.MemberOf(id)))
	}
	return fresh
}

func (r *Replica) all() []*source {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sources)
}

// State of one operator's copy.
type State struct {
	Operator string
	Known    bool          // false: nobody was asked yet, and the numbers mean nothing
	Anchored uint64        // leaves of the heads log that the ledger has
	Copied   uint64        // of these, looked through here
	Behind   time.Duration // since the first anchor that is not looked through came; 0 = none
	Trouble  string        // why nothing comes, "" = all is well
	Findings []Finding     // oldest first
	More     int           // findings that are not kept
}

// States of all operators' instances, in the order of their ids.
func (r *Replica) States() []State {
	all := []State{}
	for _, s := range r.all() {
		all = append(all, s.state())
	}
	return all
}

// FindingsOf are those about one log.
func (r *Replica) FindingsOf(log string) []Finding {
	var of []Finding
	for _, st := range r.States() {
		for _, f := range st.Findings {
			if f.Log == log {
				of = append(of, f)
			}
		}
	}
	return of
}

func (r *Replica) measure(to prometheus.Registerer) {
	label := []string{"ingest"}
	lag := prometheus.NewDesc("trackseal_replica_lag_seconds", "Since the first anchor of an operator that the own copy has not looked through; 0 = none. Absent before the first look.", label, nil)
	found := prometheus.NewDesc("trackseal_replica_findings", "What an operator gives that does not verify, or does not give.", label, nil)
	leaves := prometheus.NewDesc("trackseal_replica_leaves_total", "Leaves that were copied.", label, nil)
	to.MustRegister(collector{[]*prometheus.Desc{lag, found, leaves}, func(out chan<- prometheus.Metric) {
		for _, s := range r.all() {
			st := s.state()
			if st.Known {
				out <- prometheus.MustNewConstMetric(lag, prometheus.GaugeValue, st.Behind.Seconds(), st.Operator)
			}
			out <- prometheus.MustNewConstMetric(found, prometheus.GaugeValue, float64(len(st.Findings)+st.More), st.Operator)
			out <- prometheus.MustNewConstMetric(leaves, prometheus.CounterValue, float64(s.leaves.Load()), st.Operator)
		}
	}})
}

type collector struct {
	descs   []*prometheus.Desc
	collect func(chan<- prometheus.Metric)
}

func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}
func (c collector) Collect(out chan<- prometheus.Metric) { c.collect(out) }

// pages walks a listing of the ledger.
func pages[T any](ctx context.Context, l Ledger, list ledger.Listing[T], each func(T)) error {
	for x, err := range list.Each(ctx, l, "") {
		if err != nil {
			return err
		}
		each(x)
	}
	return nil
}
