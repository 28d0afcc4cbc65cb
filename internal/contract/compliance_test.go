package contract

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func excursion(id string) ledger.Excursion {
	return ledger.Excursion{
		ID: id, Shipment: "carrier.S-1", Rule: "warm", Metric: "temperature", StartMS: t0, Peak: "9.5", Limit: "8",
		Logs: logs("a", 3), RuleHash: ruleHash,
	}
}

func verdict(revision int) ledger.Verdict {
	return ledger.Verdict{
		Shipment: "carrier.S-1", Revision: revision, Supersedes: revision - 1, Result: ledger.NonCompliant, Reasons: []string{"warm: 9.5"},
		ToMS: t0, Logs: logs("a", 3), RuleHash: ruleHash,
	}
}

func TestExcursions(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	id := "warm/T-1/1700000000000"
	open := excursion(id)
	with := func(f func(*ledger.Excursion)) ledger.Excursion { e := open; f(&e); return e }

	w.refused(ledger.Forbidden, carrierOp, ledger.ComplianceOpen, open)
	w.refused(ledger.NotFound, who{auditor, Ingest}, ledger.ComplianceOpen, open)
	w.refused(ledger.NotFound, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.Shipment = "carrier.S-9" }))
	w.refused(ledger.Conflict, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.RuleHash = hexHash("mild rules") }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.Peak = "9,5" }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.Limit = "NaN" }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.ID = "" }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.ID = "a\x00b" }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.StartMS = 0 }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceOpen, with(func(e *ledger.Excursion) { e.Logs = []ledger.LogHead{{Log: e.Logs[0].Log, Size: 3}} }))

	lie := with(func(e *ledger.Excursion) {
		e.By, e.OpenMS, e.OpenTx, e.EndMS, e.CloseMS, e.CloseTx = shipper, 1, "x", 2, 3, "y"
	})
	e := must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, lie)
	if e.By != carrier || e.OpenMS != w.ms || e.OpenTx == "x" || e.EndMS != 0 || e.CloseMS != 0 || e.CloseTx != "" {
		t.Fatalf("believed its argument: %+v", e)
	}
	w.refused(ledger.Exists, carrierIn, ledger.ComplianceOpen, open)
	w.refused(ledger.Exists, shipperIn, ledger.ComplianceOpen, open)

	end := ledger.Excursion{ID: id, Shipment: "carrier.S-1", EndMS: t0 + 60_000, Peak: "11.25", Logs: logs("a", 8)}
	withEnd := func(f func(*ledger.Excursion)) ledger.Excursion { e := end; f(&e); return e }
	w.refused(ledger.Forbidden, carrierOp, ledger.ComplianceClose, end)
	w.refused(ledger.Conflict, shipperIn, ledger.ComplianceClose, end)
	w.refused(ledger.NotFound, carrierIn, ledger.ComplianceClose, withEnd(func(e *ledger.Excursion) { e.ID = "other" }))
	w.refused(ledger.NotFound, who{auditor, Ingest}, ledger.ComplianceClose, end)
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceClose, withEnd(func(e *ledger.Excursion) { e.EndMS = t0 - 1 }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceClose, withEnd(func(e *ledger.Excursion) { e.EndMS = 0 }))
	e = must[ledger.Excursion](w, carrierIn, ledger.ComplianceClose, ledger.EventExcursion, end)
	if e.EndMS != t0+60_000 || e.Peak != "11.25" || e.Limit != "8" || e.Logs[0].Size != 8 || e.CloseMS != w.ms || e.StartMS != t0 {
		t.Fatalf("got %+v", e)
	}
	w.refused(ledger.BadState, carrierIn, ledger.ComplianceClose, end)
	must[ledger.Excursion](w, shipperIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion("cold"))
	p := query[ledger.Page[ledger.Excursion]](w, consigneeOp, ledger.ComplianceList, ledger.ListArgs{ID: "carrier.S-1"})
	if len(p.Items) != 2 || p.Items[0].ID != "cold" || p.Items[1].ID != id {
		t.Fatalf("got %+v", p.Items)
	}
}

