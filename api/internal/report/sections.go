package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
)

// tables are the parts that are one table each, in the order of the document.
func (d *document) tables() {
	r := d.report
	part(d, "Time in range, out of range, unknown", "Tracker-time: with two trackers an hour of the trip counts two. Time without a reading for longer than the rule set allows is unknown, never in range.", r.Metrics,
		[]column{{"Metric", 28, "L", false}, {"In range", 24, "R", false}, {"Out of range", 24, "R", false}, {"Unknown", 24, "R", false},
			{"Min", 17, "R", false}, {"Max", 17, "R", false}, {"Mean", 17, "R", false}, {"Unit", 12, "L", false}, {"Readings", 17, "R", false}},
		func(m Metric) []string {
			in, out, unknown := detect.Span(m.InMS), detect.Span(m.OutMS), detect.Span(m.UnknownMS)
			if m.Unjudged {
				in, out, unknown = "no rule", "–", "–"
			}
			return []string{m.Name, in, out, unknown, m.Min, m.Max, m.Mean, m.Unit, strconv.Itoa(m.Readings)}
		}, func(m Metric, col int) (rgb, bool) {
			return map[int]rgb{2: bad, 3: unsure}[col], col == 2 && m.OutMS > 0 || col == 3 && m.UnknownMS > 0
		})
	part(d, "Rules", "Rule set "+r.RuleSet+", SHA-256 "+r.RuleSetHash+", pinned on the ledger. Evaluated by "+r.Algorithm+".", r.Rules,
		[]column{{"Rule", 30, "L", false}, {"What it asks", 110, "L", false}, {"Severity", 20, "L", false}, {"State", 20, "L", false}},
		func(x Rule) []string {
			return []string{x.ID, x.Text, x.Severity, strings.ReplaceAll(x.State, "_", " ")}
		}, func(x Rule, col int) (rgb, bool) { return colour(x.State), col == 3 })
	if len(r.Excursions) == 0 { // said, not left out
		d.title("Excursions")
		d.note("None.")
	}
	part(d, "Excursions", "", r.Excursions,
		[]column{{"Began (UTC)", 31, "L", false}, {"Lasted", 17, "L", false}, {"Rule", 15, "L", false}, {"Metric", 18, "L", false}, {"Peak", 18, "R", false}, {"Limit", 11, "R", false},
			{"Severity", 14, "L", false}, {"Tracker", 25, "L", false}, {"Held by", 17, "L", false}, {"Ledger", 14, "L", false}},
		func(e Excursion) []string {
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
			return []string{at(e.StartMS), length, e.Rule, e.Metric, e.Peak, e.Limit, e.Severity, e.Tracker, e.Custodian, recorded}
		}, func(_ Excursion, col int) (rgb, bool) { return bad, col == 4 })
	part(d, "Stays out of range that the rules allow", fmt.Sprintf("%s, %s out of range in all. They have no part in the verdict.", detect.Plural(r.AllowedCount, "stay"), detect.Span(r.AllowedMS)), r.Allowed,
		[]column{{"Began (UTC)", 31, "L", false}, {"Ended (UTC)", 31, "L", false}, {"Lasted", 22, "L", false}, {"Rule", 21, "L", false}, {"Metric", 22, "L", false}, {"Extreme", 18, "R", false},
			{"Limit", 14, "R", false}, {"Tracker", 21, "L", false}},
		func(e Excursion) []string {
			to, length := "goes on", "goes on"
			if e.EndMS != 0 {
				to, length = at(e.EndMS), detect.Span(e.EndMS-e.StartMS)
			}
			return []string{at(e.StartMS), to, length, e.Rule, e.Metric, e.Peak, e.Limit, e.Tracker}
		}, nil)
	part(d, "On the ledger, and not in this judgement", "An excursion that its recorder took back has no length: late readings showed another one. One that the peers verified stands on signed readings; a judgement of that time without it is wrong.", r.LedgerOnly,
		[]column{{"Began (UTC)", 31, "L", false}, {"Lasted", 17, "L", false}, {"Rule", 25, "L", false}, {"Metric", 22, "L", false}, {"Peak", 18, "R", false}, {"Limit", 14, "R", false},
			{"Tracker", 35, "L", false}, {"Verified", 18, "L", false}},
		func(e Excursion) []string {
			length, verified := "not closed", "no"
			if e.EndMS != 0 {
				length = detect.Span(e.EndMS - e.StartMS)
			}
			if e.Verified {
				verified = "verified"
			}
			return []string{at(e.StartMS), length, e.Rule, e.Metric, e.Peak, e.Limit, e.Tracker, verified}
		}, func(e Excursion, col int) (rgb, bool) { return bad, e.Verified && (col == 4 || col == 7) })
	part(d, "Readings outside of the trackers' windows", "They are in the shipment's logs, and the rules do not see them: their tracker was not assigned at their time. Who takes a tracker off can leave out what it measured then.", r.Strays,
		[]column{{"Readings", 20, "R", false}, {"With them", 160, "L", false}},
		func(x Strays) []string { return []string{strconv.Itoa(x.Readings), x.text()} }, func(x Strays, col int) (rgb, bool) { return bad, x.Broken && col == 1 })
	part(d, "Mean kinetic temperature and other figures", "", r.Figures,
		[]column{{"Rule", 40, "L", false}, {"Tracker", 40, "L", false}, {"Figure", 50, "L", false}, {"Value", 30, "R", false}, {"Unit", 20, "L", false}},
		func(f compliance.Figure) []string {
			return []string{f.Rule, f.Tracker, strings.ReplaceAll(f.Name, "_", " "), f.Value, f.Unit}
		}, nil)
	part(d, "Stability budget", "", r.Budget,
		[]column{{"Rule", 26, "L", false}, {"Band", 26, "L", false}, {"Spent", 24, "R", false}, {"Allowed", 24, "R", false}, {"Longest stay", 24, "R", false}, {"Carried in", 20, "R", false},
			{"Unknown", 18, "R", false}, {"State", 18, "L", false}},
		func(b compliance.BudgetUse) []string {
			return []string{b.Rule, b.Band, detect.Span(b.SpentMS), detect.Span(b.MaxMS), detect.Span(b.LongestMS), detect.Span(b.CarriedMS), detect.Span(b.ChargedMS), b.Level}
		}, nil)
	number := 0
	part(d, "Who held the goods when what happened", "An excursion counts to the leg in which it began. Times of custody are those that both sides stated, else those of the ledger's transactions.", r.Legs,
		[]column{{"Leg", 9, "L", false}, {"Custodian", 40, "L", false}, {"From (UTC)", 32, "L", false}, {"To (UTC)", 32, "L", false}, {"Excursions", 20, "R", false},
			{"Out of range", 22, "R", false}, {"At handover", 25, "L", false}},
		func(l Leg) []string {
			number++
			to, verdict := "now", "–"
			if l.ToMS != 0 {
				to = at(l.ToMS)
			}
			if l.Verdict != "" {
				verdict = Word(l.Verdict)
			}
			return []string{strconv.Itoa(number), l.Custodian, at(l.FromMS), to, strconv.Itoa(l.Excursions), detect.Span(l.OutMS), verdict}
		}, nil)
	part(d, "Signed acts", "", r.Acts,
		[]column{{"Act", 25, "L", false}, {"Of", 28, "L", false}, {"Signed by", 35, "L", false}, {"Meaning", 20, "L", false}, {"Time (UTC)", 31, "L", false}, {"Reason", 41, "L", false}},
		func(a Act) []string {
			return []string{a.Kind, a.Subject, a.Name + ", " + a.Org, a.Meaning, at(a.TimeMS), a.Reason}
		}, nil)
	part(d, "Trackers", "", r.Trackers,
		[]column{{"Tracker", 32, "L", false}, {"Trust", 18, "L", false}, {"From (UTC)", 32, "L", false}, {"To (UTC)", 58, "L", false}, {"Calibration", 40, "L", false}},
		func(t Tracker) []string {
			to, calibration := "still", "none on the ledger"
			if t.ToMS != 0 {
				to = at(t.ToMS)
			}
			if t.Recorded {
				to += ", stated afterwards"
			}
			if t.Calibration != "" {
				calibration = t.Calibration + ", valid to " + when(t.CalibrationValidToMS)
			}
			return []string{t.ID, t.Trust, at(t.FromMS), to, calibration}
		}, nil)
	part(d, "Verdicts on the ledger", "Each party counts its own. A later revision supersedes an earlier one of the same party and never edits it.", r.Revisions,
		[]column{{"No.", 9, "L", false}, {"Verdict", 26, "L", false}, {"Judged up to (UTC)", 33, "L", false}, {"Recorded (UTC)", 33, "L", false}, {"By", 20, "L", false}, {"Transaction", 59, "L", true}},
		func(v Revision) []string {
			return []string{strconv.Itoa(v.N), Word(v.Result), at(v.ToMS), at(v.RecordedMS), v.By, short(v.Tx, 32)}
		}, nil)
	var covered [][]string
	for _, l := range r.Logs {
		covered = append(covered, []string{"log", strconv.FormatUint(l.Size, 10), short(l.Log, 40), short(l.Root, 40)})
	}
	for _, a := range r.Anchors {
		covered = append(covered, []string{"anchor", strconv.FormatUint(a.Size, 10), fmt.Sprintf("%s block %d", short(a.Tx, 28), a.Block), short(a.Root, 40)})
	}
	part(d, "Logs and anchors", "", covered,
		[]column{{"", 14, "L", false}, {"Size", 14, "R", false}, {"Log id or transaction", 76, "L", true}, {"Root", 76, "L", true}},
		func(row []string) []string { return row }, nil)
}

func (x Strays) text() string {
	if x.Broken {
		return "a rule is broken that the judgement takes for kept: " + strings.Join(x.Reasons, "; ")
	}
	return "the verdict is the same"
}

// part is a titled table, a row for each item, and a note below it. Without items there is none. tint colours cells, nil none.
func part[T any](d *document, title, note string, items []T, columns []column, row func(T) []string, tint func(x T, col int) (rgb, bool)) {
	if len(items) == 0 {
		return
	}
	rows := make([][]string, len(items))
	for i, x := range items {
		rows[i] = row(x)
	}
	d.title(title)
	d.table(columns, rows, func(row, col int) rgb {
		if tint != nil {
			if shade, ok := tint(items[row], col); ok {
				return shade
			}
		}
		return ink
	})
	if note != "" {
		d.note(note)
	}
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
