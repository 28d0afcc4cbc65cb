package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Compliance is what the rules say of the readings in the store, and what was put on the ledger.
type Compliance struct {
	Verdict     string                 `json:"verdict" enum:"compliant,non_compliant,inconclusive" doc:"Recomputed now"`
	Algorithm   string                 `json:"algorithm" doc:"Version of the evaluation"`
	RuleSet     RuleSetInfo            `json:"rule_set"`
	RuleSetHash string                 `json:"rule_set_hash" doc:"As pinned on the ledger; of a simulation, of the rules that were tried"`
	Reasons     []string               `json:"reasons"`
	From        Null[Instant]          `json:"from" doc:"Event time at which judging begins"`
	EvaluatedTo Null[Instant]          `json:"evaluated_to" doc:"Event time; null without readings"`
	Final       bool                   `json:"final" doc:"The shipment is closed: no more time comes"`
	Metrics     map[string]MetricTimes `json:"metrics" doc:"By metric, summed over the trackers that measure it"`
	Rules       []JudgedRule           `json:"rules" doc:"In the order of the rule set"`
	Excursions  []Excursion            `json:"excursions" doc:"As the rules find them now, by start"`
	More        int                    `json:"more_excursions" doc:"Beyond those that are listed"`
	Legs        []JudgedLeg            `json:"legs" doc:"Who held the goods when what happened"`
	Trackers    []JudgedTracker        `json:"trackers"`
	Figures     []JudgedFigure         `json:"figures" doc:"Numbers beside the verdict, such as the mean kinetic temperature"`
	Budget      []JudgedBand           `json:"budget" doc:"Stability budget"`
	Recorders   []JudgedRecorder       `json:"recorders" doc:"Whether the trackers were fit to be judged by"`
	Recorded    []RecordedExcursion    `json:"recorded" doc:"Excursions on the ledger, with the acknowledgements of each"`
	Revisions   []Revision             `json:"revisions" doc:"Verdicts on the ledger, oldest first"`
	Disposition Null[Disposition]      `json:"disposition" doc:"The newest"`
}

// MetricTimes says for how long a metric was in range, out of it, and unknown.
type MetricTimes struct {
	InS      float64 `json:"in_s"`
	OutS     float64 `json:"out_s"`
	UnknownS float64 `json:"unknown_s"`
}

// JudgedRule is what one rule says.
type JudgedRule struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Text       string   `json:"text" doc:"What it asks, in words; temperatures in °C" example:"Temperature must not be above 8 °C at any moment"`
	Kind       string   `json:"kind"`
	Severity   string   `json:"severity"`
	State      string   `json:"state" enum:"met,unknown,broken,not_judged"`
	Reasons    []string `json:"reasons"`
	Excursions int      `json:"excursions"`
	MetricTimes
}

// Excursion is one time that a rule was broken.
type Excursion struct {
	ID       string            `json:"id" doc:"rule/tracker/start; the same on the ledger"`
	Rule     string            `json:"rule"`
	Kind     string            `json:"kind"`
	Metric   string            `json:"metric"`
	Tracker  string            `json:"tracker"`
	Severity string            `json:"severity" doc:"After escalation"`
	Start    Instant           `json:"start"`
	End      Null[Instant]     `json:"end" doc:"null while it lasts"`
	OutS     float64           `json:"out_s" doc:"Known time out of range within it"`
	Peak     string            `json:"peak"`
	Limit    string            `json:"limit"`
	Note     string            `json:"note"`
	HeldBy   Null[string]      `json:"held_by" doc:"Organisation that held the goods when it began"`
	Messages []DecidingMessage `json:"messages" doc:"Those that decide"`
	LedgerTx Null[string]      `json:"ledger_tx" doc:"Transaction that recorded it"`
	Verified bool              `json:"verified" doc:"Every endorsing peer has checked a signed message that shows it"`
	Acks     int               `json:"acknowledgements" doc:"How many; see recorded"`
}

// JudgedLeg is what happened while one organisation held the goods.
type JudgedLeg struct {
	Custodian  string                 `json:"custodian"`
	From       Instant                `json:"from"`
	To         Null[Instant]          `json:"to" doc:"null while it holds them"`
	Metrics    map[string]MetricTimes `json:"metrics"`
	Excursions []string               `json:"excursions" doc:"Ids of those that began in it"`
	OutS       float64                `json:"out_s" doc:"Time out of range of all metrics together"`
	Severity   string                 `json:"severity" doc:"The worst of its excursions, empty without any"`
	AtHandover Null[ComplianceState]  `json:"at_handover" doc:"What the ledger held at the handover that ended the leg"`
}

