package evidence

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// anchored is one accepted state of a heads log.
type anchored struct {
	head ledger.Head
	root Hash
	tx   *fabricproof.Transaction
	path []string // the consistency proof in the transaction's own arguments, hex
}

// checkAnchors reads what each anchor's transaction wrote and proves each heads log against its state before.
func (v *verifier) checkAnchors() error {
	names := map[string]bool{}
	for _, i := range v.in.Manifest.Instances {
		if names[i.Ingest] {
			return stop(BundleFormat, "instance "+i.Ingest, "each instance once", "a second entry")
		}
		names[i.Ingest] = true
		var list []*anchored
		for k, a := range i.Anchors {
			next, err := v.anchor(i.Ingest, v.txs[a.Position])
			if err != nil {
				return err
			}
			if k == 0 {
				if len(a.Consistency) != 0 {
					return stop(HeadsFork, place(a.Position), "no proof in the first anchor", "%d hashes", len(a.Consistency))
				}
			} else if err := follows(list[k-1], next, a.Consistency, v.policy.Chaincode); err != nil {
				return err
			}
			list = append(list, next)
		}
		if len(list) == 0 {
			return stop(BundleFormat, "instance "+i.Ingest, "an anchor", "none")
		}
		if instance, life := ledger.LifeOf(i.Ingest); life > 1 {
			v.book.warn(NewLife, "instance "+i.Ingest, "an ingest instance that has gone on with one journal", "life %d of %s: what was received and not stored before may be lost, and earlier logs were anchored again", life, instance)
		}
		v.anchors = append(v.anchors, list)
	}
	return nil
}

// anchor compares the record that a transaction wrote with what it was asked to write.
func (v *verifier) anchor(ingest string, t *fabricproof.Transaction) (*anchored, error) {
	ns := v.policy.Chaincode
	id := anchor.HeadsID(v.policy.Channel, ingest)
	heads := hex.EncodeToString(id[:])
	wrong := func(expected, found string, args ...any) error {
		return stop(AnchorValue, placeOf(t), expected, found, args...)
	}
	if len(t.Args) != 2 || string(t.Args[0]) != ledger.AnchorExtend.Name() {
		return nil, wrong("a call of "+ledger.AnchorExtend.Name(), "%q", t.Args[0])
	}
	var a ledger.ExtendArgs
	if err := ledger.Decode(t.Args[1], &a); err != nil {
		return nil, wrong("arguments of "+ledger.AnchorExtend.Name(), "%v", err)
	}
	var h ledger.Head
	value := t.Write(ns, ledger.HeadKey(heads))
	if value == nil {
		return nil, wrong("a new head of "+heads, "none written")
	}
	if err := record(value, &h); err != nil {
		return nil, wrong("the head's record", "%v", err)
	}
	if string(t.Write(ns, ledger.AnchorKey(heads, h.N))) != string(value) {
		return nil, wrong("the same record in the list of anchors", "another one")
	}
	switch {
	case h.Heads != heads || a.Heads != heads || h.Ingest != ingest || a.Ingest != ingest:
		return nil, wrong("the heads log of "+ingest, "that of %s", h.Ingest)
	case h.Size != a.NewSize || h.Root != a.NewRoot || h.PrevSize != a.OldSize || h.TimeMS != a.TimeMS || h.Size <= h.PrevSize:
		return nil, wrong(fmt.Sprintf("size %d, root %s after %d as asked for", a.NewSize, a.NewRoot, a.OldSize), "%d, %s after %d", h.Size, h.Root, h.PrevSize)
	case h.Tx != t.ID || h.TxMS != t.TimeMS || h.Owner != t.Creator.MSP:
		return nil, wrong("the transaction's own id, time and caller", "%s, %d, %s", h.Tx, h.TxMS, h.Owner)
	}
	root, err := hash32(h.Root)
	if err != nil {
		return nil, wrong("a root in hex", "%q", h.Root)
	}
	if read, ok := t.Read(ns, ledger.HeadKey(heads)); !ok || (read.Version == nil) != (h.N == 0) {
		return nil, wrong(fmt.Sprintf("anchor %d to have read the one before", h.N), "%s", version(read, ok))
	}
	out := &anchored{head: h, root: root, tx: t, path: a.Proof}
	v.report.Facts.Anchors = append(v.report.Facts.Anchors, v.anchorFact(out))
	return out, nil
}

