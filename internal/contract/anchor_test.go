package contract

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// heads is an ingest instance's heads log.
type heads struct {
	ingest string
	tree   merkle.Tree
}

func newHeads(ingest string) *heads { return &heads{ingest: ingest} }

func (h *heads) id() string {
	id := anchor.HeadsID(ledger.Channel, h.ingest)
	return hex.EncodeToString(id[:])
}

func (h *heads) grow(n int) {
	for range n {
		h.tree.Append(merkle.LeafHash(fmt.Appendf(nil, "%s %d", h.ingest, h.tree.Size())))
	}
}

// args extends from old to the tree's first size leaves.
func (h *heads) args(t testing.TB, old, size uint64, ms int64) ledger.ExtendArgs {
	t.Helper()
	root, err := h.tree.RootAt(size)
	if err != nil {
		t.Fatal(err)
	}
	a := ledger.ExtendArgs{Heads: h.id(), Ingest: h.ingest, OldSize: old, NewSize: size, NewRoot: hex.EncodeToString(root[:]), Proof: []string{}, TimeMS: ms}
	if old > 0 {
		proof, err := merkle.Consistency(&h.tree, old, size)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range proof {
			a.Proof = append(a.Proof, hex.EncodeToString(p[:]))
		}
	}
	return a
}

// final appends the closed head of a shipment's log, and is what its instance seals: without an anchor and the proof in it.
func (h *heads) final(shipment, createTx string, size uint64) ledger.FinalHead {
	f := ledger.FinalHead{Size: size, Root: hexHash(shipment), Index: h.tree.Size()}
	log := anchor.LogID(ledger.Channel, anchor.Shipment, shipment, createTx, h.ingest)
	h.tree.Append(merkle.LeafHash(anchor.HeadLeaf{Log: log, Size: size, Root: hash(f.Root), Closed: true}.Encode()))
	return f
}

func (h *heads) inclusion(t testing.TB, index, size uint64) (proof []string) {
	t.Helper()
	path, err := merkle.Inclusion(&h.tree, index, size)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range path {
		proof = append(proof, hex.EncodeToString(p[:]))
	}
	return proof
}

func (w *world) extend(h *heads, old, size uint64) ledger.Head {
	w.t.Helper()
	return must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, h.args(w.t, old, size, w.ms))
}

func TestExtend(t *testing.T) {
	w := newWorld(t)
	h := newHeads("carrier.ingest-1")
	h.grow(100)
	w.refused(ledger.NotFound, carrierOp, ledger.AnchorHead, ledger.IDArgs{ID: h.id()})

	first := w.extend(h, 0, 5)
	if first.N != 0 || first.Owner != carrier || first.Size != 5 || first.PrevSize != 0 || first.PrevRoot != "" || first.TxMS != w.ms || first.Ingest != "carrier.ingest-1" {
		t.Fatalf("got %+v", first)
	}
	second := w.extend(h, 5, 64)
	if second.N != 1 || second.PrevSize != 5 || second.PrevRoot != first.Root {
		t.Fatalf("got %+v", second)
	}
	third := w.extend(h, 64, 100)
	for _, by := range []who{carrierOp, auditorOp, {shipper, ""}} {
		if got := query[ledger.Head](w, by, ledger.AnchorHead, ledger.IDArgs{ID: h.id()}); got != third {
			t.Fatalf("got %+v", got)
		}
	}
	// Newest first, paged.
	p := query[ledger.Page[ledger.Head]](w, auditorOp, ledger.AnchorList, ledger.ListArgs{ID: h.id(), Limit: 2})
	q := query[ledger.Page[ledger.Head]](w, auditorOp, ledger.AnchorList, ledger.ListArgs{ID: h.id(), Limit: 2, Bookmark: p.Bookmark})
	if got := append(p.Items, q.Items...); !reflect.DeepEqual(got, []ledger.Head{third, second, first}) || q.Bookmark != "" {
		t.Fatalf("got %+v", got)
	}
}

