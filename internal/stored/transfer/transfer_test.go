package transfer

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
)

// sample is a heads log of three leaves, and its second leaf as it is stored.
func sample(t testing.TB) stored.Head {
	t.Helper()
	var tree merkle.Tree
	prev := uint64(0)
	leaf := anchor.HeadLeaf{Log: anchor.Hash{1}, Size: 7, Root: anchor.Hash{2}, Prev: &prev}
	for _, l := range []anchor.HeadLeaf{{Log: anchor.Hash{1}, Size: 3}, leaf, {Log: anchor.Hash{9}}} {
		tree.Append(merkle.LeafHash(l.Encode()))
	}
	root, err := tree.RootAt(3)
	if err != nil {
		t.Fatal(err)
	}
	path, err := merkle.Inclusion(&tree, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	return stored.Head{Heads: "aa", Log: hex.EncodeToString(leaf.Log[:]), Index: 1, Size: 7, Root: hex.EncodeToString(leaf.Root[:]), Prev: 0, Entry: leaf.Encode(),
		HeadsSize: 3, HeadsRoot: hex.EncodeToString(root[:]), Tx: "tx", TimeMS: 5, Proof: path}
}

func TestHeadsTravel(t *testing.T) {
	want := sample(t)
	page, err := DecodeHeads(Heads{Items: []Head{HeadOf(&want)}, Next: 3}.Encode())
	if err != nil || page.Next != 3 || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	got, err := page.Items[0].Stored("aa")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("came %+v, %v, sent %+v", got, err, want)
	}
}

// What stands where it does not say is refused.
func TestHeadsThatLie(t *testing.T) {
	for name, change := range map[string]func(*Head){
		"another entry": func(h *Head) { h.Entry = anchor.HeadLeaf{Log: anchor.Hash{1}, Size: 8}.Encode() },
		"no entry":      func(h *Head) { h.Entry = nil },
		"another place": func(h *Head) { h.Index = 0 },
		"another size":  func(h *Head) { h.HeadsSize = 2 },
		"no path":       func(h *Head) { h.Path = nil },
		"long path":     func(h *Head) { h.Path = append(h.Path, make([]byte, 32)) },
		"endless path":  func(h *Head) { h.Path = make([][]byte, 2000) },
		"short hash":    func(h *Head) { h.Path[0] = h.Path[0][:31] },
		"another root":  func(h *Head) { h.HeadsRoot = make([]byte, 32) },
		"no root":       func(h *Head) { h.HeadsRoot = nil },
	} {
		s := sample(t)
		h := HeadOf(&s)
		change(&h)
		if got, err := h.Stored("aa"); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
}

func TestPagesTravel(t *testing.T) {
	m := Messages{Items: []Message{{Entry: []byte{1}, Raw: []byte{2}, Flags: []string{"late"}}}}
	if got, err := DecodeMessages(m.Encode()); err != nil || !bytes.Equal(got.Items[0].Raw, []byte{2}) {
		t.Errorf("%+v, %v", got, err)
	}
	q := Quality{Hours: []Hour{{StartMS: 1, Readings: 2, Flags: map[string]int64{"jump": 3}}}, Flags: []Flag{{Reason: "jump", Metric: "temperature", Value: 1.5, Against: -2}}}
	if got, err := DecodeQuality(q.Encode()); err != nil || got.Hours[0].Flags["jump"] != 3 || got.Flags[0].Value != 1.5 {
		t.Errorf("%+v, %v", got, err)
	}
	o := Outside{Items: [][]byte{{1, 2}}}
	if got, err := DecodeOutside(o.Encode()); err != nil || !bytes.Equal(got.Items[0], []byte{1, 2}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	h := sample(f)
	f.Add(Heads{Items: []Head{HeadOf(&h)}, Next: 3}.Encode())
	f.Add(Messages{Items: []Message{{Entry: []byte{1}, Flags: []string{"late"}}}}.Encode())
	f.Add(Quality{Hours: []Hour{{Flags: map[string]int64{"jump": 1}}}, Flags: []Flag{{Value: 1.5}}}.Encode())
	f.Add(Outside{Items: [][]byte{{1}}}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		again := [][]byte{}
		if m, err := DecodeMessages(raw); err == nil {
			again = append(again, m.Encode())
		}
		if h, err := DecodeHeads(raw); err == nil {
			again = append(again, h.Encode())
			for i := range h.Items {
				_, _ = h.Items[i].Stored("aa")
			}
		}
		if q, err := DecodeQuality(raw); err == nil {
			again = append(again, q.Encode())
		}
		if o, err := DecodeOutside(raw); err == nil {
			again = append(again, o.Encode())
		}
		for _, b := range again {
			if !bytes.Equal(b, raw) {
				t.Fatalf("two byte strings for one page: %x and %x", raw, b)
			}
		}
	})
}
