package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
)

func (d *document) metrics() {
	if len(d.report.Metrics) == 0 {
		return
	}
	d.title("Time in range, out of range, unknown")
	var rows [][]string
	for _, m := range d.report.Metrics {
		in, out, unknown := detect.Span(m.InMS), detect.Span(m.OutMS), detect.Span(m.UnknownMS)
		if m.Unjudged {
			in, out, unknown = "no rule", "–", "–"
		}
		rows = append(rows, []string{m.Name, in, out, unknown, m.Min, m.Max, m.Mean, m.Unit, strconv.Itoa(m.Readings)})
	}
	d.table([]column{{"Metric", 28, "L", false}, {"In range", 24, "R", false}, {"Out of range", 24, "R", false}, {"Unknown", 24, "R", false}, {"Min", 17, "R", false}, {"Max", 17, "R", false},
		{"Mean", 17, "R", false}, {"Unit", 12, "L", false}, {"Readings", 17, "R", false}}, rows, func(row, col int) (rgb, bool) {
		m := d.report.Metrics[row]
		return map[int]rgb{2: bad, 3: unsure}[col], col == 2 && m.OutMS > 0 || col == 3 && m.UnknownMS > 0
	})
	d.note("Tracker-time: with two trackers an hour of the trip counts two. Time without a reading for longer than the rule set allows is unknown, never in range.")
}

func (d *document) rules() {
	if len(d.report.Rules) == 0 {
		return
	}
	d.title("Rules")
	var rows [][]string
	for _, x := range d.report.Rules {
		rows = append(rows, []string{x.ID, x.Text, x.Severity, strings.ReplaceAll(x.State, "_", " ")})
	}
	d.table([]column{{"Rule", 30, "L", false}, {"What it asks", 110, "L", false}, {"Severity", 20, "L", false}, {"State", 20, "L", false}}, rows, func(row, col int) (rgb, bool) {
		return colour(d.report.Rules[row].State), col == 3
	})
	d.note("Rule set " + d.report.RuleSet + ", SHA-256 " + d.report.RuleSetHash + ", pinned on the ledger. Evaluated by " + d.report.Algorithm + ".")
}

func (d *document) excursions() {
	d.title("Excursions")
	if len(d.report.Excursions) == 0 {
		d.note("None.")
		return
	}
	var rows [][]string
	for _, e := range d.report.Excursions {
		length := "goes on"
		if e.EndMS != 0 {
			length = detect.Span(e.EndMS - e.StartMS)
		}
		recorded := "no"
		switch {
		case e.Verified:
			recorded = "verified"
		case e.Tx != "":
			recorded = "yes"
		}
		rows = append(rows, []string{at(e.StartMS), length, e.Rule, e.Metric, e.Peak, e.Limit, e.Severity, e.Tracker, e.Custodian, recorded})
	}
	d.table([]column{{"Began (UTC)", 31, "L", false}, {"Lasted", 17, "L", false}, {"Rule", 15, "L", false}, {"Metric", 18, "L", false}, {"Peak", 18, "R", false}, {"Limit", 11, "R", false}, {"Severity", 14, "L", false},
		{"Tracker", 25, "L", false}, {"Held by", 17, "L", false}, {"Ledger", 14, "L", false}}, rows, func(_, col int) (rgb, bool) { return bad, col == 4 })
}

func (d *document) figures() {
	r := d.report
	if len(r.Figures) > 0 {
		d.title("Mean kinetic temperature and other figures")
		var rows [][]string
		for _, f := range r.Figures {
			rows = append(rows, []string{f.Rule, f.Tracker, strings.ReplaceAll(f.Name, "_", " "), f.Value, f.Unit})
		}
		d.table([]column{{"Rule", 40, "L", false}, {"Tracker", 40, "L", false}, {"Figure", 50, "L", false}, {"Value", 30, "R", false}, {"Unit", 20, "L", false}}, rows, nil)
	}
	if len(r.Budget) > 0 {
		d.title("Stability budget")
		var rows [][]string
		for _, b := range r.Budget {
			rows = append(rows, []string{b.Rule, b.Band, detect.Span(b.SpentMS), detect.Span(b.MaxMS), detect.Span(b.LongestMS), detect.Span(b.CarriedMS), detect.Span(b.ChargedUnknowns), b.State})
		}
		d.table([]column{{"Rule", 26, "L", false}, {"Band", 26, "L", false}, {"Spent", 24, "R", false}, {"Allowed", 24, "R", false}, {"Longest stay", 24, "R", false}, {"Carried in", 20, "R", false}, {"Unknown", 18, "R", false},
			{"State", 18, "L", false}}, rows, nil)
	}
}

