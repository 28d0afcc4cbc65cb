package reports

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// model fills a report.
func (s *Resource) model(ctx context.Context, r ledger.Shipment, j *judging.Judged, v *judging.Compliance) (*report.Report, error) {
	d, from := shapes.ReadDetails(ctx, s.Records, r.ID, r.Creator, r.Details)
	m := &report.Report{Shipment: r.ID, Description: cmp.Or(from.Value().Elsewhere(), d.Description), Origin: d.Origin, Destination: d.Destination, Lot: d.Lot, State: r.State, CreatedMS: r.CreatedMS,
		DeliveredMS: r.DeliveredMS, ClosedMS: r.ClosedMS, GeneratedMS: s.Now().UnixMilli(), By: s.Org, Verdict: v.Verdict, Reasons: v.Reasons, EvaluatedToMS: j.Result.ToMS,
		Algorithm: v.Algorithm, RuleSet: v.RuleSet.Ref, RuleSetTitle: v.RuleSet.Title, RuleSetHash: r.RuleSetHash}
	for _, role := range ledger.Roles {
		for _, msp := range r.Parties[role] {
			m.Parties = append(m.Parties, report.Party{Role: role, Org: s.Members.Name(msp)})
		}
	}
	for _, x := range v.Rules {
		text := x.Text
		if x.Title != "" {
			text = x.Title + ": " + text
		}
		m.Rules = append(m.Rules, report.Rule{ID: x.ID, Text: text, Severity: x.Severity, State: x.State})
	}
	if j.Wide != nil {
		m.Strays = []report.Strays{{Readings: j.Strays, Reasons: j.Wide.Reasons, Broken: j.Wide.Verdict == compliance.NonCompliant && j.Result.Verdict != compliance.NonCompliant}}
	}
	custody(m, j, v)
	signatures(m, v)
	for _, a := range r.Assignments {
		m.Trackers = append(m.Trackers, trackerLine(a, j.Trackers))
	}
	if err := s.logsAndAnchors(ctx, m, j); err != nil {
		return nil, err
	}
	if err := s.series(ctx, m, j); err != nil {
		return nil, err
	}
	m.Verification = s.howToVerify(r.ID)
	return m, nil
}

// custody fills who held the goods when what happened.
func custody(m *report.Report, j *judging.Judged, v *judging.Compliance) {
	for _, e := range v.Excursions {
		x := report.Excursion{ID: e.ID, Rule: e.Rule, Metric: e.Metric, Tracker: e.Tracker, Severity: e.Severity, StartMS: int64(e.Start), EndMS: int64(e.End.Value()),
			Peak: e.Peak, Limit: e.Limit, Note: e.Note, Custodian: e.HeldBy.Value(), Tx: e.LedgerTx.Value(), Verified: e.Verified}
		if e.Allowed {
			m.Allowed = append(m.Allowed, x)
		} else {
			m.Excursions = append(m.Excursions, x)
		}
	}
	m.AllowedCount, m.AllowedMS = v.Allowed.Count, j.Result.Allowed.OutMS
	for i, l := range v.Legs {
		m.Legs = append(m.Legs, report.Leg{Custodian: l.Custodian, FromMS: int64(l.From), ToMS: j.Result.Legs[i].ToMS, Excursions: len(l.Excursions), OutMS: int64(l.OutS * 1000),
			Verdict: l.AtHandover.Value().Result})
	}
	for _, f := range j.Result.Figures {
		f.Name, f.Unit = strings.ReplaceAll(f.Name, "_", " "), strings.NewReplacer("Cel", "°C", "m/s2", "m/s²").Replace(f.Unit)
		m.Figures = append(m.Figures, f)
	}
	m.Budget = j.Result.Budget
}

