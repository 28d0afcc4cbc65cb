package run

import (
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// A humidity that no sensor can mean takes nothing with it: its message has a leaf, acknowledgements go past it, and the degrees
// beside it are judged.
func TestAcknowledgedPastAFlaw(t *testing.T) {
	w := startRouted(t)
	d := newDevice("carrier.T-1", w.ago(10))
	enrol(t, w.ledger, d)
	w.create("carrier.S-1", "general-2-8@1")
	assign(t, w.ledger, "carrier.S-1", d.id, d.now)
	w.knows("carrier.S-1")
	good := func() { w.src.send(up(d.id), d.message(t, 5)) }
	w.src.send(up(d.id), d.message(t, 5, func(c *telemetry.Claims) { c.Kind = telemetry.Boot }))
	good()
	c := telemetry.Claims{Tracker: d.id, Boot: d.boot, Seq: d.seq, Prev: d.prev, TimeMS: d.now, NextDueS: 60}
	flawed := testkit.SignPack(t, d.key, c, testkit.HumidPack(d.id, d.now, 26.5))
	w.src.send(up(d.id), flawed)
	m, err := telemetry.Decode(flawed)
	if err != nil {
		t.Fatal(err)
	}
	d.seq, d.prev, d.now = c.Seq+1, m.COSEHash, d.now+60_000
	good()
	good()
	w.settle(w.src)

	if got, want := w.leaves(anchor.Shipment, "carrier.S-1"), []string{"1 readings ", "1 readings ", "1 readings flawed", "1 readings ", "1 readings "}; !slices.Equal(got, want) {
		t.Errorf("the log holds %q, want %q", got, want)
	}
	const ack = `{"type":"ack","boot":1,"seq":4`
	testkit.WaitFor(t, 10e9, ack, func() bool { return strings.HasPrefix(w.src.lastAck(d.id), ack) })
	for what := range w.src.heard(d.id) {
		if strings.HasPrefix(what, "nack") {
			t.Errorf("the tracker hears %s", what)
		}
	}
	all, err := ledger.ComplianceList.All(t.Context(), w.ledger, "carrier.S-1", 100)
	if err != nil || len(all) == 0 || all[0].Rule != "hot" || all[0].Peak != "26.5" {
		t.Errorf("excursions %+v (%v), want 26.5 among them", all, err)
	}
	if got, want := w.verdict("carrier.S-1"), "non_compliant in 180 out 60 unknown 0"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
}
