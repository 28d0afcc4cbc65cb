package run

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/fakeinflux"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// accountFake rebuilds a log from what the fake InfluxDB holds: every leaf once, every message once, the root as claimed.
func accountFake(t testing.TB, f *fakeinflux.Server, log, root string, want int) {
	t.Helper()
	type stored struct {
		leaf       int
		entry, raw []byte
	}
	var all []stored
	for _, p := range f.Points("message") {
		if p.Tag("log") != log {
			continue
		}
		leaf, err := strconv.Atoi(p.Field("leaf"))
		if err != nil {
			t.Fatalf("point %+v: %v", p, err)
		}
		entry, errE := base64.StdEncoding.DecodeString(p.Field("entry"))
		raw, errR := base64.StdEncoding.DecodeString(p.Field("raw"))
		if errE != nil || errR != nil {
			t.Fatalf("leaf %d: %v %v", leaf, errE, errR)
		}
		all = append(all, stored{leaf, entry, raw})
	}
	slices.SortFunc(all, func(a, b stored) int { return a.leaf - b.leaf })
	var tree merkle.Log
	seen := map[[32]byte]bool{}
	for i, m := range all {
		leaf, err := telemetry.DecodeLeaf(m.entry)
		if err != nil || m.leaf != i {
			t.Fatalf("leaf %d stands at %d: %v", m.leaf, i, err)
		}
		o, err := telemetry.Open(leaf.Kind, m.raw, leaf.ReceivedMS)
		if err != nil || o.Hash != leaf.Hash {
			t.Fatalf("leaf %d does not fit its message: %v", i, err)
		}
		if seen[leaf.Hash] {
			t.Fatalf("leaf %d: message is logged twice", i)
		}
		seen[leaf.Hash] = true
		tree.Append(merkle.LeafHash(m.entry), nil)
	}
	got := tree.Root()
	if len(all) != want || hex.EncodeToString(got[:]) != root {
		t.Fatalf("%d messages stored with root %x, want %d with %s", len(all), got, want, root)
	}
}

// checkAnchors verifies that the ledger's anchors form one history that ends where ingest thinks it does.
func checkAnchors(t testing.TB, l *testkit.Ledger, heads string, size uint64) {
	t.Helper()
	var all []ledger.Head
	args := ledger.ListArgs{ID: heads, Limit: 200}
	for {
		b, err := l.Evaluate(context.Background(), ledger.AnchorList.Name(), args)
		if err != nil {
			t.Fatal(err)
		}
		var page ledger.Page[ledger.Head]
		if err := json.Unmarshal(b, &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
		if page.Bookmark == "" {
			break
		}
		args.Bookmark = page.Bookmark
	}
	if len(all) == 0 || all[0].Size != size {
		t.Fatalf("%d anchors, newest size %d, want %d", len(all), all[0].Size, size)
	}
	for i := range all {
		if i+1 < len(all) && (all[i].PrevSize != all[i+1].Size || all[i].PrevRoot != all[i+1].Root) {
			t.Fatalf("anchor %d does not continue anchor %d", all[i].N, all[i+1].N)
		}
	}
}
