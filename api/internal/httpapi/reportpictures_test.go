package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// -reports keeps the documents, to be looked at page by page.
var (
	keepReports = flag.String("reports", "", "folder for the reports that the tests make")
	reportFont  = flag.String("report-font", "", "TrueType file for what the built-in fonts lack")
)

// trip is a shipment with readings.
type trip struct {
	id, ruleSet, words string
	loggers            []string // ids without the organisation; none = no tracker
	from               time.Time
	every              time.Duration
	n                  int
	values             func(logger, i int) map[string]float64 // nil = no message
	recorded           bool
}

// travel makes the shipment, and its trackers' messages.
func (w *world) travel(x trip) {
	w.t.Helper()
	body := shipmentBody(x.id)
	if x.words != "" {
		body = strings.Replace(body, `"description":"vaccines"`, x.words, 1)
	}
	if x.ruleSet != "" {
		body = strings.Replace(body, "general-2-8@1", x.ruleSet, 1)
	}
	w.must(201, "POST", "/v1/shipments", body)
	stamp := func(t time.Time) string { return rest.Instant(t.UnixMilli()).String() }
	for _, l := range x.loggers {
		w.must(201, "POST", "/v1/trackers", enrolBody(w.t, w.org, "carrier."+l))
		to := ""
		if x.recorded {
			to = `,"to":"` + stamp(x.from.Add(time.Duration(x.n)*x.every)) + `"`
		}
		w.must(201, "POST", "/v1/shipments/"+x.id+"/assignments", `{"tracker":"carrier.`+l+`","from":"`+stamp(x.from)+`"`+to+`}`)
	}
	raw, err := w.ledger.Evaluate(w.t.Context(), ledger.ShipmentGet.Name(), ledger.IDArgs{ID: x.id})
	if err != nil {
		w.t.Fatal(err)
	}
	var r ledger.Shipment
	if err := json.Unmarshal(raw, &r); err != nil {
		w.t.Fatal(err)
	}
	w.ingest.set(&fakestore.Ingest{Name: "carrier.ingest-1", Store: w.store, Ledger: w.ledger, Shipment: r, NowMS: func() int64 { return time.Now().UnixMilli() }})
	for n, l := range x.loggers {
		w.report("carrier."+l, x, n)
	}
	if err := w.ingest.Ingest.Anchor(w.t.Context(), false); err != nil {
		w.t.Fatal(err)
	}
}

// report sends a tracker's readings, fifty a message.
func (w *world) report(id string, x trip, n int) {
	w.t.Helper()
	var prev telemetry.Hash
	var batch []telemetry.Reading
	seq := uint64(0)
	send := func() {
		if len(batch) == 0 {
			return
		}
		raw, err := telemetry.Encode(trackerKey(id), telemetry.Claims{Tracker: id, Boot: 1, Seq: seq, Prev: prev, TimeMS: batch[len(batch)-1].TimeMS}, batch)
		if err != nil {
			w.t.Fatal(err)
		}
		m, err := telemetry.Decode(raw)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := w.ingest.Ingest.Signed(raw); err != nil {
			w.t.Fatal(err)
		}
		prev, batch, seq = m.COSEHash, nil, seq+1
	}
	for i := range x.n {
		if values := x.values(n, i); values != nil {
			batch = append(batch, telemetry.Reading{TimeMS: x.from.Add(time.Duration(i) * x.every).UnixMilli(), Values: values})
		}
		if len(batch) == 50 {
			send()
		}
	}
	send()
}

func wave(i, length int) float64 { return math.Sin(2 * math.Pi * float64(i) / float64(length)) }

func tenth(v float64) float64 { return math.Round(v*10) / 10 }