func signatures(m *report.Report, v *judging.Compliance) {
	for _, r := range v.Revisions {
		m.Revisions = append(m.Revisions, report.Revision{N: r.Revision, Result: r.Result, ToMS: int64(r.To), RecordedMS: int64(r.RecordedAt), Logs: r.Logs, By: r.By, Tx: r.Tx,
			Reason: strings.Join(r.Reasons, "; ")})
	}
	act := func(kind, subject, reason string, from shapes.Details, g shapes.Signature) {
		m.Acts = append(m.Acts, report.Act{Kind: kind, Subject: subject, Name: cmp.Or(from.Elsewhere(), signedBy(g.Signer)), Org: g.Org, Meaning: g.Meaning, Reason: reason, Tx: g.Tx, TimeMS: int64(g.SignedAt)})
	}
	for _, x := range v.Recorded {
		if !x.Found {
			m.LedgerOnly = append(m.LedgerOnly, report.Excursion{ID: x.ID, Rule: x.Rule, Metric: x.Metric, Tracker: x.Tracker, StartMS: int64(x.Start), EndMS: int64(x.End.Value()),
				Peak: x.Peak, Limit: x.Limit, Tx: x.OpenTx, Verified: x.Verified})
		}
		for _, a := range x.Signatures {
			act("acknowledgement", a.Excursion, a.Reason, a.Details.Value(), a.Signature)
		}
	}
	if d := v.Disposition.V; d != nil {
		of := "no verdict"
		if d.VerdictBy != "" {
			of = "verdict " + strconv.Itoa(d.VerdictRevision) + " of " + d.VerdictBy
		}
		act(d.Decision, of, d.Reason, d.Details.Value(), d.Signature)
	}
}

// signedBy is the printed name; what a machine signed shows as such.
func signedBy(s shapes.Signer) string {
	if s.Kind == ledger.Machine {
		return s.Name + " (machine)"
	}
	return s.Name
}

func trackerLine(a ledger.Assignment, trackers []ledger.Tracker) report.Tracker {
	t := report.Tracker{ID: a.Tracker, FromMS: a.FromMS, ToMS: a.ToMS, Recorded: a.Recorded(), Trust: "unknown"}
	if c := a.Calibration; c != nil { // the one that the verdict rests on
		t.Calibration, t.CalibrationValidToMS = c.Ref, c.ValidToMS
	}
	i := slices.IndexFunc(trackers, func(x ledger.Tracker) bool { return x.ID == a.Tracker })
	if i < 0 {
		return t
	}
	t.Model, t.Trust = trackers[i].Model, stored.Unsigned
	if trackers[i].Alg != 0 {
		t.Trust = stored.Signed
	}
	return t
}

func (s *Resource) logsAndAnchors(ctx context.Context, m *report.Report, j *judging.Judged) error {
	for _, ref := range j.Refs {
		heads, err := s.Telemetry.Heads(ctx, ref.ID)
		if err != nil {
			return err
		}
		m.Anchors = append(m.Anchors, heads...)
		if n := len(heads); n > 0 {
			m.Logs = append(m.Logs, ledger.LogHead{Log: ref.ID, Size: heads[n-1].Size, Root: heads[n-1].Root})
		}
	}
	slices.SortFunc(m.Anchors, func(a, b stored.Head) int {
		return cmp.Or(cmp.Compare(a.TimeMS, b.TimeMS), cmp.Compare(a.Size, b.Size))
	})
	if n := len(m.Anchors); n > maxAnchorLines { // the newest ones cover all that the others do
		m.Anchors = m.Anchors[n-maxAnchorLines:]
	}
	return nil
}

const (
	chartPoints    = 600 // of one curve
	maxCharts      = 6
	maxAnchorLines = 1000
)

// nicer steps than an even split, so that a window has the width that its label says.
var steps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

func stepOf(spanMS int64) time.Duration {
	for _, d := range steps {
		if spanMS/d.Milliseconds() <= chartPoints {
			return d
		}
	}
	return time.Duration(math.Ceil(float64(spanMS)/chartPoints/86_400_000)) * 24 * time.Hour
}

