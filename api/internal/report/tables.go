package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/ledger"
)

// tables are the report's parts, in their order on the page.
func tables(r *Report) []table {
	return []table{summary(r), excursions(r), allowed(r), ledgerOnly(r), strays(r), faults(r), rules(r), figures(r), budget(r), legs(r), records(r), opinions(r), verdicts(r), acts(r), trackers(r), logs(r), anchors(r)}
}

func summary(r *Report) table {
	t := table{title: "Summary by logger and quantity", sheet: "Summary by logger",
		note: fmt.Sprintf("Above and below: time beyond a limit of the rules, or outside of the label's range. A value holds until the next reading, at most for %s; what lies beyond is unknown, a gap, and never in range. "+
			"Mean is that of the readings. MKT is the mean kinetic temperature of all known time, each value weighted by how long it holds.", detect.Seconds(r.MaxGapS)),
		none: "No reading was judged.",
		head: []column{{"Logger", 26, prose, false}, {"Quantity", 21, prose, false}, {"Readings", 14, count, false}, {"Min", 11, count, false}, {"Max", 11, count, false}, {"Mean", 11, count, false}, {"MKT", 11, count, false},
			{"In range", 18, length, false}, {"Above", 16.5, length, false}, {"Below", 15, length, false}, {"Unknown", 16.5, length, false}, {"Gaps", 9, count, false}}}
	row := func(tracker string, m Metric, mkt string, gaps any) {
		quantity := inWords(m.Name)
		if m.Unit != "" {
			quantity += ", " + m.Unit
		}
		in, above, below, unknown := span{ms: m.InMS}, span{ms: m.OutMS - m.BelowMS}, span{ms: m.BelowMS}, span{ms: m.UnknownMS}
		if m.Unjudged {
			no := span{none: "–"}
			in, above, below, unknown = span{none: "no rule"}, no, no, no
		}
		t.rows = append(t.rows, []any{tracker, quantity, m.Readings, number(m.Min), number(m.Max), number(m.Mean), number(mkt), in, above, below, unknown, gaps})
	}
	for _, m := range r.Metrics {
		n, gaps := 0, 0
		for _, s := range r.Summary {
			if s.Name == m.Name {
				n, gaps = n+1, gaps+s.Gaps
				row(s.Tracker, s.Metric, s.MKT, s.Gaps)
			}
		}
		if n != 1 {
			row(fmt.Sprintf("all %d together", n), m, "", gaps)
		}
	}
	t.tint = func(i, col int) (rgb, bool) {
		ms, ok := t.rows[i][col].(span)
		return map[int]rgb{8: bad, 9: bad, 10: unsure}[col], ok && ms.ms > 0 && col > 7
	}
	return t
}

// number is a decimal in a column of numbers.
type number string

func rules(r *Report) table {
	t := table{title: "Rules", note: "Rule set " + r.RuleSet + ", SHA-256 " + r.RuleSetHash + ", pinned on the ledger. Evaluated by " + r.Algorithm + ".",
		head: []column{{"Rule", 28, prose, false}, {"What it asks", 112, prose, false}, {"Severity", 20, prose, false}, {"State", 20, prose, false}}}
	for _, x := range r.Rules {
		t.rows = append(t.rows, []any{x.ID, x.Text, x.Severity, inWords(x.State)})
	}
	t.tint = func(i, col int) (rgb, bool) { return colour(r.Rules[i].State), col == 3 }
	return t
}

// breach are the columns that all lists of excursions have.
func breach(e *Excursion, open string) []any {
	end := moment{e.EndMS, open}
	return []any{moment{ms: e.StartMS}, end, span{ms: e.lasted()}, e.What, value{e.Peak, e.Unit}, value{e.Limit, e.Unit}}
}

var breachHead = []column{{"Began", 31, instant, false}, {"Ended", 31, instant, false}, {"Out of range", 18, length, false}, {"What", 29, prose, false}, {"Worst", 16, measure, false}, {"Limit", 14, measure, false}}

