package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/internal/stored"
)

func TestReports(t *testing.T) {
	w := newWorld(t)
	c := w.warmTrip("carrier.s1", "carrier.mine")
	// What the ledger holds and the readings do not show stands in the report, too.
	cut := excursionOf(t, c, "hot")
	cut.ID = "hot/cut-out/1"
	c.Excursions = append(c.Excursions, cut)
	w.record("carrier.s1", c)
	for format, want := range map[string]struct{ kind, begin string }{
		"":     {"application/pdf", "%PDF-1."},
		"pdf":  {"application/pdf", "%PDF-1."},
		"xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK\x03\x04"},
		"csv":  {"text/csv; charset=utf-8", "section,item,field,value,unit,from,to\r\n"},
	} {
		query := ""
		if format != "" {
			query = "?format=" + format
		}
		r := w.must(200, "GET", "/v1/shipments/carrier.s1/report"+query, "")
		if r.Header.Get("Content-Type") != want.kind || !strings.HasPrefix(string(r.Body), want.begin) || !strings.HasPrefix(r.Header.Get("Content-Disposition"), `attachment; filename="carrier.s1.`) {
			t.Errorf("%s: %v %.60q", format, r.Header, r.Body)
		}
		if format != "csv" {
			continue
		}
		for _, line := range []string{"verdict,carrier.s1,result,non_compliant,", "metric,temperature,max,26,°C,", "excursion," + excursionOf(t, c, "hot").ID + ",custodian,carrier,", "revision,1 carrier,result,non_compliant,",
			"ledger_only,hot/cut-out/1,rule,hot,",
			"https://carrier.test/v1/shipments/carrier.s1/evidence"} {
			if !strings.Contains(string(r.Body), line) {
				t.Errorf("the CSV lacks %q:\n%s", line, r.Body)
			}
		}
	}
	w.must(422, "GET", "/v1/shipments/carrier.s1/report?format=doc", "")
	w.must(404, "GET", "/v1/shipments/carrier.none/report", "")
	// A shipment without anything has a report, too.
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s2"))
	for _, format := range []string{"pdf", "xlsx", "csv"} {
		w.must(200, "GET", "/v1/shipments/carrier.s2/report?format="+format, "")
	}
}

// A report tells of readings that the trackers' windows leave out, and what they would change.
func TestReportsTellOfStrayReadings(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/rule-sets", strings.Replace(ruleSetBody("carrier.mild", 1), `"value":"12"`, `"value":"30"`, 1))
	w.ruleSet, w.age = "carrier.mild@1", time.Hour
	w.ship("carrier.s1")
	lines := func() string {
		return string(w.must(200, "GET", "/v1/shipments/carrier.s1/report?format=csv", "").Body)
	}
	if got := lines(); strings.Contains(got, "strays,") {
		t.Errorf("strays where there are none:\n%s", got)
	}
	w.must(200, "DELETE", "/v1/shipments/carrier.s1/assignments/"+trackerOf("carrier.s1"), "")
	at := time.Now().Add(time.Minute).UnixMilli()
	w.store.Points = append(w.store.Points, fakestore.Point{At: time.UnixMilli(at), Reading: stored.Reading{Log: w.store.Points[0].Log, Tracker: trackerOf("carrier.s1"), Leaf: 10, TimeMS: at, Values: map[string]float64{"temperature": 31}}})
	if got := lines(); !strings.Contains(got, "strays,carrier.s1,readings,1,") || !strings.Contains(got, "strays,carrier.s1,with_them,") {
		t.Errorf("the CSV lacks the stray reading:\n%s", got)
	}
	for _, format := range []string{"pdf", "xlsx"} {
		w.must(200, "GET", "/v1/shipments/carrier.s1/report?format="+format, "")
	}
}

func TestFSMAListsCustody(t *testing.T) {
	w := newWorld(t)
	other := newWorldOf(t, "consignee", w)
	for i, id := range []string{"carrier.s1", "carrier.s2", "carrier.s3"} {
		w.must(201, "POST", "/v1/shipments", fmt.Sprintf(`{"id":%q,%s,"rule_set":"general-2-8@1","lot":"L-%d","description":"lettuce","origin":"Farm","destination":"Market"}`, id, parties, i))
		w.must(201, "POST", "/v1/shipments/"+id+"/handovers", `{"to":"consignee"}`)
		if id != "carrier.s3" { // never accepted: nothing was shipped
			other.must(200, "POST", "/v1/shipments/"+id+"/handovers/current/accept", "")
		}
	}
	// Somebody else's is in nobody else's list.
	shipper := newWorldOf(t, "shipper", w)
	shipper.must(201, "POST", "/v1/shipments", `{"id":"foreign","parties":{"carrier":["shipper"],"consignee":["consignee"]},"rule_set":"general-2-8@1"}`)
	shipper.must(201, "POST", "/v1/shipments/shipper.foreign/handovers", `{"to":"consignee"}`)
	other.must(200, "POST", "/v1/shipments/shipper.foreign/handovers/current/accept", "")

	lines := func(w *world, query string) []string {
		t.Helper()
		return strings.Split(strings.TrimSuffix(string(w.must(200, "GET", "/v1/reports/fsma204?format=csv"+query, "").Body), "\r\n"), "\r\n")[1:]
	}
	// The carrier has the goods from the beginning here: it is no source, and when they were shipped nobody said.
	if got := lines(w, ""); len(got) != 4 || !strings.HasPrefix(got[0], "shipping,L-0,lettuce,,,\"shipper, Farm\",\"consignee, Market\",,,") || !strings.HasPrefix(got[1], "receiving,L-0,lettuce,,,\"shipper, Farm\",") {
		t.Errorf("%q", got)
	}
	if got := lines(other, ""); len(got) != 6 {
		t.Errorf("%q", got)
	}
	if got := lines(w, "&lot=L-1"); len(got) != 2 || !strings.Contains(got[0], ",carrier.s2,") {
		t.Errorf("%q", got)
	}
	if got := lines(w, "&from=2100-01-01T00:00:00Z"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	w.must(422, "GET", "/v1/reports/fsma204?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "")
	if r := w.must(200, "GET", "/v1/reports/fsma204", ""); !strings.HasPrefix(string(r.Body), "PK") || !strings.Contains(r.Header.Get("Content-Disposition"), "fsma204-carrier-") {
		t.Errorf("got %v and %d bytes, want a ZIP file called fsma204-carrier-…", r.Header, len(r.Body))
	}
}
