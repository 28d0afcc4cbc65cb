package run

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// routed is ingest with a real store, on a ledger with trackers that cannot sign.
type routed struct {
	*running
	t      *testing.T
	ledger *testkit.Ledger
	src    *memorySource
	store  *influx.Client
	now    time.Time
}

func startRouted(t *testing.T) *routed {
	t.Helper()
	w := &routed{t: t, ledger: testkit.NewLedger("CarrierMSP", nil), src: newSource(), store: openInflux(t, testkit.StartInfluxd(t)), now: time.Now().Truncate(time.Second)}
	t.Cleanup(w.ledger.Close)
	w.running = start(t, Config{Dir: t.TempDir(), Source: w.src, Database: w.store, Ledger: w.ledger})
	testkit.WaitFor(t, 10*time.Second, "the ledger is read", func() bool { return w.registry.Ready(t.Context()) == nil })
	return w
}

func (w *routed) ago(minutes int) int64 {
	return w.now.Add(-time.Duration(minutes) * time.Minute).UnixMilli()
}

func (w *routed) create(id, rules string) {
	w.t.Helper()
	rs, ok := compliance.Lookup(rules)
	if !ok {
		w.t.Fatal(rules)
	}
	submit(w.t, w.ledger, ledger.ShipmentCreate, ledger.CreateArgs{ID: id, RuleSet: rs.Ref(), RuleSetHash: rs.Hash(),
		Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "shipper": {"ShipperMSP"}, "consignee": {"ConsigneeMSP"}, "auditor": {"AuditorMSP"}}})
}

// knows waits until ingest has heard of a shipment's assignment, as who assigns over REST does.
func (w *routed) knows(shipment string) {
	w.t.Helper()
	testkit.WaitFor(w.t, 10*time.Second, "the assignment is known", func() bool {
		s, ok := w.registry.Shipment(shipment)
		return ok && len(s.Assignments) > 0
	})
}

// reading is a member of a plain message.
type reading struct {
	minutes int // ago
	celsius float64
}

func (w *routed) send(tracker string, readings ...reading) {
	w.t.Helper()
	var objects []string
	for _, r := range readings {
		objects = append(objects, fmt.Sprintf(`{"time":%d,"temperature":%v}`, w.ago(r.minutes), r.celsius))
	}
	w.src.send(telemetry.Topic(tracker, telemetry.JSON), []byte("["+strings.Join(objects, ",")+"]"))
	w.settle(w.src)
}

// verdict is the newest on the ledger: its result with the seconds in and out of range and unknown.
func (w *routed) verdict(shipment string) string {
	w.t.Helper()
	v, err := ledger.ComplianceVerdict.Ask(w.t.Context(), w.ledger, ledger.OpinionArgs{ID: shipment, By: "CarrierMSP"})
	if err != nil {
		w.t.Fatal(err)
	}
	var d struct {
		Metrics map[string]struct {
			In, Out, Unknown float64 `json:"-"`
			InS              int64   `json:"in_s"`
			OutS             int64   `json:"out_s"`
			UnknownS         int64   `json:"unknown_s"`
		}
	}
	if err := json.Unmarshal(v.Detail, &d); err != nil {
		w.t.Fatal(err)
	}
	m := d.Metrics["temperature"]
	return fmt.Sprintf("%s in %d out %d unknown %d", v.Result, m.InS, m.OutS, m.UnknownS)
}

// leaves are the messages of a shipment's, or a tracker's own, log, with their flags.
func (w *routed) leaves(kind, subject string) (all []string) {
	w.t.Helper()
	logs, err := w.seq.Logs(kind, subject)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range logs {
		for _, m := range messages(w.t, w.store, l.Log) {
			all = append(all, fmt.Sprintf("%d readings %s", m.Readings, strings.Join(m.Flags, ",")))
		}
	}
	return all
}

