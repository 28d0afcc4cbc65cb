package judge

import (
	"context"
	"encoding/hex"
	"math"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Message is a message of a shipment's log that the store has. Its bytes may be reused after Observe.
type Message struct {
	Shipment, Tracker string
	Log               [32]byte
	Leaf              uint64
	Entry, Raw        []byte // the leaf's bytes, and the message
	Signed            bool
	Aside             bool // flagged: it may hold values that do not count
	// Each gives the readings; the map is that of the next one, too.
	Each func(fn func(ms int64, values map[string]float64)) error
}

// taken is what is kept of a message.
type taken struct {
	log      [32]byte
	leaf     uint64
	hash     merkle.Hash
	readings []compliance.Reading
}

// take reads a message. due tells whether a rule may ask when the next one was promised.
func take(m *Message, due bool) (taken, error) {
	t := taken{log: m.Log, leaf: m.Leaf, hash: merkle.LeafHash(m.Entry)}
	var promised uint32
	if due && m.Signed || m.Aside {
		leaf, err := telemetry.DecodeLeaf(m.Entry)
		if err != nil {
			return t, err
		}
		o, err := telemetry.Open(leaf.Kind, m.Raw, leaf.ReceivedMS)
		if err == nil && due { // else it is damaged since ingest took it: verification's business
			promised = uint32(min(o.NextDueS(), math.MaxUint32))
		}
		for _, a := range o.Aside(leaf.ReceivedMS) {
			t.readings = append(t.readings, compliance.Reading{Tracker: m.Tracker, Aside: &a})
		}
	}
	err := m.Each(func(ms int64, values map[string]float64) {
		p := detect.NewPoint(ms, [32]byte{}, values)
		p.NextDueS = promised
		t.readings = append(t.readings, compliance.Reading{Tracker: m.Tracker, Point: p})
	})
	return t, err
}

// logState is how much of one log is judged: its leaves from 0 on, without a gap.
type logState struct {
	tree merkle.Log
	// want is the size that the log is known to have at least. read is false until the store was asked: it may have leaves
	// that nobody told of.
	want uint64
	read bool
}

// behind reports whether the store has to be asked.
func (l *logState) behind() bool { return !l.read || l.tree.Size() < l.want }

// add appends the next leaf. What was added already is dropped; a leaf beyond the next one waits in the store.
func (l *logState) add(t *taken) bool {
	size := l.tree.Size()
	l.want = max(l.want, t.leaf+1)
	if t.leaf != size {
		return false
	}
	l.tree.Append(t.hash, nil)
	l.read = l.read || t.leaf == 0
	return true
}

// log returns a log of the shipment, new when it is seen for the first time.
func (c *shipmentCase) log(id [32]byte) *logState {
	l := c.logs[id]
	if l == nil {
		l = &logState{}
		c.logs[id] = l
	}
	return l
}

// has reports whether a log is one of the shipment's, as far as its instances are known.
func (c *shipmentCase) has(log string) bool {
	var id [32]byte
	n, err := hex.Decode(id[:], []byte(log))
	return err == nil && n == len(id) && c.logs[id] != nil
}

// expect notes that logs have at least these sizes.
func (c *shipmentCase) expect(heads []ledger.LogHead) {
	for _, h := range heads {
		var id [32]byte
		if n, err := hex.Decode(id[:], []byte(h.Log)); err == nil && n == len(id) {
			l := c.log(id)
			l.want = max(l.want, h.Size)
		}
	}
}

// heads are the logs as far as they are judged, as a record names them.
func (c *shipmentCase) heads() []ledger.LogHead {
	out := make([]ledger.LogHead, 0, len(c.logs))
	for id, l := range c.logs {
		if l.tree.Size() > 0 {
			root := l.tree.Root()
			out = append(out, ledger.LogHead{Log: hex.EncodeToString(id[:]), Size: l.tree.Size(), Root: hex.EncodeToString(root[:])})
		}
	}
	ledger.SortLogs(out)
	return out
}

// catchUp reads what the store has beyond what is judged. all asks for every log, also those that nobody told to have grown.
func (j *Judge) catchUp(ctx context.Context, c *shipmentCase, all bool) error {
	j.mu.Lock()
	from := map[[32]byte]uint64{}
	for id, l := range c.logs {
		if all || l.behind() {
			from[id] = l.tree.Size()
		}
	}
	j.mu.Unlock()
	for id, first := range from {
		var got []taken
		next := first
		err := j.cfg.Store.Messages(ctx, hex.EncodeToString(id[:]), first, 0, func(m stored.Message) error {
			if m.Leaf != next {
				return nil // behind a gap: later
			}
			t, err := take(fromStore(&m, id), c.rules.Promised())
			got, next = append(got, t), next+1
			return err
		})
		if err != nil {
			return err
		}
		j.mu.Lock()
		l := c.log(id)
		l.read = true
		var readings []compliance.Reading
		for i := range got {
			if l.add(&got[i]) {
				readings = append(readings, got[i].readings...)
			}
		}
		c.absorb(readings)
		j.count(c)
		j.mu.Unlock()
	}
	return nil
}

// absorb gives readings to the evaluator: the first ones in any order, later ones as they come.
func (c *shipmentCase) absorb(readings []compliance.Reading) {
	if !c.open {
		c.early = append(c.early, readings...)
		return
	}
	for _, r := range readings {
		c.eval.AddReading(r)
	}
}

// fromStore reads a stored message as ingest read it.
func fromStore(m *stored.Message, log [32]byte) *Message {
	return &Message{Shipment: m.Shipment, Tracker: m.Tracker, Log: log, Leaf: m.Leaf, Entry: m.Entry, Raw: m.Raw, Signed: m.Trust == stored.Signed, Aside: telemetry.SetsAside(m.Flags),
		Each: func(fn func(int64, map[string]float64)) error {
			o, err := m.Open()
			if err != nil {
				return nil // damaged since ingest took it: verification's business
			}
			for _, r := range o.Readings {
				if r.Counts(m.ReceivedMS) {
					fn(r.TimeMS, r.Said())
				}
			}
			return nil
		}}
}
