package judging

import (
	"cmp"
	"context"
	"slices"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Compliance is what the rules say of the readings in the store, and what was put on the ledger.
type Compliance struct {
	Verdict     string                        `json:"verdict" enum:"compliant,non_compliant,inconclusive" doc:"Recomputed now"`
	Algorithm   string                        `json:"algorithm" doc:"Version of the evaluation"`
	RuleSet     RuleSetInfo                   `json:"rule_set"`
	RuleSetHash string                        `json:"rule_set_hash" doc:"As pinned on the ledger; of a simulation, of the rules that were tried"`
	Reasons     []string                      `json:"reasons"`
	From        rest.Null[rest.Instant]       `json:"from" doc:"Event time at which judging begins"`
	EvaluatedTo rest.Null[rest.Instant]       `json:"evaluated_to" doc:"Event time; null without readings"`
	Final       bool                          `json:"final" doc:"The shipment is closed: no more time comes"`
	Metrics     map[string]RangeTimes         `json:"metrics" doc:"By metric, summed over the trackers that measure it"`
	Rules       []JudgedRule                  `json:"rules" doc:"In the order of the rule set"`
	Excursions  []shapes.Excursion            `json:"excursions" doc:"As the rules find them now, by start; among them the stays that the rules allow"`
	More        int                           `json:"more_excursions" doc:"Beyond those that are listed"`
	Allowed     AllowedStays                  `json:"allowed" doc:"Stays out of range that the rules allow: how many in all, and for how long"`
	Legs        []JudgedLeg                   `json:"legs" doc:"Who held the goods when what happened"`
	Trackers    []JudgedTracker               `json:"trackers"`
	Figures     []JudgedFigure                `json:"figures" doc:"Numbers beside the verdict, such as the mean kinetic temperature"`
	Budget      []JudgedBand                  `json:"budget" doc:"Stability budget"`
	Recorders   []JudgedRecorder              `json:"recorders" doc:"Whether the trackers were fit to be judged by"`
	Faults      []JudgedFault                 `json:"faults" doc:"Values that are no measurements, by tracker: unknown time"`
	Confirmed   Confirmed                     `json:"confirmed" doc:"By how many parties the verdict is confirmed"`
	Opinions    []JudgedOpinion               `json:"opinions" doc:"Of each party its newest verdict on the ledger, compared with what this node says of the same leaves"`
	Recorded    []shapes.RecordedExcursion    `json:"recorded" doc:"Excursions on the ledger, with the acknowledgements of each"`
	Revisions   []shapes.Revision             `json:"revisions" doc:"Verdicts on the ledger, of all parties, oldest first"`
	Disposition rest.Null[shapes.Disposition] `json:"disposition" doc:"The newest"`
}

// MetricTimes says for how long a metric was in range, out of it, and unknown.
type MetricTimes struct {
	InS      float64 `json:"in_s"`
	OutS     float64 `json:"out_s"`
	UnknownS float64 `json:"unknown_s"`
}

// RangeTimes are the times of a metric by all rules that are about it.
type RangeTimes struct {
	MetricTimes
	BelowS float64 `json:"below_s" doc:"Of out_s: below a lower limit; the rest was above an upper one"`
}

// JudgedFault is of readings that give no measurement of a metric.
type JudgedFault struct {
	Tracker  string       `json:"tracker"`
	Metric   string       `json:"metric"`
	Reason   string       `json:"reason" enum:"error_value,outside_sensor_range,no_fix"`
	Text     string       `json:"text" doc:"In words" example:"sensor error value 85"`
	Readings int          `json:"readings"`
	First    rest.Instant `json:"first"`
	Last     rest.Instant `json:"last"`
}

// AllowedStays sums up the stays that broke nothing.
type AllowedStays struct {
	Count int     `json:"count"`
	OutS  float64 `json:"out_s"`
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

// JudgedLeg is what happened while one organisation held the goods.
type JudgedLeg struct {
	Custodian  string                            `json:"custodian"`
	From       rest.Instant                      `json:"from"`
	To         rest.Null[rest.Instant]           `json:"to" doc:"null while it holds them"`
	Metrics    map[string]RangeTimes             `json:"metrics" doc:"Of each metric on the tracker on which it was out of range the longest"`
	Excursions []string                          `json:"excursions" doc:"Ids of those that began in it"`
	OutS       float64                           `json:"out_s" doc:"The longest that one metric was out of range on one tracker"`
	Severity   string                            `json:"severity" doc:"The worst of its excursions, empty without any"`
	AtHandover rest.Null[shapes.ComplianceState] `json:"at_handover" doc:"What the ledger held at the handover that ended the leg"`
}

// JudgedTracker is one tracker's share.
type JudgedTracker struct {
	ID       string                  `json:"id"`
	Readings int                     `json:"readings"`
	First    rest.Null[rest.Instant] `json:"first"`
	Last     rest.Null[rest.Instant] `json:"last"`
	Metrics  map[string]RangeTimes   `json:"metrics" doc:"Its part of the shipment's"`
	Trust    string                  `json:"trust" enum:"unsigned,gateway_signed,device_signed,attested,unknown" doc:"What vouches for its messages, by its record on the ledger"`
	Maker    string                  `json:"maker" doc:"Whose certificate attests its key; empty for none"`
	Gateway  string                  `json:"gateway" doc:"Tracker that speaks for it; empty for none"`
	Profile  string                  `json:"profile" doc:"What its messages are read by now; empty: plain JSON, or signed"`
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

// Pinned judges a shipment by its pinned rules and joins what the ledger holds about it.
func (s *Judge) Pinned(ctx context.Context, r ledger.Shipment, observers ...Observer) (*Judged, Compliance, error) {
	rules, err := s.Rules.Pinned(ctx, r)
	if err != nil {
		return nil, Compliance{}, err
	}
	j, err := s.Judge(ctx, r, rules, observers...)
	if err != nil {
		return nil, Compliance{}, err
	}
	v, err := s.Show(ctx, j)
	if err != nil {
		return nil, Compliance{}, err
	}
	return j, v, s.join(ctx, r, j, &v)
}

// join adds what is on the ledger.
func (s *Judge) join(ctx context.Context, r ledger.Shipment, j *Judged, v *Compliance) error {
	id := r.ID
	recorded, err := ledger.ComplianceList.All(ctx, s.Ledger, id, records.Max)
	if err != nil {
		return err
	}
	acks, err := ledger.ComplianceAcknowledgements.All(ctx, s.Ledger, id, records.Max)
	if err != nil {
		return err
	}
	revisions, err := ledger.ComplianceVerdicts.All(ctx, s.Ledger, id, records.Max)
	if err != nil {
		return err
	}
	if v.Confirmed, v.Opinions, err = s.opinions(ctx, r, j, revisions); err != nil {
		return err
	}
	byExcursion := map[string][]shapes.Acknowledgement{}
	for _, a := range acks {
		byExcursion[a.Excursion] = append(byExcursion[a.Excursion], shapes.ShowAcknowledgement(ctx, s.Records, a))
	}
	for _, l := range recorded {
		x := shapes.ShowRecorded(s.Members, l, byExcursion[l.ID])
		for i := range v.Excursions {
			if e := &v.Excursions[i]; !e.Allowed && same(e, &l) {
				x.Found, e.Acks = true, e.Acks+len(x.Signatures)
				e.Verified = e.Verified || l.Verified
				if e.LedgerTx.V == nil || !l.Verified {
					e.LedgerTx = rest.Some(l.OpenTx)
				}
			}
		}
		v.Recorded = append(v.Recorded, x)
	}
	slices.SortStableFunc(revisions, func(a, b ledger.Verdict) int { return cmp.Compare(a.TimeMS, b.TimeMS) })
	for _, l := range revisions {
		v.Revisions = append(v.Revisions, shapes.ShowRevision(s.Members, l))
	}
	d, err := ledger.ComplianceDisposition.Ask(ctx, s.Ledger, ledger.IDArgs{ID: id})
	switch {
	case ledger.CodeOf(err) == ledger.NotFound:
	case err != nil:
		return err
	default:
		v.Disposition = rest.Some(shapes.ShowDisposition(ctx, s.Records, d))
	}
	return nil
}

// same reports whether a record is about an excursion: it has its id, or is a verified breach that lies within it.
func same(e *shapes.Excursion, l *ledger.Excursion) bool {
	if !l.Verified {
		return l.ID == e.ID
	}
	return l.Rule == e.Rule && l.Tracker == e.Tracker && l.StartMS >= int64(e.Start) && (e.End.V == nil || l.StartMS <= int64(*e.End.V))
}

// Show is what the rules say.
func (s *Judge) Show(ctx context.Context, j *Judged) (Compliance, error) {
	res := j.Result
	v := Compliance{Verdict: res.Verdict, Algorithm: res.Algorithm, RuleSet: j.Rules, RuleSetHash: res.RuleSetHash, Reasons: res.Reasons, From: rest.InstantOrNull(res.FromMS), Final: res.Final,
		Metrics: metricTimes(res.Metrics), Rules: []JudgedRule{}, Excursions: []shapes.Excursion{}, More: res.More, Legs: []JudgedLeg{}, Trackers: []JudgedTracker{}, Figures: []JudgedFigure{},
		Budget: []JudgedBand{}, Recorders: []JudgedRecorder{}, Faults: []JudgedFault{}, Opinions: []JudgedOpinion{}, Recorded: []shapes.RecordedExcursion{}, Revisions: []shapes.Revision{}}
	for _, t := range res.Trackers {
		v.Trackers = append(v.Trackers, showTracker(t, j.Trackers))
		if t.Readings > 0 {
			v.EvaluatedTo = rest.InstantOrNull(res.ToMS)
		}
	}
	for i, r := range res.Rules {
		v.Rules = append(v.Rules, JudgedRule{ID: r.ID, Title: r.Title, Text: j.Rules.Text(i), Kind: r.Kind, Severity: r.Severity, State: r.State, Reasons: r.Reasons,
			Excursions: r.Excursions, MetricTimes: MetricTimes{inS(r.InMS), inS(r.OutMS), inS(r.UnknownMS)}})
	}
	messages, err := s.deciding(ctx, j)
	if err != nil {
		return v, err
	}
	for _, e := range res.Excursions {
		v.Excursions = append(v.Excursions, showExcursion(s.Members, e, j, messages))
	}
	for _, e := range res.Allowed.Stays {
		x := showExcursion(s.Members, e, j, messages)
		x.Allowed = true
		v.Excursions = append(v.Excursions, x)
	}
	slices.SortStableFunc(v.Excursions, func(a, b shapes.Excursion) int { return cmp.Compare(a.Start, b.Start) })
	v.Allowed = AllowedStays{res.Allowed.Count, inS(res.Allowed.OutMS)}
	for _, l := range res.Legs {
		v.Legs = append(v.Legs, showLeg(s.Members, l, j.Handovers))
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
	for _, x := range res.Faults {
		v.Faults = append(v.Faults, JudgedFault{x.Tracker, x.Metric, string(x.Reason), x.Reason.Words(x.Value), x.Readings, rest.Instant(x.FirstMS), rest.Instant(x.LastMS)})
	}
	return v, nil
}

func inS(ms int64) float64 { return float64(ms) / 1000 }

func metricTimes(all []compliance.MetricTime) map[string]RangeTimes {
	out := make(map[string]RangeTimes, len(all))
	for _, m := range all {
		out[m.Metric] = RangeTimes{MetricTimes{inS(m.InMS), inS(m.OutMS), inS(m.UnknownMS)}, inS(m.BelowMS)}
	}
	return out
}

func showTracker(t compliance.TrackerResult, records []ledger.Tracker) JudgedTracker {
	v := JudgedTracker{ID: t.ID, Readings: t.Readings, First: rest.InstantOrNull(t.FirstMS), Last: rest.InstantOrNull(t.LastMS), Metrics: metricTimes(t.Metrics), Trust: "unknown"}
	if i := slices.IndexFunc(records, func(r ledger.Tracker) bool { return r.ID == t.ID }); i >= 0 {
		r := &records[i]
		pin, _ := r.Profile()
		v.Trust, v.Gateway, v.Profile = string(r.Trust()), r.Gateway, pin.Ref
		if r.Attestation != nil {
			v.Maker = r.Attestation.Maker
		}
	}
	return v
}

func showExcursion(names *members.Directory, e compliance.Excursion, j *Judged, messages map[string]shapes.DecidingMessage) shapes.Excursion {
	x := shapes.Excursion{ID: e.ID, Rule: e.Rule, Kind: e.Kind, Metric: e.Metric, Tracker: e.Tracker, Severity: e.Severity, Start: rest.Instant(e.StartMS), OutS: inS(e.OutMS), Peak: e.Peak,
		Limit: e.Limit, Note: e.Note, Messages: []shapes.DecidingMessage{}}
	if !e.Open {
		x.End = rest.InstantOrNull(e.EndMS)
	}
	if e.Leg >= 0 && e.Leg < len(j.Result.Legs) {
		x.HeldBy = rest.OrNull(names.Name(j.Result.Legs[e.Leg].Custodian))
	}
	for _, m := range e.Messages {
		if d, ok := messages[m]; ok {
			x.Messages = append(x.Messages, d)
		}
	}
	return x
}

func showLeg(names *members.Directory, l compliance.LegResult, handovers []ledger.Handover) JudgedLeg {
	v := JudgedLeg{Custodian: names.Name(l.Custodian), From: rest.Instant(l.FromMS), To: rest.InstantOrNull(l.ToMS), Metrics: metricTimes(l.Metrics), Excursions: l.Excursions, Severity: l.Severity}
	for _, m := range l.Metrics {
		v.OutS = max(v.OutS, inS(m.OutMS))
	}
	for _, h := range handovers {
		if h.State == ledger.Accepted && l.ToMS != 0 && cmp.Or(h.AgreedMS, h.AnswerMS) == l.ToMS && h.From == l.Custodian {
			v.AtHandover = shapes.ShowComplianceState(names, h.AtAnswer)
		}
	}
	return v
}