func excursions(r *Report) table {
	t := table{title: "Excursions", none: "None.", head: append(breachHead[:6:6], column{"Logger, held by", 25, prose, false}, column{"On the ledger", 16, prose, false}, column{"Id", 0, prose, false}, column{"Rule", 0, prose, false},
		column{"Metric", 0, prose, false}, column{"Tracker", 0, prose, false}, column{"Severity", 0, prose, false}, column{"Held by", 0, prose, false}, column{"Note", 0, prose, false}, column{"Transaction", 0, prose, false},
		column{"Verified by all peers", 0, yesNo, false})}
	for i := range r.Excursions {
		e := &r.Excursions[i]
		on := "no"
		switch {
		case e.Verified:
			on = "verified by all peers"
		case e.Tx != "":
			on = "yes"
		}
		row := breach(e, "goes on")
		row[3] = e.What + "\n" + joined(e.Severity, "rule "+e.Rule)
		t.rows = append(t.rows, append(row, joined(e.Tracker, e.Custodian), on, e.ID, e.Rule, e.Metric, e.Tracker, e.Severity, e.Custodian, e.Note, e.Tx, e.Verified))
	}
	if r.More > 0 {
		t.note = fmt.Sprintf("%s more are counted and not listed.", strconv.Itoa(r.More))
	}
	t.tint = func(_, col int) (rgb, bool) { return bad, col == 4 }
	return t
}

func joined(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, ", ")
}

func allowed(r *Report) table {
	t := table{title: "Stays out of range that the rules allow", sheet: "Allowed stays",
		note: fmt.Sprintf("%s, %s out of range in all. They have no part in the verdict.", detect.Plural(r.AllowedCount, "stay"), detect.Span(r.AllowedMS)),
		head: append(breachHead[:6:6], column{"Logger", 25, prose, false}, column{"Rule", 16, prose, false}, column{"Id", 0, prose, false}, column{"Metric", 0, prose, false})}
	for i := range r.Allowed {
		e := &r.Allowed[i]
		t.rows = append(t.rows, append(breach(e, "goes on"), e.Tracker, e.Rule, e.ID, e.Metric))
	}
	return t
}

func ledgerOnly(r *Report) table {
	t := table{title: "On the ledger, and not in this judgement", sheet: "Ledger only",
		note: "An excursion that its recorder took back has no length: late readings showed another one. One that the peers verified stands on signed readings; a judgement of that time without it is wrong.",
		head: append(breachHead[:6:6], column{"Logger", 25, prose, false}, column{"Verified by all peers", 16, yesNo, false}, column{"Id", 0, prose, false}, column{"Rule", 0, prose, false}, column{"Metric", 0, prose, false},
			column{"Transaction", 0, prose, false})}
	for i := range r.LedgerOnly {
		e := &r.LedgerOnly[i]
		t.rows = append(t.rows, append(breach(e, "not closed"), e.Tracker, e.Verified, e.ID, e.Rule, e.Metric, e.Tx))
	}
	t.tint = func(i, col int) (rgb, bool) { return bad, r.LedgerOnly[i].Verified && (col == 4 || col == 7) }
	return t
}

func strays(r *Report) table {
	t := table{title: "Readings outside of the trackers' windows", sheet: "Stray readings",
		note: "They are in the shipment's logs, and the rules do not see them: their tracker was not assigned at their time. Who takes a tracker off can leave out what it measured then.",
		head: []column{{"Readings", 20, count, false}, {"With them", 160, prose, false}}}
	for _, x := range r.Strays {
		t.rows = append(t.rows, []any{x.Readings, x.text()})
	}
	t.tint = func(i, col int) (rgb, bool) { return bad, r.Strays[i].Broken && col == 1 }
	return t
}

func (x Strays) text() string {
	if x.Broken {
		return "a rule is broken that the judgement takes for kept: " + strings.Join(x.Reasons, "; ")
	}
	return "the verdict is the same"
}

func faults(r *Report) table {
	t := table{title: "Values that are no measurements", sheet: "Faults", note: "What a sensor says in the place of a measurement is unknown time, and breaks no rule.",
		head: []column{{"Logger", 36, prose, false}, {"Quantity", 24, prose, false}, {"Why", 42, prose, false}, {"Readings", 16, count, false}, {"First", 31, instant, false}, {"Last", 31, instant, false}}}
	for _, x := range r.Faults {
		t.rows = append(t.rows, []any{x.Tracker, inWords(x.Metric), x.Text, x.Readings, moment{ms: x.FirstMS}, moment{ms: x.LastMS}})
	}
	return t
}

