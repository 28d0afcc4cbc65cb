package reports

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// model fills a report.
func (s *Resource) model(ctx context.Context, r ledger.Shipment, j *judging.Judged, v *judging.Compliance, seen *survey) (*report.Report, error) {
	d, from := shapes.ReadDetails(ctx, s.Records, r.ID, r.Creator, r.Details)
	m := &report.Report{Shipment: r.ID, Description: cmp.Or(from.Value().Elsewhere(), d.Description), Origin: d.Origin, Destination: d.Destination, Lot: d.Lot, LotSource: d.LotSource,
		Quantity: d.Quantity, Unit: d.Unit, Reference: strings.TrimSpace(d.ReferenceType + " " + d.ReferenceNumber), State: r.State, CreatedMS: r.CreatedMS,
		DeliveredMS: r.DeliveredMS, StatedMS: r.StatedDeliveryMS, ClosedMS: r.ClosedMS, GeneratedMS: s.Now().UnixMilli(), By: s.Org, Verdict: v.Verdict, Reasons: v.Reasons, EvaluatedToMS: j.Result.ToMS,
		Algorithm: v.Algorithm, RuleSet: v.RuleSet.Ref, RuleSetTitle: v.RuleSet.Title, RuleSetHash: r.RuleSetHash, MaxGapS: v.RuleSet.MaxGapS, More: v.More}
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
	signatures(m, j, v)
	for _, a := range r.Assignments {
		m.Trackers = append(m.Trackers, trackerLine(a, s.Members.Name(a.By), j.Trackers))
	}
	if err := s.logsAndAnchors(ctx, m, j); err != nil {
		return nil, err
	}
	if err := s.records(ctx, m, r, j); err != nil {
		return nil, err
	}
	seen.into(m, j)
	m.Verification = s.howToVerify(r.ID)
	return m, nil
}

// custody fills who held the goods when what happened.
func custody(m *report.Report, j *judging.Judged, v *judging.Compliance) {
	for _, e := range v.Excursions {
		x := report.Excursion{ID: e.ID, Rule: e.Rule, Metric: e.Metric, Tracker: e.Tracker, Severity: e.Severity, What: what(j.Rules.Rules, e.Rule, e.Kind, e.Metric, e.Note), Unit: unit(e.Kind, e.Metric),
			StartMS: int64(e.Start), EndMS: int64(e.End.Value()), OutMS: ms(e.OutS), Peak: e.Peak, Limit: e.Limit, Note: e.Note, Custodian: e.HeldBy.Value(), Tx: e.LedgerTx.Value(), Verified: e.Verified}
		if e.Kind == "geofence" { // a border has no measure
			x.Limit = ""
		}
		if e.Allowed {
			m.Allowed = append(m.Allowed, x)
		} else {
			m.Excursions = append(m.Excursions, x)
		}
	}
	for _, f := range v.Faults {
		m.Faults = append(m.Faults, report.Fault{Tracker: f.Tracker, Metric: f.Metric, Text: f.Text, Readings: f.Readings, FirstMS: int64(f.First), LastMS: int64(f.Last)})
	}
	m.AllowedCount, m.AllowedMS = v.Allowed.Count, j.Result.Allowed.OutMS
	tracker := make(map[string]string, len(v.Excursions))
	for _, e := range v.Excursions {
		tracker[e.ID] = e.Tracker
	}
	for i, l := range v.Legs {
		of := map[string]bool{}
		for _, id := range l.Excursions {
			of[tracker[id]] = true
		}
		m.Legs = append(m.Legs, report.Leg{Custodian: l.Custodian, FromMS: int64(l.From), ToMS: j.Result.Legs[i].ToMS, Excursions: len(l.Excursions), Trackers: len(of), OutMS: ms(l.OutS),
			Verdict: l.AtHandover.Value().Result})
	}
	for _, f := range j.Result.Figures {
		f.Name, f.Unit = strings.ReplaceAll(f.Name, "_", " "), strings.NewReplacer("Cel", "°C", "m/s2", "m/s²").Replace(f.Unit)
		m.Figures = append(m.Figures, f)
	}
	m.Budget = j.Result.Budget
}

func signatures(m *report.Report, j *judging.Judged, v *judging.Compliance) {
	m.Confirmed = report.Confirmed(v.Confirmed)
	for _, o := range v.Opinions {
		m.Opinions = append(m.Opinions, report.Opinion{By: o.By, Result: o.Result, Revision: o.Revision, ToMS: int64(o.To.Value()), Standing: o.Standing, DifferMS: int64(o.DifferFrom.Value()), Reason: o.Reason})
	}
	for _, r := range v.Revisions {
		m.Revisions = append(m.Revisions, report.Revision{N: r.Revision, Result: r.Result, ToMS: int64(r.To), RecordedMS: int64(r.RecordedAt), Logs: r.Logs, By: r.By, Tx: r.Tx,
			Reason: strings.Join(r.Reasons, "; ")})
	}
	act := func(kind, subject, reason string, from shapes.Details, g shapes.Signature) {
		m.Acts = append(m.Acts, report.Act{Kind: kind, Subject: subject, Name: cmp.Or(from.Elsewhere(), signedBy(g.Signer)), Org: g.Org, Meaning: g.Meaning, Reason: reason, Tx: g.Tx, TimeMS: int64(g.SignedAt)})
	}
	for _, x := range v.Recorded {
		if !x.Found {
			kind := kindOf(j.Rules.Rules, x.Rule)
			m.LedgerOnly = append(m.LedgerOnly, report.Excursion{ID: x.ID, Rule: x.Rule, Metric: x.Metric, Tracker: x.Tracker, What: what(j.Rules.Rules, x.Rule, kind, x.Metric, ""), Unit: unit(kind, x.Metric), StartMS: int64(x.Start), EndMS: int64(x.End.Value()),
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

func trackerLine(a ledger.Assignment, by string, trackers []ledger.Tracker) report.Tracker {
	t := report.Tracker{ID: a.Tracker, FromMS: a.FromMS, ToMS: a.ToMS, Recorded: a.Recorded(), Trust: "unknown", By: by, Tx: a.AssignTx}
	if c := a.Calibration; c != nil { // the one that the verdict rests on
		t.Calibration, t.CalibrationValidToMS = c.Ref, c.ValidToMS
	}
	i := slices.IndexFunc(trackers, func(x ledger.Tracker) bool { return x.ID == a.Tracker })
	if i < 0 {
		return t
	}
	t.Model, t.Trust = trackers[i].Model, string(trackers[i].Trust())
	if at := trackers[i].Attestation; at != nil {
		t.Maker = at.Maker
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
	m.AnchorCount = len(m.Anchors)
	if n := m.AnchorCount; n > maxAnchorLines { // the newest ones cover all that the others do
		m.Anchors = m.Anchors[n-maxAnchorLines:]
	}
	return nil
}

// maxAnchorLines bounds the list; the newest ones cover all that the others do.
const maxAnchorLines = 1000

func ms(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }

func (s *Resource) howToVerify(id string) report.Verification {
	evidence := s.PublicURL + "/v1/shipments/" + id + "/evidence"
	return report.Verification{PageURL: s.PublicURL + "/#/shipments/" + id, EvidenceURL: evidence, Commands: []string{
		"NONCE=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')",
		`curl -fsS -H "Authorization: Bearer $TOKEN" "` + evidence + `?nonce=$NONCE" -o ` + id + ".tsb",
		"verify " + id + ".tsb --policy policy.json --nonce $NONCE",
	}}
}