func (v *verifier) anchorFact(a *anchored) AnchorFact {
	p := Position(a.tx.Position)
	return AnchorFact{
		N: a.head.N, Block: p.Block, Tx: a.tx.ID, Ingest: a.head.Ingest, Size: a.head.Size, Root: a.head.Root, TimeMS: a.head.TimeMS,
		OrderedBy: organisationsOf(v.blocks[p.Block].signers), EndorsedBy: organisationsOf(a.tx.Endorsers), ConfirmedBy: sorted(v.holds[p]),
	}
}

func organisationsOf(signers []*fabricproof.Signer) []string {
	all := map[string]bool{}
	for _, s := range signers {
		all[s.MSP] = true
	}
	return sorted(all)
}

// sorted are the keys of m in their order, an empty list when there are none: a report has no null.
func sorted[V any](m map[string]V) []string {
	keys := slices.AppendSeq([]string{}, maps.Keys(m))
	slices.Sort(keys)
	return keys
}

// follows proves that a heads log was only added to between two anchors.
func follows(a, b *anchored, proof []Hash, chaincode string) error {
	where := placeOf(b.tx)
	if b.head.N <= a.head.N || b.head.TimeMS < a.head.TimeMS || b.head.Owner != a.head.Owner {
		return stop(HeadsFork, where, fmt.Sprintf("an anchor after number %d of %s", a.head.N, a.head.Owner), "number %d of %s", b.head.N, b.head.Owner)
	}
	if b.head.N == a.head.N+1 {
		read, ok := b.tx.Read(chaincode, ledger.HeadKey(b.head.Heads))
		if !ok || read.Version == nil || *read.Version != a.tx.Position {
			return stop(HeadsFork, where, "that it read "+placeOf(a.tx), "%s", version(read, ok))
		}
		if b.head.PrevSize != a.head.Size || b.head.PrevRoot != a.head.Root {
			return stop(HeadsFork, where, fmt.Sprintf("size %d, root %s before it", a.head.Size, a.head.Root), "%d, %s", b.head.PrevSize, b.head.PrevRoot)
		}
	}
	if err := merkle.VerifyConsistency(a.head.Size, b.head.Size, proof, a.root, b.root); err != nil {
		return stop(HeadsFork, where, fmt.Sprintf("a heads log that extends that of %s", placeOf(a.tx)), "%v", err)
	}
	return nil
}

// head is one anchored state of a shipment's log.
type head struct {
	anchor.HeadLeaf
	anchor *anchored
	index  uint64
}

// heads checks that each log's states are in the anchored heads logs, and that the closing record names the last ones.
func (v *verifier) heads() error {
	seen := map[Hash]bool{}
	for _, l := range v.in.Manifest.Logs {
		out := v.logOf(v.in.Manifest.Instances[l.Instance].Ingest, l)
		id, ingest := out.id, out.ingest
		if seen[id] {
			return stop(BundleFormat, out.name, "each log once", "a second entry")
		}
		seen[id] = true
		for _, h := range l.Heads {
			next, err := v.head(out, v.anchors[l.Instance][h.Anchor], h)
			if err != nil {
				return err
			}
			out.heads = append(out.heads, next)
		}
		last := out.heads[len(out.heads)-1]
		v.report.Facts.Logs = append(v.report.Facts.Logs, LogFact{hex.EncodeToString(id[:]), ingest, last.Size, hex.EncodeToString(last.Root[:])})
		v.logs = append(v.logs, out)
	}
	return v.checkClose()
}