func TestVerdictRevisions(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	with := func(f func(*ledger.Verdict)) ledger.Verdict { v := verdict(1); f(&v); return v }
	w.refused(ledger.NotFound, carrierOp, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: "carrier.S-1", By: carrier})
	w.refused(ledger.Forbidden, who{carrier, ""}, ledger.ComplianceRevise, verdict(1))
	w.refused(ledger.NotFound, who{auditor, Ingest}, ledger.ComplianceRevise, verdict(1))
	w.refused(ledger.Conflict, carrierIn, ledger.ComplianceRevise, verdict(2))
	w.refused(ledger.Conflict, carrierIn, ledger.ComplianceRevise, with(func(v *ledger.Verdict) { v.RuleHash = hexHash("mild rules") }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, with(func(v *ledger.Verdict) { v.Result = "fine" }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, with(func(v *ledger.Verdict) { v.Revision, v.Supersedes = 0, -1 }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, with(func(v *ledger.Verdict) { v.Supersedes = 1 }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, with(func(v *ledger.Verdict) { v.Logs = nil }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, with(func(v *ledger.Verdict) { v.Detail = json.RawMessage(`"` + strings.Repeat("x", ledger.MaxDetail) + `"`) }))
	w.refused(ledger.Invalid, carrierIn, ledger.ComplianceRevise, with(func(v *ledger.Verdict) { v.Reasons = make([]string, ledger.MaxReasons+1) }))

	// Before any data: no log yet, and only "inconclusive" can be said.
	nothing := ledger.Verdict{Shipment: "carrier.S-1", Revision: 1, Result: ledger.Inconclusive, RuleHash: ruleHash}
	v := must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, nothing)
	if v.Reasons == nil || v.By != carrier || v.TimeMS != w.ms || v.Tx == "" {
		t.Fatalf("got %+v", v)
	}
	w.refused(ledger.Conflict, carrierIn, ledger.ComplianceRevise, verdict(1))
	second := verdict(2)
	second.Detail = json.RawMessage(`{ "b": 1.50, "a": [ "<" ] }`)
	v = must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, second)
	if string(v.Detail) != `{"b":1.50,"a":["<"]}` {
		t.Fatalf("detail %s", v.Detail)
	}
	// Each party counts its own.
	w.refused(ledger.Conflict, shipperIn, ledger.ComplianceRevise, verdict(3))
	must[ledger.Verdict](w, shipperIn, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
	for by, revision := range map[string]int{carrier: 2, shipper: 1} {
		if got := query[ledger.Verdict](w, shipperOp, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: "carrier.S-1", By: by}); got.Revision != revision || got.By != by {
			t.Fatalf("the newest of %s is %+v, want revision %d", by, got, revision)
		}
	}
	w.refused(ledger.NotFound, shipperOp, ledger.ComplianceVerdict, ledger.OpinionArgs{ID: "carrier.S-1", By: consignee})
	p := query[ledger.Page[ledger.Verdict]](w, shipperOp, ledger.ComplianceVerdicts, ledger.ListArgs{ID: "carrier.S-1", Limit: 2})
	if len(p.Items) != 2 || p.Items[0].Result != ledger.Inconclusive || p.Items[1].Revision != 2 || p.Bookmark == "" {
		t.Fatalf("got %+v", p)
	}
}

// Two judges of one organisation record on one shipment: what one knew, the other cannot take back by knowing less.
func TestAVerdictKnowsNoLessThanTheOneBefore(t *testing.T) {
	w := newWorld(t)
	w.create(carrierOp, "carrier.S-1")
	a, b := head("a", 3), head("b", 5)
	both := []ledger.LogHead{a, b}
	ledger.SortLogs(both)
	say := func(revision int, result string, logs ...ledger.LogHead) ledger.Verdict {
		v := verdict(revision)
		v.Result, v.Logs = result, logs
		return v
	}
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, say(1, ledger.NonCompliant, both...))
	forged, other := head("a", 3), head("a", 2)
	forged.Root = hexHash("another history")
	withRoot, shorter := slices.Clone(both), slices.Clone(both)
	for i := range both {
		if both[i] == a {
			withRoot[i], shorter[i] = forged, other
		}
	}
	for name, logs := range map[string][]ledger.LogHead{"a log is missing": {b}, "a log is shorter": shorter, "another root": withRoot} {
		if _, err := w.submit(carrierIn, ledger.ComplianceRevise, say(2, ledger.Inconclusive, logs...), nil); err == nil || err.Code != ledger.Conflict {
			t.Errorf("%s: got %v, want %s", name, err, ledger.Conflict)
		}
	}
	// The same again, by the judge that did not hear of it or by the other one: nothing is written, whatever number it has.
	for _, revision := range []int{1, 2} {
		if v := must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, "", say(revision, ledger.NonCompliant, both...)); v.Revision != 1 {
			t.Errorf("the same verdict as revision %d was recorded as %d, want 1 as before", revision, v.Revision)
		}
	}
	// The shipment's own record is the other half of what is judged, so the result may change; what another organisation says
	// binds nobody.
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, say(2, ledger.Inconclusive, both...))
	must[ledger.Verdict](w, shipperIn, ledger.ComplianceRevise, ledger.EventVerdict, say(1, ledger.Compliant, head("no such log", 1<<50)))
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, say(3, ledger.NonCompliant, both...))

	// An excursion is closed, or taken back, by one who knows what its opener knew.
	open := excursion("warm/T-1/1")
	open.Logs = both
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, open)
	end := open
	end.EndMS, end.Logs = open.StartMS, []ledger.LogHead{a}
	w.refused(ledger.Conflict, carrierIn, ledger.ComplianceClose, end)
	end.Logs = both
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceClose, ledger.EventExcursion, end)
}

func TestLateDataIsJudgedAfterTheClose(t *testing.T) {
	w := newWorld(t)
	w.delivered("carrier.S-1", "carrier.T-1")
	must[ledger.Close](w, carrierOp, ledger.ShipmentClose, ledger.EventClosed, ledger.IDArgs{ID: "carrier.S-1"})
	must[ledger.Excursion](w, carrierIn, ledger.ComplianceOpen, ledger.EventExcursion, excursion("late"))
	must[ledger.Verdict](w, carrierIn, ledger.ComplianceRevise, ledger.EventVerdict, verdict(1))
}
