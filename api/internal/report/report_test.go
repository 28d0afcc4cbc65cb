package report

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/xuri/excelize/v2"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// -report-dir keeps the documents, to be looked at.
var keep = flag.String("report-dir", "", "folder for the documents that the tests make")

const t0 = 1_700_000_000_000

// sample is a trip of 30 hours with an excursion, a gap, two legs and two trackers.
func sample() *Report {
	const minute = 60_000
	var warm, calm Curve
	warm = Curve{Tracker: "TRK-0001", GapMS: 15 * minute}
	calm = Curve{Tracker: "TRK-0002", GapMS: 15 * minute}
	for i := int64(0); i < 360; i++ {
		ms := t0 + i*5*minute
		v := 5 + 1.2*math.Sin(float64(i)/20)
		calm.Points = append(calm.Points, Point{ms, 5 * minute, v - 0.3, v + 0.3, v})
		if i >= 200 && i < 218 {
			continue
		}
		if i >= 120 && i < 150 {
			v += 6 * math.Sin(float64(i-120)/30*math.Pi)
		}
		warm.Points = append(warm.Points, Point{ms, 5 * minute, v - 0.4, v + 0.5, v})
	}
	out := Span{t0 + 125*5*minute, t0 + 146*5*minute}
	gap := Span{t0 + 203*5*minute, t0 + 218*5*minute}
	r := &Report{
		Shipment: "SHP-2031", Description: "Vaccine DTP, 40 boxes", Origin: "Freiburg, Lager 3", Destination: "Ljubljana, Klinični center", Lot: "LOT-77A", State: "closed",
		Parties:   []Party{{"carrier", "carrier"}, {"shipper", "shipper"}, {"consignee", "consignee"}, {"auditor", "auditor"}},
		CreatedMS: t0 - 3600_000, DeliveredMS: t0 + 29*3600_000, ClosedMS: t0 + 30*3600_000, GeneratedMS: t0 + 31*3600_000, By: "carrier",
		Verdict: "non_compliant", Reasons: []string{"warm: temperature 12.3 °C for 1 h 45 min, limit 8 °C for 30 min (tracker TRK-0001)", "temperature unknown for 1 h 15 min"},
		EvaluatedToMS: t0 + 30*3600_000, Algorithm: "trackseal-compliance/2", RuleSet: "refrigerated-2-8@1", RuleSetTitle: "Refrigerated, 2 to 8 °C, freeze-sensitive",
		RuleSetHash: strings.Repeat("ab", 32),
		Rules:       []Rule{{"warm", "temperature > 8 °C for 30 min in one go", "major", "broken"}, {"freeze", "temperature ≤ -0.5 °C for 60 min", "critical", "met"}, {"mkt", "mean kinetic temperature over 24 h ≤ 8 °C", "major", "unknown"}},
		Metrics:     []Metric{{Name: "temperature", Unit: "°C", InMS: 57*3600_000 + 30*minute, OutMS: 105 * minute, UnknownMS: 75 * minute, Min: "3.4", Max: "12.3", Mean: "5.2", Readings: 702}},
		MaxGapS:     900,
		Summary: []Summary{{Tracker: "TRK-0001", Metric: Metric{Name: "temperature", Unit: "°C", InMS: 27*3600_000 + 30*minute, OutMS: 105 * minute, UnknownMS: 75 * minute, Min: "3.4", Max: "12.3", Mean: "5.4", Readings: 342}, MKT: "5.9", Gaps: 1},
			{Tracker: "TRK-0002", Metric: Metric{Name: "temperature", Unit: "°C", InMS: 30 * 3600_000, Min: "3.5", Max: "6.5", Mean: "5.0", Readings: 360}, MKT: "5.1"}},
		Strays:     []Strays{{Readings: 20, Broken: true, Reasons: []string{"warm: too long"}}},
		LedgerOnly: []Excursion{{ID: "verified:hot/TRK-0001/1700037500000", Rule: "hot", Metric: "temperature", Tracker: "TRK-0001", What: "temperature above 25 °C", Unit: "°C", StartMS: out.FromMS, EndMS: out.FromMS, Peak: "31", Limit: "25", Verified: true}},
		Excursions: []Excursion{{ID: "warm/TRK-0001/1700037500000", Rule: "warm", Metric: "temperature", Tracker: "TRK-0001", Severity: "major", What: "temperature above 8 °C in a row", Unit: "°C", StartMS: out.FromMS, EndMS: out.ToMS, OutMS: 105 * minute, Peak: "12.3", Limit: "8", Custodian: "carrier", Tx: strings.Repeat("cd", 32), Verified: true}},
		Figures:    []compliance.Figure{{Rule: "mkt", Tracker: "TRK-0001", Name: "mkt", Value: "6.214", Unit: "°C"}},
		Budget:     []compliance.BudgetUse{{Rule: "budget", Band: "8 to 15 °C", Level: "WATCH", SpentMS: 105 * minute, MaxMS: 180 * minute, LongestMS: 105 * minute}},
		Legs:       []Leg{{"shipper", t0 - 3600_000, t0 + 3600_000, 0, 0, 0, "compliant"}, {"carrier", t0 + 3600_000, t0 + 29*3600_000, 1, 1, 105 * minute, "non_compliant"}, {"consignee", t0 + 29*3600_000, 0, 0, 0, 0, ""}},
		Confirmed:  Confirmed{1, 3},
		Opinions: []Opinion{{By: "carrier", Result: "non_compliant", Revision: 2, ToMS: t0 + 30*3600_000, Standing: "confirms"},
			{By: "consignee", Result: "compliant", Revision: 1, ToMS: t0 + 30*3600_000, Standing: "differs", DifferMS: t0 + 3600_000, Reason: "rule warm finds otherwise"}, {By: "shipper", Standing: "none"}},
		Revisions:   []Revision{{1, "compliant", t0 + 3600_000, t0 + 3700_000, []ledger.LogHead{{Log: strings.Repeat("11", 32), Size: 24, Root: strings.Repeat("01", 32)}}, "carrier", strings.Repeat("ef", 32), ""}, {2, "non_compliant", t0 + 30*3600_000, t0 + 30*3600_000, []ledger.LogHead{{Log: strings.Repeat("11", 32), Size: 720, Root: strings.Repeat("02", 32)}, {Log: strings.Repeat("22", 32), Size: 5, Root: strings.Repeat("03", 32)}}, "carrier", strings.Repeat("aa", 32), ""}},
		Acts:        []Act{{"acknowledgement", "warm/TRK-0001", "Ana Kovač", "consignee", "reviewed", "=HYPERLINK(\"x\")", strings.Repeat("bb", 32), t0 + 30*3600_000}},
		Trackers:    []Tracker{{"TRK-0001", "attested", "TS-1", "Acme Loggers GmbH", t0, t0 + 30*3600_000, true, "DE-K-15070-2031", t0 + 300*86400_000, "carrier", strings.Repeat("7a", 32)}, {"TRK-0002", "unsigned", "", "", t0, t0 + 30*3600_000, false, "", 0, "carrier", strings.Repeat("7b", 32)}},
		Records:     []Record{{t0 - 3600_000, 0, "shipment created", "carrier", strings.Repeat("5a", 32)}, {t0 + 3600_000, t0 + 3000_000, "handover to carrier accepted", "carrier", strings.Repeat("5b", 32)}},
		AnchorCount: 1,
		Logs:        []ledger.LogHead{{Log: strings.Repeat("1f", 32), Size: 720, Root: strings.Repeat("2e", 32)}},
		Anchors:     []stored.Head{{Size: 4096, Root: strings.Repeat("3d", 32), Tx: strings.Repeat("4c", 32), Block: 812, TimeMS: t0 + 30*3600_000}},
		Series: []Series{{Metric: "temperature", Unit: "°C", Limits: []Line{{8, "> 8 for 30 min"}, {2, "< 2 for 20 min"}, {-0.5, "≤ -0.5 for 60 min"}, {45, "≥ 45"}},
			Curves: []Curve{warm, calm}, Unknown: []Span{gap}, Out: []Span{out}}},
		Verification: Verification{PageURL: "https://trackseal.example/#/shipments/SHP-2031", EvidenceURL: "https://trackseal.example/v1/shipments/SHP-2031/evidence?nonce=",
			Commands: []string{"verify SHP-2031.tsb --policy policy.json --report SHP-2031.html"}},
	}
	return r
}

