package fakestore

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Submitter is the ledger as the ingest's organisation.
type Submitter interface {
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
}

// Ingest logs and anchors like the real one, for one shipment.
type Ingest struct {
	Name     string
	Store    *Store
	Ledger   Submitter
	Shipment ledger.Shipment
	NowMS    func() int64

	log      merkle.Tree
	heads    merkle.Tree
	prevHead *uint64
	anchored uint64
}

// LogID of the shipment's log, hex.
func (i *Ingest) LogID() string {
	id := i.id()
	return hex.EncodeToString(id[:])
}

// ID of the shipment's log.
func (i *Ingest) ID() anchor.Hash { return i.id() }

func (i *Ingest) id() anchor.Hash {
	return anchor.LogID(ledger.Channel, anchor.Shipment, i.Shipment.ID, i.Shipment.CreateTx, i.Name)
}

// Signed logs a signed message.
func (i *Ingest) Signed(raw []byte) error {
	o, err := telemetry.Open(telemetry.LeafSigned, raw, i.NowMS())
	if err != nil {
		return err
	}
	return i.append(raw, telemetry.LeafSigned, &o)
}

// Plain logs a plain message of a tracker.
func (i *Ingest) Plain(tracker string, payload []byte) error {
	return i.Envelope(telemetry.PlainEnvelope(tracker, payload))
}

// Envelope logs an envelope as it is.
func (i *Ingest) Envelope(raw []byte) error {
	o, err := telemetry.Open(telemetry.LeafUnsigned, raw, i.NowMS())
	if err != nil {
		return err
	}
	return i.append(raw, telemetry.LeafUnsigned, &o)
}

func (i *Ingest) append(raw []byte, kind uint8, o *telemetry.Opened) error {
	leaf := telemetry.Leaf{Kind: kind, Hash: o.Hash, ReceivedMS: i.NowMS(), Ingest: i.Name}
	entry := leaf.Encode()
	m := stored.NewMessage(i.LogID(), i.log.Size(), entry, leaf, o)
	m.Raw, m.Tracker, m.Shipment = raw, o.Tracker, i.Shipment.ID
	i.log.Append(merkle.LeafHash(entry))
	b := i.Store.NewBatch()
	if err := stored.AddOpened(b, &m, o); err != nil {
		return err
	}
	return b.Write(context.Background())
}

// Anchor puts the log's state on the ledger and writes its head point.
func (i *Ingest) Anchor(ctx context.Context, closed bool) error {
	size := i.log.Size()
	root, err := i.log.RootAt(size)
	if err != nil {
		return err
	}
	leaf := anchor.HeadLeaf{Log: i.id(), Size: size, Root: root, Prev: i.prevHead, Closed: closed}
	index, old := i.heads.Size(), i.heads.Size()
	i.heads.Append(merkle.LeafHash(leaf.Encode()))
	headsRoot, err := i.heads.RootAt(index + 1)
	if err != nil {
		return err
	}
	var proof []string
	if old > 0 {
		path, err := merkle.Consistency(&i.heads, old, index+1)
		if err != nil {
			return err
		}
		for _, h := range path {
			proof = append(proof, hex.EncodeToString(h[:]))
		}
	}
	heads := anchor.HeadsID(ledger.Channel, i.Name)
	res, err := i.Ledger.Submit(ctx, ledger.AnchorExtend.Name(), ledger.ExtendArgs{Heads: hex.EncodeToString(heads[:]), Ingest: i.Name, OldSize: old, NewSize: index + 1,
		NewRoot: hex.EncodeToString(headsRoot[:]), Proof: proof, TimeMS: i.NowMS()})
	if err != nil {
		return err
	}
	path, err := merkle.Inclusion(&i.heads, index, index+1)
	if err != nil {
		return err
	}
	prev := int64(-1)
	if i.prevHead != nil {
		prev = int64(*i.prevHead)
	}
	i.prevHead, i.anchored = &index, size
	i.Store.mu.Lock()
	defer i.Store.mu.Unlock()
	i.Store.HeadList = append(i.Store.HeadList, stored.Head{Heads: hex.EncodeToString(heads[:]), Log: i.LogID(), Index: index, Size: size, Root: hex.EncodeToString(root[:]), Prev: prev,
		Closed: closed, Entry: leaf.Encode(), HeadsSize: index + 1, HeadsRoot: hex.EncodeToString(headsRoot[:]), Tx: res.TxID, Block: res.Block, Proof: path, TimeMS: i.NowMS()})
	return nil
}

// Seal anchors the log's final state and puts the seal on the ledger.
func (i *Ingest) Seal(ctx context.Context) error {
	prev := i.prevHead
	if err := i.Anchor(ctx, true); err != nil {
		return err
	}
	index := *i.prevHead // each anchor has one leaf
	path, err := merkle.Inclusion(&i.heads, index, index+1)
	if err != nil {
		return err
	}
	size, root := i.Size()
	final := &ledger.FinalHead{Size: size, Root: root, Prev: prev, Index: index, Anchor: index}
	for _, h := range path {
		final.Proof = append(final.Proof, hex.EncodeToString(h[:]))
	}
	_, err = i.Ledger.Submit(ctx, ledger.ShipmentSeal.Name(), ledger.SealArgs{ID: i.Shipment.ID, Ingest: i.Name, Final: final})
	return err
}

// Size of the log, and its root.
func (i *Ingest) Size() (uint64, string) {
	root, err := i.log.RootAt(i.log.Size())
	if err != nil {
		panic(err)
	}
	return i.log.Size(), hex.EncodeToString(root[:])
}

// Status is a small report.
func (i *Ingest) Status(context.Context) (json.RawMessage, error) {
	return json.RawMessage(fmt.Sprintf(`{"id":%q,"logged":%d,"problems":{}}`, i.Name, i.log.Size())), nil
}
