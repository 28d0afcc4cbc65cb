// Package audittest is a store in memory that was written by an ingest in memory, for tests that damage it.
package audittest

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Point is a stored reading and where it stands.
type Point struct {
	stored.Reading
	NS int64
}

// Store answers like internal/influx. Tests change its fields between calls. Each point has a key of its own.
type Store struct {
	Stored   []stored.Message
	Points   []Point
	HeadList []stored.Head
}

// Messages in the order of leaves.
func (s *Store) Messages(_ context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	all := slices.Clone(s.Stored)
	slices.SortStableFunc(all, func(a, b stored.Message) int { return cmp.Compare(a.Leaf, b.Leaf) })
	for _, m := range all {
		if m.Log != log || m.Leaf < from || to > 0 && m.Leaf >= to {
			continue
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

// Readings in the order of their times.
func (s *Store) Readings(_ context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error {
	all := slices.Clone(s.Points)
	slices.SortStableFunc(all, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.NS, b.NS), cmp.Compare(a.Tracker, b.Tracker))
	})
	for _, p := range all {
		p.TimeMS = p.NS / 1e6
		if !slices.Contains(q.Logs, p.Log) || p.TimeMS < q.FromMS || q.ToMS > 0 && p.TimeMS >= q.ToMS {
			continue
		}
		if err := fn(p.Reading, time.Unix(0, p.NS)); err != nil {
			return err
		}
	}
	return nil
}

// Heads of a log.
func (s *Store) Heads(_ context.Context, log string) (heads []stored.Head, err error) {
	for _, h := range s.HeadList {
		if h.Log == log {
			heads = append(heads, h)
		}
	}
	return heads, nil
}

// HeadsOf a heads log in the order of their numbers.
func (s *Store) HeadsOf(_ context.Context, heads string, fn func(stored.Head) error) error {
	all := slices.Clone(s.HeadList)
	slices.SortStableFunc(all, func(a, b stored.Head) int { return cmp.Compare(a.Index, b.Index) })
	for _, h := range all {
		if h.Heads != heads {
			continue
		}
		if err := fn(h); err != nil {
			return err
		}
	}
	return nil
}

// Logs of messages and readings.
func (s *Store) Logs(context.Context) (all []stored.LogTags, err error) {
	count, known := map[stored.LogTags]uint64{}, map[string]bool{}
	for _, m := range s.Stored {
		count[stored.LogTags{Log: m.Log, Shipment: m.Shipment, Tracker: m.Tracker}]++
		known[m.Log] = true
	}
	for _, p := range s.Points {
		if !known[p.Log] {
			count[stored.LogTags{Log: p.Log, Tracker: p.Tracker}] = 0
		}
	}
	for tags, n := range count {
		tags.Messages = n
		all = append(all, tags)
	}
	return all, nil
}

// World is an ingest instance that logs into a Store, and the anchors that it made.
type World struct {
	Store  Store
	Ingest string
	NowMS  int64

	logs    map[string]*log
	heads   merkle.Tree
	Anchors map[uint64]string // root by size
	Size    uint64            // of the newest anchor
	seqs    map[string]uint64
}

type log struct {
	id    anchor.Hash
	tree  merkle.Log
	size  uint64 // in the newest head
	prev  *uint64
	ships string
}

// New is an instance that has logged nothing.
func New() *World {
	return &World{Ingest: "carrier.ingest-1", NowMS: 1_790_000_000_000, logs: map[string]*log{}, Anchors: map[uint64]string{}, seqs: map[string]uint64{}}
}

// HeadsID of its heads log.
func (w *World) HeadsID() string {
	id := anchor.HeadsID(ledger.Channel, w.Ingest)
	return hex.EncodeToString(id[:])
}

// LogID of a shipment's log, or a tracker's where shipment is "".
func (w *World) LogID(shipment, tracker string) string {
	id := w.id(shipment, tracker)
	return hex.EncodeToString(id[:])
}

func (w *World) id(shipment, tracker string) anchor.Hash {
	if shipment == "" {
		return anchor.LogID(ledger.Channel, anchor.Tracker, tracker, "tx", w.Ingest)
	}
	return anchor.LogID(ledger.Channel, anchor.Shipment, shipment, "tx", w.Ingest)
}

// Log stores a signed message with n readings.
func (w *World) Log(shipment, tracker string, n int) {
	id := w.LogID(shipment, tracker)
	l := w.logs[id]
	if l == nil {
		l = &log{id: w.id(shipment, tracker), ships: shipment}
		w.logs[id] = l
	}
	w.NowMS += 1000
	seed := sha256.Sum256([]byte(tracker))
	var readings []telemetry.Reading
	for i := range n {
		readings = append(readings, telemetry.Reading{TimeMS: w.NowMS - int64(n-i)*100, Values: map[string]float64{"temperature": 4 + float64(i), "humidity": 50}})
	}
	raw, err := telemetry.Encode(ed25519.NewKeyFromSeed(seed[:]), telemetry.Claims{Tracker: tracker, Boot: 1, Seq: w.seqs[tracker], TimeMS: w.NowMS}, readings)
	if err != nil {
		panic(err)
	}
	w.seqs[tracker]++
	o, err := telemetry.Open(telemetry.LeafSigned, raw, w.NowMS)
	if err != nil {
		panic(err)
	}
	leaf := telemetry.Leaf{Kind: telemetry.LeafSigned, Hash: o.Hash, ReceivedMS: w.NowMS, Ingest: w.Ingest}
	m := stored.NewMessage(id, l.tree.Size(), leaf.Encode(), leaf, &o)
	m.Raw, m.Tracker, m.Shipment, m.PointNS = raw, tracker, shipment, stored.PointNS(w.NowMS, l.tree.Size())
	l.tree.Append(merkle.LeafHash(m.Entry), nil)
	w.Store.Stored = append(w.Store.Stored, m)
	for _, r := range o.Readings {
		w.Store.Points = append(w.Store.Points, Point{stored.Reading{Log: id, Tracker: tracker, Leaf: m.Leaf, Values: maps.Clone(r.Values)}, stored.PointNS(r.TimeMS, m.Leaf)})
	}
}

// Anchor takes the heads of all logs that grew into one.
func (w *World) Anchor() {
	first := len(w.Store.HeadList)
	for _, id := range slices.Sorted(maps.Keys(w.logs)) {
		l := w.logs[id]
		if l.tree.Size() == l.size {
			continue
		}
		leaf := anchor.HeadLeaf{Log: l.id, Size: l.tree.Size(), Root: l.tree.Root(), Prev: l.prev}
		h := stored.Head{Heads: w.HeadsID(), Log: id, Index: w.heads.Size(), Size: leaf.Size, Root: hex.EncodeToString(leaf.Root[:]), Prev: -1, Entry: leaf.Encode(), TimeMS: w.NowMS, Tx: fmt.Sprint("tx", w.Size)}
		if l.prev != nil {
			h.Prev = int64(*l.prev)
		}
		index := h.Index
		l.size, l.prev = leaf.Size, &index
		w.heads.Append(merkle.LeafHash(h.Entry))
		w.Store.HeadList = append(w.Store.HeadList, h)
	}
	size := w.heads.Size()
	root, err := w.heads.RootAt(size)
	if err != nil {
		panic(err)
	}
	for i := first; i < len(w.Store.HeadList); i++ {
		h := &w.Store.HeadList[i]
		h.HeadsSize, h.HeadsRoot = size, hex.EncodeToString(root[:])
		if h.Proof, err = merkle.Inclusion(&w.heads, h.Index, size); err != nil {
			panic(err)
		}
	}
	w.Anchors[size], w.Size = hex.EncodeToString(root[:]), size
}

// Root of an anchor.
func (w *World) Root(_ context.Context, size uint64) (string, error) { return w.Anchors[size], nil }

// Newest anchor.
func (w *World) Newest(context.Context) (uint64, string, error) {
	return w.Size, w.Anchors[w.Size], nil
}
