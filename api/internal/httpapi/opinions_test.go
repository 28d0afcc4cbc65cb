package httpapi_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/judge"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// opines has a party's own judge record its opinion, by other rules than the pinned ones when bend is given.
func (w *world) opines(id, org string, bend func(*compliance.RuleSet)) {
	w.t.Helper()
	l := w.ledger.As(testkit.MSPOf(org))
	s, err := ledger.ShipmentGet.Ask(w.t.Context(), l, ledger.IDArgs{ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := judge.Config{Channel: ledger.Channel, Opinion: true, Store: w.store, Shipments: one{&s}, Ledger: l, Log: slog.New(slog.DiscardHandler), Every: 5 * time.Millisecond}
	if bend != nil {
		published, err := ledger.RuleSetGet.Ask(w.t.Context(), l, ledger.RefArgs{Ref: s.RuleSet})
		if err != nil {
			w.t.Fatal(err)
		}
		rules, err := compliance.Parse(published.Rules)
		if err != nil {
			w.t.Fatal(err)
		}
		bend(&rules)
		cfg.Rules = func(context.Context, *ledger.Shipment) (*compliance.RuleSet, error) { return &rules, nil }
	}
	j := judge.New(cfg)
	j.Meet("carrier.ingest-1")
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	testkit.WaitFor(w.t, 10*time.Second, "the opinion of "+org, func() bool {
		_, err := ledger.ComplianceVerdict.Ask(w.t.Context(), l, ledger.OpinionArgs{ID: id, By: l.MSP()})
		return err == nil && j.Depth() == 0
	})
	cancel()
	<-done
}

// one shipment is all that a judge looks at.
type one struct{ s *ledger.Shipment }

func (o one) Shipment(id string) (*ledger.Shipment, bool) { return o.s, o.s.ID == id }
func (o one) Live() []*ledger.Shipment                    { return []*ledger.Shipment{o.s} }

func TestOpinions(t *testing.T) {
	w := newWorld(t)
	const id = "carrier.s1"
	c := w.warmTrip(id, "carrier.mine")
	see := func() map[string]judging.JudgedOpinion {
		t.Helper()
		c = judging.Compliance{}
		w.must(200, "GET", "/v1/shipments/"+id+"/compliance", "").into(&c)
		by := map[string]judging.JudgedOpinion{}
		for _, o := range c.Opinions {
			by[o.By] = o
		}
		return by
	}
	of := len(see())
	want(t, "parties", c.Confirmed.Of, of)
	want(t, "confirmed before anybody judged", c.Confirmed.By, 0)
	want(t, "carrier's opinion", see()["carrier"].Standing, judging.None)

	w.opines(id, "carrier", nil)
	w.opines(id, "shipper", nil)
	all := see()
	want(t, "confirmed", c.Confirmed.By, 2)
	for _, org := range []string{"carrier", "shipper"} {
		o := all[org]
		want(t, org+"'s opinion", o.Standing+" "+o.Result+" "+o.Reason, "confirms non_compliant ")
		want(t, org+"'s logs", len(o.Logs), 1)
		want(t, org+"'s is older", o.Older, false)
	}

	// A limit that is off by some degrees: another result, and the event time from which on.
	w.opines(id, "consignee", func(rs *compliance.RuleSet) {
		for i := range rs.Rules {
			rs.Rules[i].Limit.Value = "40"
		}
	})
	o := see()["consignee"]
	want(t, "confirmed", c.Confirmed.By, 2)
	want(t, "the changed judge's opinion", o.Standing+" "+o.Result, "differs compliant")
	first := c.Excursions[0]
	for _, e := range c.Excursions {
		if e.Start < first.Start {
			first = e
		}
	}
	want(t, "from when on", present(t, "differ_from", o.DifferFrom.V), first.Start)
	if !strings.Contains(o.Reason, first.Rule) || !strings.Contains(o.Reason, first.Start.String()) {
		t.Errorf("reason %q, want the rule %s and the time %s", o.Reason, first.Rule, first.Start)
	}
}

// The result may be the same and the findings not: that is said, too.
func TestOpinionsWithOtherFindings(t *testing.T) {
	w := newWorld(t)
	const id = "carrier.s1"
	c := w.warmTrip(id, "carrier.mine")
	hot := excursionOf(t, c, "hot")
	w.opines(id, "shipper", func(rs *compliance.RuleSet) { rs.Rules[0].Limit.Value = "11" })
	w.must(200, "GET", "/v1/shipments/"+id+"/compliance", "").into(&c)
	for _, o := range c.Opinions {
		if o.By == "shipper" {
			want(t, "standing", o.Standing, judging.Confirms)
			want(t, "from when on", present(t, "differ_from", o.DifferFrom.V), hot.Start-60_000)
		}
	}
}

// TestOpinionsOfEarlier: what was said from less was right then, and confirms while the result is the same.
func TestOpinionsOfEarlier(t *testing.T) {
	w := newWorld(t)
	const id = "carrier.s1"
	c := w.warmTrip(id, "carrier.mine")
	w.opines(id, "shipper", nil)
	standing := func(org string) string {
		t.Helper()
		c = judging.Compliance{}
		w.must(200, "GET", "/v1/shipments/"+id+"/compliance", "").into(&c)
		for _, o := range c.Opinions {
			if o.By == org {
				return o.Standing
			}
		}
		return ""
	}
	// The ledger's record goes on, and the log too.
	w.must(201, "POST", "/v1/shipments/"+id+"/handovers", `{"to":"consignee"}`)
	want(t, "after a proposal", standing("shipper"), judging.Confirms)
	newWorldOf(t, "consignee", w).must(200, "POST", "/v1/shipments/"+id+"/handovers/current/accept", "")
	want(t, "after a handover", standing("shipper"), judging.Confirms)

	// Another history, and leaves that nobody has here.
	v, err := ledger.ComplianceVerdict.Ask(t.Context(), w.ledger, ledger.OpinionArgs{ID: id, By: "ShipperMSP"})
	if err != nil {
		t.Fatal(err)
	}
	says := func(org string, change func(*ledger.LogHead)) {
		t.Helper()
		other := v
		if org == "auditor" {
			other.Detail = []byte(`{"record":{"last_ms":4000000000000,"assignments":1}}`)
		}
		other.Revision, other.Supersedes, other.Logs = 1, 0, append([]ledger.LogHead{}, v.Logs...)
		change(&other.Logs[0])
		if _, err := w.ledger.As(testkit.MSPOf(org)).Submit(t.Context(), ledger.ComplianceRevise.Name(), other); err != nil {
			t.Fatal(err)
		}
	}
	says("consignee", func(h *ledger.LogHead) { h.Root = strings.Repeat("0", 64) })
	want(t, "other root", standing("consignee"), judging.OtherHistory)
	says("carrier", func(h *ledger.LogHead) { h.Size += 5 })
	want(t, "more leaves", standing("carrier"), judging.Ahead)
	says("auditor", func(*ledger.LogHead) {})
	want(t, "by a record that is newer", standing("auditor"), judging.Ahead)
	want(t, "confirmed", c.Confirmed.By, 1)
}

func TestReleaseRule(t *testing.T) {
	w := newWorld(t)
	const id = "carrier.s1"
	body := func(n string) string {
		return strings.Replace(shipmentBody(id), `{`, `{"release":{"confirmed_by":`+n+`},`, 1)
	}
	for n, field := range map[string]string{"0": "confirmed_by", "9": "confirmed_by"} {
		if r := w.must(422, "POST", "/v1/shipments", body(n)); !strings.Contains(string(r.Body), field) {
			t.Errorf("confirmed_by %s: %s, want it to name %s", n, r.Body, field)
		}
	}
	var s shapes.Shipment
	w.must(201, "POST", "/v1/shipments", body("2")).into(&s)
	want(t, "release rule", present(t, "release", s.Release.V).ConfirmedBy, 2)
	w.must(201, "POST", "/v1/shipments/"+id+"/handovers", `{"to":"consignee"}`)
	consignee := newWorldOf(t, "consignee", w)
	consignee.must(200, "POST", "/v1/shipments/"+id+"/handovers/current/accept", "")
	consignee.must(200, "POST", "/v1/shipments/"+id+"/deliver", "")
	logs := []ledger.LogHead{{Log: strings.Repeat("a", 64), Size: 1, Root: strings.Repeat("b", 64)}}
	says := func(org string) {
		t.Helper()
		_, err := w.ledger.As(testkit.MSPOf(org)).Submit(t.Context(), ledger.ComplianceRevise.Name(), ledger.Verdict{Shipment: id, Revision: 1, Result: ledger.Compliant, ToMS: 1, Logs: logs, RuleHash: s.RuleSetHash})
		if err != nil {
			t.Fatal(err)
		}
	}
	says("carrier")
	const release = `{"decision":"release","meaning":"approved","reason":"fine","verdict_by":"carrier","verdict_revision":1}`
	p := consignee.must(409, "POST", "/v1/shipments/"+id+"/disposition", release).problem()
	if !strings.Contains(p.Detail, "CarrierMSP") || !strings.Contains(p.Detail, "not confirmed by: AuditorMSP, ConsigneeMSP") {
		t.Errorf("refused with %q, want who has confirmed and who has not", p.Detail)
	}
	says("consignee")
	consignee.must(201, "POST", "/v1/shipments/"+id+"/disposition", release)
}