func write(t *testing.T, name string, b []byte) {
	if *keep != "" {
		if err := os.WriteFile(filepath.Join(*keep, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPDFIsWritten(t *testing.T) {
	var b bytes.Buffer
	if err := PDF(&b, sample(), Style{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b.Bytes(), []byte("%PDF-")) || b.Len() > 2<<20 {
		t.Errorf("%d bytes, begins %q", b.Len(), b.Bytes()[:8])
	}
	write(t, "report.pdf", b.Bytes())
}

// TestChartsHaveLines: without markers, a chart whose lines the library leaves out is empty.
func TestChartsHaveLines(t *testing.T) {
	var b bytes.Buffer
	if err := XLSX(&b, sample()); err != nil {
		t.Fatal(err)
	}
	book, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := book.Open("xl/charts/chart1.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chart, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	// 1.25 and 1 point in EMU: two curves, four limits.
	if curves, limits := strings.Count(string(chart), `w="15875"`), strings.Count(string(chart), `w="12700"`); curves != 2 || limits != 4 {
		t.Errorf("%d curves and %d limits have lines, want 2 and 4:\n%s", curves, limits, chart)
	}
}

// Nothing that a partner can write into a shipment may break a document or become a formula.
func TestHostileReports(t *testing.T) {
	hostile := []string{"", "=1+1", "+cmd|' /C calc'!A0", "@SUM(1)", "-2+3", "\t=1", "\r\n=1", "＝1+1", "a\x00b", strings.Repeat("long ", 2000), "العربية 中文 😀 \u202egnp.exe", "\u200f\u061c\u2067fdp.\u2069\u0085\u2028", "<script>", `"quoted","x"`, "%0a=1", "|x"}
	for _, text := range hostile {
		r := sample()
		r.Description, r.Origin, r.Lot, r.By = text, text, text, text
		r.Reasons = []string{text}
		r.Excursions[0].Note, r.Excursions[0].Rule = text, text
		r.Acts[0].Reason, r.Acts[0].Name = text, text
		var pdf, sheet, table bytes.Buffer
		if err := PDF(&pdf, r, Style{}); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
		if err := XLSX(&sheet, r); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
		if err := CSV(&table, r); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
		rows, err := csv.NewReader(&table).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for i, c := range row {
				if strings.ContainsFunc(c, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) }) {
					t.Errorf("cell %q holds a control, or turns the text after it round", c)
				}
				number := i == 3 && len(c) > 1 && strings.Trim(c[1:], "0123456789.") == ""
				if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r|%") && !number {
					t.Errorf("cell %.40q can become a formula", c)
				}
			}
		}
		f, err := excelize.OpenReader(&sheet)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range f.GetSheetList() {
			all, err := f.GetRows(name, excelize.Options{RawCellValue: true})
			if err != nil {
				t.Fatal(err)
			}
			for r := range all {
				for c := range all[r] {
					at, _ := excelize.CoordinatesToCellName(c+1, r+1)
					if formula, _ := f.GetCellFormula(name, at); formula != "" {
						t.Errorf("%s!%s holds the formula %q", name, at, formula)
					}
				}
			}
		}
		_ = f.Close()
	}
}

func TestEmptyReport(t *testing.T) {
	r := &Report{Shipment: "S", Parties: []Party{{"carrier", "carrier"}}}
	for name, render := range map[string]func() error{
		"pdf":  func() error { return PDF(new(bytes.Buffer), r, Style{}) },
		"xlsx": func() error { return XLSX(new(bytes.Buffer), r) },
		"csv":  func() error { return CSV(new(bytes.Buffer), r) },
	} {
		if err := render(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLargeReportStaysSmall(t *testing.T) {
	r := sample()
	for range 5000 {
		r.Excursions = append(r.Excursions, r.Excursions[0])
		r.Anchors = append(r.Anchors, r.Anchors[0])
	}
	var pdf bytes.Buffer
	if err := PDF(&pdf, r, Style{}); err != nil {
		t.Fatal(err)
	}
	if pdf.Len() > 2<<20 {
		t.Errorf("%d bytes", pdf.Len())
	}
}

// cellsOf reads a sheet by the heads of its columns.
func cellsOf(t *testing.T, f *excelize.File, sheet string) []map[string]string {
	t.Helper()
	rows, err := f.GetRows(sheet)
	if err != nil || len(rows) == 0 {
		t.Fatalf("sheet %s: %v, %v", sheet, rows, err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		cells := map[string]string{}
		for i, v := range row {
			cells[rows[0][i]] = v
		}
		out = append(out, cells)
	}
	return out
}

func workbook(t *testing.T, r *Report, name string) *excelize.File {
	t.Helper()
	var b bytes.Buffer
	if err := XLSX(&b, r); err != nil {
		t.Fatal(err)
	}
	write(t, name, b.Bytes())
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestXLSXHoldsTheRows(t *testing.T) {
	f := workbook(t, sample(), "report.xlsx")
	if got, err := f.GetCellValue("Summary", "B2"); err != nil || got != "Not compliant" {
		t.Errorf("Summary!B2 is %q, want Not compliant (%v)", got, err)
	}
	for _, x := range []struct {
		sheet      string
		row        int
		head, want string
	}{
		{"Summary by logger", 0, "Above (min)", "105"}, {"Summary by logger", 1, "Mean", "5"}, {"Summary by logger", 2, "Logger", "all 2 together"}, {"Summary by logger", 0, "MKT", "5.9"},
		{"Excursions", 0, "Worst", "12.3"}, {"Excursions", 0, "Worst, unit", "°C"}, {"Excursions", 0, "Began (UTC)", "2023-11-15 08:38:20"}, {"Excursions", 0, "Out of range (min)", "105"},
		{"Legs", 1, "Custodian", "carrier"}, {"Figures", 0, "Value", "6.214"}, {"Signed acts", 0, "Reason", `=HYPERLINK("x")`}, {"Ledger only", 0, "Worst", "31"}, {"Ledger", 0, "What", "shipment created"},
	} {
		if got := cellsOf(t, f, x.sheet)[x.row][x.head]; got != x.want {
			t.Errorf("%s, row %d, %s is %q, want %q", x.sheet, x.row+2, x.head, got, x.want)
		}
	}
	if pictures, err := f.GetPictures("Summary", "D2"); err != nil || len(pictures) != 1 {
		t.Errorf("QR code: %d pictures, %v", len(pictures), err)
	}
}

func TestCSVIsOneTable(t *testing.T) {
	var b bytes.Buffer
	if err := CSV(&b, sample()); err != nil {
		t.Fatal(err)
	}
	write(t, "report.csv", b.Bytes())
	text := b.String()
	for _, want := range []string{
		"excursion,warm/TRK-0001/1700037500000,out_of_range,6300,s,2023-11-15T08:38:20.000Z,2023-11-15T10:23:20.000Z\r\n", "summary,TRK-0001 temperature,above,6300,s,,\r\n",
		"verdict,SHP-2031,result,non_compliant,,,\r\n", "metric,temperature,out_of_range,6300,s,,\r\n", "figure,mkt TRK-0001,mkt,6.214,°C,,\r\n",
		"tracker,TRK-0001,window,stated afterwards,,,\r\n",
		"ledger_only,verified:hot/TRK-0001/1700037500000,verified,true,,,\r\n",
		"excursion,warm/TRK-0001/1700037500000,peak,12.3,temperature,2023-11-15T08:38:20.000Z,2023-11-15T10:23:20.000Z\r\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
}

func TestFSMANamesWhatIsMissing(t *testing.T) {
	events := []TrackingEvent{{Kind: "shipping", Lot: "=L1", Product: "Lettuce", FromLocation: "Farm", ToLocation: "Market", TimeMS: t0, Shipment: "S1", Document: "Trackseal shipment", DocumentNumber: "S1", Tx: "ab"}}
	var table bytes.Buffer
	if err := FSMACSV(&table, events, nil); err != nil {
		t.Fatal(err)
	}
	want := "shipping,'=L1,Lettuce,,,Farm,Market,2023-11-14,22:13:20+00:00,,Trackseal shipment,S1,2023-11-14T22:13:20.000Z,S1,ab,\"quantity, unit of measure, traceability lot code source\"\r\n"
	if !strings.HasSuffix(table.String(), want) {
		t.Errorf("got %q", table.String())
	}
}

// A spreadsheet sorts and filters dates that are dates, on the day of the reader's zone.
func TestFSMADatesAreDates(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	late := time.Date(2026, 6, 30, 22, 30, 5, 0, time.UTC).UnixMilli() // half past midnight in Berlin
	events := []TrackingEvent{{Kind: "shipping", Quantity: "12.5", TimeMS: late}, {Kind: "receiving"}}
	var sheet, table bytes.Buffer
	if err := FSMAXLSX(&sheet, events, berlin); err != nil {
		t.Fatal(err)
	}
	write(t, "fsma.xlsx", sheet.Bytes())
	f, err := excelize.OpenReader(&sheet)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const name = "Tracking events"
	for cell, want := range map[string]struct{ shown, raw string }{
		"H1": {"Date (Europe/Berlin)", ""}, "H2": {"2026-07-01", "46204"}, "I2": {"00:30:05", "0.0208912037037037"}, "M2": {"2026-06-30 22:30:05", "46203.9375578704"}, "D2": {"12.5", "12.5"}, "H3": {"", ""},
	} {
		shown, err := f.GetCellValue(name, cell)
		if err != nil || shown != want.shown {
			t.Errorf("%s shows %q, want %q (%v)", cell, shown, want.shown, err)
		}
		raw, err := f.GetCellValue(name, cell, excelize.Options{RawCellValue: true})
		if err != nil || want.raw != "" && raw != want.raw {
			t.Errorf("%s holds %q, want the number %q (%v)", cell, raw, want.raw, err)
		}
	}
	if err := FSMACSV(&table, events, berlin); err != nil || !strings.Contains(table.String(), ",2026-07-01,00:30:05+02:00,") || !strings.Contains(table.String(), ",2026-06-30T22:30:05.000Z,") {
		t.Errorf("got %q, %v", table.String(), err)
	}
}
