package watch

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

// recorded is what the ledger was told about a shipment, or will be: it is kept together with the outbox.
type recorded struct {
	Excursions map[string]bool `json:"excursions"` // id -> closed
	Revision   int             `json:"revision"`
	Result     string          `json:"result"`
	ToMS       int64           `json:"to_ms"`
	LogSize    uint64          `json:"log_size"`
}

// record queues transactions for the difference. The new state and the transactions are one synced batch: a crash neither
// forgets nor repeats one.
func (w *Watcher) record(s *ledger.Shipment, rules *compliance.RuleSet, head ledger.LogHead, result compliance.Result, final bool) error {
	was := recorded{Excursions: map[string]bool{}}
	v, err := w.cfg.DB.Get(journal.WatchKey(s.ID))
	if err != nil {
		return err
	}
	if v != nil {
		if err := json.Unmarshal(v, &was); err != nil {
			return err
		}
	}
	now := recorded{Excursions: maps.Clone(was.Excursions), Revision: was.Revision, Result: was.Result, ToMS: was.ToMS, LogSize: was.LogSize}
	var txs []transaction
	seen := map[string]bool{}
	changed := was.Revision == 0 || was.Result != result.Verdict
	for _, e := range result.Excursions {
		seen[e.ID] = true
		closed, known := was.Excursions[e.ID]
		entry := ledger.Excursion{
			ID: e.ID, Shipment: s.ID, Rule: e.Rule, Metric: e.Metric, StartMS: e.StartMS, EndMS: e.EndMS, Peak: e.Peak, Limit: e.Limit,
			Logs: []ledger.LogHead{head}, RuleHash: s.RuleSetHash,
		}
		if !known {
			opening := entry
			opening.EndMS = 0
			txs = append(txs, transaction{Shipment: s.ID, Fn: ledger.ComplianceOpen.Name(), Excursion: &opening})
			now.Excursions[e.ID], changed = false, true
			if claimable(rules, &e) && len(was.Excursions) < maxClaims {
				txs = append(txs, transaction{Shipment: s.ID, Fn: ledger.ComplianceBreach.Name(), Excursion: &entry, Tracker: e.Tracker})
			}
		}
		if !e.Open && !closed {
			txs = append(txs, transaction{Shipment: s.ID, Fn: ledger.ComplianceClose.Name(), Excursion: &entry})
			now.Excursions[e.ID] = true
		}
	}
	// Late readings can show that a recorded excursion was another one: it stays on the ledger, ended where it began, and
	// the new revision counts without it.
	for _, id := range slices.Sorted(maps.Keys(was.Excursions)) {
		if seen[id] {
			continue
		}
		changed = changed || !was.Excursions[id]
		if !was.Excursions[id] {
			txs = append(txs, transaction{Shipment: s.ID, Fn: ledger.ComplianceClose.Name(), Excursion: &ledger.Excursion{ID: id, Shipment: s.ID, Peak: "0", Logs: []ledger.LogHead{head}}, Void: true})
			now.Excursions[id] = true
		}
	}
	if changed || final && was.LogSize != head.Size {
		now.Revision, now.Result, now.ToMS, now.LogSize = was.Revision+1, result.Verdict, result.ToMS, head.Size
		txs = append(txs, transaction{Shipment: s.ID, Fn: ledger.ComplianceRevise.Name(), Verdict: &ledger.Verdict{
			Shipment: s.ID, Revision: now.Revision, Supersedes: was.Revision, Result: result.Verdict, Reasons: clipReasons(result.Reasons),
			ToMS: result.ToMS, Logs: []ledger.LogHead{head}, RuleHash: s.RuleSetHash, Detail: detail(result),
		}})
	}
	if len(txs) == 0 {
		return nil
	}
	return w.outbox.add(txs, journal.WatchKey(s.ID), mustJSON(now))
}

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
func detail(r compliance.Result) json.RawMessage {
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
	d := struct {
		Algorithm  string              `json:"algorithm"`
		FromMS     int64               `json:"from_ms"`
		Metrics    map[string]seconds  `json:"metrics"`
		Excursions int                 `json:"excursions"`
		Budget     []ledger.BudgetLine `json:"budget"`
		MKT        map[string]string   `json:"mkt"` // rule/tracker -> °C
		Legs       []leg               `json:"legs"`
	}{r.Algorithm, r.FromMS, map[string]seconds{}, len(r.Excursions) + r.More, []ledger.BudgetLine{}, map[string]string{}, []leg{}}
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