// ComplianceState is what the ledger held about the goods at one moment.
type ComplianceState struct {
	Revision int                 `json:"revision" doc:"Of the newest verdict; 0 = none yet"`
	Result   string              `json:"result" doc:"Of that verdict; empty = none yet"`
	To       Null[Instant]       `json:"to" doc:"Up to which event time it was judged"`
	Open     int                 `json:"open" doc:"Excursions that were not over"`
	Total    int                 `json:"total" doc:"All excursions, recorded and verified"`
	Verified int                 `json:"verified" doc:"Of these, breaches that peers verified; one may lie within a recorded excursion"`
	Budget   []ledger.BudgetLine `json:"budget"`
}

// JudgedTracker is one tracker's share.
type JudgedTracker struct {
	ID       string        `json:"id"`
	Readings int           `json:"readings"`
	First    Null[Instant] `json:"first"`
	Last     Null[Instant] `json:"last"`
}

// JudgedFigure is a number beside the verdict.
type JudgedFigure struct {
	Rule    string `json:"rule"`
	Tracker string `json:"tracker"`
	Name    string `json:"name"`
	Value   string `json:"value"`
	Unit    string `json:"unit"`
}

// JudgedBand is the use of one band of a stability budget.
type JudgedBand struct {
	Rule       string  `json:"rule"`
	Band       string  `json:"band"`
	Tracker    string  `json:"tracker" doc:"That shows most of it"`
	Level      string  `json:"level" enum:"ok,watch,critical,exhausted"`
	SpentS     float64 `json:"spent_s"`
	MaxS       float64 `json:"max_s" doc:"0 = no limit in all"`
	LongestS   float64 `json:"longest_s"`
	MaxSingleS float64 `json:"max_single_s" doc:"0 = no limit for one stay"`
	ChargedS   float64 `json:"charged_s" doc:"Of spent: unknown time"`
	CarriedS   float64 `json:"carried_s" doc:"Of spent: before this shipment"`
}

// JudgedRecorder says whether a tracker was fit to be judged by.
type JudgedRecorder struct {
	Tracker  string   `json:"tracker"`
	Adequate bool     `json:"adequate"`
	Reasons  []string `json:"reasons"`
}

// RecordedExcursion is one on the ledger.
type RecordedExcursion struct {
	ID         string            `json:"id"`
	Rule       string            `json:"rule"`
	Metric     string            `json:"metric"`
	Start      Instant           `json:"start"`
	End        Null[Instant]     `json:"end"`
	Peak       string            `json:"peak"`
	Limit      string            `json:"limit"`
	Found      bool              `json:"found" doc:"The rules find it now; late readings can have shown another one"`
	Verified   bool              `json:"verified" doc:"Stands on signed messages that every endorsing peer checked"`
	Tracker    string            `json:"tracker" doc:"Of a verified one"`
	Witnesses  []ledger.Witness  `json:"witnesses" doc:"Of a verified one: the readings that break the limit"`
	By         string            `json:"by"`
	OpenedAt   Instant           `json:"opened_at"`
	OpenTx     string            `json:"open_tx"`
	ClosedAt   Null[Instant]     `json:"closed_at"`
	CloseTx    Null[string]      `json:"close_tx"`
	Signatures []Acknowledgement `json:"acknowledgements"`
}

// Revision is a verdict on the ledger.
type Revision struct {
	Revision   int              `json:"revision"`
	Result     string           `json:"result"`
	Reasons    []string         `json:"reasons"`
	To         Instant          `json:"to" doc:"Judged up to this event time"`
	Logs       []ledger.LogHead `json:"logs" doc:"All logs of the shipment that had a leaf, as far as they were judged"`
	RuleHash   string           `json:"rule_hash"`
	Supersedes int              `json:"supersedes"`
	Detail     json.RawMessage  `json:"detail,omitempty" doc:"As recorded"`
	By         string           `json:"by"`
	RecordedAt Instant          `json:"recorded_at"`
	Tx         string           `json:"tx"`
}

func (s *Server) complianceRoutes() {
	rest.Add(s.api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/compliance", ID: "get-compliance", Tag: "Compliance", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Judge the shipment by its rule set", Errors: []int{http.StatusNotFound, http.StatusConflict},
		About: "Recomputed from the stored readings by the same code as at ingest and in the auditor's verifier, and joined with what the ledger holds."}, s.compliance)
}

func (s *Server) compliance(ctx context.Context, in *ShipmentPath) (*answer[Compliance], error) {
	r, err := s.shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	_, v, err := s.judgePinned(ctx, r)
	if err != nil {
		return nil, err
	}
	return &answer[Compliance]{Body: v}, nil
}

