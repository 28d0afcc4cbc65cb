package run

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// Ensure a trip arrives complete: every message stored and logged once, the log rebuilt from InfluxDB has the anchored
// root, its head is proven in the heads log, an excursion and a verdict are on the ledger, and the trackers are told.
func TestATripFromMessageToAnchor(t *testing.T) {
	d := testkit.StartInfluxd(t)
	db := openInflux(t, d)
	l := testkit.NewLedger("CarrierMSP", nil)
	defer l.Close()
	base := time.Date(2019, 7, 17, 6, 0, 0, 0, time.UTC).UnixMilli()
	a, b, spare := newDevice("carrier.T-A", base), newDevice("carrier.T-B", base), newDevice("carrier.T-C", base)
	for _, dev := range []*device{a, b, spare} {
		enrol(t, l, dev)
	}
	createShipment(t, l, "carrier.S-1")
	assign(t, l, "carrier.S-1", "carrier.T-A", base)
	assign(t, l, "carrier.S-1", "carrier.T-B", base)

	src := newSource()
	p := start(t, Config{Dir: t.TempDir(), Source: src, Database: db, Ledger: l})
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return p.registry.Ready(t.Context()) == nil })
	const each = 100
	for i := range each {
		temperature := 5.0
		if i > 20 && i < 60 {
			temperature = 30 // far outside 2-8, for 40 minutes
		}
		src.send(up("carrier.T-A"), a.message(t, temperature))
		src.send(up("carrier.T-B"), b.message(t, 5))
	}
	src.send(up("carrier.T-C"), spare.message(t, 5))
	src.send(up("carrier.T-A"), []byte("not a message"))
	p.settle(src)

	st := p.Status(t.Context())
	if st.Logged != 2*each+1 || st.Stored != 2*each+1 || st.Rejected["malformed"] != 1 || st.Anchored != 2*each+1 {
		t.Fatalf("status %+v", st)
	}
	logs, err := p.seq.Logs(anchor.Shipment, "carrier.S-1")
	if err != nil || len(logs) != 1 || logs[0].Size != 2*each || logs[0].Anchored != 2*each {
		t.Fatalf("logs %+v, err %v", logs, err)
	}
	checkLog(t, db, logs[0].Log, logs[0].Root, 2*each)
	own, err := p.seq.Logs(anchor.Tracker, "carrier.T-C")
	if err != nil || len(own) != 1 || own[0].Size != 1 {
		t.Fatalf("spare tracker's log %+v, err %v", own, err)
	}
	if m := messages(t, db, own[0].Log); len(m) != 1 || !contains(m[0].Flags, "unassigned") {
		t.Fatalf("spare tracker's messages %+v", m)
	}
	testkit.WaitFor(t, time.Minute, "tracker hears its last message and the anchor", func() bool {
		return strings.HasPrefix(src.lastDown("carrier.T-A"), `{"type":"ack","boot":1,"seq":99`)
	})

	// The final state, by seal: of what was delivered, and of nothing else, whoever asks.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := p.Seal(ctx, "carrier.S-1", "CarrierMSP"); !errors.Is(err, ErrNotDelivered) {
		t.Errorf("seal of a live shipment: %v, want %v", err, ErrNotDelivered)
	}
	if _, err := p.Seal(ctx, "carrier.S-of-the-future", "CarrierMSP"); !errors.Is(err, ErrNoShipment) {
		t.Errorf("seal of no shipment: %v, want %v", err, ErrNoShipment)
	}
	for by, want := range map[string]error{"ShipperMSP": ErrNotTheirs, "AuditorMSP": ErrNotTheirs, "StrangerMSP": ErrNoShipment, "": ErrNoShipment} {
		if _, err := p.Seal(ctx, "carrier.S-1", by); !errors.Is(err, want) {
			t.Errorf("seal asked for by %q: %v, want %v", by, err, want)
		}
	}
	submit(t, l, ledger.ShipmentPropose, ledger.ProposeArgs{ID: "carrier.S-1", To: "ConsigneeMSP"})
	submit(t, l.As("ConsigneeMSP"), ledger.ShipmentAccept, ledger.StatedArgs{ID: "carrier.S-1"})
	submit(t, l.As("ConsigneeMSP"), ledger.ShipmentDeliver, ledger.StatedArgs{ID: "carrier.S-1"})
	sealed, err := p.Seal(ctx, "carrier.S-1", "CarrierMSP")
	if err != nil || !sealed.Anchored || len(sealed.Heads) != 1 || sealed.Heads[0].Size != 2*each {
		t.Fatalf("seal %+v, err %v", sealed, err)
	}
	if again, err := p.Seal(ctx, "carrier.S-1", "CarrierMSP"); err != nil || len(again.Heads) != 1 || again.Heads[0] != sealed.Heads[0] || !again.Anchored {
		t.Fatalf("second seal %+v, err %v", again, err)
	}
	src.send(up("carrier.T-B"), b.message(t, 5))
	p.settle(src)
	own, _ = p.seq.Logs(anchor.Tracker, "carrier.T-B")
	if len(own) != 1 || own[0].Size != 1 {
		t.Fatalf("after the seal: %+v", own)
	}
	if m := messages(t, db, own[0].Log); !contains(m[0].Flags, "after_close") {
		t.Fatalf("after the seal: %+v", m)
	}
	checkHeads(t, db, l, logs[0].Log, true)
	checkCompliance(t, l, "carrier.S-1")

	// The ledger has the seal, so the consignee can close, over this head and no other.
	closed, _, err := ledger.ShipmentClose.Do(t.Context(), l.As("ConsigneeMSP"), ledger.IDArgs{ID: "carrier.S-1"})
	if want := (ledger.LogHead{Log: logs[0].Log, Size: logs[0].Size, Root: logs[0].Root}); err != nil || !slices.Equal(closed.Heads, []ledger.LogHead{want}) {
		t.Fatalf("closed over %+v, %v; want %+v", closed.Heads, err, want)
	}
}

