package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/trackseal/trackseal/api/internal/judging"
)

// facts is a report as CSV: section, item and field to the values.
func (w *world) facts(id, query string) map[string][]string {
	w.t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(w.must(200, "GET", "/v1/shipments/"+id+"/report?format=csv"+query, "").Body)).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string][]string{}
	for _, r := range rows[1:] {
		key := r[0] + "|" + r[1] + "|" + r[2]
		out[key] = append(out[key], r[3])
	}
	return out
}

func (w *world) sheet(path, name string) (rows [][]string) {
	w.t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(w.must(200, "GET", path, "").Body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if rows, err = f.GetRows(name); err != nil || len(rows) == 0 {
		w.t.Fatalf("sheet %s of %s: %v, %v", name, path, rows, err)
	}
	return rows
}

// column gives a sheet's values under a head.
func column(t *testing.T, rows [][]string, head string) (out []string) {
	t.Helper()
	for i, h := range rows[0] {
		if h != head {
			continue
		}
		for _, r := range rows[1:] {
			v := ""
			if i < len(r) {
				v = r[i]
			}
			out = append(out, v)
		}
		return out
	}
	t.Fatalf("no column %q among %q", head, rows[0])
	return nil
}

func (w *world) publish(body string) {
	w.t.Helper()
	w.must(201, "POST", "/v1/rule-sets", body)
}

// A cumulative breach lasted as long as its stays, not from the first one's start to the last one's end.
func TestReportOfACumulativeBreach(t *testing.T) {
	w := newWorld(t)
	w.publish(`{"schema":"trackseal-rule-set/1","id":"carrier.sum","version":1,"title":"Sum","max_gap_s":900,"rules":[{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">=","value":"10","mode":"cumulative","duration_s":3600}}]}`)
	start := time.Now().UTC().Truncate(time.Hour).Add(-8 * time.Hour)
	w.travel(trip{id: "carrier.s1", ruleSet: "carrier.sum@1", loggers: []string{"L"}, from: start, every: 5 * time.Minute, n: 84, values: func(_, i int) map[string]float64 {
		if i >= 12 && i < 21 || i >= 57 && i < 66 { // 45 minutes, three hours, 45 minutes
			return map[string]float64{"temperature": 12}
		}
		return map[string]float64{"temperature": 5}
	}})
	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	e := excursionOf(t, c, "warm")
	want(t, "time out of range in the API", e.OutS, 5400.0)
	want(t, "its span", int64(*e.End.V)-int64(e.Start), int64(4*3600_000+30*60_000))
	got := w.facts("carrier.s1", "")
	want(t, "time out of range in CSV", strings.Join(got["excursion|"+e.ID+"|out_of_range"], ","), "5400")
	want(t, "what it is", strings.Join(got["excursion|"+e.ID+"|what"], ","), "temperature at or above 10 °C in all")
	want(t, "minutes in XLSX", column(t, w.sheet("/v1/shipments/carrier.s1/report?format=xlsx", "Excursions"), "Out of range (min)")[0], "90")
}

// Stays that the rules allow are listed, with begin, end and extreme.
func TestReportListsAllowedStays(t *testing.T) {
	w := newWorld(t)
	w.travel(trip{id: "carrier.s1", loggers: []string{"L"}, from: time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour), every: 5 * time.Minute, n: 48, values: func(_, i int) map[string]float64 {
		if i%15 == 5 || i%15 == 6 {
			return map[string]float64{"temperature": 9.3}
		}
		return map[string]float64{"temperature": 5}
	}})
	rows := w.sheet("/v1/shipments/carrier.s1/report?format=xlsx", "Allowed stays")
	want(t, "minutes", strings.Join(column(t, rows, "Out of range (min)"), " "), "10 10 10")
	want(t, "extremes", strings.Join(column(t, rows, "Worst"), " "), "9.3 9.3 9.3")
	got := w.facts("carrier.s1", "")
	want(t, "verdict", got["verdict|carrier.s1|result"][0], "compliant")
	want(t, "stays", got["allowed|carrier.s1|stays"][0], "3")
	want(t, "time of all", got["allowed|carrier.s1|out_of_range"][0], "1800")
}

// Two loggers in one box do not make two hours of one, neither in the API nor in the report.
func TestReportDoesNotDoubleALeg(t *testing.T) {
	w := newWorld(t)
	w.travel(trip{id: "carrier.s1", loggers: []string{"A", "B"}, from: time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour), every: 5 * time.Minute, n: 48, values: func(l, i int) map[string]float64 {
		if i >= 10 && i < 22+l {
			return map[string]float64{"temperature": 9}
		}
		return map[string]float64{"temperature": 5}
	}})
	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/carrier.s1/compliance", "").into(&c)
	want(t, "leg in the API", c.Legs[0].OutS, 65*60.0)
	want(t, "leg in CSV", w.facts("carrier.s1", "")["leg|1 carrier|out_of_range"][0], "3900")
	rows := w.sheet("/v1/shipments/carrier.s1/report?format=xlsx", "Legs")
	want(t, "leg in XLSX", column(t, rows, "Out of range (min)")[0], "65")
	want(t, "excursions", column(t, rows, "Excursions")[0], "2 on 2 loggers")
}

