package adversary

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

var ingestID = who{carrier, contract.Ingest}

// headsLog is an ingest instance's tree of log heads, which trips share.
type headsLog struct {
	chain
	ingest  string
	mu      sync.Mutex
	tree    merkle.Tree
	anchors uint64 // on the ledger
	// batched, when not nil, takes the heads of many trips into one anchor.
	batched chan request
}

// asking is a chain that one identity asks.
type asking struct {
	chain
	by who
}

func (a asking) Evaluate(ctx context.Context, fn string, arg any) ([]byte, error) {
	return a.ask(ctx, a.by, ledger.Query[ledger.MSPArgs, ledger.Serving](fn), arg)
}

type request struct {
	head anchor.HeadLeaf
	done chan<- result
}

type result struct {
	stored.Head
	err error
}

// anchor puts a head on the ledger.
func (h *headsLog) anchor(ctx context.Context, head anchor.HeadLeaf, aheadMS int64) (stored.Head, error) {
	if h.batched == nil {
		out := h.extend(ctx, []anchor.HeadLeaf{head}, aheadMS)
		return out[0].Head, out[0].err
	}
	done := make(chan result, 1)
	select {
	case h.batched <- request{head, done}:
	case <-ctx.Done():
		return stored.Head{}, ctx.Err()
	}
	select {
	case r := <-done:
		return r.Head, r.err
	case <-ctx.Done():
		return stored.Head{}, ctx.Err()
	}
}

// extend is one anchor of several heads. What the ledger refuses leaves the tree as it was.
func (h *headsLog) extend(ctx context.Context, heads []anchor.HeadLeaf, aheadMS int64) []result {
	h.mu.Lock()
	defer h.mu.Unlock()
	old, out := h.tree.Size(), make([]result, len(heads))
	var next merkle.Tree
	for i := range old {
		n, err := h.tree.Node(0, i)
		if err != nil {
			panic(err)
		}
		next.Append(n)
	}
	for _, l := range heads {
		next.Append(merkle.LeafHash(l.Encode()))
	}
	root, err := next.RootAt(next.Size())
	if err != nil {
		panic(err)
	}
	id := anchor.HeadsID(ledger.Channel, h.ingest)
	args := ledger.ExtendArgs{Heads: hex.EncodeToString(id[:]), Ingest: h.ingest, OldSize: old, NewSize: next.Size(), NewRoot: hex.EncodeToString(root[:]), Proof: []string{}, TimeMS: h.nowMS() + aheadMS}
	serving, err := ledger.ServingOf(ctx, asking{h.chain, ingestID}, "CarrierMSP")
	if err != nil {
		panic(err)
	}
	args.Epoch = serving.Epoch
	if old > 0 {
		path, err := merkle.Consistency(&next, old, next.Size())
		if err != nil {
			panic(err)
		}
		for _, p := range path {
			args.Proof = append(args.Proof, hex.EncodeToString(p[:]))
		}
	}
	p, err := h.endorse(ctx, ingestID, aheadMS, ledger.AnchorExtend, args)
	var r ledger.Result
	if err == nil {
		r, err = h.order(ctx, p)
	}
	if err != nil {
		for i := range out {
			out[i].err = fmt.Errorf("anchor: %w", err)
		}
		return out
	}
	h.tree = next
	h.anchors++
	for i, l := range heads {
		at := old + uint64(i)
		path, err := merkle.Inclusion(&next, at, next.Size())
		prev := int64(-1)
		if l.Prev != nil {
			prev = int64(*l.Prev)
		}
		out[i] = result{stored.Head{Heads: args.Heads, Log: hex.EncodeToString(l.Log[:]), Index: at, Size: l.Size, Root: hex.EncodeToString(l.Root[:]), Prev: prev, Closed: l.Closed,
			Entry: l.Encode(), HeadsSize: next.Size(), HeadsRoot: args.NewRoot, Tx: r.TxID, Block: r.Block, Proof: path, TimeMS: args.TimeMS}, err}
	}
	return out
}

