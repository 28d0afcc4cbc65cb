package audit_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/stored/audit/audittest"
)

func world(t *rapid.T) *audittest.World {
	w := audittest.New()
	for range rapid.IntRange(1, 5).Draw(t, "anchors") {
		for range rapid.IntRange(1, 8).Draw(t, "messages") {
			w.Log(rapid.SampledFrom([]string{"carrier.S-1", "carrier.S-2", ""}).Draw(t, "shipment"), rapid.SampledFrom([]string{"carrier.T-1", "carrier.T-2"}).Draw(t, "tracker"),
				rapid.IntRange(1, 3).Draw(t, "readings"))
		}
		w.Anchor()
	}
	return w
}

func run(t *rapid.T, w *audittest.World, change func(*audit.Job)) (found []audit.Finding, s audit.Summary) {
	j := audit.Job{Store: &w.Store, Heads: w.HeadsID(), Ingest: w.Ingest, Anchors: w, All: true, Say: func(f audit.Finding) { found = append(found, f) }}
	if change != nil {
		change(&j)
	}
	s, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found, s
}

func lines(found []audit.Finding) string {
	var b strings.Builder
	for i := range found {
		fmt.Fprintln(&b, found[i].String())
	}
	return b.String()
}

// Nothing is found where nothing was changed, in an operator's store and in a copy of some logs.
func TestIntact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world(t)
		if found, s := run(t, w, nil); len(found) > 0 || s.Beyond != 0 || s.Messages != uint64(len(w.Store.Stored)) {
			t.Fatalf("an intact store has findings, or %+v does not count %d messages:\n%s", s, len(w.Store.Stored), lines(found))
		}
		if found, _ := run(t, w, func(j *audit.Job) { j.Ingest, j.Earlier = "carrier.next", []string{"carrier.other", w.Ingest} }); len(found) > 0 {
			t.Fatalf("logs of an earlier life have findings:\n%s", lines(found))
		}
		log := w.Store.Stored[0].Log
		w.Store.HeadList = slices.DeleteFunc(w.Store.HeadList, func(h stored.Head) bool { return h.Log != log })
		w.Store.Stored = slices.DeleteFunc(w.Store.Stored, func(m stored.Message) bool { return m.Log != log })
		w.Store.Points = slices.DeleteFunc(w.Store.Points, func(p audittest.Point) bool { return p.Log != log })
		if found, _ := run(t, w, func(j *audit.Job) { j.Partial = true }); len(found) > 0 {
			t.Fatalf("an intact copy has findings:\n%s", lines(found))
		}
	})
}

// damage changes one thing, and says what must be named where: a leaf of a log, or a head.
type damage struct {
	what string
	log  string
	leaf uint64
	head bool
}

