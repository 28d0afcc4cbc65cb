package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trackseal/trackseal/api/internal/auth"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/course"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Compliance is what the pinned rules say of the readings in the store, and what was put on the ledger.
type Compliance struct {
	Verdict     string                 `json:"verdict" enum:"compliant,non_compliant,inconclusive" doc:"Recomputed now"`
	RuleSet     RuleSet                `json:"rule_set"`
	RuleSetHash string                 `json:"rule_set_hash" doc:"As pinned on the ledger"`
	Reasons     []string               `json:"reasons"`
	EvaluatedTo Null[Instant]          `json:"evaluated_to" doc:"Event time; null without readings"`
	Metrics     map[string]MetricTimes `json:"metrics"`
	Excursions  []Excursion            `json:"excursions"`
	Revisions   []Revision             `json:"revisions" doc:"Verdicts on the ledger, oldest first"`
}

// MetricTimes says for how long a metric was in range, out of it, and unknown.
type MetricTimes struct {
	InS      float64 `json:"in_s"`
	OutS     float64 `json:"out_s"`
	UnknownS float64 `json:"unknown_s"`
}

// Excursion is one time that a rule was broken.
type Excursion struct {
	ID       string        `json:"id"`
	Rule     string        `json:"rule"`
	Metric   string        `json:"metric"`
	Tracker  string        `json:"tracker"`
	Severity string        `json:"severity"`
	Start    Instant       `json:"start"`
	End      Null[Instant] `json:"end" doc:"null while it lasts"`
	Peak     string        `json:"peak"`
	Limit    string        `json:"limit"`
	LedgerTx Null[string]  `json:"ledger_tx" doc:"Transaction that recorded it"`
}

// Revision is a verdict on the ledger.
type Revision struct {
	Revision   int            `json:"revision"`
	Result     string         `json:"result"`
	Reasons    []string       `json:"reasons"`
	To         Instant        `json:"to" doc:"Judged up to this event time"`
	Log        ledger.LogHead `json:"log"`
	RuleHash   string         `json:"rule_hash"`
	Supersedes int            `json:"supersedes"`
	By         string         `json:"by"`
	RecordedAt Instant        `json:"recorded_at"`
	Tx         string         `json:"tx"`
}

func (s *Server) complianceRoutes() {
	add(s, operation{method: http.MethodGet, path: "/v1/shipments/{id}/compliance", id: "get-compliance", tag: "Evidence", scope: auth.TelemetryRead, limit: verifyTime,
		summary: "Judge the shipment by its rule set", errors: []int{http.StatusNotFound},
		about: "Recomputed from the stored readings by the same code as at ingest and in the auditor's verifier, and joined with what the ledger holds."}, s.compliance)
}

const maxRecords = 10_000

func (s *Server) compliance(ctx context.Context, in *ShipmentPath) (*answer[Compliance], error) {
	r, err := s.shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rules, ok := compliance.Lookup(r.RuleSet)
	if !ok || fmt.Sprintf("%x", rules.Hash()) != r.RuleSetHash {
		return nil, &ledger.Error{Code: ledger.Conflict, Message: fmt.Sprintf("rule set %s with hash %s is not one that this version knows", r.RuleSet, r.RuleSetHash)}
	}
	refs, err := s.logs(ctx, r)
	if err != nil {
		return nil, err
	}
	handovers, err := listAll[ledger.Handover](ctx, s.Ledger, ledger.ShipmentHandover, r.ID, maxRecords)
	if err != nil {
		return nil, err
	}
	judge, err := compliance.New(rules, course.Of(r, handovers, nil))
	if err != nil {
		return nil, err
	}
	err = s.Telemetry.Readings(ctx, influx.ReadingsQuery{Logs: logIDs(refs)}, func(x influx.Reading, _ time.Time) error {
		judge.Add(x.Tracker, detect.NewPoint(x.TimeMS, [32]byte{}, x.Values))
		return nil
	})
	if err != nil {
		return nil, err
	}
	result, err := judge.Result(0)
	if err != nil {
		return nil, err
	}
	recorded, err := listAll[ledger.Excursion](ctx, s.Ledger, ledger.ComplianceList, r.ID, maxRecords)
	if err != nil {
		return nil, err
	}
	revisions, err := listAll[ledger.Verdict](ctx, s.Ledger, ledger.ComplianceVerdicts, r.ID, maxRecords)
	if err != nil {
		return nil, err
	}
	return &answer[Compliance]{Body: showCompliance(r, rules, result, recorded, revisions)}, nil
}

func showCompliance(r ledger.Shipment, rules compliance.RuleSet, res compliance.Result, recorded []ledger.Excursion, revisions []ledger.Verdict) Compliance {
	v := Compliance{Verdict: res.Verdict, RuleSet: showRules(rules), RuleSetHash: r.RuleSetHash, Reasons: res.Reasons, EvaluatedTo: instantOrNull(res.ToMS),
		Metrics: map[string]MetricTimes{}, Excursions: []Excursion{}, Revisions: []Revision{}}
	for _, m := range res.Metrics {
		v.Metrics[m.Metric] = MetricTimes{float64(m.InMS) / 1000, float64(m.OutMS) / 1000, float64(m.UnknownMS) / 1000}
	}
	for _, e := range res.Excursions {
		x := Excursion{ID: e.ID, Rule: e.Rule, Metric: e.Metric, Tracker: e.Tracker, Severity: e.Severity, Start: Instant(e.StartMS), Peak: e.Peak, Limit: e.Limit}
		if !e.Open {
			x.End = instantOrNull(e.EndMS)
		}
		for _, l := range recorded {
			// The recorder chooses ids for the ledger's alphabet; rule, metric and start name the same excursion.
			if l.ID == e.ID || l.Rule == e.Rule && l.Metric == e.Metric && l.StartMS == e.StartMS {
				x.LedgerTx = some(l.OpenTx)
			}
		}
		v.Excursions = append(v.Excursions, x)
	}
	for _, l := range revisions {
		v.Revisions = append(v.Revisions, showRevision(l))
	}
	return v
}

func showRevision(l ledger.Verdict) Revision {
	r := Revision{Revision: l.Revision, Result: l.Result, Reasons: l.Reasons, To: Instant(l.ToMS), Log: l.Log, RuleHash: l.RuleHash, Supersedes: l.Supersedes,
		By: orgName(l.By), RecordedAt: Instant(l.TimeMS), Tx: l.Tx}
	if r.Reasons == nil {
		r.Reasons = []string{}
	}
	return r
}
