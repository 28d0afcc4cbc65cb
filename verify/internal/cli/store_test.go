package cli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/stored/audit/audittest"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// copyOf is a member's copy of a trip.
func copyOf(t *testing.T, trip *evidencetest.Trip) *audittest.Store {
	t.Helper()
	s := &audittest.Store{}
	id := anchor.LogID(ledger.Channel, anchor.Shipment, trip.Shipment, trip.CreateTx, trip.Ingest)
	heads := anchor.HeadsID(ledger.Channel, trip.Ingest)
	log := hex.EncodeToString(id[:])
	for n, l := range trip.Leaves {
		leaf, err := telemetry.DecodeLeaf(l.Entry)
		if err != nil {
			t.Fatal(err)
		}
		raw := canon.MustMarshalCBOR([][]byte{l.COSE, l.Pack})
		o, err := telemetry.Open(leaf.Kind, raw, leaf.ReceivedMS)
		if err != nil {
			t.Fatal(err)
		}
		m := stored.NewMessage(log, uint64(n), l.Entry, leaf, &o)
		m.Raw, m.Tracker, m.Shipment, m.PointNS = raw, o.Signed.Tracker, trip.Shipment, stored.PointNS(leaf.ReceivedMS, uint64(n))
		s.Stored = append(s.Stored, m)
		for _, r := range o.Readings {
			if r.Counts(leaf.ReceivedMS) {
				s.Points = append(s.Points, audittest.Point{Reading: stored.Reading{Log: log, Tracker: m.Tracker, Leaf: m.Leaf, Values: r.Said()}, NS: stored.PointNS(r.TimeMS, m.Leaf)})
			}
		}
	}
	for _, h := range trip.Manifest.Logs[0].Heads {
		leaf, err := anchor.DecodeHeadLeaf(h.Entry)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := trip.Head(h.Anchor)
		x := stored.Head{Heads: hex.EncodeToString(heads[:]), Log: log, Index: h.Index, Size: leaf.Size, Root: hex.EncodeToString(leaf.Root[:]), Prev: -1, Closed: leaf.Closed,
			Entry: h.Entry, HeadsSize: a.Size, HeadsRoot: a.Root, Tx: a.Tx, TimeMS: a.TimeMS, Proof: h.Path}
		if leaf.Prev != nil {
			x.Prev = int64(*leaf.Prev)
		}
		s.HeadList = append(s.HeadList, x)
	}
	return s
}

func TestStore(t *testing.T) {
	trip := evidencetest.Standard(fabricproof.BFT, 4)
	_ = trip.Bundle()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	raw, err := json.Marshal(trip.C.Policy())
	if err != nil {
		t.Fatal(err)
	}
	policy := write("policy.json", raw)
	anchors := write("anchors.tsb", trip.HeadsLog(0, trip.Newest(), []byte{1}))
	first := write("first.tsb", trip.HeadsLog(0, 0, []byte{1}))
	bad := trip.HeadsLog(0, trip.Newest(), []byte{1})
	bad[len(bad)/2] ^= 1
	forged := write("forged.tsb", bad)
	base := []string{"store", "--influx", "http://localhost:8086", "--database", "trackseal", "--token-file", "token", "--policy", policy, "--copy"}
	var tokenless []string
	tokenless = append(append(tokenless, base[:5]...), base[7:]...)
	for name, c := range map[string]struct {
		damage func(*audittest.Store)
		args   []string
		exit   int
		out    string
	}{
		"intact":          {nil, []string{"--anchors", anchors, "--nonce", "01"}, 0, fmt.Sprintf("%d messages in 1 logs", len(trip.Leaves))},
		"as JSON":         {nil, []string{"--anchors", anchors, "--json"}, 0, `"what":"summary"`},
		"one shipment":    {nil, []string{"--anchors", anchors, "--shipment", trip.Shipment}, 0, "in 1 logs"},
		"another":         {nil, []string{"--anchors", anchors, "--shipment", "none"}, 0, "in 0 logs"},
		"older anchors":   {nil, []string{"--anchors", first}, 0, "beyond it and were not judged"},
		"edited reading":  {func(s *audittest.Store) { s.Points[2].Values = map[string]float64{"temperature": 99} }, []string{"--anchors", anchors}, 1, "temperature is 99 in the store"},
		"lost message":    {func(s *audittest.Store) { s.Stored = s.Stored[1:] }, []string{"--anchors", anchors}, 1, "leaf 0: missing"},
		"damage, JSON":    {func(s *audittest.Store) { s.Stored[3].Raw = []byte{1} }, []string{"--anchors", anchors, "--json"}, 1, `"what":"hash"`},
		"lost head":       {func(s *audittest.Store) { s.HeadList = s.HeadList[1:] }, []string{"--anchors", anchors}, 1, "names it as the one before"},
		"other root":      {func(s *audittest.Store) { s.HeadList[0].HeadsRoot = strings.Repeat("0", 64) }, []string{"--anchors", anchors}, 1, "inclusion proof"},
		"forged evidence": {nil, []string{"--anchors", forged}, 2, "the anchors are not proven"},
		"other nonce":     {nil, []string{"--anchors", anchors, "--nonce", "02"}, 2, "E_STALE"},
		"not evidence":    {nil, []string{"--anchors", policy}, 2, "E_BUNDLE_FORMAT"},
		"no anchors":      {nil, nil, 64, "--anchors is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			store := copyOf(t, trip)
			if c.damage != nil {
				c.damage(store)
			}
			var out, errs bytes.Buffer
			exit := Run(t.Context(), append(append([]string{}, base...), c.args...), &out, &errs, func(StoreAt) (audit.Whole, func(), error) { return store, func() {}, nil })
			if exit != c.exit || !strings.Contains(out.String()+errs.String(), c.out) {
				t.Errorf("exit %d instead of %d, or no %q in\n%s%s", exit, c.exit, c.out, out.String(), errs.String())
			}
			if strings.Count(errs.String(), "\n") > 1 {
				t.Errorf("not one line: %s", errs.String())
			}
		})
	}
	fails := func(StoreAt) (audit.Whole, func(), error) { return nil, nil, errors.New("no such token") }
	var out, errs bytes.Buffer
	if exit := Run(t.Context(), append(base, "--anchors", anchors), &out, &errs, fails); exit != 64 || !strings.Contains(errs.String(), "no such token") {
		t.Errorf("exit %d, %s", exit, errs.String())
	}
	if exit := Run(t.Context(), append(tokenless, "--anchors", anchors), &out, &errs, fails); exit != 64 || !strings.Contains(errs.String(), "--token-file") {
		t.Errorf("exit %d, %s", exit, errs.String())
	}
}