// A trip whose logger was read out later is judged up to its end, and the report says when the ledger heard of it.
func TestReportOfARecordedTrip(t *testing.T) {
	w := newWorld(t)
	end := time.Now().UTC().Truncate(time.Hour).Add(-72 * time.Hour)
	w.travel(trip{id: "carrier.s1", recorded: true, loggers: []string{"L"}, from: end.Add(-20 * time.Hour), every: 10 * time.Minute, n: 120, values: func(_, i int) map[string]float64 {
		return map[string]float64{"temperature": 5}
	}})
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
	consignee := newWorldOf(t, "consignee", w)
	consignee.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/accept", "")
	consignee.must(200, "POST", "/v1/shipments/carrier.s1/deliver", "")
	got := w.facts("carrier.s1", "")
	want(t, "verdict", got["verdict|carrier.s1|result"][0], "compliant")
	want(t, "judged up to", got["verdict|carrier.s1|evaluated_to"][0], end.Format("2006-01-02T15:04:05.000Z"))
	want(t, "window", got["tracker|carrier.L|window"][0], "stated afterwards")
	want(t, "unknown", got["summary|carrier.L temperature|unknown"][0], "0")
}

// The reader's zone is the one that was asked for.
func TestReportInTheReadersZone(t *testing.T) {
	w := newWorld(t)
	w.travel(trip{id: "carrier.s1", recorded: true, loggers: []string{"L"}, from: time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC), every: 10 * time.Minute, n: 60, values: func(_, i int) map[string]float64 {
		return map[string]float64{"temperature": 5 + 10*float64(i/15%2)} // from 00:30 to 03:00 UTC
	}})
	rows := w.sheet("/v1/shipments/carrier.s1/report?format=xlsx&tz=Europe/Vienna", "Excursions")
	for head, v := range map[string]string{"Began (UTC)": "2026-10-25 00:30:00", "Began (Europe/Vienna)": "2026-10-25 02:30:00", "Began, UTC offset": "+02:00", "Ended (UTC)": "2026-10-25 03:00:00",
		"Ended (Europe/Vienna)": "2026-10-25 04:00:00", "Ended, UTC offset": "+01:00"} {
		want(t, head, column(t, rows, head)[0], v)
	}
	want(t, "in CSV", w.facts("carrier.s1", "&tz=Europe/Vienna")["verdict|carrier.s1|evaluated_to"][0], "2026-10-25T09:00:00.000+01:00")
	for _, tz := range []string{"Mars/Olympus", "Local", "../etc"} {
		w.must(422, "GET", "/v1/shipments/carrier.s1/report?tz="+tz, "")
		w.must(422, "GET", "/v1/reports/fsma204?tz="+tz, "")
	}
}