func (w *world) keepReport(id, name, query string) {
	w.t.Helper()
	for _, format := range []string{"pdf", "xlsx", "csv"} {
		began := time.Now()
		body := w.must(200, "GET", "/v1/shipments/"+id+"/report?format="+format+query, "").Body
		w.t.Logf("%s as %s: %s, %d bytes", id, format, time.Since(began).Round(time.Millisecond), len(body))
		if *keepReports != "" {
			if err := os.WriteFile(filepath.Join(*keepReports, name+"."+format), []byte(body), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// What people look at: a short trip, a long one, many loggers, names in other scripts, none at all, a recorded one, two legs. Each is made as a
// whole in every format; with -reports they are kept.
func TestReportsOfManyKinds(t *testing.T) {
	start := time.Now().UTC().Truncate(time.Hour)
	w := newWorld(t)
	w.travel(trip{id: "carrier.short", loggers: []string{"SHORT-1"}, from: start.Add(-6 * time.Hour), every: 5 * time.Minute, n: 60, values: func(_, i int) map[string]float64 {
		return map[string]float64{"temperature": tenth(5 + wave(i, 40)), "humidity": 55}
	}})
	w.keepReport("carrier.short", "short", "")

	w = newWorld(t)
	w.travel(trip{id: "carrier.long", loggers: []string{"LONG-1", "LONG-2"}, ruleSet: "refrigerated-2-8-de@1", from: start.Add(-40 * 24 * time.Hour), every: 11 * time.Minute, n: 5000,
		words: `"description":"Insulin, 2,400 pens","origin":"Kalundborg, Hallas Allé 1","destination":"Athens, Acharnon 15","lot":"NN-77A","quantity":"2400","unit":"pens","reference_type":"air waybill","reference_number":"172-12345675","lot_source":"Kalundborg, plant 4"`,
		values: func(l, i int) map[string]float64 {
			v := 5 + wave(i, 131)*1.5 + float64(l)*0.3
			if i > 2000 && i < 2030 || i > 3000 && i < 3012 {
				v += 5
			}
			if i > 4200 && i < 4260 {
				return nil
			}
			if l == 1 {
				return map[string]float64{"temperature": tenth(v)}
			}
			x := map[string]float64{"temperature": tenth(v), "humidity": math.Round(60 + 10*wave(i, 500)), "lat": 55.68 - float64(i)/5000*17.7, "lon": 11.1 + float64(i)/5000*12.6 + wave(i, 900)}
			if i%700 == 350 {
				x["shock"], x["shock_ms"] = 120+float64(i)/50, 8
			}
			return x
		}})
	w.keepReport("carrier.long", "long", "&tz=Europe/Athens")

	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("PALLET-LOGGER-%02d", i+1))
	}
	w = newWorld(t)
	w.travel(trip{id: "carrier.many", loggers: many, from: start.Add(-30 * time.Hour), every: 10 * time.Minute, n: 170, values: func(l, i int) map[string]float64 {
		v := 4 + float64(l)*0.25 + wave(i+l*9, 60)
		if l == 7 && i > 90 && i < 120 {
			v = 9.5
		}
		return map[string]float64{"temperature": tenth(v)}
	}})
	w.keepReport("carrier.many", "many", "")

	w = newWorld(t)
	if *reportFont != "" {
		ttf, err := os.ReadFile(*reportFont)
		if err != nil {
			t.Fatal(err)
		}
		if w.style.Fonts, err = report.NewFonts(ttf); err != nil {
			t.Fatal(err)
		}
		w.reopen()
	}
	w.travel(trip{id: "carrier.names", loggers: []string{"N-1"}, from: start.Add(-3 * time.Hour), every: 5 * time.Minute, n: 30, values: func(_, i int) map[string]float64 {
		return map[string]float64{"temperature": tenth(6 + 3*wave(i, 30))}
	}, words: `"description":"疫苗 2 托盘 ワクチン 백신 لقاح вакцина εμβόλιο 📦 Nguyễn Văn Ờ","origin":"Αθήνα, Οδός Αχαρνών 15","destination":"上海市浦东新区张江高科技园区蔡伦路一千号第三号楼冷藏仓库","lot":"Лот №7"`})
	w.keepReport("carrier.names", "names", "&tz=Asia/Shanghai")

	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.none"))
	w.keepReport("carrier.none", "none", "")

	w = newWorld(t)
	w.travel(trip{id: "carrier.recorded", loggers: []string{"REC-1"}, recorded: true, from: time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC), every: 15 * time.Minute, n: 80, values: func(_, i int) map[string]float64 {
		v := 5.0
		if i > 10 && i < 20 || i > 50 && i < 53 {
			v = 8.6
		}
		return map[string]float64{"temperature": tenth(v + wave(i, 20)/2)}
	}})
	w.keepReport("carrier.recorded", "recorded", "&tz=Europe/Vienna")

	w = newWorld(t)
	w.travel(trip{id: "carrier.legs", loggers: []string{"A", "B"}, from: start.Add(-10 * time.Hour), every: 5 * time.Minute, n: 118, values: func(l, i int) map[string]float64 {
		v := 5.5
		if i > 100 {
			v = 9.1
		}
		return map[string]float64{"temperature": tenth(v + float64(l)/10)}
	}})
	consignee := newWorldOf(t, "consignee", w)
	w.must(201, "POST", "/v1/shipments/carrier.legs/handovers", `{"to":"consignee"}`)
	consignee.must(200, "POST", "/v1/shipments/carrier.legs/handovers/current/accept", "")
	consignee.must(200, "POST", "/v1/shipments/carrier.legs/deliver", "")
	w.keepReport("carrier.legs", "legs", "&tz=America/New_York")

	// Everything at once: a logo, fences, shocks, allowed stays, faults, long texts, signatures.
	w = newWorld(t)
	logo := image.NewNRGBA(image.Rect(0, 0, 300, 90))
	draw.Draw(logo, logo.Bounds(), image.NewUniform(color.NRGBA{0, 92, 140, 255}), image.Point{}, draw.Src)
	draw.Draw(logo, image.Rect(20, 20, 70, 70), image.NewUniform(color.White), image.Point{}, draw.Src)
	var picture bytes.Buffer
	if err := png.Encode(&picture, logo); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.style.Logo, err = report.ReadLogo(picture.Bytes()); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	w.publish(`{"schema":"trackseal-rule-set/1","id":"carrier.rich","version":1,"title":"Fragile biologics between Basel and Zürich, as agreed in the quality agreement of 2026-03-01, revision 4, annex B","max_gap_s":900,"rules":[
		{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"8","mode":"cumulative","duration_s":5400}},
		{"id":"warm-now","severity":"critical","limit":{"metric":"temperature","op":">","value":"8.4","mode":"consecutive","duration_s":3600,"list_allowed":true}},
		{"id":"hit","severity":"minor","limit":{"metric":"shock","op":">=","value":"200","mode":"instant"}},
		{"id":"quiet","severity":"minor","silence":{"max_s":1200}},
		{"id":"route","severity":"minor","geofence":{"forbid":"enter","fences":[{"id":"harbour","circle":{"lat":"47.5","lon":"8.1","radius_m":6000}},{"id":"border-zone","polygon":[["47.40","8.30"],["47.46","8.30"],["47.46","8.42"],["47.40","8.42"]]}]}},
		{"id":"mkt","severity":"major","mkt":{"metric":"temperature","max":"8","window_s":86400,"min_coverage":"0.5","activation_k":"10000"}}]}`)
	w.travel(trip{id: "carrier.rich-0123456789-0123456789-0123456789-0123456789-0123", ruleSet: "carrier.rich@1", loggers: []string{"RICH-1"}, from: start.Add(-9 * time.Hour), every: 5 * time.Minute, n: 100,
		words: `"description":"Monoclonal antibody concentrate in glass vials, upright, 12 boxes of 48 with gel packs conditioned at 5 °C, not to be frozen, not to be shaken, open with the quality agreement at hand","origin":"Biologics Manufacturing Basel AG, Klybeckstrasse 141, 4057 Basel, Switzerland, +41 61 555 01 00","destination":"Universitätsspital Zürich, Apotheke, Rämistrasse 100, 8091 Zürich, Switzerland","lot":"MAB-2026-11-0042"`,
		values: func(_, i int) map[string]float64 {
			v := 5 + wave(i, 25)/2
			if i >= 20 && i < 30 || i >= 60 && i < 70 {
				v = 8.6
			}
			if i > 80 && i < 86 {
				return nil
			}
			x := map[string]float64{"temperature": tenth(v), "lat": 47.56 - float64(i)*0.0019, "lon": 7.6 + float64(i)*0.0095}
			if i%30 == 7 {
				x["shock"], x["shock_ms"] = 150+float64(i), 6
			}
			return x
		}})
	const rich = "carrier.rich-0123456789-0123456789-0123456789-0123456789-0123"
	w.must(201, "POST", "/v1/shipments/"+rich+"/handovers", `{"to":"consignee"}`)
	consignee = newWorldOf(t, "consignee", w)
	consignee.must(200, "POST", "/v1/shipments/"+rich+"/handovers/current/accept", "")
	consignee.must(200, "POST", "/v1/shipments/"+rich+"/deliver", "")
	var c judging.Compliance
	w.must(200, "GET", "/v1/shipments/"+rich+"/compliance", "").into(&c)
	w.record(rich, c)
	consignee.must(201, "POST", "/v1/shipments/"+rich+"/disposition", `{"decision":"quarantine","verdict_by":"carrier","verdict_revision":1,"meaning":"responsibility","reason":"breakage and warm time, to be assessed by the product owner before any use"}`)
	w.keepReport(rich, "rich", "&tz=Europe/Zurich")
}
