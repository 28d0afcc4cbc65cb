package report

import (
	"encoding/csv"
	"io"
	"strconv"
)

// Header of the CSV: one fact a row, so that every part fits one table that can be sorted and filtered.
var csvHeader = []string{"section", "item", "field", "value", "unit", "from", "to"}

// CSV writes the report as RFC 4180 with a header. Times are RFC 3339, in UTC or with the offset of the reader's zone, durations in seconds.
func CSV(w io.Writer, r *Report) error { return writeCSV(w, csvHeader, facts(r)) }

func writeCSV(w io.Writer, head []string, rows [][]string) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(head); err != nil {
		return err
	}
	return out.WriteAll(rows)
}

// facts are the rows. A number is a decimal that we made, so a minus in front is a sign and begins no formula.
func facts(r *Report) [][]string {
	var f [][]string
	stamp := stamp
	if c := clockOf(r.Zone); !c.utc() {
		stamp = c.stamp
	}
	number := func(section, item, field, value, unit string, from, to int64) {
		if value != "" {
			f = append(f, []string{section, cell(item), field, value, unit, stamp(from), stamp(to)})
		}
	}
	text := func(section, item, field, value string) { number(section, item, field, cell(value), "", 0, 0) }
	moment := func(section, item, field string, ms int64) { text(section, item, field, stamp(ms)) }
	seconds := func(section, item, field string, ms, from, to int64) {
		number(section, item, field, strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64), "s", from, to)
	}
	text("shipment", r.Shipment, "description", r.Description)
	text("shipment", r.Shipment, "origin", r.Origin)
	text("shipment", r.Shipment, "destination", r.Destination)
	text("shipment", r.Shipment, "lot", r.Lot)
	text("shipment", r.Shipment, "lot_source", r.LotSource)
	number("shipment", r.Shipment, "quantity", r.Quantity, cell(r.Unit), 0, 0)
	text("shipment", r.Shipment, "reference", r.Reference)
	text("shipment", r.Shipment, "state", r.State)
	for _, p := range r.Parties {
		text("shipment", r.Shipment, p.Role, p.Org)
	}
	moment("shipment", r.Shipment, "created", r.CreatedMS)
	moment("shipment", r.Shipment, "delivered", r.DeliveredMS)
	moment("shipment", r.Shipment, "delivered_stated", r.StatedMS)
	moment("shipment", r.Shipment, "closed", r.ClosedMS)
	moment("report", r.Shipment, "generated", r.GeneratedMS)
	text("report", r.Shipment, "generated_by", r.By)
	text("verdict", r.Shipment, "result", r.Verdict)
	moment("verdict", r.Shipment, "evaluated_to", r.EvaluatedToMS)
	text("verdict", r.Shipment, "algorithm", r.Algorithm)
	text("verdict", r.Shipment, "rule_set", r.RuleSet)
	text("verdict", r.Shipment, "rule_set_hash", r.RuleSetHash)
	for _, reason := range r.Reasons {
		text("verdict", r.Shipment, "reason", reason)
	}
	for _, x := range r.Rules {
		text("rule", x.ID, "text", x.Text)
		text("rule", x.ID, "state", x.State)
	}
	metric := func(section, item string, m Metric) {
		if !m.Unjudged {
			seconds(section, item, "in_range", m.InMS, 0, 0)
			seconds(section, item, "out_of_range", m.OutMS, 0, 0)
			seconds(section, item, "above", m.OutMS-m.BelowMS, 0, 0)
			seconds(section, item, "below", m.BelowMS, 0, 0)
			seconds(section, item, "unknown", m.UnknownMS, 0, 0)
		}
		number(section, item, "min", m.Min, m.Unit, 0, 0)
		number(section, item, "max", m.Max, m.Unit, 0, 0)
		number(section, item, "mean", m.Mean, m.Unit, 0, 0)
		number(section, item, "readings", strconv.Itoa(m.Readings), "", 0, 0)
	}
	for _, m := range r.Metrics {
		metric("metric", m.Name, m)
	}
	for _, x := range r.Summary {
		item := x.Tracker + " " + x.Name
		metric("summary", item, x.Metric)
		number("summary", item, "mean_kinetic_temperature", x.MKT, x.Unit, 0, 0)
		number("summary", item, "gaps", strconv.Itoa(x.Gaps), "", 0, 0)
	}
	for _, x := range r.Figures {
		number("figure", x.Rule+" "+x.Tracker, x.Name, x.Value, x.Unit, 0, 0)
	}
	for _, b := range r.Budget {
		item := b.Rule + " " + b.Band
		text("budget", item, "state", b.Level)
		seconds("budget", item, "spent", b.SpentMS, 0, 0)
		seconds("budget", item, "limit", b.MaxMS, 0, 0)
		seconds("budget", item, "carried", b.CarriedMS, 0, 0)
		seconds("budget", item, "charged_unknown", b.ChargedMS, 0, 0)
	}
	for _, e := range r.Excursions {
		number("excursion", e.ID, "peak", e.Peak, e.Metric, e.StartMS, e.EndMS)
		number("excursion", e.ID, "limit", e.Limit, e.Metric, e.StartMS, e.EndMS)
		seconds("excursion", e.ID, "out_of_range", e.lasted(), e.StartMS, e.EndMS)
		text("excursion", e.ID, "what", e.What)
		text("excursion", e.ID, "rule", e.Rule)
		text("excursion", e.ID, "severity", e.Severity)
		text("excursion", e.ID, "tracker", e.Tracker)
		text("excursion", e.ID, "custodian", e.Custodian)
		text("excursion", e.ID, "note", e.Note)
		text("excursion", e.ID, "transaction", e.Tx)
	}
	for _, e := range r.Allowed {
		number("allowed", e.ID, "peak", e.Peak, e.Metric, e.StartMS, e.EndMS)
		number("allowed", e.ID, "limit", e.Limit, e.Metric, e.StartMS, e.EndMS)
		seconds("allowed", e.ID, "out_of_range", e.lasted(), e.StartMS, e.EndMS)
	}
	if r.AllowedCount > 0 {
		number("allowed", r.Shipment, "stays", strconv.Itoa(r.AllowedCount), "", 0, 0)
		seconds("allowed", r.Shipment, "out_of_range", r.AllowedMS, 0, 0)
	}
	for _, e := range r.LedgerOnly {
		number("ledger_only", e.ID, "peak", e.Peak, e.Metric, e.StartMS, e.EndMS)
		text("ledger_only", e.ID, "rule", e.Rule)
		text("ledger_only", e.ID, "tracker", e.Tracker)
		text("ledger_only", e.ID, "verified", strconv.FormatBool(e.Verified))
		text("ledger_only", e.ID, "transaction", e.Tx)
	}
	for _, x := range r.Strays {
		number("strays", r.Shipment, "readings", strconv.Itoa(x.Readings), "", 0, 0)
		text("strays", r.Shipment, "with_them", x.text())
	}
	for _, x := range r.Faults {
		item := x.Tracker + " " + x.Metric
		number("fault", item, "readings", strconv.Itoa(x.Readings), "", x.FirstMS, x.LastMS)
		text("fault", item, "reason", x.Text)
	}
	for i, l := range r.Legs {
		item := strconv.Itoa(i+1) + " " + l.Custodian
		number("leg", item, "excursions", strconv.Itoa(l.Excursions), "", l.FromMS, l.ToMS)
		seconds("leg", item, "out_of_range", l.OutMS, l.FromMS, l.ToMS)
		text("leg", item, "verdict_at_handover", l.Verdict)
	}
	if r.Confirmed.Of > 0 {
		number("opinions", "", "confirmed_by", strconv.Itoa(r.Confirmed.By), "", 0, 0)
		number("opinions", "", "parties", strconv.Itoa(r.Confirmed.Of), "", 0, 0)
	}
	for _, o := range r.Opinions {
		text("opinion", o.By, "standing", o.Standing)
		text("opinion", o.By, "result", o.Result)
		if o.DifferMS != 0 {
			moment("opinion", o.By, "differs_from", o.DifferMS)
		}
		text("opinion", o.By, "reason", o.Reason)
	}
	for _, v := range r.Revisions {
		item := strconv.Itoa(v.N) + " " + v.By
		text("revision", item, "result", v.Result)
		moment("revision", item, "evaluated_to", v.ToMS)
		moment("revision", item, "recorded", v.RecordedMS)
		text("revision", item, "transaction", v.Tx)
	}
	for _, a := range r.Acts {
		text(a.Kind, a.Subject, "signed_by", a.Name)
		text(a.Kind, a.Subject, "organisation", a.Org)
		text(a.Kind, a.Subject, "meaning", a.Meaning)
		text(a.Kind, a.Subject, "reason", a.Reason)
		moment(a.Kind, a.Subject, "signed_at", a.TimeMS)
		text(a.Kind, a.Subject, "transaction", a.Tx)
	}
	for _, x := range r.Records {
		text("ledger", x.Tx, "what", x.What)
		text("ledger", x.Tx, "by", x.By)
		moment("ledger", x.Tx, "recorded", x.TimeMS)
		moment("ledger", x.Tx, "stated", x.StatedMS)
	}
	for _, t := range r.Trackers {
		text("tracker", t.ID, "trust", t.Trust)
		if t.Maker != "" {
			text("tracker", t.ID, "attested_by", t.Maker)
		}
		if t.Recorded {
			text("tracker", t.ID, "window", "stated afterwards")
		}
		text("tracker", t.ID, "calibration", t.Calibration)
		moment("tracker", t.ID, "calibration_valid_to", t.CalibrationValidToMS)
	}
	for _, l := range r.Logs {
		number("log", l.Log, "size", strconv.FormatUint(l.Size, 10), "leaves", 0, 0)
		text("log", l.Log, "root", l.Root)
	}
	if r.AnchorCount > 0 {
		number("anchor", r.Shipment, "count", strconv.Itoa(r.AnchorCount), "", 0, 0)
	}
	for _, a := range r.Anchors {
		text("anchor", a.Tx, "root", a.Root)
		number("anchor", a.Tx, "size", strconv.FormatUint(a.Size, 10), "leaves", 0, 0)
		moment("anchor", a.Tx, "time", a.TimeMS)
	}
	text("verification", r.Shipment, "evidence", r.Verification.EvidenceURL)
	for _, c := range r.Verification.Commands {
		text("verification", r.Shipment, "command", c)
	}
	return f
}
