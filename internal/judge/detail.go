package judge

import (
	"encoding/json"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/journey"
	"github.com/trackseal/trackseal/internal/ledger"
)

func clipReasons(reasons []string) []string {
	out := make([]string, 0, len(reasons))
	for _, r := range reasons[:min(len(reasons), ledger.MaxReasons)] {
		if len(r) > 512 {
			r = r[:512]
		}
		out = append(out, r)
	}
	return out
}

// detail is what a reader wants beside the verdict; docs/formats.md gives its shape. The chaincode reads the budget, for
// handovers and for later shipments of the lot.
func detail(r compliance.Result, record journey.State) json.RawMessage {
	type seconds struct {
		In      int64 `json:"in_s"`
		Out     int64 `json:"out_s"`
		Unknown int64 `json:"unknown_s"`
	}
	type leg struct {
		Custodian  string `json:"custodian"`
		FromMS     int64  `json:"from_ms"`
		ToMS       int64  `json:"to_ms"`
		Excursions int    `json:"excursions"`
	}
	type allowed struct {
		Stays int   `json:"stays"`
		Out   int64 `json:"out_s"`
	}
	d := struct {
		Algorithm  string              `json:"algorithm"`
		FromMS     int64               `json:"from_ms"`
		Metrics    map[string]seconds  `json:"metrics"`
		Excursions int                 `json:"excursions"`
		Allowed    allowed             `json:"allowed"` // how many, never which: a trip may have hundreds
		Budget     []ledger.BudgetLine `json:"budget"`
		MKT        map[string]string   `json:"mkt"` // rule/tracker -> °C
		Legs       []leg               `json:"legs"`
		Findings
	}{r.Algorithm, r.FromMS, map[string]seconds{}, len(r.Excursions) + r.More, allowed{r.Allowed.Count, r.Allowed.OutMS / 1000}, []ledger.BudgetLine{}, map[string]string{}, []leg{}, findingsOf(r, record)}
	for _, m := range r.Metrics {
		d.Metrics[m.Metric] = seconds{m.InMS / 1000, m.OutMS / 1000, m.UnknownMS / 1000}
	}
	for _, b := range r.Budget[:min(len(r.Budget), maxBudget)] {
		d.Budget = append(d.Budget, ledger.BudgetLine{Rule: b.Rule, Band: b.Band, SpentS: b.SpentMS / 1000, MaxS: b.MaxMS / 1000})
	}
	for _, f := range r.Figures {
		if f.Name == "mean_kinetic_temperature" {
			d.MKT[f.Rule+"/"+f.Tracker] = f.Value
		}
	}
	for _, l := range r.Legs {
		d.Legs = append(d.Legs, leg{l.Custodian, l.FromMS, l.ToMS, len(l.Excursions)})
	}
	b := mustJSON(d)
	if len(b) > maxDetail { // hundreds of legs or trackers: what the chaincode needs fits always
		d.Legs, d.MKT = []leg{}, map[string]string{}
		b = mustJSON(d)
	}
	if len(b) > maxDetail {
		d.First, d.Rules = []Stay{}, map[string]string{}
		b = mustJSON(d)
	}
	return b
}

// What the chaincode takes.
const (
	maxDetail = 16 << 10
	maxBudget = 64
)

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // our own plain types: cannot fail
		panic(err)
	}
	return b
}