func TestExtendAgainWritesNothing(t *testing.T) {
	w := newWorld(t)
	h := newHeads("carrier.ingest-1")
	h.grow(9)
	w.extend(h, 0, 4)
	want := w.extend(h, 4, 9)
	again := h.args(t, 4, 9, w.ms)
	w.ms += 3_600_000 // long after, so its time alone would be refused now
	var got ledger.Head
	s, e := w.submit(carrierIn, ledger.AnchorExtend, again, &got)
	if e != nil || got != want || len(s.Writes) != 0 || s.Event != "" {
		t.Fatalf("got %+v (%v), %d writes, event %q; want %+v, no write, no event", got, e, len(s.Writes), s.Event, want)
	}
	// Only the owner gets that answer.
	w.refused(ledger.Invalid, shipperIn, ledger.AnchorExtend, again)
}

func TestExtendRefusals(t *testing.T) {
	h, fork := newHeads("carrier.ingest-1"), newHeads("carrier.ingest-1")
	h.grow(20)
	fork.grow(8)
	fork.tree.Append(merkle.LeafHash([]byte("another history")))
	fork.grow(11)
	other := newHeads("carrier.ingest-2")
	other.grow(20)
	now := t0 + 2000 // of the second submit
	good := h.args(t, 8, 20, now)
	with := func(f func(*ledger.ExtendArgs)) ledger.ExtendArgs {
		a := good
		a.Proof = append([]string(nil), good.Proof...)
		f(&a)
		return a
	}
	for _, tc := range []struct {
		name string
		by   who
		arg  any
		code ledger.Code
	}{
		{"operator", carrierOp, good, ledger.Forbidden},
		{"no role", who{carrier, ""}, good, ledger.Forbidden},
		{"another owner", shipperIn, good, ledger.Invalid},
		{"another instance's id", carrierIn, with(func(a *ledger.ExtendArgs) { a.Heads = other.id() }), ledger.Invalid},
		{"another instance's name", carrierIn, with(func(a *ledger.ExtendArgs) { a.Ingest = "carrier.ingest-2" }), ledger.Invalid},
		{"old size too small", carrierIn, h.args(t, 5, 20, now), ledger.Conflict},
		{"old size too large", carrierIn, h.args(t, 9, 20, now), ledger.Conflict},
		{"from nothing", carrierIn, h.args(t, 0, 20, now), ledger.Conflict},
		{"rollback", carrierIn, with(func(a *ledger.ExtendArgs) { a.NewSize = 7 }), ledger.Conflict},
		{"same size, another root", carrierIn, with(func(a *ledger.ExtendArgs) { a.NewSize = 8 }), ledger.Conflict},
		{"a fork", carrierIn, fork.args(t, 8, 20, now), ""},
		{"forged hash", carrierIn, with(func(a *ledger.ExtendArgs) { a.Proof[0] = hexHash("forged") }), ledger.BadProof},
		{"hash missing", carrierIn, with(func(a *ledger.ExtendArgs) { a.Proof = a.Proof[1:] }), ledger.BadProof},
		{"hash too many", carrierIn, with(func(a *ledger.ExtendArgs) { a.Proof = append(a.Proof, hexHash("x")) }), ledger.BadProof},
		{"no proof", carrierIn, with(func(a *ledger.ExtendArgs) { a.Proof = nil }), ledger.BadProof},
		{"another root", carrierIn, with(func(a *ledger.ExtendArgs) { a.NewRoot = hexHash("x") }), ledger.BadProof},
		{"another size", carrierIn, with(func(a *ledger.ExtendArgs) { a.NewSize = 300 }), ledger.BadProof},
		{"proof not hex", carrierIn, with(func(a *ledger.ExtendArgs) { a.Proof[0] = "zz" }), ledger.Invalid},
		{"absurd proof", carrierIn, with(func(a *ledger.ExtendArgs) { a.Proof = make([]string, 1000) }), ledger.Invalid},
		{"absurd size", carrierIn, with(func(a *ledger.ExtendArgs) { a.NewSize = 1 << 60 }), ledger.Invalid},
		{"too early", carrierIn, with(func(a *ledger.ExtendArgs) { a.TimeMS = now - 120_001 }), ledger.Invalid},
		{"too late", carrierIn, with(func(a *ledger.ExtendArgs) { a.TimeMS = now + 120_001 }), ledger.Invalid},
		{"back in time", carrierIn, with(func(a *ledger.ExtendArgs) { a.TimeMS = now - 3000 }), ledger.BadState},
		{"no time", carrierIn, with(func(a *ledger.ExtendArgs) { a.TimeMS = 0 }), ledger.Invalid},
		{"just early enough", carrierIn, with(func(a *ledger.ExtendArgs) { a.TimeMS = now - 2000 }), ""},
		{"just late enough", carrierIn, with(func(a *ledger.ExtendArgs) { a.TimeMS = now + 120_000 }), ""},
		{"good", carrierIn, good, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, h.args(t, 0, 8, t0))
			if tc.code == "" {
				// A fork after the anchored size is not one yet: it is consistent with all that is on the ledger.
				must[ledger.Head](w, tc.by, ledger.AnchorExtend, ledger.EventAnchor, tc.arg)
				return
			}
			w.refused(tc.code, tc.by, ledger.AnchorExtend, tc.arg)
		})
	}
	t.Run("rewritten history", func(t *testing.T) {
		w := newWorld(t)
		must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, h.args(t, 0, 12, t0))
		w.refused(ledger.BadProof, carrierIn, ledger.AnchorExtend, fork.args(t, 12, 20, t0+2000))
	})
	t.Run("first with a proof", func(t *testing.T) {
		a := h.args(t, 0, 8, t0+1000)
		a.Proof = []string{hexHash("x")}
		newWorld(t).refused(ledger.BadProof, carrierIn, ledger.AnchorExtend, a)
	})
	t.Run("first from a size", func(t *testing.T) {
		newWorld(t).refused(ledger.Conflict, carrierIn, ledger.AnchorExtend, h.args(t, 4, 8, t0+1000))
	})
	t.Run("empty", func(t *testing.T) {
		a := h.args(t, 0, 8, t0+1000)
		a.NewSize = 0
		newWorld(t).refused(ledger.Invalid, carrierIn, ledger.AnchorExtend, a)
	})
}