// seal puts the operator's seal on the ledger: that this head is the shipment's last.
func (h *headsLog) seal(ctx context.Context, shipment string, last stored.Head) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	final := &ledger.FinalHead{Size: last.Size, Root: last.Root, Index: last.Index, Anchor: h.anchors - 1}
	if last.Prev >= 0 {
		prev := uint64(last.Prev)
		final.Prev = &prev
	}
	path, err := merkle.Inclusion(&h.tree, last.Index, h.tree.Size())
	if err != nil {
		return err
	}
	for _, p := range path {
		final.Proof = append(final.Proof, hex.EncodeToString(p[:]))
	}
	p, err := h.endorse(ctx, ingestID, 0, ledger.ShipmentSeal, ledger.SealArgs{ID: shipment, Ingest: h.ingest, Final: final})
	if err == nil {
		_, err = h.order(ctx, p)
	}
	return err
}

// consistency proves the heads log between two sizes.
func (h *headsLog) consistency(_ context.Context, _ string, first, second uint64) ([]evidence.Hash, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return merkle.Consistency(&h.tree, first, second)
}

// log is one log of a trip, which whoever runs ingest can write anew.
type log struct {
	id       anchor.Hash
	messages []stored.Message
	heads    []stored.Head
	sealed   bool
}

func (l *log) name() string { return hex.EncodeToString(l.id[:]) }

// append logs a signed message with the time of its receipt.
func (l *log) append(ingest, shipment string, raw []byte, receivedMS int64) error {
	return l.add(telemetry.LeafSigned, ingest, shipment, raw, receivedMS)
}

// add logs a message, signed or in its envelope.
func (l *log) add(kind uint8, ingest, shipment string, raw []byte, receivedMS int64) error {
	o, err := telemetry.Open(kind, raw, receivedMS)
	if err != nil {
		return err
	}
	leaf := telemetry.Leaf{Kind: kind, Hash: o.Hash, ReceivedMS: receivedMS, Ingest: ingest}
	m := stored.NewMessage(l.name(), uint64(len(l.messages)), leaf.Encode(), leaf, &o)
	m.Raw, m.Tracker, m.Shipment = raw, o.Tracker, shipment
	l.messages = append(l.messages, m)
	return nil
}

// state is the log's size and root.
func (l *log) state() (size uint64, root merkle.Hash) {
	var t merkle.Log
	for _, m := range l.messages {
		t.Append(merkle.LeafHash(m.Entry), nil)
	}
	return t.Size(), t.Root()
}

func (l *log) head() ledger.LogHead {
	size, root := l.state()
	return ledger.LogHead{Log: l.name(), Size: size, Root: hex.EncodeToString(root[:])}
}

// next is the log's next leaf in the heads log.
func (l *log) next(closed bool) anchor.HeadLeaf {
	size, root := l.state()
	h := anchor.HeadLeaf{Log: l.id, Size: size, Root: root, Closed: closed}
	if n := len(l.heads); n > 0 {
		prev := l.heads[n-1].Index
		h.Prev = &prev
	}
	return h
}

// store gives what an API would read of the logs.
func store(logs ...*log) *fakestore.Store {
	s := &fakestore.Store{}
	for _, l := range logs {
		for i, m := range l.messages {
			m.Leaf = uint64(i)
			s.Stored = append(s.Stored, m)
			o, err := m.Open()
			if err != nil {
				panic(err)
			}
			for _, r := range o.Readings {
				if r.Counts(m.ReceivedMS) {
					at := time.UnixMilli(r.TimeMS).Add(time.Duration(m.Leaf))
					s.Points = append(s.Points, fakestore.Point{Reading: stored.Reading{Log: m.Log, Tracker: m.Tracker, Leaf: m.Leaf, TimeMS: r.TimeMS, Values: r.Said()}, At: at})
				}
			}
		}
		s.HeadList = append(s.HeadList, slices.Clone(l.heads)...)
	}
	return s
}
