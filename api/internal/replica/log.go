package replica

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// copied is one log as the own store has it: all leaves of its newest head, verified.
type copied struct {
	wanted
	log    string
	tree   *merkle.Log // of the newest head
	size   uint64
	last   int64 // number of the newest head in the heads log of the instance's present life; -1 = none
	closed bool

	hidden []Finding // heads that were not given when they were due
	retry  time.Time // not before
	wait   time.Duration
}

const (
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
	// chunk is how many leaves are looked at before their messages are written. What a head adds beyond is looked at as a whole, up to maxGrowth.
	chunk     = 100_000
	maxGrowth = 2_000_000
	// Bounds of one write.
	maxPoints = 5000
	maxBytes  = 4 << 20
	maxHidden = 10 // of a log
)

// open finds out where the own store is with a log: its leaves must have the root of its newest head. What is damaged is copied again.
func (s *source) open(ctx context.Context, of wanted, log string) (*copied, error) {
	heads, err := s.cfg.Store.Heads(ctx, log)
	if err != nil {
		return nil, err
	}
	c := &copied{wanted: of, log: log, tree: new(merkle.Log), last: -1}
	if len(heads) == 0 {
		return c, nil
	}
	sortHeads(heads)
	newest, last, closed := heads[0], int64(-1), false
	for _, h := range heads { // those of an earlier life are in another heads log
		if h.Size >= newest.Size {
			newest = h
		}
		if h.Heads == s.heads {
			last = int64(h.Index)
		}
		closed = closed || h.Closed
	}
	whole, recent := true, s.cfg.Now().Add(-time.Hour).UnixMilli()
	err = s.cfg.Store.Messages(ctx, log, 0, newest.Size, func(m stored.Message) error {
		if whole = whole && m.Leaf == c.tree.Size(); whole {
			c.tree.Append(merkle.LeafHash(m.Entry), nil)
		}
		if m.ReceivedMS >= recent && m.Shipment != "" {
			if o, err := m.Open(); err == nil { // a damaged one is found by the root, below
				s.aside.measured(m.Tracker, o.Readings, m.ReceivedMS)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if root := c.tree.Root(); !whole || c.tree.Size() != newest.Size || hex.EncodeToString(root[:]) != newest.Root {
		s.cfg.Log.WarnContext(ctx, "the own copy of a log is damaged; copying it again", "log", log, "subject", of.id)
		c.tree = new(merkle.Log)
		return c, nil
	}
	c.size, c.last, c.closed = newest.Size, last, closed
	return c, nil
}

// extend takes heads of the log, with what they cover, as far as all of it verifies. The error says that the operator, the ledger or the own
// store could not be asked: what was written until then is whole.
func (s *source) extend(ctx context.Context, c *copied, heads []stored.Head) ([]Finding, error) {
	var found []Finding
	say := func(leaf uint64, f *fault) {
		found = append(found, Finding{Operator: s.id, Log: c.log, Subject: c.id, Leaf: leaf, What: f.what, Detail: f.detail})
	}
	heads, f, err := s.sound(ctx, c, heads)
	if f != nil {
		say(c.size, f)
	}
	if f != nil && f.what == Missing && len(c.hidden) < maxHidden {
		c.hidden = append(c.hidden, found...)
	}
	for err == nil && len(heads) > 0 {
		n := 1
		for n < len(heads) && heads[n].Size <= c.size+chunk {
			n++
		}
		var some []Finding
		some, err = s.take(ctx, c, heads[:n])
		if refused, ok := errors.AsType[*stored.RejectedError](err); ok {
			say(c.size, faulty(Unstorable, "the own store refuses it: %s", refused.Detail))
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
func (s *source) sound(ctx context.Context, c *copied, heads []stored.Head) (good []stored.Head, f *fault, err error) {
	sortHeads(heads)
	var sizes []uint64
	for _, h := range heads {
		if int64(h.Index) > c.last {
			sizes = append(sizes, h.HeadsSize)
		}
	}
	known, err := s.anchors.find(ctx, sizes)
	if err != nil {
		return nil, nil, err
	}
	last, size := c.last, c.size
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
		if h.Block, err = s.anchors.block(ctx, a.Tx); err != nil {
			return nil, nil, err
		}
		good = append(good, h)
		last, size = int64(h.Index), h.Size
	}
	return good, f, nil
}

// maxHeld is how many bytes of messages are kept while the roots are computed. What lies beyond is asked for once more: its entries count, and a
// message must be the one that its entry names.
var maxHeld = 16 << 20

// take writes the leaves of some heads and then the heads. First the entries: they must have the roots of the heads. Then the messages,
// each of which must be the one that its entry names.
func (s *source) take(ctx context.Context, c *copied, heads []stored.Head) ([]Finding, error) {
	var found []Finding
	say := func(leaf uint64, f *fault) {
		found = append(found, Finding{Operator: s.id, Log: c.log, Subject: c.id, Leaf: leaf, What: f.what, Detail: f.detail})
	}
	leaves, held, whole, f, err := s.entries(ctx, c, heads)
	if err != nil {
		return nil, err
	}
	if f != nil {
		say(c.size+uint64(len(leaves)), f)
	}
	if whole < len(heads) && f == nil { // a root differs
		h := heads[whole]
		say(max(h.Size, 1)-1, faulty(Root, "the leaves up to here do not have the root of head %d, %s", h.Index, h.Root))
	}
	heads = heads[:whole]
	if len(heads) == 0 {
		return found, nil
	}
	bad, err := s.messages(ctx, c, heads[whole-1].Size, leaves, held)
	end := heads[whole-1].Size
	for _, b := range bad {
		end = min(end, b.Leaf)
	}
	if err != nil {
		return found, err
	}
	found = append(found, bad...)
	// A head is written when all that it covers is: where the own store is with the log is what its newest head says.
	b := s.cfg.Store.NewBatch()
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
	for _, leaf := range leaves[:newest.Size-c.size] {
		c.tree.Append(leaf, nil)
	}
	s.leaves.Add(newest.Size - c.size)
	c.size, c.last, c.closed = newest.Size, int64(newest.Index), newest.Closed
	if s.cfg.Copied != nil && c.kind == anchor.Shipment {
		s.cfg.Copied(c.id, ledger.LogHead{Log: c.log, Size: newest.Size, Root: newest.Root})
	}
	return found, nil
}

// entries gives the hashes of the leaves that the heads add, the first messages, as many as are kept, and of how many heads the leaves have the
// roots. The fault is of the leaf after the last.
func (s *source) entries(ctx context.Context, c *copied, heads []stored.Head) (leaves []merkle.Hash, held []transfer.Message, whole int, f *fault, err error) {
	size := 0 // of what is kept
	tree, end := c.tree.Clone(), heads[len(heads)-1].Size
	rooted := func() bool {
		for ; whole < len(heads) && heads[whole].Size == tree.Size(); whole++ {
			if root := tree.Root(); hex.EncodeToString(root[:]) != heads[whole].Root {
				return false
			}
		}
		return true
	}
	for ok := rooted(); ok && tree.Size() < end; {
		keep := size < maxHeld
		page, f, err := s.page(ctx, c.log, tree.Size(), end, !keep)
		if f != nil || err != nil {
			return leaves, held, whole, f, err
		}
		for i := 0; i < len(page) && ok; i++ {
			if _, f := checkEntry(page[i].Entry, c.ingest); f != nil {
				return leaves, held, whole, f, nil
			}
			if keep {
				held = append(held, page[i])
				size += len(page[i].Entry) + len(page[i].Raw) + 200
			}
			hash := merkle.LeafHash(page[i].Entry)
			leaves = append(leaves, hash)
			tree.Append(hash, nil)
			ok = rooted()
		}
	}
	return leaves, held, whole, nil, nil
}

// messages writes those of the leaves up to before end that verify, and names the others. Hashes are those of the entries from c.size on, held the
// messages that are here already.
func (s *source) messages(ctx context.Context, c *copied, end uint64, hashes []merkle.Hash, held []transfer.Message) (bad []Finding, err error) {
	say := func(leaf uint64, f *fault) {
		if len(bad) < maxFindings {
			bad = append(bad, Finding{Operator: s.id, Log: c.log, Subject: c.id, Leaf: leaf, What: f.what, Detail: f.detail})
		}
	}
	b := s.cfg.Store.NewBatch()
	for n := c.size; n < end; {
		page := held[min(n-c.size, uint64(len(held))):]
		if page = page[:min(uint64(len(page)), end-n)]; len(page) == 0 {
			var f *fault
			if page, f, err = s.page(ctx, c.log, n, end, false); err != nil {
				return bad, err
			}
			if f != nil {
				say(n, f)
				break
			}
		}
		for i := range page {
			m, f, err := s.message(ctx, c, n, &page[i], hashes[n-c.size])
			if err != nil {
				return bad, err
			}
			if f != nil {
				say(n, f)
			} else if err := stored.AddOpened(b, &m.Message, &m.said); err != nil {
				return bad, err
			} else if m.Shipment != "" {
				s.aside.measured(m.Tracker, m.said.Readings, m.ReceivedMS)
			}
			n++
			if b.Points() >= maxPoints || b.Bytes() >= maxBytes {
				if err := write(ctx, b); err != nil {
					return bad, err
				}
			}
		}
	}
	return bad, write(ctx, b)
}

func (s *source) message(ctx context.Context, c *copied, n uint64, item *transfer.Message, hash merkle.Hash) (*opened, *fault, error) {
	if merkle.LeafHash(item.Entry) != hash {
		return nil, faulty(Differs, "the entry is another one than a moment ago"), nil
	}
	leaf, f := checkEntry(item.Entry, c.ingest)
	if f != nil {
		return nil, f, nil
	}
	return check(ctx, s.trackers, c.subject, c.log, n, item, leaf)
}

// write stores a batch and empties it.
func write(ctx context.Context, b stored.Batch) error {
	if b.Points() == 0 {
		return nil
	}
	err := b.Write(ctx)
	b.Reset()
	return err
}

// page asks for leaves of a log: at least one, at most as many as were asked for.
func (s *source) page(ctx context.Context, log string, from, to uint64, entries bool) ([]transfer.Message, *fault, error) {
	to = min(to, from+transfer.MaxMessages)
	page, err := s.operator.Messages(ctx, log, from, to, entries)
	switch {
	case errors.Is(err, transfer.ErrForm):
		return nil, faulty(Form, "leaves %d to %d: %v", from, to-1, err), nil
	case errors.Is(err, transfer.ErrNone):
		return nil, faulty(Missing, "the operator says that it has no such log for us"), nil
	case err != nil:
		return nil, nil, err
	case len(page.Items) == 0:
		return nil, faulty(Missing, "leaf %d is anchored and not given", from), nil
	case uint64(len(page.Items)) > to-from:
		return nil, faulty(Form, "leaves %d to %d were asked for, and %d came", from, to-1, len(page.Items)), nil
	}
	return page.Items, nil, nil
}