// judgePinned judges a shipment by its pinned rules and joins what the ledger holds about it.
func (s *Server) judgePinned(ctx context.Context, r ledger.Shipment) (*judged, Compliance, error) {
	rules, err := s.rules.pinned(ctx, r)
	if err != nil {
		return nil, Compliance{}, err
	}
	j, err := s.judge(ctx, r, rules)
	if err != nil {
		return nil, Compliance{}, err
	}
	v, err := s.showJudged(ctx, j)
	if err != nil {
		return nil, Compliance{}, err
	}
	return j, v, s.join(ctx, r.ID, &v)
}

// join adds what is on the ledger.
func (s *Server) join(ctx context.Context, id string, v *Compliance) error {
	recorded, err := ledger.ComplianceList.All(ctx, s.Ledger, id, maxRecords)
	if err != nil {
		return err
	}
	acks, err := ledger.ComplianceAcknowledgements.All(ctx, s.Ledger, id, maxRecords)
	if err != nil {
		return err
	}
	revisions, err := ledger.ComplianceVerdicts.All(ctx, s.Ledger, id, maxRecords)
	if err != nil {
		return err
	}
	byExcursion := map[string][]Acknowledgement{}
	for _, a := range acks {
		byExcursion[a.Excursion] = append(byExcursion[a.Excursion], showAcknowledgement(s.Members, a))
	}
	for _, l := range recorded {
		x := showRecorded(s.Members, l, byExcursion[l.ID])
		for i := range v.Excursions {
			if e := &v.Excursions[i]; same(e, &l) {
				x.Found, e.Acks = true, e.Acks+len(x.Signatures)
				e.Verified = e.Verified || l.Verified
				if e.LedgerTx.V == nil || !l.Verified {
					e.LedgerTx = rest.Some(l.OpenTx)
				}
			}
		}
		v.Recorded = append(v.Recorded, x)
	}
	for _, l := range revisions {
		v.Revisions = append(v.Revisions, showRevision(s.Members, l))
	}
	d, err := ledger.ComplianceDisposition.Ask(ctx, s.Ledger, ledger.IDArgs{ID: id})
	switch {
	case ledger.CodeOf(err) == ledger.NotFound:
	case err != nil:
		return err
	default:
		v.Disposition = rest.Some(showDisposition(s.Members, d))
	}
	return nil
}

// same reports whether a record is about an excursion: it has its id, or is a verified breach that lies within it.
func same(e *Excursion, l *ledger.Excursion) bool {
	if !l.Verified {
		return l.ID == e.ID
	}
	return l.Rule == e.Rule && l.Tracker == e.Tracker && l.StartMS >= int64(e.Start) && (e.End.V == nil || l.StartMS <= int64(*e.End.V))
}

// showJudged is what the rules say.
func (s *Server) showJudged(ctx context.Context, j *judged) (Compliance, error) {
	res := j.result
	v := Compliance{Verdict: res.Verdict, Algorithm: res.Algorithm, RuleSet: j.rules, RuleSetHash: res.RuleSetHash, Reasons: res.Reasons, From: rest.InstantOrNull(res.FromMS), Final: res.Final,
		Metrics: metricTimes(res.Metrics), Rules: []JudgedRule{}, Excursions: []Excursion{}, More: res.More, Legs: []JudgedLeg{}, Trackers: []JudgedTracker{}, Figures: []JudgedFigure{},
		Budget: []JudgedBand{}, Recorders: []JudgedRecorder{}, Recorded: []RecordedExcursion{}, Revisions: []Revision{}}
	for _, t := range res.Trackers {
		v.Trackers = append(v.Trackers, JudgedTracker{t.ID, t.Readings, rest.InstantOrNull(t.FirstMS), rest.InstantOrNull(t.LastMS)})
		if t.Readings > 0 {
			v.EvaluatedTo = rest.InstantOrNull(res.ToMS)
		}
	}
	for i, r := range res.Rules {
		v.Rules = append(v.Rules, JudgedRule{ID: r.ID, Title: r.Title, Text: j.rules.Rules[i].Text(), Kind: r.Kind, Severity: r.Severity, State: r.State, Reasons: r.Reasons,
			Excursions: r.Excursions, MetricTimes: MetricTimes{inS(r.InMS), inS(r.OutMS), inS(r.UnknownMS)}})
	}
	messages, err := s.deciding(ctx, j)
	if err != nil {
		return v, err
	}
	for _, e := range res.Excursions {
		v.Excursions = append(v.Excursions, showExcursion(s.Members, e, j, messages))
	}
	for _, l := range res.Legs {
		v.Legs = append(v.Legs, showLeg(s.Members, l, j.handovers))
	}
	for _, f := range res.Figures {
		v.Figures = append(v.Figures, JudgedFigure(f))
	}
	for _, b := range res.Budget {
		v.Budget = append(v.Budget, JudgedBand{b.Rule, b.Band, b.Tracker, b.Level, inS(b.SpentMS), inS(b.MaxMS), inS(b.LongestMS), inS(b.MaxSingleMS), inS(b.ChargedMS), inS(b.CarriedMS)})
	}
	for _, x := range res.Recorders {
		v.Recorders = append(v.Recorders, JudgedRecorder(x))
	}
	return v, nil
}

