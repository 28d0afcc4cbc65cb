package fsck

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// bundle writes what a party's API would: of what fsck reads, the leaves and the heads.
func (w *world) bundle(name, log string, change func(*evidence.Manifest, []evidence.Leaf)) string {
	w.t.Helper()
	m := &evidence.Manifest{Channel: ledger.Channel, Chaincode: ledger.Chaincode, Shipment: shipment}
	heads, err := w.store.Heads(w.t.Context(), log)
	if err != nil || len(heads) == 0 {
		w.t.Fatal(heads, err)
	}
	l := evidence.Log{}
	i := evidence.Instance{Ingest: ingestID}
	for n, h := range heads {
		i.Anchors = append(i.Anchors, evidence.Anchor{Position: evidence.Position{Block: uint64(n)}})
		l.Heads = append(l.Heads, evidence.Head{Anchor: n, Index: h.Index, Entry: h.Entry, Path: h.Proof})
	}
	m.Instances, m.Logs = []evidence.Instance{i}, []evidence.Log{l}
	var leaves []evidence.Leaf
	err = w.store.Messages(w.t.Context(), log, 0, heads[len(heads)-1].Size, func(x stored.Message) error {
		var parts [][]byte
		if err := canon.UnmarshalCBOR(x.Raw, &parts); err != nil || len(parts) != 2 {
			w.t.Fatal(err)
		}
		leaves = append(leaves, evidence.Leaf{Entry: x.Entry, COSE: parts[0], Pack: parts[1]})
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if change != nil {
		change(m, leaves)
	}
	path := filepath.Join(w.t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	out, err := evidence.NewWriter(f, m)
	for _, x := range leaves {
		if err == nil {
			err = out.Leaf(x)
		}
	}
	if err := errors.Join(err, out.Close()); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// An operator whose InfluxDB is empty has a shipment back from another party's evidence, and nothing from evidence that does not have the
// anchored root.
func TestMendsFromEvidence(t *testing.T) {
	stores(t, func(t *testing.T, s Store) {
		w := newWorld(t, s)
		w.log(shipment, tracker, 5)
		w.anchor()
		w.log(shipment, tracker, 4)
		w.anchor()
		w.drain()
		logs, _ := w.seq.Logs("shipment", shipment)
		log := logs[0].Log
		good := w.bundle("good.tsb", log, nil)
		withheld := w.bundle("withheld.tsb", log, func(_ *evidence.Manifest, l []evidence.Leaf) { l[3].Pack = nil })
		others := map[string]string{
			"other leaves": w.bundle("leaves.tsb", log, func(_ *evidence.Manifest, l []evidence.Leaf) { l[0], l[1] = l[1], l[0] }),
			"other heads": w.bundle("heads.tsb", log, func(m *evidence.Manifest, _ []evidence.Leaf) {
				h := &m.Logs[0].Heads[1]
				h.Path = slices.Clone(h.Path)
				h.Path[0][0] ^= 1
			}),
			"another instance": w.bundle("instance.tsb", log, func(m *evidence.Manifest, _ []evidence.Leaf) { m.Instances[0].Ingest = "carrier.ingest-9" }),
			"no bundle":        filepath.Join(w.dir, "LOCK"),
		}
		// All is lost.
		heads, err := s.Heads(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		var gone []stored.Place
		for _, h := range heads {
			gone = append(gone, stored.Place{Measurement: stored.HeadPoint, Tags: map[string]string{"log": log}, NS: stored.PointNS(h.TimeMS, h.Index)})
		}
		for leaf := range uint64(9) {
			m := w.message(log, leaf)
			gone = append(gone, m.Place(), stored.Place{Measurement: stored.ReadingPoint, Tags: map[string]string{"log": log}, NS: stored.PointNS(m.TimeMS, leaf)},
				stored.Place{Measurement: stored.ReadingPoint, Tags: map[string]string{"log": log}, NS: stored.PointNS(m.TimeMS-500, leaf)})
		}
		w.delete(gone...)
		w.want("all lost", nil, "leaf 0 to 8: missing", "head 0 to 1: missing", "boot 1, seq 0 was acknowledged")
		for name, path := range others {
			r, found, err := w.fsck(func(c *Config) { c.Repair, c.From = true, []string{path} })
			if !errors.Is(err, ErrEvidence) || r.Repaired != 0 || len(found) != 0 {
				t.Errorf("%s: %d points repaired, %v, want %v\n%s", name, r.Repaired, err, ErrEvidence, text(found))
			}
		}
		w.want("some withheld", func(c *Config) { c.Repair, c.From = true, []string{withheld} }, "leaf 3: missing")
		r, found, err := w.fsck(func(c *Config) { c.Repair, c.From = true, []string{good} })
		if err != nil || r.Findings != 0 || r.Repaired != 3 {
			t.Errorf("%d findings are left, %d points repaired instead of 3, %v:\n%s", r.Findings, r.Repaired, err, text(found))
		}
		w.want("whole again", nil)
	})
}