// A logger that was switched on in the warehouse, and attached half an hour later: what it measured on the shipment counts from the
// beginning of the window.
func TestBatchThatBeginsBeforeItsAssignment(t *testing.T) {
	w := startRouted(t)
	enrolPlain(t, w.ledger, "carrier.T-1")
	w.create("carrier.S-1", "general-2-8@1")
	assign(t, w.ledger, "carrier.S-1", "carrier.T-1", w.ago(30))
	w.knows("carrier.S-1")
	var batch []reading
	for m := 0; m <= 60; m += 5 {
		celsius := 4.0
		if m <= 25 {
			celsius = 12
		}
		batch = append(batch, reading{m, celsius})
	}
	w.send("carrier.T-1", batch...)
	if got, want := w.leaves(anchor.Shipment, "carrier.S-1"), []string{"13 readings late"}; !slices.Equal(got, want) {
		t.Errorf("the shipment's log holds %q, want %q", got, want)
	}
	if got := w.leaves(anchor.Tracker, "carrier.T-1"); len(got) != 0 {
		t.Errorf("the tracker's own log holds %q", got)
	}
	if got, want := w.verdict("carrier.S-1"), "compliant in 300 out 1500 unknown 0"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
}

// One batch across two shipments stands in both logs: each is judged by its own part, and by nothing of the other's.
func TestBatchAcrossTwoShipments(t *testing.T) {
	w := startRouted(t)
	enrolPlain(t, w.ledger, "carrier.T-1")
	w.create("carrier.S-1", "general-2-8@1")
	w.create("carrier.S-2", "general-2-8@1")
	submit(t, w.ledger, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1", FromMS: w.ago(120), ToMS: w.ago(60)})
	assign(t, w.ledger, "carrier.S-2", "carrier.T-1", w.ago(60))
	w.knows("carrier.S-1")
	w.knows("carrier.S-2")
	var batch []reading
	for m := 0; m <= 120; m += 5 {
		celsius := 4.0
		if m < 60 { // warm on the second one only
			celsius = 12
		}
		batch = append(batch, reading{m, celsius})
	}
	w.send("carrier.T-1", batch...)
	for _, id := range []string{"carrier.S-1", "carrier.S-2"} {
		if got, want := w.leaves(anchor.Shipment, id), []string{"25 readings late"}; !slices.Equal(got, want) {
			t.Errorf("%s: the log holds %q, want %q", id, got, want)
		}
	}
	if got, want := w.verdict("carrier.S-1"), "compliant in 3600 out 0 unknown 0"; got != want {
		t.Errorf("the first: %q, want %q", got, want)
	}
	if got, want := w.verdict("carrier.S-2"), "non_compliant in 300 out 3300 unknown 0"; got != want {
		t.Errorf("the second: %q, want %q", got, want)
	}
	st := w.Status(t.Context())
	if st.Logged != 1 || st.PendingLog != 0 {
		t.Errorf("logged %d, pending %d; want one message", st.Logged, st.PendingLog)
	}
	// The same bytes again are the message that is there.
	w.send("carrier.T-1", batch...)
	if st := w.Status(t.Context()); st.Logged != 1 || st.Duplicates != 1 || len(w.leaves(anchor.Shipment, "carrier.S-2")) != 1 {
		t.Errorf("again: logged %d, duplicates %d", st.Logged, st.Duplicates)
	}
}

// Error values of a sensor whose tracker's record names it reach the ledger as unknown time, never as a breach.
func TestErrorValuesReachNoLedger(t *testing.T) {
	w := startRouted(t)
	d := newDevice("carrier.T-1", w.ago(120))
	enrol(t, w.ledger, d)
	w.create("carrier.S-1", "general-2-8@1")
	submit(t, w.ledger, ledger.TrackerSensors, ledger.SensorsArgs{ID: d.id, Sensors: []telemetry.Sensor{{Quantity: "temperature", Model: "ds18b20"}}})
	assign(t, w.ledger, "carrier.S-1", d.id, d.now)
	w.knows("carrier.S-1")
	for _, v := range []float64{4.3, 4.4, 85, 85, 4.4, -127, 327.67, 4.5, 4.4} {
		w.src.send(up(d.id), d.message(t, v))
	}
	w.settle(w.src)
	if got, want := w.verdict("carrier.S-1"), "inconclusive in 240 out 0 unknown 240"; got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
	all, err := ledger.ComplianceList.All(t.Context(), w.ledger, "carrier.S-1", 100)
	if err != nil || len(all) != 0 {
		t.Errorf("%+v on the ledger (%v), want no excursion", all, err)
	}
	v, err := ledger.ComplianceVerdict.Ask(t.Context(), w.ledger, ledger.OpinionArgs{ID: "carrier.S-1", By: "CarrierMSP"})
	if text := strings.Join(v.Reasons, "\n"); err != nil || !strings.Contains(text, "2 readings of temperature without a measurement: sensor error value 85 (carrier.T-1)") {
		t.Errorf("reasons %q, %v", v.Reasons, err)
	}
}