func (d *document) legs() {
	if len(d.report.Legs) == 0 {
		return
	}
	d.title("Who held the goods when what happened")
	var rows [][]string
	for i, l := range d.report.Legs {
		to := at(l.ToMS)
		if l.ToMS == 0 {
			to = "now"
		}
		verdict := "–"
		if l.Verdict != "" {
			verdict = Word(l.Verdict)
		}
		rows = append(rows, []string{strconv.Itoa(i + 1), l.Custodian, at(l.FromMS), to, strconv.Itoa(l.Excursions), detect.Span(l.OutMS), verdict})
	}
	d.table([]column{{"Leg", 9, "L", false}, {"Custodian", 40, "L", false}, {"From (UTC)", 32, "L", false}, {"To (UTC)", 32, "L", false}, {"Excursions", 20, "R", false}, {"Out of range", 22, "R", false}, {"At handover", 25, "L", false}}, rows, nil)
	d.note("An excursion counts to the leg in which it began. Times of custody are those of the ledger's transactions.")
}

func (d *document) acts() {
	if len(d.report.Acts) == 0 {
		return
	}
	d.title("Signed acts")
	var rows [][]string
	for _, a := range d.report.Acts {
		rows = append(rows, []string{a.Kind, a.Subject, a.Name + ", " + a.Org, a.Meaning, at(a.TimeMS), a.Reason})
	}
	d.table([]column{{"Act", 25, "L", false}, {"Of", 28, "L", false}, {"Signed by", 35, "L", false}, {"Meaning", 20, "L", false}, {"Time (UTC)", 31, "L", false}, {"Reason", 41, "L", false}}, rows, nil)
}

func (d *document) trackers() {
	if len(d.report.Trackers) == 0 {
		return
	}
	d.title("Trackers")
	var rows [][]string
	for _, t := range d.report.Trackers {
		calibration := "none on the ledger"
		if t.Calibration != "" {
			calibration = t.Calibration + ", valid to " + when(t.CalibrationValidToMS)
		}
		to := at(t.ToMS)
		if t.ToMS == 0 {
			to = "still"
		}
		rows = append(rows, []string{t.ID, t.Trust, at(t.FromMS), to, calibration})
	}
	d.table([]column{{"Tracker", 32, "L", false}, {"Trust", 18, "L", false}, {"From (UTC)", 32, "L", false}, {"To (UTC)", 32, "L", false}, {"Calibration", 66, "L", false}}, rows, nil)
}

func (d *document) revisions() {
	if len(d.report.Revisions) == 0 {
		return
	}
	d.title("Verdicts on the ledger")
	var rows [][]string
	for _, v := range d.report.Revisions {
		rows = append(rows, []string{strconv.Itoa(v.N), Word(v.Result), at(v.ToMS), at(v.RecordedMS), v.By, short(v.Tx, 32)})
	}
	d.table([]column{{"No.", 9, "L", false}, {"Verdict", 26, "L", false}, {"Judged up to (UTC)", 33, "L", false}, {"Recorded (UTC)", 33, "L", false}, {"By", 20, "L", false}, {"Transaction", 59, "L", true}}, rows, nil)
	d.note("A later revision supersedes an earlier one and never edits it.")
}

func (d *document) anchors() {
	r := d.report
	if len(r.Logs)+len(r.Anchors) == 0 {
		return
	}
	d.title("Logs and anchors")
	var rows [][]string
	for _, l := range r.Logs {
		rows = append(rows, []string{"log", strconv.FormatUint(l.Size, 10), short(l.ID, 40), short(l.Root, 40)})
	}
	for _, a := range r.Anchors {
		rows = append(rows, []string{"anchor", strconv.FormatUint(a.Size, 10), fmt.Sprintf("%s block %d", short(a.Tx, 28), a.Block), short(a.Root, 40)})
	}
	d.table([]column{{"", 14, "L", false}, {"Size", 14, "R", false}, {"Log id or transaction", 76, "L", true}, {"Root", 76, "L", true}}, rows, nil)
}

func (d *document) verification() {
	v := d.report.Verification
	d.need(52)
	d.title("Check this yourself")
	y := d.GetY()
	text := left
	if v.PageURL != "" {
		d.square(v.PageURL, left-3, y-2, 34)
		text = left + 34
	}
	d.SetLeftMargin(text)
	d.SetXY(text, y)
	d.SetFont("go", "", 8.5)
	d.ink(ink)
	d.MultiCell(right-text, 4.3, "This report is made by "+plain(d.report.By)+"'s server and proves nothing by itself. The evidence bundle does: it holds every signed message, the logs and the ledger's signed blocks, "+
		"and the program verify recomputes from it what is said here, offline, with a policy file of your own.", "", "L", false)
	d.Ln(1)
	d.SetFont("mono", "", 7.5)
	for _, c := range v.Commands {
		d.SetX(text)
		d.MultiCell(right-text, 4.2, plain(c), "", "L", false)
	}
	d.SetFont("go", "", 8)
	d.ink(soft)
	for _, line := range []string{v.PageURL, v.EvidenceURL} {
		if line != "" {
			d.SetX(text)
			d.MultiCell(right-text, 4.2, plain(line), "", "L", false)
		}
	}
	if v.Genesis != "" {
		d.MultiCell(right-text, 4.2, "Channel's first block: "+v.Genesis, "", "L", false)
	}
	d.SetLeftMargin(left)
	if d.GetY() < y+34 {
		d.SetY(y + 34)
	}
}
