package shapes

import (
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Excursion is one time that a rule was broken.
type Excursion struct {
	ID       string                  `json:"id" doc:"rule/tracker/start; the same on the ledger"`
	Rule     string                  `json:"rule"`
	Kind     string                  `json:"kind"`
	Metric   string                  `json:"metric"`
	Tracker  string                  `json:"tracker"`
	Severity string                  `json:"severity" doc:"After escalation"`
	Start    rest.Instant            `json:"start"`
	End      rest.Null[rest.Instant] `json:"end" doc:"null while it lasts"`
	OutS     float64                 `json:"out_s" doc:"Known time out of range within it"`
	Peak     string                  `json:"peak"`
	Limit    string                  `json:"limit"`
	Note     string                  `json:"note"`
	HeldBy   rest.Null[string]       `json:"held_by" doc:"Organisation that held the goods when it began"`
	Messages []DecidingMessage       `json:"messages" doc:"Those that decide"`
	LedgerTx rest.Null[string]       `json:"ledger_tx" doc:"Transaction that recorded it"`
	Verified bool                    `json:"verified" doc:"Every endorsing peer has checked a signed message that shows it"`
	Acks     int                     `json:"acknowledgements" doc:"How many; see recorded"`
}

// RecordedExcursion is one on the ledger.
type RecordedExcursion struct {
	ID         string                  `json:"id"`
	Rule       string                  `json:"rule"`
	Metric     string                  `json:"metric"`
	Start      rest.Instant            `json:"start"`
	End        rest.Null[rest.Instant] `json:"end"`
	Peak       string                  `json:"peak"`
	Limit      string                  `json:"limit"`
	Found      bool                    `json:"found" doc:"The rules find it now; late readings can have shown another one"`
	Verified   bool                    `json:"verified" doc:"Stands on signed messages that every endorsing peer checked"`
	Tracker    string                  `json:"tracker" doc:"Of a verified one"`
	Witnesses  []ledger.Witness        `json:"witnesses" doc:"Of a verified one: the readings that break the limit"`
	By         string                  `json:"by"`
	OpenedAt   rest.Instant            `json:"opened_at"`
	OpenTx     string                  `json:"open_tx"`
	ClosedAt   rest.Null[rest.Instant] `json:"closed_at"`
	CloseTx    rest.Null[string]       `json:"close_tx"`
	Signatures []Acknowledgement       `json:"acknowledgements"`
}

func ShowRecorded(names *members.Directory, l ledger.Excursion, acks []Acknowledgement) RecordedExcursion {
	v := RecordedExcursion{ID: l.ID, Rule: l.Rule, Metric: l.Metric, Start: rest.Instant(l.StartMS), End: rest.InstantOrNull(l.EndMS), Peak: l.Peak, Limit: l.Limit, Verified: l.Verified,
		Tracker: l.Tracker, Witnesses: l.Witnesses, By: names.Name(l.By), OpenedAt: rest.Instant(l.OpenMS), OpenTx: l.OpenTx, ClosedAt: rest.InstantOrNull(l.CloseMS), CloseTx: rest.TextOrNull(l.CloseTx), Signatures: acks}
	if v.Witnesses == nil {
		v.Witnesses = []ledger.Witness{}
	}
	if v.Signatures == nil {
		v.Signatures = []Acknowledgement{}
	}
	return v
}

// DecidingMessage is a message that decides an excursion: the first, the worst or the last that breaks the rule.
type DecidingMessage struct {
	Log  string            `json:"log"`
	Leaf uint64            `json:"leaf"`
	Hash rest.Null[string] `json:"hash" doc:"What the leaf carries, hex; null beyond the first few hundred messages of an answer"`
}
