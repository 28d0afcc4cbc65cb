package shapes

import (
	"encoding/json"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// ComplianceState is what the ledger held about the goods at one moment.
type ComplianceState struct {
	Revision int                     `json:"revision" doc:"Of the newest verdict; 0 = none yet"`
	Result   string                  `json:"result" doc:"Of that verdict; empty = none yet"`
	To       rest.Null[rest.Instant] `json:"to" doc:"Up to which event time it was judged"`
	Open     int                     `json:"open" doc:"Excursions that were not over"`
	Total    int                     `json:"total" doc:"All excursions, recorded and verified"`
	Verified int                     `json:"verified" doc:"Of these, breaches that peers verified; one may lie within a recorded excursion"`
	Budget   []ledger.BudgetLine     `json:"budget"`
}

// Revision is a verdict on the ledger.
type Revision struct {
	Revision   int              `json:"revision"`
	Result     string           `json:"result"`
	Reasons    []string         `json:"reasons"`
	To         rest.Instant     `json:"to" doc:"Judged up to this event time"`
	Logs       []ledger.LogHead `json:"logs" doc:"All logs of the shipment that had a leaf, as far as they were judged"`
	RuleHash   string           `json:"rule_hash"`
	Supersedes int              `json:"supersedes"`
	Detail     json.RawMessage  `json:"detail,omitempty" doc:"As recorded"`
	By         string           `json:"by"`
	RecordedAt rest.Instant     `json:"recorded_at"`
	Tx         string           `json:"tx"`
}

func ShowComplianceState(st *ledger.ComplianceState) rest.Null[ComplianceState] {
	if st == nil {
		return rest.Null[ComplianceState]{}
	}
	v := ComplianceState{st.Revision, st.Result, rest.InstantOrNull(st.ToMS), st.Open, st.Total, st.Verified, st.Budget}
	if v.Budget == nil {
		v.Budget = []ledger.BudgetLine{}
	}
	return rest.Some(v)
}

func ShowRevision(names *members.Directory, l ledger.Verdict) Revision {
	r := Revision{Revision: l.Revision, Result: l.Result, Reasons: l.Reasons, To: rest.Instant(l.ToMS), Logs: l.Logs, RuleHash: l.RuleHash, Supersedes: l.Supersedes,
		Detail: l.Detail, By: names.Name(l.By), RecordedAt: rest.Instant(l.TimeMS), Tx: l.Tx}
	if r.Reasons == nil {
		r.Reasons = []string{}
	}
	if r.Logs == nil {
		r.Logs = []ledger.LogHead{}
	}
	return r
}