// The list names shipper and consignee, never who only carried the goods, and holds every key data element that was given.
func TestFSMAKeyDataElements(t *testing.T) {
	shipper := newWorldOf(t, "shipper", newWorld(t))
	carrier, consignee := newWorldOf(t, "carrier", shipper), newWorldOf(t, "consignee", shipper)
	const path = "/v1/shipments/shipper.s1"
	shipper.must(201, "POST", "/v1/shipments", `{"id":"s1",`+parties+`,"rule_set":"general-2-8@1","description":"Romaine, hearts, 24 x 3","origin":"12 Abbott St, Salinas, CA 93901, +1 831 555 0100","destination":"1 Lake St, Chicago, IL 60601, +1 312 555 0100",`+
		`"lot":"TLC-1","lot_source":"FFRN 12345678901","quantity":"40.5","unit":"cases","reference_type":"bill of lading","reference_number":"BOL-77"}`)
	shipper.must(422, "POST", "/v1/shipments", `{"id":"s2",`+parties+`,"rule_set":"general-2-8@1","quantity":"forty"}`)
	list := func(w *world, query string) [][]string {
		t.Helper()
		rows, err := csv.NewReader(bytes.NewReader(w.must(200, "GET", "/v1/reports/fsma204?format=csv&lot=TLC-1"+query, "").Body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	move := func(from, to *world, name string) {
		t.Helper()
		from.must(201, "POST", path+"/handovers", `{"to":"`+name+`"}`)
		to.must(200, "POST", path+"/handovers/current/accept", "")
	}
	move(shipper, carrier, "carrier")
	const source, recipient = "shipper, 12 Abbott St, Salinas, CA 93901, +1 831 555 0100", "consignee, 1 Lake St, Chicago, IL 60601, +1 312 555 0100"
	// On its way: it was shipped to the consignee, and nobody has received it.
	if rows := list(shipper, ""); len(rows) != 2 || rows[1][0] != "shipping" || rows[1][5] != source || rows[1][6] != recipient {
		t.Errorf("on its way: %q", rows)
	}
	move(carrier, consignee, "consignee")
	consignee.must(200, "POST", path+"/deliver", "")
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]*world{"shipper": shipper, "consignee": consignee} {
		rows := list(w, "&tz=Pacific/Auckland")
		if len(rows) != 3 {
			t.Fatalf("%s: %d rows, want a head, a shipping and a receiving: %q", name, len(rows), rows)
		}
		want(t, "head of the date", rows[0][7], "Date (Pacific/Auckland)")
		for i, kind := range []string{"shipping", "receiving"} {
			r := rows[i+1]
			want(t, name+": "+kind, strings.Join(append(r[:7:7], r[9], r[10], r[11], r[13], r[15]), "|"),
				strings.Join([]string{kind, "TLC-1", "Romaine, hearts, 24 x 3", "40.5", "cases", source, recipient, "FFRN 12345678901", "bill of lading", "BOL-77", "shipper.s1", ""}, "|"))
			at, err := time.Parse("2006-01-02T15:04:05.000Z", r[12])
			if err != nil {
				t.Fatal(err)
			}
			want(t, "local date", r[7], at.In(auckland).Format("2006-01-02"))
		}
	}
}

// What a report sums up is what the API says, whatever happened on the trip.
func TestReportAgreesWithTheAPI(t *testing.T) {
	for seed := range uint64(12) {
		w := newWorld(t)
		w.publish(`{"schema":"trackseal-rule-set/1","id":"carrier.both","version":1,"title":"Both","max_gap_s":900,"rules":[
		{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"cumulative","duration_s":3600,"list_allowed":true}},
		{"id":"cold","severity":"critical","limit":{"metric":"temperature","op":"<","value":"2","mode":"consecutive","duration_s":1200,"hysteresis":"0.5","list_allowed":true}},
		{"id":"wet","severity":"minor","optional":true,"limit":{"metric":"humidity","op":">=","value":"80","mode":"instant"}}]}`)
		rnd := rand.New(rand.NewPCG(seed, 7))
		id := fmt.Sprintf("carrier.s%d", seed)
		var loggers []string
		for l := range 1 + rnd.IntN(3) {
			loggers = append(loggers, fmt.Sprintf("T%d-%d", seed, l))
		}
		n := 30 + rnd.IntN(80)
		w.travel(trip{id: id, ruleSet: "carrier.both@1", loggers: loggers, from: time.Now().UTC().Add(-12 * time.Hour), every: 5 * time.Minute, n: n, values: func(l, i int) map[string]float64 {
			if rnd.IntN(20) == 0 || i > 40 && i < 40+rnd.IntN(8) {
				return nil
			}
			x := map[string]float64{"temperature": tenth(5 + 5*wave(i+3*l, 40) + rnd.Float64())}
			if l == 1 {
				x["humidity"] = float64(60 + rnd.IntN(30))
			}
			return x
		}})
		var c judging.Compliance
		w.must(200, "GET", "/v1/shipments/"+id+"/compliance", "").into(&c)
		got := w.facts(id, "")
		sum := func(metric, field string) (s float64) {
			for _, tracker := range loggers {
				for _, v := range got["summary|carrier."+tracker+" "+metric+"|"+field] {
					x, err := strconv.ParseFloat(v, 64)
					if err != nil {
						t.Fatal(err)
					}
					s += x
				}
			}
			return s
		}
		for metric, m := range c.Metrics {
			for field, v := range map[string]float64{"in_range": m.InS, "out_of_range": m.OutS, "unknown": m.UnknownS, "below": m.BelowS, "above": m.OutS - m.BelowS} {
				if s := sum(metric, field); math.Abs(s-v) > 1e-6 {
					t.Errorf("seed %d: %s of %s: the loggers' sum is %v s, the API says %v", seed, field, metric, s, v)
				}
				if total := got["metric|"+metric+"|"+field]; len(total) != 1 || total[0] != strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) {
					t.Errorf("seed %d: %s of %s is %q, the API says %v", seed, field, metric, total, v)
				}
			}
		}
		for _, x := range c.Trackers {
			if x.Readings > 0 {
				want(t, "readings of "+x.ID, got["summary|"+x.ID+" temperature|readings"][0], strconv.Itoa(x.Readings))
			}
		}
		for _, e := range c.Excursions {
			section := "excursion"
			if e.Allowed {
				section = "allowed"
			}
			lasted := e.OutS
			if lasted == 0 && e.End.V != nil {
				lasted = float64(int64(*e.End.V)-int64(e.Start)) / 1000
			}
			if v := got[section+"|"+e.ID+"|out_of_range"]; len(v) != 1 || v[0] != strconv.FormatFloat(lasted, 'f', -1, 64) {
				t.Errorf("seed %d: %s lasted %q in the report, %v s in the API", seed, e.ID, v, lasted)
			}
		}
		for i, l := range c.Legs {
			want(t, "leg", got[fmt.Sprintf("leg|%d %s|out_of_range", i+1, l.Custodian)][0], strconv.FormatFloat(l.OutS, 'f', -1, 64))
		}
	}
}