func TestInstancesShareNoKey(t *testing.T) {
	w := newWorld(t)
	a, b := newHeads("carrier.ingest-a"), newHeads("carrier.ingest-b")
	a.grow(3)
	b.grow(4)
	touched := map[string]bool{}
	for _, h := range []*heads{a, b} {
		w.extend(h, 0, 2) // enters the list of instances
	}
	for _, h := range []*heads{a, b} {
		s, e := w.submit(carrierIn, ledger.AnchorExtend, h.args(t, 2, 3, w.ms), nil)
		if e != nil {
			t.Fatal(e)
		}
		for _, x := range s.Writes {
			if touched[x.Key] {
				t.Errorf("both write %q", x.Key)
			}
			touched[x.Key] = true
		}
	}
	p := query[ledger.Page[ledger.Head]](w, auditorOp, ledger.AnchorHeads, ledger.ListArgs{})
	if len(p.Items) != 2 {
		t.Fatalf("got %+v", p.Items)
	}
	if l := query[ledger.Page[ledger.Head]](w, auditorOp, ledger.AnchorList, ledger.ListArgs{ID: a.id()}); len(l.Items) != 2 || l.Items[0].Ingest != "carrier.ingest-a" {
		t.Fatalf("got %+v", l.Items)
	}
	w.refused(ledger.Invalid, auditorOp, ledger.AnchorList, ledger.ListArgs{ID: "carrier.ingest-a"})
	w.refused(ledger.Invalid, auditorOp, ledger.AnchorHead, ledger.IDArgs{ID: "carrier.ingest-a"})
}