// checkLog rebuilds a log from what InfluxDB holds, as the API and the verifier do.
func checkLog(t testing.TB, db *influx.Client, log, root string, size int) {
	t.Helper()
	var tree merkle.Log
	seen := map[[32]byte]bool{}
	for _, m := range messages(t, db, log) {
		leaf, err := telemetry.DecodeLeaf(m.Entry)
		if err != nil {
			t.Fatalf("leaf %d: %v", m.Leaf, err)
		}
		if m.Leaf != tree.Size() {
			t.Fatalf("leaf %d stands at %d", m.Leaf, tree.Size())
		}
		if m.Trust == stored.Signed {
			msg, err := telemetry.Decode(m.Raw)
			if err != nil || msg.COSEHash != leaf.Hash || msg.Seq != m.Seq || msg.Boot != m.Boot || msg.TimeMS != m.TimeMS {
				t.Fatalf("leaf %d does not fit its message: %v", m.Leaf, err)
			}
		}
		if seen[leaf.Hash] {
			t.Fatalf("leaf %d: message is logged twice", m.Leaf)
		}
		seen[leaf.Hash] = true
		tree.Append(merkle.LeafHash(m.Entry), nil)
	}
	got := tree.Root()
	if int(tree.Size()) != size || hex.EncodeToString(got[:]) != root {
		t.Fatalf("log of %d messages has root %x, want %d with %s", tree.Size(), got, size, root)
	}
}

// checkHeads verifies every head of a log against the ledger.
func checkHeads(t testing.TB, db *influx.Client, l *testkit.Ledger, log string, closed bool) {
	t.Helper()
	heads, err := db.Heads(context.Background(), log)
	if err != nil || len(heads) == 0 {
		t.Fatalf("heads %v, err %v", heads, err)
	}
	prev := int64(-1)
	for _, h := range heads {
		leaf, err := anchor.DecodeHeadLeaf(h.Entry)
		if err != nil || leaf.Size != h.Size || hex.EncodeToString(leaf.Root[:]) != h.Root || h.Prev != prev {
			t.Fatalf("head %+v: %v (previous %d)", h, err, prev)
		}
		prev = int64(h.Index)
		root, _ := hex.DecodeString(h.HeadsRoot)
		if err := merkle.VerifyInclusion(h.Index, h.HeadsSize, merkle.LeafHash(h.Entry), h.Proof, merkle.Hash(root)); err != nil {
			t.Fatalf("head %d: %v", h.Index, err)
		}
		found, code, block, err := l.TxStatus(context.Background(), h.Tx)
		if err != nil || !found || code != 0 || block != h.Block {
			t.Fatalf("head %d: transaction %s block %d: found %v code %d block %d err %v", h.Index, h.Tx, h.Block, found, code, block, err)
		}
	}
	if last := heads[len(heads)-1]; last.Closed != closed {
		t.Fatalf("last head closed %v, want %v", last.Closed, closed)
	}
}

func checkCompliance(t testing.TB, l *testkit.Ledger, shipment string) {
	t.Helper()
	b, err := l.Evaluate(context.Background(), ledger.ComplianceVerdict.Name(), ledger.OpinionArgs{ID: shipment, By: "CarrierMSP"})
	if err != nil {
		t.Fatal(err)
	}
	var v ledger.Verdict
	if err := json.Unmarshal(b, &v); err != nil || v.Result != ledger.NonCompliant {
		t.Fatalf("verdict %+v, err %v", v, err)
	}
	b, err = l.Evaluate(context.Background(), ledger.ComplianceList.Name(), ledger.ListArgs{ID: shipment})
	if err != nil {
		t.Fatal(err)
	}
	var page ledger.Page[ledger.Excursion]
	if err := json.Unmarshal(b, &page); err != nil || len(page.Items) == 0 {
		t.Fatalf("excursions %+v, err %v", page, err)
	}
	// The hot readings are an instant breach, so the signed message itself went to the ledger as well.
	verified := 0
	for _, e := range page.Items {
		if e.Verified {
			verified++
			if len(e.Witnesses) != 1 || e.Tracker != "carrier.T-A" || e.Rule != "hot" {
				t.Errorf("verified excursion %+v", e)
			}
		}
		if e.CloseTx == "" || e.EndMS == 0 {
			t.Errorf("excursion %s is open on the ledger: %+v", e.ID, e)
		}
	}
	if verified != 1 {
		t.Errorf("%d verified excursions in %+v", verified, page.Items)
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}
