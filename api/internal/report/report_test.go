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
		Metrics:     []Metric{{"temperature", "°C", 57*3600_000 + 30*minute, 105 * minute, 75 * minute, "3.4", "12.3", "5.2", 702, false}},
		Strays:      []Strays{{Readings: 20, Broken: true, Reasons: []string{"warm: too long"}}},
		LedgerOnly:  []Excursion{{ID: "verified:hot/TRK-0001/1700037500000", Rule: "hot", Metric: "temperature", Tracker: "TRK-0001", StartMS: out.FromMS, EndMS: out.FromMS, Peak: "31", Limit: "25", Verified: true}},
		Excursions:  []Excursion{{ID: "warm/TRK-0001/1700037500000", Rule: "warm", Metric: "temperature", Tracker: "TRK-0001", Severity: "major", StartMS: out.FromMS, EndMS: out.ToMS, Peak: "12.3", Limit: "8", Custodian: "carrier", Tx: strings.Repeat("cd", 32), Verified: true}},
		Figures:     []compliance.Figure{{Rule: "mkt", Tracker: "TRK-0001", Name: "mkt", Value: "6.214", Unit: "°C"}},
		Budget:      []compliance.BudgetUse{{Rule: "budget", Band: "8 to 15 °C", Level: "WATCH", SpentMS: 105 * minute, MaxMS: 180 * minute, LongestMS: 105 * minute}},
		Legs:        []Leg{{"shipper", t0 - 3600_000, t0 + 3600_000, 0, 0, "compliant"}, {"carrier", t0 + 3600_000, t0 + 29*3600_000, 1, 105 * minute, "non_compliant"}, {"consignee", t0 + 29*3600_000, 0, 0, 0, ""}},
		Revisions:   []Revision{{1, "compliant", t0 + 3600_000, t0 + 3700_000, []ledger.LogHead{{Log: strings.Repeat("11", 32), Size: 24, Root: strings.Repeat("01", 32)}}, "carrier", strings.Repeat("ef", 32), ""}, {2, "non_compliant", t0 + 30*3600_000, t0 + 30*3600_000, []ledger.LogHead{{Log: strings.Repeat("11", 32), Size: 720, Root: strings.Repeat("02", 32)}, {Log: strings.Repeat("22", 32), Size: 5, Root: strings.Repeat("03", 32)}}, "carrier", strings.Repeat("aa", 32), ""}},
		Acts:        []Act{{"acknowledgement", "warm/TRK-0001", "Ana Kovač", "consignee", "reviewed", "=HYPERLINK(\"x\")", strings.Repeat("bb", 32), t0 + 30*3600_000}},
		Trackers:    []Tracker{{"TRK-0001", "signed", "TS-1", t0, t0 + 30*3600_000, true, "DE-K-15070-2031", t0 + 300*86400_000}, {"TRK-0002", "unsigned", "", t0, t0 + 30*3600_000, false, "", 0}},
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
	if err := PDF(&b, sample()); err != nil {
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
		if err := PDF(&pdf, r); err != nil {
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
			all, err := f.GetRows(name)
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
		"pdf":  func() error { return PDF(new(bytes.Buffer), r) },
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
	if err := PDF(&pdf, r); err != nil {
		t.Fatal(err)
	}
	if pdf.Len() > 2<<20 {
		t.Errorf("%d bytes", pdf.Len())
	}
}

func TestXLSXHoldsTheRows(t *testing.T) {
	var b bytes.Buffer
	if err := XLSX(&b, sample()); err != nil {
		t.Fatal(err)
	}
	write(t, "report.xlsx", b.Bytes())
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, want := range map[[2]string]string{
		{"Summary", "B2"}: "Not compliant", {"Excursions", "I2"}: "12.3", {"Legs", "A3"}: "carrier", {"Figures", "D2"}: "6.214", {"Metrics", "D2"}: "105",
		{"Signed acts", "G2"}: `=HYPERLINK("x")`, {"Excursions", "F2"}: "2023-11-15 08:38:20",
		{"Ledger only", "G2"}: "31",
	} {
		if got, err := f.GetCellValue(at[0], at[1]); err != nil || got != want {
			t.Errorf("%s!%s is %q, want %q (%v)", at[0], at[1], got, want, err)
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
	events := []TrackingEvent{{Kind: "shipping", Lot: "=L1", Product: "Lettuce", FromLocation: "Farm", ToLocation: "Market", TimeMS: t0, Shipment: "S1", Document: "Trackseal shipment", Tx: "ab"}}
	var table, sheet bytes.Buffer
	if err := FSMACSV(&table, events); err != nil {
		t.Fatal(err)
	}
	want := "shipping,'=L1,Lettuce,,,Farm,Market,2023-11-14,22:13:20.000,,Trackseal shipment,S1,ab,\"quantity, unit of measure, traceability lot code source\"\r\n"
	if !strings.HasSuffix(table.String(), want) {
		t.Errorf("got %q", table.String())
	}
	if err := FSMAXLSX(&sheet, events); err != nil {
		t.Fatal(err)
	}
	write(t, "fsma.xlsx", sheet.Bytes())
}