func figures(r *Report) table {
	t := table{title: "Mean kinetic temperature and other figures", sheet: "Figures",
		head: []column{{"Rule", 40, prose, false}, {"Logger", 45, prose, false}, {"Figure", 55, prose, false}, {"Value", 40, measure, false}}}
	for _, f := range r.Figures {
		t.rows = append(t.rows, []any{f.Rule, f.Tracker, inWords(f.Name), value{f.Value, f.Unit}})
	}
	return t
}

func budget(r *Report) table {
	t := table{title: "Stability budget", sheet: "Budget", note: "Carried in: spent by earlier shipments of the lot. Unknown: time without a reading that is charged as the rule says. Both are part of what is spent.",
		head: []column{{"Rule", 28, prose, false}, {"Band", 28, prose, false}, {"Spent", 22, length, false}, {"Allowed", 22, length, false}, {"Longest stay", 22, length, false}, {"Carried in", 20, length, false},
			{"Unknown", 20, length, false}, {"State", 18, prose, false}}}
	for _, b := range r.Budget {
		t.rows = append(t.rows, []any{b.Rule, b.Band, span{ms: b.SpentMS}, span{ms: b.MaxMS}, span{ms: b.LongestMS}, span{ms: b.CarriedMS}, span{ms: b.ChargedMS}, inWords(b.Level)})
	}
	return t
}

func legs(r *Report) table {
	t := table{title: "Who held the goods when what happened", sheet: "Legs",
		note: "An excursion counts to the leg in which it began. Out of range is the longest that one quantity was on one logger, so what two loggers saw of one hour is one hour. " +
			"Times of custody are those that both sides stated, else those of the ledger's transactions.",
		head: []column{{"Leg", 9, count, false}, {"Custodian", 36, prose, false}, {"From", 32, instant, false}, {"To", 32, instant, false}, {"Excursions", 24, prose, false}, {"Out of range", 22, length, false}, {"At handover", 25, prose, false}}}
	for i, l := range r.Legs {
		verdict, what := "–", strconv.Itoa(l.Excursions)
		if l.Verdict != "" {
			verdict = Word(l.Verdict)
		}
		if l.Trackers > 1 {
			what += fmt.Sprintf(" on %d loggers", l.Trackers)
		}
		t.rows = append(t.rows, []any{i + 1, l.Custodian, moment{ms: l.FromMS}, moment{l.ToMS, "now"}, what, span{ms: l.OutMS}, verdict})
	}
	return t
}

func records(r *Report) table {
	t := table{title: "On the ledger", sheet: "Ledger",
		head: []column{{"Time", 31, instant, false}, {"What", 49, prose, false}, {"By", 22, prose, false}, {"Stated time", 31, instant, false}, {"Transaction", 47, prose, true}}}
	for _, x := range r.Records {
		t.rows = append(t.rows, []any{moment{ms: x.TimeMS}, x.What, x.By, moment{x.StatedMS, "–"}, x.Tx})
	}
	if r.AnchorCount > 0 {
		t.note = fmt.Sprintf("Anchors on the ledger that cover the shipment's logs: %d. They are in the spreadsheet.", r.AnchorCount)
	}
	return t
}

// standings are how a party's opinion compares, in words.
var standings = map[string]string{
	"confirms": "the same result", "earlier": "of earlier readings", "differs": "another result", "other_history": "of another history", "ahead": "of readings that are not here", "none": "no verdict yet",
}

func opinions(r *Report) table {
	t := table{title: "Opinions of the parties", sheet: "Opinions",
		note: fmt.Sprintf("Confirmed by %d of %d parties: each one's node judged its own copy, and its newest verdict is what is found here from the same leaves.", r.Confirmed.By, r.Confirmed.Of),
		head: []column{{"Party", 30, prose, false}, {"Verdict", 27, prose, false}, {"Rev.", 11, count, false}, {"Judged up to", 32, instant, false}, {"Compared here", 38, prose, false}, {"Differs from", 32, instant, false}, {"Why", 0, prose, false}}}
	for _, o := range r.Opinions {
		t.rows = append(t.rows, []any{o.By, Word(o.Result), o.Revision, moment{ms: o.ToMS, none: "–"}, standings[o.Standing], moment{ms: o.DifferMS, none: "–"}, o.Reason})
	}
	return t
}