// logOf is the log of a life of an instance: its own, or that of an earlier life, which ends in the heads log of a later one. Its heads say
// which; a head of none of them is found later.
func (v *verifier) logOf(ingest string, l Log) *shipmentLog {
	of := func(life string) *shipmentLog {
		id := anchor.LogID(v.policy.Channel, anchor.Shipment, v.shipment.ID, v.shipment.CreateTx, life)
		return &shipmentLog{id: id, ingest: life, name: fmt.Sprintf("log %x of %s", id[:4], life)}
	}
	if leaf, err := anchor.DecodeHeadLeaf(l.Heads[0].Entry); err == nil {
		for _, life := range ledger.Lives(ingest) {
			if out := of(life); out.id == leaf.Log {
				return out
			}
		}
	}
	return of(ingest)
}

func (v *verifier) head(l *shipmentLog, a *anchored, h Head) (head, error) {
	where := fmt.Sprintf("%s, head %d", l.name, h.Index)
	wrong := func(expected, found string, args ...any) (head, error) {
		return head{}, stop(HeadInclusion, where, expected, found, args...)
	}
	leaf, err := anchor.DecodeHeadLeaf(h.Entry)
	if err != nil {
		return wrong("a leaf of a heads log", "%v", err)
	}
	if leaf.Log != l.id {
		return wrong(fmt.Sprintf("a head of log %x", l.id), "of %x", leaf.Log)
	}
	if err := merkle.VerifyInclusion(h.Index, a.head.Size, merkle.LeafHash(h.Entry), h.Path, a.root); err != nil {
		return wrong(fmt.Sprintf("inclusion in the heads log of size %d", a.head.Size), "%v", err)
	}
	out := head{HeadLeaf: leaf, anchor: a, index: h.Index}
	if len(l.heads) == 0 {
		if leaf.Prev != nil && *leaf.Prev >= h.Index {
			return wrong("an earlier head before it", "head %d", *leaf.Prev)
		}
		return out, nil
	}
	before := l.heads[len(l.heads)-1]
	switch {
	// A log's heads form a chain. A head that points past the one before it in the bundle has a sibling: two histories.
	case leaf.Prev == nil || *leaf.Prev < before.index || *leaf.Prev >= h.Index:
		return wrong(fmt.Sprintf("head %d or a later one before it", before.index), "%s", index(leaf.Prev))
	case leaf.Size < before.Size || before.Closed:
		return wrong(fmt.Sprintf("a log that grows from %d", before.Size), "size %d, closed before: %t", leaf.Size, before.Closed)
	case a.head.N < before.anchor.head.N:
		return wrong("anchors in order", "anchor %d after %d", a.head.N, before.anchor.head.N)
	}
	return out, nil
}

func index(p *uint64) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("head %d", *p)
}

func (v *verifier) checkClose() error {
	if v.closing == nil {
		return nil
	}
	final := map[string]head{}
	for _, l := range v.logs {
		final[hex.EncodeToString(l.id[:])] = l.heads[len(l.heads)-1]
	}
	for _, h := range v.closing.Heads {
		have, ok := final[h.Log]
		switch {
		case !ok && v.in.Kind == OneMessage:
			continue
		case !ok:
			return stop(CloseDiffers, "closing record", "log "+h.Log+" in the bundle", "none")
		case have.Size != h.Size || hex.EncodeToString(have.Root[:]) != h.Root || !have.Closed:
			return stop(CloseDiffers, "closing record", fmt.Sprintf("log %s closed with size %d, root %s", h.Log, h.Size, h.Root), "size %d, root %x, closed: %t", have.Size, have.Root, have.Closed)
		}
		delete(final, h.Log)
	}
	for id := range final {
		return stop(CloseDiffers, "closing record", "only logs that it names", "log %s", id)
	}
	return nil
}