var damages = map[string]func(t *rapid.T, w *audittest.World) damage{
	"bit flip in entry": func(t *rapid.T, w *audittest.World) damage {
		m := message(t, w)
		m.Entry = flipped(t, m.Entry)
		return damage{log: m.Log, leaf: m.Leaf}
	},
	"bit flip in raw": func(t *rapid.T, w *audittest.World) damage {
		m := message(t, w)
		m.Raw = flipped(t, m.Raw)
		return damage{what: audit.Hash, log: m.Log, leaf: m.Leaf}
	},
	"message deleted": func(t *rapid.T, w *audittest.World) damage {
		m := *message(t, w)
		w.Store.Stored = slices.DeleteFunc(w.Store.Stored, func(x stored.Message) bool { return x.Log == m.Log && x.Leaf == m.Leaf })
		return damage{what: audit.Leaf, log: m.Log, leaf: m.Leaf}
	},
	"range truncated": func(t *rapid.T, w *audittest.World) damage {
		m := *message(t, w)
		w.Store.Stored = slices.DeleteFunc(w.Store.Stored, func(x stored.Message) bool { return x.Log == m.Log && x.Leaf >= m.Leaf })
		w.Store.Points = slices.DeleteFunc(w.Store.Points, func(x audittest.Point) bool { return x.Log == m.Log && x.Leaf >= m.Leaf })
		return damage{what: audit.Leaf, log: m.Log, leaf: m.Leaf}
	},
	"message doubled": func(t *rapid.T, w *audittest.World) damage {
		m := *message(t, w)
		m.Tracker, m.PointNS = "carrier.T-9", m.PointNS+1e6
		w.Store.Stored = append(w.Store.Stored, m)
		return damage{what: audit.Leaf, log: m.Log, leaf: m.Leaf}
	},
	"shipment changed": func(t *rapid.T, w *audittest.World) damage {
		m := message(t, w)
		if count(w, m.Log) < 3 {
			t.Skip("this draw leaves two messages that contradict each other: nobody can say which is right")
		}
		m.Shipment += "9"
		return damage{what: audit.Fields, log: m.Log, leaf: m.Leaf}
	},
	"tracker changed": func(t *rapid.T, w *audittest.World) damage {
		m := message(t, w)
		m.Tracker = "carrier.T-9"
		return damage{what: audit.Fields, log: m.Log, leaf: m.Leaf}
	},
	"numbers edited": func(t *rapid.T, w *audittest.World) damage {
		m := message(t, w)
		*rapid.SampledFrom([]*uint64{&m.Boot, &m.Seq}).Draw(t, "column") += 3
		return damage{what: audit.Fields, log: m.Log, leaf: m.Leaf}
	},
	"moved in time": func(t *rapid.T, w *audittest.World) damage {
		m := message(t, w)
		m.PointNS += rapid.Int64Range(1, 1000).Draw(t, "by")
		return damage{what: audit.Fields, log: m.Log, leaf: m.Leaf}
	},
	"reading edited": func(t *rapid.T, w *audittest.World) damage {
		p := point(t, w)
		p.Values = maps.Clone(p.Values)
		p.Values["temperature"] += 0.5
		return damage{what: audit.Fields, log: p.Log, leaf: p.Leaf}
	},
	"reading deleted": func(t *rapid.T, w *audittest.World) damage {
		i := rapid.IntRange(0, len(w.Store.Points)-1).Draw(t, "i")
		p := w.Store.Points[i]
		w.Store.Points = slices.Delete(w.Store.Points, i, i+1)
		return damage{what: audit.Fields, log: p.Log, leaf: p.Leaf}
	},
	"reading added": func(t *rapid.T, w *audittest.World) damage {
		p := *point(t, w)
		p.NS += 7e6
		w.Store.Points = append(w.Store.Points, p)
		return damage{what: audit.Fields, log: p.Log, leaf: p.Leaf}
	},
	"message exchanged with its entry": func(t *rapid.T, w *audittest.World) damage {
		m := message(t, w)
		other := audittest.New()
		other.NowMS = m.ReceivedMS - 1000
		other.Log(m.Shipment, m.Tracker, 2)
		o := other.Store.Stored[0]
		if string(o.Entry) == string(m.Entry) {
			t.Skip("this draw changes nothing: both messages are the same")
		}
		m.Entry, m.Raw = o.Entry, o.Raw
		return damage{log: m.Log, leaf: m.Leaf}
	},
	"head entry flipped": func(t *rapid.T, w *audittest.World) damage {
		h := head(t, w)
		h.Entry = flipped(t, h.Entry)
		return damage{what: audit.Anchor, leaf: h.Index, head: true}
	},
	"head proof flipped": func(t *rapid.T, w *audittest.World) damage {
		h := head(t, w)
		if len(h.Proof) == 0 {
			t.Skip("this draw changes nothing: a head alone in its log has no proof")
		}
		h.Proof = slices.Clone(h.Proof)
		h.Proof[0][3] ^= 4
		return damage{what: audit.Anchor, leaf: h.Index, head: true}
	},
	"head size edited": func(t *rapid.T, w *audittest.World) damage {
		h := head(t, w)
		h.Size++
		return damage{what: audit.Anchor, leaf: h.Index, head: true}
	},
	"head deleted": func(t *rapid.T, w *audittest.World) damage {
		i := rapid.IntRange(0, len(w.Store.HeadList)-1).Draw(t, "i")
		h := w.Store.HeadList[i]
		w.Store.HeadList = slices.Delete(w.Store.HeadList, i, i+1)
		return damage{what: audit.Head, leaf: h.Index, head: true}
	},
}

func count(w *audittest.World, log string) (n int) {
	for i := range w.Store.Stored {
		if w.Store.Stored[i].Log == log {
			n++
		}
	}
	return n
}

func message(t *rapid.T, w *audittest.World) *stored.Message {
	return &w.Store.Stored[rapid.IntRange(0, len(w.Store.Stored)-1).Draw(t, "message")]
}

func point(t *rapid.T, w *audittest.World) *audittest.Point {
	return &w.Store.Points[rapid.IntRange(0, len(w.Store.Points)-1).Draw(t, "point")]
}

func head(t *rapid.T, w *audittest.World) *stored.Head {
	return &w.Store.HeadList[rapid.IntRange(0, len(w.Store.HeadList)-1).Draw(t, "head")]
}

func flipped(t *rapid.T, b []byte) []byte {
	b = slices.Clone(b)
	b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	return b
}

// One thing that was changed is named, where it is, and nothing at another place.
func TestDamage(t *testing.T) {
	for name, change := range damages {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := world(t)
				d := change(t, w)
				found, _ := run(t, w, nil)
				named := false
				for i := range found {
					f := &found[i]
					if d.head {
						named = named || f.Head != nil && *f.Head <= d.leaf && d.leaf < max(f.To, *f.Head+1) && (d.what == "" || f.What == d.what)
						continue
					}
					here := f.Log == d.log && f.Leaf != nil && *f.Leaf <= d.leaf && d.leaf < max(f.To, *f.Leaf+1)
					named = named || here && (d.what == "" || f.What == d.what)
					if f.Log == d.log && !here && !(name == "range truncated" && *f.Leaf >= d.leaf) {
						t.Fatalf("changed leaf %d of %.12s, and named: %s", d.leaf, d.log, f.String())
					}
				}
				if !named {
					t.Fatalf("%s at %d of %.12s is not named:\n%s", name, d.leaf, d.log, lines(found))
				}
			})
		})
	}
}
