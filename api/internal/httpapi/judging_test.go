package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	complianceapi "github.com/trackseal/trackseal/api/internal/compliance"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	telemetryapi "github.com/trackseal/trackseal/api/internal/telemetry"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/recording"
)

// warmTrip publishes a rule set as version 1 and sends goods by it that get hotter: 4, 5 … 12 °C by the minute, then 26 °C.
func (w *world) warmTrip(id, rules string) judging.Compliance {
	w.t.Helper()
	if r := w.call("POST", "/v1/rule-sets", ruleSetBody(rules, 1)); r.Code != 201 && r.Code != 200 {
		w.t.Fatalf("rule set %s: got %d %s, want it published", rules, r.Code, r.Body)
	}
	w.ruleSet, w.age = rules+"@1", time.Hour
	w.ship(id)
	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/"+id+"/compliance", "").into(&c)
	return c
}

// record does what ingest does with an excursion and a verdict.
func (w *world) record(id string, c judging.Compliance) {
	w.t.Helper()
	logs := []ledger.LogHead{{Log: strings.Repeat("a", 64), Size: 1, Root: strings.Repeat("b", 64)}}
	for _, e := range c.Excursions {
		_, err := w.ledger.Submit(w.t.Context(), ledger.ComplianceOpen.Name(), ledger.Excursion{ID: e.ID, Shipment: id, Rule: e.Rule, Metric: e.Metric, StartMS: int64(e.Start), Peak: e.Peak, Limit: e.Limit,
			Logs: logs, RuleHash: c.RuleSetHash})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	_, err := w.ledger.Submit(w.t.Context(), ledger.ComplianceRevise.Name(), ledger.Verdict{Shipment: id, Revision: 1, Result: c.Verdict, Reasons: c.Reasons, ToMS: 1, Logs: logs, RuleHash: c.RuleSetHash,
		Detail: []byte(`{"algorithm":"x"}`)})
	if err != nil {
		w.t.Fatal(err)
	}
}

func excursionOf(t *testing.T, c judging.Compliance, rule string) shapes.Excursion {
	t.Helper()
	i := slices.IndexFunc(c.Excursions, func(e shapes.Excursion) bool { return e.Rule == rule })
	if i < 0 {
		t.Fatalf("no excursion of %s: %+v", rule, c)
	}
	return c.Excursions[i]
}

func TestComplianceOfAPublishedRuleSet(t *testing.T) {
	w := newWorld(t)
	c := w.warmTrip("carrier.s1", "carrier.mine")
	want(t, "verdict", c.Verdict, "non_compliant")
	want(t, "rule set", c.RuleSet.Ref, "carrier.mine@1")
	want(t, "built in", c.RuleSet.Builtin, false)
	want(t, "publisher", present(t, "publisher", c.RuleSet.Publisher.V), "carrier")
	want(t, "hash of the rule set", c.RuleSet.Hash, c.RuleSetHash)
	want(t, "algorithm", c.Algorithm, compliance.Algorithm)
	want(t, "number of rules", len(c.Rules), 2)
	want(t, "state of the first rule", c.Rules[0].State, "broken")
	want(t, "first rule", c.Rules[0].Text, "Temperature must stay below 12 °C at any moment")
	want(t, "second rule", c.Rules[1].Text, "Temperature must not be above 8 °C for 2 min in a row")
	hot := excursionOf(t, c, "hot")
	want(t, "peak", hot.Peak, "26")
	want(t, "limit", hot.Limit, "12")
	want(t, "severity", hot.Severity, "critical")
	want(t, "held by", present(t, "held by", hot.HeldBy.V), "carrier")
	want(t, "on the ledger before it is recorded", hot.LedgerTx.V != nil, false)
	want(t, "verified", hot.Verified, false)
	var messages rest.List[telemetryapi.Message]
	w.must(200, "GET", "/v1/shipments/carrier.s1/messages", "").into(&messages)
	if len(hot.Messages) == 0 {
		t.Fatal("no deciding message")
	}
	for _, m := range hot.Messages {
		got := messages.Items[m.Leaf]
		want(t, "log of the deciding message", m.Log, got.Log)
		want(t, "hash of the deciding message", present(t, "hash", m.Hash.V), got.Hash)
	}
	want(t, "leaf of the worst reading", hot.Messages[len(hot.Messages)-1].Leaf, 9)
	want(t, "number of legs", len(c.Legs), 1)
	want(t, "custodian of the leg", c.Legs[0].Custodian, "carrier")
	want(t, "excursions of the leg", len(c.Legs[0].Excursions), 2)
	want(t, "the leg has ended", c.Legs[0].To.V != nil, false)
	want(t, "severity of the leg", c.Legs[0].Severity, "critical")

	w.record("carrier.s1", c)
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	want(t, "recorded excursions", len(c.Recorded), 2)
	want(t, "the first recorded one is found again", c.Recorded[0].Found, true)
	present(t, "transaction of the excursion", excursionOf(t, c, "hot").LedgerTx.V)
	want(t, "number of revisions", len(c.Revisions), 1)
	want(t, "detail of the revision", string(c.Revisions[0].Detail), `{"algorithm":"x"}`)
	// The handover keeps what the ledger held.
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
	other := newWorldOf(t, "consignee", w)
	other.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/accept", "")
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	present(t, "end of the first leg", c.Legs[0].To.V)
	at := present(t, "what the ledger held at the handover", c.Legs[0].AtHandover.V)
	want(t, "result at the handover", at.Result, "non_compliant")
	want(t, "excursions at the handover", at.Total, 2)
	want(t, "open excursions at the handover", at.Open, 2)
	// A shipment that pinned other bytes under the same name is not judged.
	want(t, "compliance of no shipment", w.call("GET", "/v1/shipments/carrier.none/compliance", "").problem().Code, "not_found")
}

func TestAPromiseIsReadFromTheMessages(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/rule-sets", `{"schema":"trackseal-rule-set/1","id":"quiet","version":1,"title":"t","max_gap_s":3600,"rules":[{"id":"promised","severity":"minor","silence":{"max_s":3600,"promise":true}}]}`)
	w.ruleSet = "carrier.quiet@1"
	w.promise = 30 // and a message a minute
	w.ship("carrier.s1")
	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	want(t, "verdict", c.Verdict, "inconclusive")
	want(t, "there is an excursion", len(c.Excursions) > 0, true)
}

func TestRuleSets(t *testing.T) {
	w := newWorld(t)
	var p complianceapi.PublishedRuleSet
	w.must(201, "POST", "/v1/rule-sets", ruleSetBody("mine", 1)).into(&p)
	want(t, "reference", p.Ref, "carrier.mine@1")
	want(t, "publisher", p.Publisher, "carrier")
	present(t, "transaction", p.Tx.V)
	want(t, "digits of the hash", len(p.Hash), 64)
	// Another order of members and other blanks are the same rules.
	w.must(200, "POST", "/v1/rule-sets", " "+strings.ReplaceAll(ruleSetBody("mine", 1), "\n", "")).into(&p)
	want(t, "reference, written otherwise", p.Ref, "carrier.mine@1")
	want(t, "publisher, written otherwise", p.Publisher, "carrier")
	for name, tc := range map[string]struct {
		body         string
		status       int
		code, detail string
	}{
		"other rules, same version": {strings.Replace(ruleSetBody("mine", 1), `"12"`, `"13"`, 1), 409, "conflict", "published with other rules"},
		"a version is missing":      {ruleSetBody("mine", 3), 409, "bad_state", "comes after version 2"},
		"another's id":              {ruleSetBody("shipper.mine", 1), 422, "invalid", "must begin with carrier."},
		"not JSON":                  {`{"id"`, 422, "invalid_request", ""},
		"repeated member":           {`{"id":"a","id":"b"}`, 422, "invalid_request", ""},
		"unknown member":            {`{"rulez":[]}`, 422, "invalid_request", ""},
	} {
		got := w.call("POST", "/v1/rule-sets", tc.body)
		if p := got.problem(); got.Code != tc.status || string(p.Code) != tc.code || !strings.Contains(p.Detail, tc.detail) {
			t.Errorf("%s: got %d %s, want %d %s with %q", name, got.Code, got.Body, tc.status, tc.code, tc.detail)
		}
	}
	other := newWorldOf(t, "shipper", w)
	want(t, "another member publishes version 2", other.must(422, "POST", "/v1/rule-sets", ruleSetBody("carrier.mine", 2)).problem().Code, "invalid")
	// All problems at once, each with its place.
	wrong := strings.NewReplacer(`"mine"`, `"M Y"`, `"12"`, `"x"`, `"major"`, `"huge"`).Replace(ruleSetBody("mine", 1))
	fields := map[string]bool{}
	for _, f := range w.must(422, "POST", "/v1/rule-sets", wrong).problem().Errors {
		fields[f.Field] = true
	}
	for _, field := range []string{"body.id", "body.rules[0].limit.value", "body.rules[1].severity"} {
		if !fields[field] {
			t.Errorf("got problems of %v, want one of %s too", fields, field)
		}
	}

	// Everybody sees it, page by page, after the built-in ones.
	for i := range 5 {
		other.must(201, "POST", "/v1/rule-sets", ruleSetBody(fmt.Sprintf("other-%d", i), 1))
	}
	var refs []string
	for cursor := ""; ; {
		var page rest.List[judging.RuleSetInfo]
		other.must(200, "GET", "/v1/rule-sets?limit=3&cursor="+cursor, "").into(&page)
		if len(page.Items) > 3 {
			t.Fatalf("%d on a page", len(page.Items))
		}
		for _, r := range page.Items {
			if len(r.Rules) == 0 || r.Builtin == (r.Publisher.V != nil) {
				t.Errorf("%s: got built in = %v with %d rules, publisher %v, want rules, and a publisher unless it is built in", r.Ref, r.Builtin, len(r.Rules), r.Publisher.V)
			}
			refs = append(refs, r.Ref)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(refs) != len(compliance.Builtin())+6 || refs[0] != compliance.Builtin()[0].Ref() || !slices.Contains(refs, "carrier.mine@1") || !slices.Contains(refs, "shipper.other-4@1") {
		t.Errorf("got %q, want the %d built-in ones and then mine@1 and other-0@1 to other-4@1", refs, len(compliance.Builtin()))
	}
	var r judging.RuleSetInfo
	other.must(200, "GET", "/v1/rule-sets/carrier.mine@1", "").into(&r)
	want(t, "reference", r.Ref, "carrier.mine@1")
	want(t, "duration of the second rule", r.Rules[1].Limit.DurationS, 120)
	want(t, "publisher", present(t, "publisher", r.Publisher.V), "carrier")
	other.must(200, "GET", "/v1/rule-sets/general-2-8@1", "")
	other.must(404, "GET", "/v1/rule-sets/carrier.mine@7", "")
	schema := other.must(200, "GET", "/v1/rule-sets/schema", "")
	want(t, "type of the schema", schema.Header.Get("Content-Type"), "application/schema+json")
	want(t, "schema", string(schema.Body), string(compliance.JSONSchema))
}

func TestALotGoesOnWithItsBudget(t *testing.T) {
	w := newWorld(t)
	body := `{"id":"carrier.s1",` + parties + `,"rule_set":"general-2-8@1","lot":"L-1"}`
	var s shapes.Shipment
	w.must(201, "POST", "/v1/shipments", body).into(&s)
	want(t, "lot", s.Lot, "L-1")
	want(t, "carried budgets", len(s.Carried), 0)
	want(t, "carried from", len(s.CarriedFrom), 0)
	next := `{"id":"carrier.s2",` + parties + `,"rule_set":"general-2-8@1","lot":"L-1","carried_from":["carrier.s1"]}`
	if p := w.call("POST", "/v1/shipments", next).problem(); p.Status < 400 || p.Status >= 500 { // s1 is not delivered
		t.Fatalf("the lot goes on before s1 is delivered: got %d (%s), want a refusal", p.Status, p.Detail)
	}
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
	other := newWorldOf(t, "consignee", w)
	other.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/accept", "")
	other.must(200, "POST", "/v1/shipments/carrier.s1/deliver", "")
	_, err := w.ledger.Submit(t.Context(), ledger.ComplianceRevise.Name(), ledger.Verdict{Shipment: "carrier.s1", Revision: 1, Result: "inconclusive", ToMS: 1, RuleHash: s.RuleSetHash,
		Detail: []byte(`{"budget":[{"rule":"b","band":"8-15","spent_s":60,"max_s":600}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.must(201, "POST", "/v1/shipments", next).into(&s)
	want(t, "carried budgets", len(s.Carried), 1)
	want(t, "carried seconds", s.Carried[0].SpentS, 60)
	want(t, "carried from", len(s.CarriedFrom), 1)
	want(t, "carried from", s.CarriedFrom[0].Shipment, "carrier.s1")
}

func TestSimulate(t *testing.T) {
	w := newWorld(t)
	c := w.warmTrip("carrier.s1", "carrier.mine")
	before := w.ledger.Count(nil)
	ids := func(c judging.Compliance) (ids []string) {
		for _, e := range c.Excursions {
			ids = append(ids, e.ID)
		}
		return ids
	}
	var got judging.Compliance
	for name, body := range map[string]string{
		"by name": `{"rule_set":"carrier.mine@1","shipment":"carrier.s1"}`,
		"inline":  `{"rule_set":` + ruleSetBody("not-published", 4) + `,"shipment":"carrier.s1"}`,
	} {
		w.must(200, "POST", "/v1/rule-sets/simulate", body).into(&got)
		want(t, name+": verdict", got.Verdict, c.Verdict)
		want(t, name+": excursions", ids(got), ids(c))
		want(t, name+": what is on the ledger", len(got.Revisions)+len(got.Recorded), 0)
	}
	w.must(200, "POST", "/v1/rule-sets/simulate", `{"rule_set":"deep-frozen-70@1","shipment":"carrier.s1"}`).into(&got)
	want(t, "verdict on trackers without a calibration", got.Verdict, "inconclusive")
	want(t, "rule set", got.RuleSet.Ref, "deep-frozen-70@1")

	file := "time,tracker,temperature\n2026-01-31T08:00:00Z,T1,4.5\n2026-01-31T08:01:00Z,T1,26\n2026-01-31T08:02:00Z,T1,4\n"
	text := func(path, body string) response {
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+w.token("carrier-admin"))
		r.Header.Set("Content-Type", "text/csv; charset=utf-8")
		return w.send(r)
	}
	r := text("/v1/rule-sets/simulate?rule_set=general-2-8@1", file)
	want(t, "status for a file", r.Code, 200)
	r.into(&got)
	want(t, "verdict on a file", got.Verdict, "non_compliant")
	want(t, "excursion in a file", excursionOf(t, got, "hot").ID, "hot/T1/1769846460000")
	want(t, "custodian in a file", got.Legs[0].Custodian, "")
	want(t, "messages behind a file", len(excursionOf(t, got, "hot").Messages), 0)
	inJSON := strings.ReplaceAll(file, "\n", `\n`)
	w.must(200, "POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","csv":"`+inJSON+`"}`).into(&got)
	want(t, "verdict on a file in JSON", got.Verdict, "non_compliant")

	// A file as a logger writes it, with what it does not say itself.
	local := "Fridge 4\nZeit;Fühler;Temp (°F);Taupunkt\n31.01.2026 09:00:00;NC;40,1;1,5\n31.01.2026 09:01:00;NC;78,8;1,5\n31.01.2026 09:02:00;NC;2000;1,5\n"
	text("/v1/rule-sets/simulate?rule_set=general-2-8@1&zone=Europe/Berlin&ignore=Temp*&ignore=Taupunkt&map=humidity%3DF%C3%BChler", local).problem() // no value is left
	var sim struct {
		judging.Compliance
		File recording.Report
	}
	withOptions, err := json.Marshal(rest.Object{"rule_set": "general-2-8@1", "csv": local, "options": rest.Object{"zone": "Europe/Berlin", "ignore": []string{"Taupunkt"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]response{
		"in JSON": w.call("POST", "/v1/rule-sets/simulate", string(withOptions)),
		"as CSV":  text("/v1/rule-sets/simulate?rule_set=general-2-8@1&zone=Europe/Berlin&ignore=Taupunkt", local),
	} {
		want(t, name+": status", r.Code, 200)
		r.into(&sim)
		want(t, name+": excursion", excursionOf(t, sim.Compliance, "hot").ID, "hot/csv/1769846460000")
		want(t, name+": how it was read", fmt.Sprint(sim.File), "{UTF-8 semicolon 2 Europe/Berlin [{Zeit time } {Temp (°F) temperature °F}] [Taupunkt] [Fühler] 3 0 [] [{Temp (°F) 2000 5 1}]}")
	}
	// Readings far out of order give what they give in order.
	rows := make([]string, 2000)
	for i := range rows {
		rows[i] = fmt.Sprintf("%d,%d", 1769846460+i*60, 4+i/1500*6)
	}
	var orders [2]string
	for i := range orders {
		r := text("/v1/rule-sets/simulate?rule_set=general-2-8@1", "time,temperature\n"+strings.Join(rows, "\n"))
		r.into(&got)
		want(t, "verdict of a long trip", got.Verdict, "non_compliant")
		orders[i] = string(r.Body)
		slices.Reverse(rows)
	}
	want(t, "the newest first", orders[1], orders[0])
	var manyTrackers strings.Builder
	manyTrackers.WriteString("time,tracker,temperature\n")
	for i := range 101 {
		fmt.Fprintf(&manyTrackers, "%d,T%d,4\n", 1769846460+i, i)
	}

	for name, tc := range map[string]struct {
		r      response
		status int
		field  string
	}{
		"CSV that cannot be read":  {text("/v1/rule-sets/simulate?rule_set=general-2-8@1", "time,temperature\n2026-01-31T08:00:00Z,warm\n"), 422, "csv.line[2].temperature"},
		"a file without a zone":    {text("/v1/rule-sets/simulate?rule_set=general-2-8@1", "time,temperature\n2026-01-31 08:00:00,4\n"), 422, "csv.line[2].time"},
		"unknown zone":             {text("/v1/rule-sets/simulate?rule_set=general-2-8@1&zone=Mars", file), 422, "options"},
		"option without a file":    {w.call("POST", "/v1/rule-sets/simulate?zone=UTC", `{"rule_set":"general-2-8@1","csv":"x"}`), 422, "query"},
		"unknown option":           {w.call("POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","csv":"x","options":{"colour":"red"}}`), 422, "body"},
		"too many trackers":        {text("/v1/rule-sets/simulate?rule_set=general-2-8@1", manyTrackers.String()), 422, "csv"},
		"CSV without its rule set": {text("/v1/rule-sets/simulate", file), 422, "query.rule_set"},
		"unknown rule set":         {w.call("POST", "/v1/rule-sets/simulate", `{"rule_set":"x@1","shipment":"carrier.s1"}`), 422, "body.rule_set"},
		"wrong rules":              {w.call("POST", "/v1/rule-sets/simulate", `{"rule_set":{"schema":"x"},"shipment":"carrier.s1"}`), 422, "body.rule_set.schema"},
		"neither":                  {w.call("POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1"}`), 422, "body"},
		"both":                     {w.call("POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","shipment":"carrier.s1","csv":"x"}`), 422, "body"},
		"unknown member":           {w.call("POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","shipment":"carrier.s1","x":1}`), 422, "body"},
	} {
		p := tc.r.problem()
		if tc.r.Code != tc.status || len(p.Errors) == 0 || p.Errors[0].Field != tc.field {
			t.Errorf("%s: got %d %s, want %d and first the problem of %s", name, tc.r.Code, tc.r.Body, tc.status, tc.field)
		}
	}
	w.must(404, "POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","shipment":"none"}`).problem()
	w.must(415, "POST", "/v1/rule-sets/simulate", "x", "Content-Type", "text/plain").problem()
	// This route takes a trip, others do not.
	var large strings.Builder
	large.WriteString("time,temperature\n")
	for i := range 20_000 {
		fmt.Fprintf(&large, "%d,4.5\n", 1769846460000+int64(i)*1000)
	}
	if r := text("/v1/rule-sets/simulate?rule_set=general-2-8@1", large.String()); r.Code != 200 {
		t.Errorf("a file of %d bytes: got %d %.200s, want 200", large.Len(), r.Code, r.Body)
	}
	if r := text("/v1/rule-sets/simulate?rule_set=general-2-8@1", strings.Repeat("x", 64<<20+1)); r.Code != 413 {
		t.Errorf("a file that is too large: got %d, want 413", r.Code)
	}
	w.must(413, "POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","csv":"`+strings.Repeat("x", 8<<20)+`"}`).problem()
	w.must(413, "POST", "/v1/rule-sets", large.String())
	want(t, "transactions on the ledger", w.ledger.Count(nil), before)
}

func TestSignOff(t *testing.T) {
	w := newWorld(t)
	c := w.warmTrip("carrier.s1", "carrier.mine")
	w.record("carrier.s1", c)
	hot := excursionOf(t, c, "hot")
	path := "/v1/shipments/carrier.s1/excursions/" + url.PathEscape(hot.ID) + "/acknowledgements"
	if !strings.Contains(path, "%2F") {
		t.Fatalf("path %s: want an id in it that needs an escape", path)
	}
	words := `{"meaning":"reviewed","reason":"door open"}`
	w.ledger.FailAfter(ledger.ComplianceAcknowledge, 1)
	w.must(504, "POST", path, words, "Idempotency-Key", "k1")
	var a shapes.Acknowledgement
	w.must(201, "POST", path, words, "Idempotency-Key", "k1").into(&a)
	want(t, "acknowledged", a.Excursion, hot.ID)
	want(t, "number of the signature", a.N, 1)
	want(t, "who signed", a.Signature.Signer, shapes.Signer{Kind: "machine", Name: "carrier-admin", Subject: "carrier-admin", Issuer: "http://issuer.test", Client: "carrier-admin"})
	want(t, "organisation that signed", a.Signature.Org, "carrier")
	want(t, "says what was signed", a.Of != "", true)
	want(t, "has a transaction", a.Signature.Tx != "", true)
	w.must(201, "POST", path, words).into(&a) // without the key it is another signature
	want(t, "number of the second signature", a.N, 2)
	var list rest.List[shapes.Acknowledgement]
	other := newWorldOf(t, "consignee", w)
	other.must(200, "GET", path, "").into(&list)
	want(t, "acknowledgements", len(list.Items), 2)
	want(t, "number of the second one", list.Items[1].N, 2)
	other.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	want(t, "acknowledgements of the excursion", excursionOf(t, c, "hot").Acks, 2)
	// An id with a plus and a slash that stands as it is cannot be taken for another one.
	plus := ledger.Excursion{ID: "odd+id/x", Shipment: "carrier.s1", Rule: "hot", Metric: "temperature", StartMS: 1, Peak: "9", Limit: "8", RuleHash: c.RuleSetHash,
		Logs: []ledger.LogHead{{Log: strings.Repeat("a", 64), Size: 1, Root: strings.Repeat("b", 64)}}}
	if _, err := w.ledger.Submit(t.Context(), ledger.ComplianceOpen.Name(), plus); err != nil {
		t.Fatal(err)
	}
	for _, escaped := range []string{"odd+id%2Fx", "odd%2Bid%2Fx", url.PathEscape(plus.ID)} {
		w.must(201, "POST", "/v1/shipments/carrier.s1/excursions/"+escaped+"/acknowledgements", words).into(&a)
		want(t, "acknowledged at "+escaped, a.Excursion, plus.ID)
	}
	w.must(404, "POST", "/v1/shipments/carrier.s1/excursions/hot/t-s1/1/acknowledgements", words)
	w.must(404, "POST", "/v1/shipments/carrier.s1/excursions/hot%2Fnobody%2F1/acknowledgements", words)
	w.must(422, "POST", "/v1/shipments/carrier.s1/excursions/hot%252F1/acknowledgements", words)
	w.must(422, "POST", path, strings.Replace(words, "reviewed", "liked", 1))
	// Nobody signs for somebody else: the body has no say in who it is.
	for _, member := range []string{`"name":"Dr. Somebody Else"`, `"signer":{"kind":"person","name":"Dr. Somebody Else"}`} {
		p := w.must(422, "POST", path, strings.Replace(words, "{", "{"+member+",", 1)).problem()
		if len(p.Errors) != 1 || !strings.HasPrefix(p.Errors[0].Field, "body.") {
			t.Errorf("a body with %s: errors %+v, want the member to be named", member, p.Errors)
		}
	}

	decide := func(d string, verdict int) string {
		by := ""
		if verdict > 0 {
			by = `"verdict_by":"carrier",`
		}
		return fmt.Sprintf(`{"decision":%q,"meaning":"responsibility","reason":"26 °C",%s"verdict_revision":%d}`, d, by, verdict)
	}
	const dispose = "/v1/shipments/carrier.s1/disposition"
	var d shapes.Disposition
	w.must(201, "POST", dispose, decide("quarantine", 1)).into(&d)
	want(t, "revision", d.Revision, 1)
	want(t, "whose verdict", d.VerdictBy, "carrier")
	want(t, "revision of the verdict", d.VerdictRevision, 1)
	want(t, "result", d.Result, "non_compliant")
	want(t, "rejected by the carrier", w.must(403, "POST", dispose, decide("reject", 1)).problem().Code, "forbidden")
	want(t, "rejected by an old verdict", other.must(409, "POST", dispose, decide("reject", 0)).problem().Code, "conflict")
	other.must(409, "POST", dispose, decide("release", 1)) // not delivered
	other.must(409, "POST", dispose, strings.Replace(decide("reject", 1), "{", `{"revision":1,`, 1))
	w.ledger.FailAfter(ledger.ComplianceDispose, 1)
	other.must(504, "POST", dispose, decide("reject", 1), "Idempotency-Key", "k2")
	other.must(201, "POST", dispose, decide("reject", 1), "Idempotency-Key", "k2").into(&d)
	want(t, "revision of the second decision", d.Revision, 2)
	want(t, "organisation that decided", d.Signature.Org, "consignee")
	var all rest.List[shapes.Disposition]
	w.must(200, "GET", dispose, "").into(&all)
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	want(t, "decisions", len(all.Items), 2)
	want(t, "decision that holds", present(t, "disposition", c.Disposition.V).Decision, "reject")
}

func TestBreach(t *testing.T) {
	w := newWorld(t)
	c := w.warmTrip("carrier.s1", "carrier.mine")
	hot := excursionOf(t, c, "hot")
	other := newWorldOf(t, "consignee", w)
	other.ingest.set(w.ingest.Ingest)
	const path = "/v1/shipments/carrier.s1/breaches"
	claim := func(rule string, leaf uint64, more string) string {
		return fmt.Sprintf(`{"rule":%q,"messages":[{"log":%q,"leaf":%d%s}]}`, rule, hot.Messages[0].Log, leaf, more)
	}
	for name, tc := range map[string]struct {
		body         string
		status       int
		code, detail string
	}{
		"keeps the limit":      {claim("hot", 3, ""), 422, "bad_proof", "keeps the limit"},
		"no such reading":      {claim("hot", 9, `,"time":"2026-01-01T00:00:00Z"`), 409, "conflict", "was not assigned"},
		"not an instant limit": {claim("warm", 9, ""), 422, "invalid_request", ""},
		"no such rule":         {claim("cool", 9, ""), 422, "invalid_request", ""},
		"no such message":      {claim("hot", 99, ""), 404, "not_found", ""},
		"not this shipment's":  {strings.Replace(claim("hot", 9, ""), hot.Messages[0].Log, strings.Repeat("ab", 32), 1), 404, "not_found", ""},
	} {
		r := other.call("POST", path, tc.body)
		if p := r.problem(); r.Code != tc.status || string(p.Code) != tc.code || !strings.Contains(p.Detail, tc.detail) {
			t.Errorf("%s: got %d %s, want %d %s with %q", name, r.Code, r.Body, tc.status, tc.code, tc.detail)
		}
	}
	w.ledger.FailAfter(ledger.ComplianceBreach, 1)
	other.must(504, "POST", path, claim("hot", 9, ""), "Idempotency-Key", "k")
	var e shapes.RecordedExcursion
	other.must(201, "POST", path, claim("hot", 9, ""), "Idempotency-Key", "k").into(&e)
	want(t, "verified", e.Verified, true)
	want(t, "recorded by", e.By, "consignee")
	want(t, "peak", e.Peak, "26")
	want(t, "number of witnesses", len(e.Witnesses), 1)
	want(t, "tracker", e.Tracker, "carrier.t-s1")
	other.must(409, "POST", path, claim("hot", 9, ""))
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	x := excursionOf(t, c, "hot")
	want(t, "the excursion is verified", x.Verified, true)
	want(t, "its transaction", present(t, "transaction", x.LedgerTx.V), e.OpenTx)
	want(t, "recorded excursions", len(c.Recorded), 1)
	want(t, "the recorded one is found again", c.Recorded[0].Found, true)
	// At a handover it is told apart from the excursion that the ingest records.
	w.record("carrier.s1", c)
	var list rest.List[shapes.Handover]
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
	other.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/accept", "")
	w.must(200, "GET", "/v1/shipments/carrier.s1/handovers", "").into(&list)
	at := present(t, "what the ledger held at the answer", list.Items[0].AtAnswer.V)
	want(t, "excursions at the answer", at.Total, 3)
	want(t, "verified excursions at the answer", at.Verified, 1)
}

func TestWithdraw(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	other := newWorldOf(t, "consignee", w)
	const path = "/v1/shipments/carrier.s1/handovers"
	w.must(409, "POST", path+"/current/withdraw", `{"reason":"x"}`)
	w.must(201, "POST", path, `{"to":"consignee"}`)
	other.must(403, "POST", path+"/current/withdraw", `{"reason":"x"}`)
	w.ledger.FailAfter(ledger.ShipmentWithdraw, 1)
	w.must(504, "POST", path+"/current/withdraw", `{"reason":"wrong dock"}`, "Idempotency-Key", "k")
	var s shapes.Shipment
	w.must(200, "POST", path+"/current/withdraw", `{"reason":"wrong dock"}`, "Idempotency-Key", "k").into(&s)
	want(t, "a handover is pending", s.PendingHandover.V != nil, false)
	want(t, "custodian", s.Custodian, "carrier")
	var list rest.List[shapes.Handover]
	other.must(200, "GET", path, "").into(&list)
	want(t, "handovers", len(list.Items), 1)
	want(t, "state of the handover", list.Items[0].State, "withdrawn")
	want(t, "reason", list.Items[0].Reason, "wrong dock")
	present(t, "what the ledger held at the proposal", list.Items[0].AtProposal.V)
}

// A transaction that lost a race too often had no effect, and the answer says so.
func TestLostRaces(t *testing.T) {
	w := newWorld(t)
	w.ledger.Invalidate(ledger.ShipmentCreate, 1)
	want(t, "a race lost too often", w.must(409, "POST", "/v1/shipments", shipmentBody("carrier.s2")).problem().Code, "transaction_invalid")
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s2"))
}

// A ledger whose nodes stopped renewing its beat is no obstacle: who needs it renews it.
func TestAStaleBeatIsRenewed(t *testing.T) {
	w := newWorld(t)
	w.ledger.StopBeat()
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	want(t, "renewals", w.ledger.Count(ledger.BeatRenew), 1)
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s2"))
	want(t, "renewals", w.ledger.Count(ledger.BeatRenew), 1)
}

// What sensors send in the place of a measurement is unknown time with a reason, in a file too.
func TestSimulateFaults(t *testing.T) {
	w := newWorld(t)
	csv := func(values ...string) string {
		file := "time,temperature\n"
		for i, v := range values {
			file += fmt.Sprintf("2026-03-03T%02d:%02d:00Z,%s\n", 10+i/12, i%12*5, v)
		}
		return file
	}
	ds18b20 := csv("4.3", "4.4", "85.0", "85.0", "4.4", "4.5", "-127.0", "-127.0", "4.5", "4.4", "4.4", "4.5")
	for name, tc := range map[string]struct {
		query, file, verdict string
		faults               []string
	}{
		"stated":              {"&sensor=temperature:ds18b20", ds18b20, "inconclusive", []string{"2 sensor error value 85", "2 sensor error value -127"}},
		"stated by its value": {"&sensor=temperature:error=85,error=-127", ds18b20, "inconclusive", []string{"2 sensor error value 85", "2 sensor error value -127"}},
		"not stated":          {"", ds18b20, "non_compliant", []string{"2 sensor error value -127"}},
		"no probe":            {"", csv("4.3", "4.4", "327.67", "4.4", "4.5", "-163.84", "4.5", "4.4", "4.4", "4.5"), "inconclusive", []string{"1 sensor error value 327.67", "1 sensor error value -163.84"}},
		"below zero":          {"", csv("4.3", "4.4", "-327.67", "4.4", "4.5"), "inconclusive", []string{"1 sensor error value -327.67"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/rule-sets/simulate?rule_set=general-2-8@1"+tc.query, strings.NewReader(tc.file))
		r.Header.Set("Authorization", "Bearer "+w.token("carrier-admin"))
		r.Header.Set("Content-Type", "text/csv")
		var got judging.Compliance
		answer := w.send(r)
		want(t, name+": status", answer.Code, 200)
		answer.into(&got)
		var faults []string
		for _, f := range got.Faults {
			faults = append(faults, fmt.Sprint(f.Readings, " ", f.Text))
		}
		want(t, name+": verdict", got.Verdict, tc.verdict)
		want(t, name+": faults", faults, tc.faults)
	}
	bad := w.call("POST", "/v1/rule-sets/simulate", `{"rule_set":"general-2-8@1","csv":"time,temperature\n2026-03-03T10:00:00Z,4\n","sensors":[{"quantity":"taste"}]}`)
	want(t, "an unknown quantity", bad.Code, 422)
}
