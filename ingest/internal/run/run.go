// Package run wires the stages together, and is the way of a message: received, read by its profile unless it is signed, verified, sequenced and
// made durable, acknowledged, stored, anchored, judged. ingest/README.md tells it as a story, with what a crash leaves at each step.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/ingest/internal/anchorer"
	"github.com/trackseal/trackseal/ingest/internal/attach"
	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/limit"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/partition"
	"github.com/trackseal/trackseal/ingest/internal/quality"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/ingest/internal/summary"
	"github.com/trackseal/trackseal/ingest/internal/verify"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/checkpoint"
	"github.com/trackseal/trackseal/internal/judge"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Config of the pipeline.
type Config struct {
	ID      string // ingest id
	Channel string // "" = ledger.Channel
	Dir     string // of the journal
	Journal journal.Options
	// Partitions are those that the instance claims and serves; none = it claims none.
	Partitions []ledger.Range
	Every      time.Duration // between anchors; 0 = 10 s
	Leaves     uint64        // or after so many leaves; 0 = 4,096

	// Limit is how fast one tracker may send. A source that asks Pace lets it wait (SourcePaces); of any other, what is too fast
	// is refused.
	Limit       limit.Config
	SourcePaces bool

	// Remember is how long a message that comes again is recognised; 0 = 400 days.
	Remember time.Duration

	// Keep is how many trackers and logs the sequencer has in memory, in each of two generations; 0 = 16,384.
	Keep int

	// Group is how many messages a group waits for under load; 0 = 512. Larger ones cost less a message, but a source must be
	// able to have more than that unacknowledged.
	Group int

	Source   Source
	Codecs   attach.Runner // of profiles; nil = messages that need one are kept by their senders
	Database Database
	Ledger   Ledger
	Log      *slog.Logger
	Now      func() time.Time // nil = time.Now
	// OnRevoked, if set, is called when a tracker has been revoked, or its secret replaced.
	OnRevoked func(tracker string)
	// JudgeEvery is how often live shipments are judged; 0 = 2 s.
	JudgeEvery time.Duration
}

// Pipeline is one running ingest instance.
type Pipeline struct {
	cfg      Config
	db       *journal.DB
	id       string // of the instance's life
	seq      *sequence.Sequencer
	registry *registry.Registry
	attach   *attach.Stage
	writer   *store.Writer
	refused  *store.Quarantine
	anchorer *anchorer.Anchorer
	serves   *partition.Partitions
	judge    *judge.Judge
	quality  *quality.Watcher
	summary  *summary.Writer
	acker    *acker
	rejects  rejectCounter
	refusals *refusals
	turned   chan *message.Item // refused by the broker
	unsigned chan *message.Item // for attach
	limiter  *limit.Limiter
	metrics  *prometheus.Registry

	received, heldBack, repeated atomic.Uint64
	newest                       atomic.Int64 // receipt, ms
}

// queueDepth bounds what waits between the source and the groups.
const queueDepth = 1024