// series fills the charts and the metrics' extremes, from the store's own windows.
func (s *Resource) series(ctx context.Context, m *report.Report, j *judging.Judged) error {
	from, to := int64(0), int64(0)
	for _, t := range j.Result.Trackers {
		if t.Readings > 0 {
			if from == 0 || t.FirstMS < from {
				from = t.FirstMS
			}
			to = max(to, t.LastMS)
		}
	}
	times := map[string]compliance.MetricTime{}
	for _, x := range j.Result.Metrics {
		times[x.Metric] = x
	}
	if from == 0 {
		for _, x := range j.Result.Metrics {
			m.Metrics = append(m.Metrics, report.Metric{Name: x.Metric, Unit: report.Unit(x.Metric), InMS: x.InMS, OutMS: x.OutMS, UnknownMS: x.UnknownMS})
		}
		return nil
	}
	step := stepOf(to - from)
	stats := map[string]*metricStats{}
	err := s.Telemetry.Windows(ctx, stored.ReadingsQuery{Logs: records.LogIDs(j.Refs), FromMS: from, ToMS: to + 1}, step, func(b stored.Window) error {
		for name, n := range b.Count {
			st := stats[name]
			if st == nil {
				st = &metricStats{min: math.Inf(1), max: math.Inf(-1), curves: map[string][]report.Point{}}
				stats[name] = st
			}
			st.take(b, name, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range metricOrder(stats, times) {
		x := report.Metric{Name: name, Unit: report.Unit(name), InMS: times[name].InMS, OutMS: times[name].OutMS, UnknownMS: times[name].UnknownMS}
		_, judged := times[name]
		x.Unjudged = !judged
		st := stats[name]
		if st == nil {
			m.Metrics = append(m.Metrics, x)
			continue
		}
		x.Min, x.Max, x.Mean, x.Readings = number(st.min), number(st.max), strconv.FormatFloat(st.sum/float64(st.count), 'f', 2, 64), int(st.count)
		m.Metrics = append(m.Metrics, x)
		if len(m.Series) < maxCharts && (judged || len(m.Series) == 0 || name == "temperature" || name == "humidity") {
			m.Series = append(m.Series, st.series(name, step, j))
		}
	}
	return nil
}

// metricStats gathers one metric's windows.
type metricStats struct {
	min, max, sum float64
	count         int64
	curves        map[string][]report.Point
}

func (st *metricStats) take(b stored.Window, name string, n int64) {
	st.min, st.max = min(st.min, b.Min[name]), max(st.max, b.Max[name])
	st.sum += b.Mean[name] * float64(n)
	st.count += n
	st.curves[b.Tracker] = append(st.curves[b.Tracker], report.Point{MS: b.FromMS, WidthMS: b.ToMS - b.FromMS, Min: b.Min[name], Max: b.Max[name], Mean: b.Mean[name]})
}

func (st *metricStats) series(name string, step time.Duration, j *judging.Judged) report.Series {
	x := report.Series{Metric: name, Unit: report.Unit(name), Limits: limitsOf(j.Rules.Rules, name), Unknown: j.Gaps.Of(name, j.Result.ToMS)}
	for _, t := range j.Result.Trackers { // in the order of their ids
		if points := st.curves[t.ID]; len(points) > 0 {
			x.Curves = append(x.Curves, report.Curve{Tracker: t.ID, GapMS: max(int64(j.Rules.MaxGapS)*1000, step.Milliseconds()), Points: points})
		}
	}
	for _, e := range j.Result.Excursions {
		// What breaks a limit is where it breaks; a window's figure, such as a mean kinetic temperature, has no moment in the curve.
		if e.Metric == name && e.Kind == "limit" && e.Severity != "info" {
			x.Out = append(x.Out, report.Span{FromMS: e.StartMS, ToMS: max(e.EndMS, e.StartMS)})
		}
	}
	return x
}

// limitsOf are the lines to draw: each limit of the metric, nested ones too, once.
func limitsOf(rules []compliance.Rule, metric string) []report.Line {
	var out []report.Line
	for i := range rules {
		r := &rules[i]
		if c := r.Limit; c != nil && c.Metric == metric {
			if v, err := strconv.ParseFloat(c.Value, 64); err == nil {
				out = append(out, report.Line{Value: v, Label: r.ID + " " + c.Op + " " + c.Value})
			}
		}
		out = append(out, limitsOf(r.All, metric)...)
		out = append(out, limitsOf(r.Any, metric)...)
	}
	return out
}

// metricOrder: temperature first, then the judged ones, then the others, by name.
func metricOrder(stats map[string]*metricStats, times map[string]compliance.MetricTime) []string {
	var names []string
	for n := range stats {
		names = append(names, n)
	}
	for n := range times {
		if stats[n] == nil {
			names = append(names, n)
		}
	}
	rank := func(n string) int {
		_, judged := times[n]
		switch {
		case n == "temperature":
			return 0
		case judged:
			return 1
		}
		return 2
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return names
}

// number shows a measured value without the tail that a sum of binary fractions has.
func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

func (s *Resource) howToVerify(id string) report.Verification {
	evidence := s.PublicURL + "/v1/shipments/" + id + "/evidence"
	return report.Verification{PageURL: s.PublicURL + "/#/shipments/" + id, EvidenceURL: evidence, Commands: []string{
		"NONCE=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')",
		`curl -fsS -H "Authorization: Bearer $TOKEN" "` + evidence + `?nonce=$NONCE" -o ` + id + ".tsb",
		"verify " + id + ".tsb --policy policy.json --nonce $NONCE",
	}}
}