func inS(ms int64) float64 { return float64(ms) / 1000 }

func metricTimes(all []compliance.MetricTime) map[string]MetricTimes {
	out := make(map[string]MetricTimes, len(all))
	for _, m := range all {
		out[m.Metric] = MetricTimes{inS(m.InMS), inS(m.OutMS), inS(m.UnknownMS)}
	}
	return out
}

func showExcursion(names *members.Directory, e compliance.Excursion, j *judged, messages map[string]DecidingMessage) Excursion {
	x := Excursion{ID: e.ID, Rule: e.Rule, Kind: e.Kind, Metric: e.Metric, Tracker: e.Tracker, Severity: e.Severity, Start: Instant(e.StartMS), OutS: inS(e.OutMS), Peak: e.Peak,
		Limit: e.Limit, Note: e.Note, Messages: []DecidingMessage{}}
	if !e.Open {
		x.End = rest.InstantOrNull(e.EndMS)
	}
	if e.Leg >= 0 && e.Leg < len(j.result.Legs) {
		x.HeldBy = rest.TextOrNull(names.Name(j.result.Legs[e.Leg].Custodian))
	}
	for _, m := range e.Messages {
		if d, ok := messages[m]; ok {
			x.Messages = append(x.Messages, d)
		}
	}
	return x
}

func showLeg(names *members.Directory, l compliance.LegResult, handovers []ledger.Handover) JudgedLeg {
	v := JudgedLeg{Custodian: names.Name(l.Custodian), From: Instant(l.FromMS), To: rest.InstantOrNull(l.ToMS), Metrics: metricTimes(l.Metrics), Excursions: l.Excursions, Severity: l.Severity}
	for _, m := range l.Metrics {
		v.OutS += inS(m.OutMS)
	}
	for _, h := range handovers {
		if h.State == ledger.Accepted && l.ToMS != 0 && h.AnswerMS == l.ToMS && h.From == l.Custodian {
			v.AtHandover = showComplianceState(h.AtAnswer)
		}
	}
	return v
}

func showComplianceState(st *ledger.ComplianceState) Null[ComplianceState] {
	if st == nil {
		return Null[ComplianceState]{}
	}
	v := ComplianceState{st.Revision, st.Result, rest.InstantOrNull(st.ToMS), st.Open, st.Total, st.Verified, st.Budget}
	if v.Budget == nil {
		v.Budget = []ledger.BudgetLine{}
	}
	return rest.Some(v)
}

func showRecorded(names *members.Directory, l ledger.Excursion, acks []Acknowledgement) RecordedExcursion {
	v := RecordedExcursion{ID: l.ID, Rule: l.Rule, Metric: l.Metric, Start: Instant(l.StartMS), End: rest.InstantOrNull(l.EndMS), Peak: l.Peak, Limit: l.Limit, Verified: l.Verified,
		Tracker: l.Tracker, Witnesses: l.Witnesses, By: names.Name(l.By), OpenedAt: Instant(l.OpenMS), OpenTx: l.OpenTx, ClosedAt: rest.InstantOrNull(l.CloseMS), CloseTx: rest.TextOrNull(l.CloseTx), Signatures: acks}
	if v.Witnesses == nil {
		v.Witnesses = []ledger.Witness{}
	}
	if v.Signatures == nil {
		v.Signatures = []Acknowledgement{}
	}
	return v
}

func showRevision(names *members.Directory, l ledger.Verdict) Revision {
	r := Revision{Revision: l.Revision, Result: l.Result, Reasons: l.Reasons, To: Instant(l.ToMS), Logs: l.Logs, RuleHash: l.RuleHash, Supersedes: l.Supersedes,
		Detail: l.Detail, By: names.Name(l.By), RecordedAt: Instant(l.TimeMS), Tx: l.Tx}
	if r.Reasons == nil {
		r.Reasons = []string{}
	}
	if r.Logs == nil {
		r.Logs = []ledger.LogHead{}
	}
	return r
}