// New opens the journal and recovers from it. It talks to nobody.
func New(cfg Config) (*Pipeline, error) {
	if cfg.Channel == "" {
		cfg.Channel = ledger.Channel
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Remember == 0 {
		cfg.Remember = 400 * 24 * time.Hour
	}
	if cfg.Group == 0 {
		cfg.Group = fullGroup
	}
	if cfg.Journal.Log == nil {
		cfg.Journal.Log = cfg.Log
	}
	if err := unfinished(cfg.Dir); err != nil {
		return nil, err
	}
	db, err := journal.Open(filepath.Join(cfg.Dir, "journal"), cfg.Journal)
	if err != nil {
		return nil, err
	}
	p := &Pipeline{cfg: cfg, db: db, acker: newAcker(cfg.Source), rejects: rejectCounter{n: map[string]uint64{}}, refusals: newRefusals(), turned: make(chan *message.Item, queueDepth), unsigned: make(chan *message.Item, queueDepth), limiter: limit.New(cfg.Limit)}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return p, nil
}

// errUnfinished: a journal that is made again is not whole before all of it is done.
var errUnfinished = errors.New("a journal was made again, and not all of it is done: run ingest recover once more, with this configuration")

// unfinished: between its two renames there is no journal. A new one would hide the one that was made.
func unfinished(dir string) error {
	if !journal.Exists(filepath.Join(dir, "journal")) && journal.Exists(filepath.Join(dir, "journal.new")) {
		return errUnfinished
	}
	return nil
}

func (p *Pipeline) open() error {
	life, err := p.db.Life()
	if err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	p.id = ledger.LifeID(p.cfg.ID, life)
	switch left, err := p.db.Unfinished(); {
	case err != nil:
		return fmt.Errorf("recovery: %w", err)
	case left != nil:
		return errUnfinished
	}
	if p.seq, err = sequence.Open(p.db, sequence.Config{Channel: p.cfg.Channel, Ingest: p.id, Keep: p.cfg.Keep}); err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	p.registry, err = registry.Open(registry.Config{
		Ledger: p.cfg.Ledger, DB: p.db, Log: p.cfg.Log, OnRevoked: p.cfg.OnRevoked,
		OnShipment: func(s *ledger.Shipment) { p.judge.Mark(s.ID) },
	})
	if err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	p.attach = attach.New(p.registry, p.cfg.Codecs)
	p.judge = judge.New(judge.Config{
		Channel: p.cfg.Channel, Instance: p.id, Own: p.has, Store: p.cfg.Database, Shipments: p.registry, Ledger: p.cfg.Ledger, Log: p.cfg.Log, Now: p.cfg.Now, Every: p.cfg.JudgeEvery,
	})
	p.quality = quality.New(quality.Config{Database: p.cfg.Database, Log: p.cfg.Log, Now: p.cfg.Now, Assigned: p.assigned})
	p.summary = summary.New(summary.Config{Database: p.cfg.Database, Log: p.cfg.Log, Now: p.cfg.Now})
	p.writer = store.New(store.Config{Database: p.cfg.Database, DB: p.db, Log: p.cfg.Log, OnStored: func(stored []journal.Message) {
		p.judge.Observe(judged(stored))
		p.quality.Observe(stored)
		p.summary.Observe(stored)
	}})
	p.refused = store.NewQuarantine(store.QuarantineConfig{
		Database: p.cfg.Database, DB: p.db, Log: p.cfg.Log, BytesADay: int(p.cfg.Journal.QuarantineBytes), RecordsADay: p.cfg.Journal.QuarantineRecords,
	})
	p.serves = partition.New(partition.Config{Ledger: p.cfg.Ledger, Ingest: p.cfg.ID, Ranges: p.cfg.Partitions, Log: p.cfg.Log})
	p.anchorer = anchorer.New(anchorer.Config{
		Ledger: p.cfg.Ledger, Heads: p.seq, Partitions: p.serves, Ingest: p.id, Every: p.cfg.Every, Leaves: p.cfg.Leaves, Now: p.cfg.Now, Log: p.cfg.Log,
		OnAnchored: func(a sequence.Anchored) {
			p.acker.setBeacon(a)
			p.writer.Wake()
		},
	})
	if last := p.seq.Last(); last.Size > 0 {
		p.acker.setBeacon(last)
	}
	p.metrics = p.newMetrics()
	return nil
}

// has reports whether this instance has messages of a shipment.
func (p *Pipeline) has(shipment string) bool {
	logs, err := p.seq.Logs(anchor.Shipment, shipment)
	return err != nil || len(logs) > 0
}

// Close releases the journal, after Run or instead of it.
func (p *Pipeline) Close() error { return p.db.Close() }

// Registry, Sequencer and Metrics are what the program around the pipeline needs.
func (p *Pipeline) Registry() *registry.Registry   { return p.registry }
func (p *Pipeline) Gatherer() *prometheus.Registry { return p.metrics }
func (p *Pipeline) Sequencer() *sequence.Sequencer { return p.seq }

// Parts are the goroutines of the pipeline.
func (p *Pipeline) Parts() []service.Part {
	received := make(chan *message.Item, queueDepth)
	groups, verified := make(chan []*message.Item), make(chan []*message.Item)
	verifier := &verify.Verifier{Registry: p.registry}
	return []service.Part{
		{Name: "receive", Run: func(ctx context.Context) error { return p.receive(ctx, received) }},
		{Name: "attach", Run: func(ctx context.Context) error { return p.attach.Run(ctx, p.unsigned, received) }},
		{Name: "gather", Run: func(ctx context.Context) error { return gather(ctx, p.cfg.Group, received, groups) }},
		{Name: "verify", Run: func(ctx context.Context) error { return verifier.Run(ctx, groups, verified) }},
		{Name: "sequence", Run: func(ctx context.Context) error { return p.sequence(ctx, verified) }},
		{Name: "acknowledge", Run: p.acker.run},
		{Name: "store", Run: p.writer.Run},
		{Name: "quarantine", Run: p.refused.Run},
		{Name: "refusals", Run: p.list},
		{Name: "forget", Run: p.forget},
		{Name: "anchor", Run: p.anchorer.Run},
		{Name: "registry", Run: p.registry.Run},
		{Name: "judge", Run: p.judge.Run},
		{Name: "quality", Run: p.quality.Run},
		{Name: "summary", Run: p.summary.Run},
		checkpoint.Part(p.cfg.Dir, p.cfg.Log, p.db.Checkpoint),
	}
}

// receive gives signed messages to the verifier, and all others to attach, which gives them on: nobody who signs waits for a profile.
func (p *Pipeline) receive(ctx context.Context, out chan<- *message.Item) error {
	for {
		topic, payload, ack, err := p.cfg.Source.Receive(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		now := p.cfg.Now()
		it := p.item(topic, payload, now)
		it.Ack = ack
		if !p.cfg.SourcePaces {
			p.limit(it, now)
		}
		to := out
		if attach.Concerns(topic) {
			to = p.unsigned
		}
		select {
		case to <- it:
		case <-ctx.Done():
			return nil
		}
	}
}

// item is a message that was received. A clock that is set back must not make leaves older than their predecessors.
func (p *Pipeline) item(topic string, payload []byte, now time.Time) *message.Item {
	p.received.Add(1)
	for {
		last := p.newest.Load()
		ms := max(last, now.UnixMilli())
		if p.newest.CompareAndSwap(last, ms) {
			return &message.Item{Topic: topic, Raw: payload, ReceivedMS: ms}
		}
	}
}

// sequence commits one group after the other: while a commit waits for the disk, the next group is verified, and the one
// after it gathers.
//
// Crash order: commit (synced), then both acknowledgements, then InfluxDB. A crash before the commit leaves nothing, and
// nobody was told anything; after it, everything is in the journal, and a repeated delivery is a duplicate.
func (p *Pipeline) sequence(ctx context.Context, in <-chan []*message.Item) error {
	for items := range in {
		if !p.waitUntilAccepted(ctx) {
			return nil
		}
		p.weigh(items)
		acks, ok := p.apply(ctx, items)
		if !ok {
			return nil
		}
		for _, it := range items {
			if it.Outcome != message.Logged {
				p.told(it)
			}
		}
		p.writer.Wake()
		p.refused.Wake()
		p.anchorer.Grown()
		if !p.acker.committed(ctx, items, acks) {
			return nil
		}
	}
	return nil
}

// waitUntilAccepted stops accepting while the journal or the disk is full, the ledger has another past than the journal, or another instance
// serves the partitions. Nothing is
// acknowledged meanwhile: the broker's window fills, and trackers keep what they have.
func (p *Pipeline) waitUntilAccepted(ctx context.Context) bool {
	told := false
	for {
		err := p.accepts(ctx)
		if err == nil {
			if told {
				p.cfg.Log.Info("receiving again")
			}
			return true
		}
		if !told {
			told = true
			p.cfg.Log.Error("not acknowledging messages", "err", err)
		}
		if !service.Pause(ctx, 250*time.Millisecond) {
			return false
		}
	}
}

// apply repeats a failed commit with the same items, in the same order: what had reached the disk is recognised.
func (p *Pipeline) apply(ctx context.Context, items []*message.Item) ([]sequence.Ack, bool) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		acks, err := p.seq.Apply(items)
		if err == nil {
			return acks, true
		}
		p.cfg.Log.Error("journal commit failed, trying again", "err", err, "wait", wait)
		if !service.Pause(ctx, wait) {
			return nil, false
		}
	}
}

