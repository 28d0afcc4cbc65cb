package copying

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Log is one log as the own store has it: all leaves of its newest head, verified.
type Log struct {
	Ref
	Size   uint64
	Last   int64 // number of the newest head in the heads log; -1 = none
	Closed bool
	// Damaged says that what the store had of it does not have the root of its head, or is not whole: it is copied again.
	Damaged bool
	Hidden  []Finding // heads that were not given when they were due

	tree *merkle.Log // of the newest head
}

const (
	// chunk is how many leaves are looked at before their messages are written. What a head adds beyond is looked at as a whole, up to maxGrowth.
	chunk     = 100_000
	maxGrowth = 2_000_000
	// held is how many bytes of messages are kept while the roots are computed. What lies beyond is asked for once more: its entries count, and
	// a message must be the one that its entry names.
	held = 16 << 20
	// Bounds of one write.
	maxPoints = 5000
	maxBytes  = 4 << 20
	maxHidden = 10 // of a log
	// MaxFindings are kept of one operator; the rest are counted.
	MaxFindings = 200
)

// Open finds out where the own store is with a log: its leaves must have the root of its newest head. What is damaged is copied again.
func (c *Copier) Open(ctx context.Context, of Ref) (*Log, error) {
	heads, err := c.Store.Heads(ctx, of.Log)
	if err != nil {
		return nil, err
	}
	l := &Log{Ref: of, tree: new(merkle.Log), Last: -1}
	if len(heads) == 0 {
		return l, nil
	}
	sortHeads(heads)
	newest, last, closed := heads[0], int64(-1), false
	for _, h := range heads { // those of an earlier life are in another heads log
		if h.Size >= newest.Size {
			newest = h
		}
		if h.Heads == c.Anchors.heads {
			last = int64(h.Index)
		}
		closed = closed || h.Closed
	}
	whole, recent := true, c.Now().Add(-time.Hour).UnixMilli()
	err = c.Store.Messages(ctx, of.Log, 0, newest.Size, func(m stored.Message) error {
		if whole = whole && m.Leaf == l.tree.Size(); whole {
			l.tree.Append(merkle.LeafHash(m.Entry), nil)
		}
		if m.ReceivedMS >= recent {
			if o, err := m.Open(); err == nil { // a damaged one is found by the root, below
				c.measured(&m, o.Readings)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if root := l.tree.Root(); !whole || l.tree.Size() != newest.Size || hex.EncodeToString(root[:]) != newest.Root {
		l.Damaged, l.tree = true, new(merkle.Log)
		return l, nil
	}
	l.Size, l.Last, l.Closed = newest.Size, last, closed
	return l, nil
}

// Extend takes heads of the log, with what they cover, as far as all of it verifies. The error says that the operator, the ledger or the own
// store could not be asked: what was written until then is whole.
func (c *Copier) Extend(ctx context.Context, from From, l *Log, heads []stored.Head) ([]Finding, error) {
	var found []Finding
	say := func(leaf uint64, f *Fault) {
		found = append(found, Finding{By: from.Name(), Log: l.Log, Subject: l.ID, Leaf: leaf, What: f.What, Detail: f.Detail})
	}
	heads, f, err := c.sound(ctx, l, heads)
	if f != nil {
		say(l.Size, f)
	}
	if f != nil && f.What == Missing && len(l.Hidden) < maxHidden {
		l.Hidden = append(l.Hidden, found...)
	}
	for err == nil && len(heads) > 0 {
		n := 1
		for n < len(heads) && heads[n].Size <= l.Size+chunk {
			n++
		}
		var some []Finding
		some, err = c.take(ctx, from, l, heads[:n])
		if refused, ok := errors.AsType[*stored.RejectedError](err); ok {
			say(l.Size, faulty(Unstorable, "the own store refuses it: %s", refused.Detail))
			return found, nil
		}
		if len(some) > 0 {
			return append(found, some...), err
		}
		heads = heads[n:]
	}
	return found, err
}

// sound are those that may be taken after what is here: in their order, growing, each in an anchor that the ledger has.
func (c *Copier) sound(ctx context.Context, l *Log, heads []stored.Head) (good []stored.Head, f *Fault, err error) {
	sortHeads(heads)
	var sizes []uint64
	for _, h := range heads {
		if int64(h.Index) > l.Last {
			sizes = append(sizes, h.HeadsSize)
		}
	}
	known, err := c.Anchors.find(ctx, sizes)
	if err != nil {
		return nil, nil, err
	}
	last, size := l.Last, l.Size
	for _, h := range heads {
		if int64(h.Index) <= last {
			continue
		}
		a, ok := known[h.HeadsSize]
		switch {
		case !ok || a.Root != h.HeadsRoot:
			return good, faulty(Anchor, "head %d: the ledger has no anchor of size %d with root %s of this heads log", h.Index, h.HeadsSize, h.HeadsRoot), nil
		case h.Size < size || h.Size == size && !h.Closed && size > 0 && last >= 0: // a later life begins with the same heads
			return good, faulty(Anchor, "head %d has %d leaves, the head before it %d", h.Index, h.Size, size), nil
		case h.Size-size > maxGrowth:
			return good, faulty(Form, "head %d adds %d leaves", h.Index, h.Size-size), nil
		case h.Prev != last:
			f = faulty(Missing, "head %d names head %d before it, which is not given", h.Index, h.Prev)
		}
		h.Tx, h.TimeMS = a.Tx, a.TimeMS
		if h.Block, err = c.Anchors.block(ctx, a.Tx); err != nil {
			return nil, nil, err
		}
		good = append(good, h)
		last, size = int64(h.Index), h.Size
	}
	return good, f, nil
}

// take writes the leaves of some heads and then the heads. First the entries: they must have the roots of the heads. Then the messages,
// each of which must be the one that its entry names.
func (c *Copier) take(ctx context.Context, from From, l *Log, heads []stored.Head) ([]Finding, error) {
	var found []Finding
	say := func(leaf uint64, f *Fault) {
		found = append(found, Finding{By: from.Name(), Log: l.Log, Subject: l.ID, Leaf: leaf, What: f.What, Detail: f.Detail})
	}
	leaves, held, whole, f, err := c.entries(ctx, from, l, heads)
	if err != nil {
		return nil, err
	}
	if f != nil {
		say(l.Size+uint64(len(leaves)), f)
	}
	if whole < len(heads) && f == nil { // a root differs
		h := heads[whole]
		say(max(h.Size, 1)-1, faulty(Root, "the leaves up to here do not have the root of head %d, %s", h.Index, h.Root))
	}
	heads = heads[:whole]
	if len(heads) == 0 {
		return found, nil
	}
	bad, err := c.messages(ctx, from, l, heads[whole-1].Size, leaves, held)
	end := heads[whole-1].Size
	for _, b := range bad {
		end = min(end, b.Leaf)
	}
	if err != nil {
		return found, err
	}
	found = append(found, bad...)
	// A head is written when all that it covers is: where the own store is with the log is what its newest head says.
	b := c.Store.NewBatch()
	var newest *stored.Head
	for i := range heads {
		if heads[i].Size <= end {
			b.Head(&heads[i])
			newest = &heads[i]
		}
	}
	if newest == nil {
		return found, nil
	}
	if err := b.Write(ctx); err != nil {
		return found, err
	}
	for _, leaf := range leaves[:newest.Size-l.Size] {
		l.tree.Append(leaf, nil)
	}
	grown := newest.Size - l.Size
	l.Size, l.Last, l.Closed = newest.Size, int64(newest.Index), newest.Closed
	if c.Copied != nil {
		c.Copied(l, newest, grown)
	}
	return found, nil
}

// entries gives the hashes of the leaves that the heads add, the first messages, as many as are kept, and of how many heads the leaves have the
// roots. The fault is of the leaf after the last.
func (c *Copier) entries(ctx context.Context, from From, l *Log, heads []stored.Head) (leaves []merkle.Hash, kept []transfer.Message, whole int, f *Fault, err error) {
	size := 0 // of what is kept
	tree, end := l.tree.Clone(), heads[len(heads)-1].Size
	rooted := func() bool {
		for ; whole < len(heads) && heads[whole].Size == tree.Size(); whole++ {
			if root := tree.Root(); hex.EncodeToString(root[:]) != heads[whole].Root {
				return false
			}
		}
		return true
	}
	for ok := rooted(); ok && tree.Size() < end; {
		keep := size < cmp.Or(c.Held, held)
		page, f, err := c.page(ctx, from, l.Ref, tree.Size(), end, !keep)
		if f != nil || err != nil {
			return leaves, kept, whole, f, err
		}
		for i := 0; i < len(page) && ok; i++ {
			if _, f := checkEntry(page[i].Entry, l.Ingest); f != nil {
				return leaves, kept, whole, f, nil
			}
			if keep {
				kept = append(kept, page[i])
				size += len(page[i].Entry) + len(page[i].Raw) + 200
			}
			hash := merkle.LeafHash(page[i].Entry)
			leaves = append(leaves, hash)
			tree.Append(hash, nil)
			ok = rooted()
		}
	}
	return leaves, kept, whole, nil, nil
}

// messages writes those of the leaves up to before end that verify, and names the others. Hashes are those of the entries from l.Size on, held the
// messages that are here already.
func (c *Copier) messages(ctx context.Context, from From, l *Log, end uint64, hashes []merkle.Hash, held []transfer.Message) (bad []Finding, err error) {
	say := func(leaf uint64, f *Fault) {
		if len(bad) < MaxFindings {
			bad = append(bad, Finding{By: from.Name(), Log: l.Log, Subject: l.ID, Leaf: leaf, What: f.What, Detail: f.Detail})
		}
	}
	b := c.Store.NewBatch()
	for n := l.Size; n < end; {
		page := held[min(n-l.Size, uint64(len(held))):]
		if page = page[:min(uint64(len(page)), end-n)]; len(page) == 0 {
			var f *Fault
			if page, f, err = c.page(ctx, from, l.Ref, n, end, false); err != nil {
				return bad, err
			}
			if f != nil {
				say(n, f)
				break
			}
		}
		for i := range page {
			m, f, err := c.message(ctx, l, n, &page[i], hashes[n-l.Size])
			if err != nil {
				return bad, err
			}
			if f != nil {
				say(n, f)
			} else if err := stored.AddOpened(b, &m.Message, &m.said); err != nil {
				return bad, err
			} else {
				c.measured(&m.Message, m.said.Readings)
			}
			n++
			if b.Points() >= maxPoints || b.Bytes() >= maxBytes {
				if err := Write(ctx, b); err != nil {
					return bad, err
				}
			}
		}
	}
	return bad, Write(ctx, b)
}

func (c *Copier) message(ctx context.Context, l *Log, n uint64, item *transfer.Message, hash merkle.Hash) (*opened, *Fault, error) {
	if merkle.LeafHash(item.Entry) != hash {
		return nil, faulty(Differs, "the entry is another one than a moment ago"), nil
	}
	leaf, f := checkEntry(item.Entry, l.Ingest)
	if f != nil {
		return nil, f, nil
	}
	return c.check(ctx, l.Subject, l.Log, n, item, leaf)
}

// Write stores a batch and empties it.
func Write(ctx context.Context, b stored.Batch) error {
	if b.Points() == 0 {
		return nil
	}
	err := b.Write(ctx)
	b.Reset()
	return err
}

// page asks for leaves of a log: at least one, at most as many as were asked for.
func (c *Copier) page(ctx context.Context, node From, of Ref, from, to uint64, entries bool) ([]transfer.Message, *Fault, error) {
	to = min(to, from+transfer.MaxMessages)
	page, err := node.Messages(ctx, of, from, to, entries)
	switch {
	case errors.Is(err, transfer.ErrForm):
		return nil, faulty(Form, "leaves %d to %d: %v", from, to-1, err), nil
	case errors.Is(err, transfer.ErrNone):
		return nil, faulty(Missing, "it says that it has no such log for us"), nil
	case err != nil:
		return nil, nil, err
	case len(page.Items) == 0:
		return nil, faulty(Missing, "leaf %d is anchored and not given", from), nil
	case uint64(len(page.Items)) > to-from:
		return nil, faulty(Form, "leaves %d to %d were asked for, and %d came", from, to-1, len(page.Items)), nil
	}
	return page.Items, nil, nil
}

func sortHeads(heads []stored.Head) {
	slices.SortFunc(heads, func(a, b stored.Head) int { return int(a.Index) - int(b.Index) })
}