func verdicts(r *Report) table {
	t := table{title: "Verdicts on the ledger", sheet: "Verdicts", note: "Each party counts its own. A later revision supersedes an earlier one of the same party and never edits it.",
		head: []column{{"No.", 9, count, false}, {"Verdict", 25, prose, false}, {"Judged up to", 32, instant, false}, {"Recorded", 32, instant, false}, {"By", 28, prose, false}, {"Transaction", 54, prose, true},
			{"Reason", 0, prose, false}, {"Logs (id size root)", 0, prose, false}}}
	for _, v := range r.Revisions {
		t.rows = append(t.rows, []any{v.N, Word(v.Result), moment{ms: v.ToMS}, moment{ms: v.RecordedMS}, v.By, v.Tx, v.Reason, judgedFrom(v.Logs)})
	}
	return t
}

// judgedFrom names the logs of a verdict, one a line.
func judgedFrom(logs []ledger.LogHead) string {
	lines := make([]string, len(logs))
	for i, l := range logs {
		lines[i] = fmt.Sprintf("%s %d %s", l.Log, l.Size, l.Root)
	}
	return strings.Join(lines, "\n")
}

func acts(r *Report) table {
	t := table{title: "Signed acts",
		head: []column{{"Act", 27, prose, false}, {"Of", 31, prose, false}, {"Signed by", 36, prose, false}, {"Meaning", 20, prose, false}, {"Time", 32, instant, false}, {"Reason", 34, prose, false},
			{"Name", 0, prose, false}, {"Organisation", 0, prose, false}, {"Transaction", 0, prose, false}}}
	for _, a := range r.Acts {
		t.rows = append(t.rows, []any{inWords(a.Kind), a.Subject, joined(a.Name, a.Org), inWords(a.Meaning), moment{ms: a.TimeMS}, a.Reason, a.Name, a.Org, a.Tx})
	}
	return t
}

func trackers(r *Report) table {
	t := table{title: "Loggers", sheet: "Trackers",
		head: []column{{"Logger", 36, prose, false}, {"Trust", 24, prose, false}, {"Assigned from", 31, instant, false}, {"Assigned to", 31, instant, false}, {"Window", 22, prose, false}, {"Calibration", 36, prose, false},
			{"Model", 0, prose, false}, {"Attested by", 0, prose, false}, {"Certificate", 0, prose, false}, {"Valid to", 0, instant, false}, {"Assigned by", 0, prose, false}, {"Transaction", 0, prose, false}}}
	c := clockOf(r.Zone)
	for _, x := range r.Trackers {
		window, calibration := "as it went", "none on the ledger"
		if x.Recorded {
			window = "stated afterwards"
		}
		if x.Calibration != "" {
			calibration = x.Calibration + ", valid to " + c.in(x.CalibrationValidToMS).Format("2006-01-02")
		}
		t.rows = append(t.rows, []any{x.ID, inWords(x.Trust), moment{ms: x.FromMS}, moment{x.ToMS, "still"}, window, calibration, x.Model, x.Maker, x.Calibration, moment{ms: x.CalibrationValidToMS}, x.By, x.Tx})
	}
	return t
}

func logs(r *Report) table {
	t := table{title: "Logs", note: "Each of the shipment's logs with the newest head of it that the ledger anchors.",
		head: []column{{"Log", 82, prose, true}, {"Size", 16, count, false}, {"Root", 82, prose, true}}}
	for _, l := range r.Logs {
		t.rows = append(t.rows, []any{l.Log, int(l.Size), l.Root})
	}
	return t
}

// anchors are for the spreadsheet: a long trip has thousands.
func anchors(r *Report) table {
	t := table{title: "Anchors", head: []column{{"Transaction", 0, prose, false}, {"Block", 0, count, false}, {"Size", 0, count, false}, {"Root", 0, prose, false}, {"Time", 0, instant, false}}}
	for _, a := range r.Anchors {
		t.rows = append(t.rows, []any{a.Tx, int(a.Block), int(a.Size), a.Root, moment{ms: a.TimeMS}})
	}
	return t
}

// inWords shows a name from a list of ours as people write it.
func inWords(s string) string { return strings.ReplaceAll(s, "_", " ") }