// asideFlags are those of messages that may hold what does not count.
var asideFlags = func() (f journal.Flags) {
	for _, r := range telemetry.AsideFlags {
		f |= journal.Flag(r)
	}
	return f
}()

// judged are the stored messages as the judge takes them.
func judged(all []journal.Message) []judge.Message {
	out := make([]judge.Message, len(all))
	measured := map[string]float64{} // of one reading after the other
	for i := range all {
		st := &all[i]
		out[i] = judge.Message{Shipment: st.Shipment, Tracker: st.Tracker, Log: st.Log, Leaf: st.Leaf, Entry: st.Entry, Raw: st.Raw, Signed: st.Signed, Aside: st.Flags&asideFlags != 0,
			Each: func(fn func(int64, map[string]float64)) error {
				return st.Readings.Each(func(ms int64, values []journal.Value) {
					clear(measured)
					for _, v := range values {
						measured[telemetry.Quantities[v.Quantity].Name] = v.Value
					}
					fn(ms, measured)
				})
			}}
	}
	return out
}

// assigned tells what a shipment's record says of a tracker at a time.
func (p *Pipeline) assigned(shipment, tracker string, ms int64) (*telemetry.Sensors, bool) {
	s, ok := p.registry.Shipment(shipment)
	if !ok {
		return telemetry.NoSensors, true
	}
	return s.Sensors(tracker, ms), s.AssignedAt(tracker, ms) != nil
}
