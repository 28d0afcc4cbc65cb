package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// judgedAnswer is what the test reads of GET …/compliance and of a simulation.
type judgedAnswer struct {
	Verdict    string `json:"verdict"`
	Reasons    []string
	Excursions []judgedExcursion `json:"excursions"`
	Legs       []struct {
		Custodian  string `json:"custodian"`
		AtHandover *struct {
			Result string `json:"result"`
			Total  int    `json:"total"`
		} `json:"at_handover"`
	} `json:"legs"`
	Budget []struct {
		Band   string  `json:"band"`
		SpentS float64 `json:"spent_s"`
	} `json:"budget"`
	Figures []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"figures"`
	Revisions []struct {
		By       string `json:"by"`
		Revision int    `json:"revision"`
		Result   string `json:"result"`
	} `json:"revisions"`
	Disposition *struct {
		Decision string `json:"decision"`
	} `json:"disposition"`
}

// judgedExcursion is one of them.
type judgedExcursion struct {
	ID       string `json:"id"`
	Rule     string `json:"rule"`
	HeldBy   string `json:"held_by"`
	Peak     string `json:"peak"`
	LedgerTx string `json:"ledger_tx"`
	Verified bool   `json:"verified"`
	Acks     int    `json:"acknowledgements"`
	Messages []struct {
		Log  string `json:"log"`
		Leaf uint64 `json:"leaf"`
		Hash string `json:"hash"`
	} `json:"messages"`
}

// excursion is the id of a rule's, "" when there is none.
func (j *judgedAnswer) excursion(rule string) string {
	for _, e := range j.Excursions {
		if e.Rule == rule {
			return e.ID
		}
	}
	return ""
}

func stackRules(id string) map[string]any {
	return map[string]any{"schema": "trackseal-rule-set/1", "id": id, "version": 1, "title": "Refrigerated, of a test", "max_gap_s": 900, "rules": []any{
		map[string]any{"id": "warm", "severity": "major", "limit": map[string]any{"metric": "temperature", "op": ">", "value": "8", "mode": "consecutive", "duration_s": 900}},
		map[string]any{"id": "hot", "severity": "critical", "limit": map[string]any{"metric": "temperature", "op": ">=", "value": "25", "mode": "instant"}},
		map[string]any{"id": "mkt", "severity": "info", "mkt": map[string]any{"metric": "temperature", "max": "8", "window_s": 3600, "min_coverage": "0.5", "activation_k": "10000"}},
		map[string]any{"id": "gap", "severity": "minor", "silence": map[string]any{"max_s": 1800}},
	}}
}

// refusal calls and wants a status and a text in the problem.
func (a *api) refusal(status int, text, method, path string, body any) {
	a.t.Helper()
	got, err := a.call(method, path, body, nil)
	if got != status || err == nil || !strings.Contains(err.Error(), text) {
		a.t.Errorf("%s %s: %d %v, want %d with %q", method, path, got, err, status, text)
	}
}

// TestStackCompliance takes warm goods from a published rule set to their rejection: excursions, signatures, a breach that
// every peer checked and one that they refused, custody, reports, and a simulation that says the same.
func TestStackCompliance(t *testing.T) {
	s := load(t)
	carrier, shipper, consignee := s.api(t, "carrier"), s.api(t, "shipper"), s.api(t, "consignee")
	id, lot := name("CO"), name("LOT")
	path := "/v1/shipments/" + id

	rules := stackRules(strings.ToLower(nameOf("shipper", "rules")))
	ref := fmt.Sprintf("%s@1", rules["id"])
	var published struct{ Ref, Hash string }
	if status, err := shipper.call("POST", "/v1/rule-sets", rules, &published); status != http.StatusCreated || published.Ref != ref {
		t.Fatal(status, err, published)
	}
	if status, err := shipper.call("POST", "/v1/rule-sets", rules, nil); status != http.StatusOK {
		t.Errorf("the same rules again: %d %v", status, err)
	}
	broken := stackRules("x y")
	broken["max_gap_s"] = 0
	carrier.refusal(422, "body.max_gap_s", "POST", "/v1/rule-sets", broken)
	next := stackRules(rules["id"].(string))
	next["version"] = 2
	carrier.refusal(422, "must begin with carrier.", "POST", "/v1/rule-sets", next)

	// A trip of three hours that ends now: warm for half an hour, hot twice in a row, by readings every five minutes.
	tr := enrolOwn(t, s, carrier, id+"-t")
	start := time.Now().Add(-3 * time.Hour).UnixMilli()
	eventually(t, 30*time.Second, "the carrier creates a shipment by the shipper's rules", func() (bool, string) {
		_, err := carrier.call("POST", "/v1/shipments", map[string]any{"id": id, "rule_set": ref, "lot": lot, "description": "vaccines, 2 pallets", "origin": "Rotterdam", "destination": "Vienna",
			"parties": map[string][]string{"carrier": {"carrier"}, "shipper": {"shipper"}, "consignee": {"consignee"}, "auditor": {"auditor"}}}, nil)
		return err == nil, fmt.Sprint(err)
	})
	carrier.post(path+"/assignments", map[string]any{"tracker": tr.id, "from": time.UnixMilli(start).UTC().Format("2006-01-02T15:04:05.000Z")}, nil)
	var raws [][]byte
	file := "time,tracker,temperature\n"
	for i := range 36 {
		at, v := start+int64(i)*300_000, 4.5+float64(i%5)/10
		switch {
		case i >= 12 && i < 18:
			v = 9.5 + float64(i%3)
		case i == 24 || i == 25:
			v = 26.25 + float64(i-24)
		}
		file += fmt.Sprintf("%d,%s,%g\n", at, tr.id, v)
		tr.claims.Kind, tr.claims.TimeMS = telemetry.Data, at
		raw, err := telemetry.Encode(tr.signer, tr.claims, []telemetry.Reading{{TimeMS: at, Values: map[string]float64{"temperature": v, "humidity": 50 + float64(i%7)}}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := telemetry.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		tr.claims.Prev, tr.claims.Seq = m.COSEHash, tr.claims.Seq+1
		raws = append(raws, raw)
	}
	p := &trip{t: t, s: s, tr: tr, id: id}
	p.send(raws...)
	p.anchored()

	var j judgedAnswer
	judged := func(a *api, what string, ok func() bool) {
		t.Helper()
		eventually(t, 60*time.Second, what, func() (bool, string) {
			j = judgedAnswer{}
			a.get(path+"/compliance", &j)
			return ok(), fmt.Sprintf("%+v", j)
		})
	}
	judged(consignee, "the excursions are on the ledger", func() bool {
		return len(j.Revisions) > 0 && j.Revisions[len(j.Revisions)-1].Result == j.Verdict &&
			!slices.ContainsFunc(j.Excursions, func(e judgedExcursion) bool { return e.LedgerTx == "" })
	})
	if j.Verdict != "non_compliant" || j.excursion("warm") == "" || j.excursion("hot") == "" || len(j.Figures) == 0 {
		t.Fatalf("got %+v, want non_compliant by warm and hot, with figures", j)
	}
	messages := p.messages()
	for _, e := range j.Excursions {
		for _, m := range e.Messages {
			if i := slices.IndexFunc(messages, func(x messageItem) bool { return x.Log == m.Log && x.Leaf == m.Leaf }); i < 0 || messages[i].Hash != m.Hash {
				t.Errorf("%s is decided by %+v, which the log does not have so", e.ID, m)
			}
		}
	}

	// Sign-off of an excursion, whose id has slashes.
	warm := path + "/excursions/" + url.PathEscape(j.excursion("warm")) + "/acknowledgements"
	note := map[string]any{"meaning": "reviewed", "reason": "door open at the dock"}
	consignee.postSoon(warm, note)
	consignee.refusal(404, "not_found", "POST", path+"/excursions/warm%2Fnobody%2F1/acknowledgements", note)
	var acks struct{ Items []struct{ Reason string } }
	eventually(t, 30*time.Second, "the carrier sees the signature", func() (bool, string) {
		carrier.get(warm, &acks)
		return len(acks.Items) == 1 && acks.Items[0].Reason == note["reason"], fmt.Sprintf("%+v", acks)
	})

	// Ingest has claimed the first hot reading. The consignee claims the second with the carrier's own signed message; a false
	// claim is refused by the peers.
	claim := func(leaf int) map[string]any {
		return map[string]any{"rule": "hot", "messages": []any{map[string]any{"log": messages[leaf].Log, "leaf": messages[leaf].Leaf}}}
	}
	leafOf := func(i int) int {
		m, err := telemetry.Decode(raws[i])
		if err != nil {
			t.Fatal(err)
		}
		return slices.IndexFunc(messages, func(x messageItem) bool { return x.Hash == fmt.Sprintf("%x", m.COSEHash) })
	}
	consignee.refusal(422, "keeps the limit of rule hot", "POST", path+"/breaches", claim(leafOf(13)))
	var breach struct {
		ID        string `json:"id"`
		Verified  bool   `json:"verified"`
		By        string `json:"by"`
		Witnesses []struct{ Value string }
	}
	consignee.post(path+"/breaches", claim(leafOf(25)), &breach)
	if !breach.Verified || breach.By != "consignee" || len(breach.Witnesses) != 1 || breach.Witnesses[0].Value != "27.25" {
		t.Errorf("got %+v, want it verified, by consignee, with the one witness 27.25", breach)
	}
	consignee.refusal(409, "exists", "POST", path+"/breaches", claim(leafOf(25)))

	// Custody: offered, taken back, given; the handover keeps what the ledger held.
	carrier.postSoon(path+"/handovers", map[string]any{"to": "shipper"})
	carrier.postSoon(path+"/handovers/current/withdraw", map[string]any{"reason": "wrong party"})
	carrier.postSoon(path+"/handovers", map[string]any{"to": "consignee"})
	eventually(t, 30*time.Second, "the consignee takes the goods", func() (bool, string) {
		_, err := consignee.call("POST", path+"/handovers/current/accept", nil, nil)
		return err == nil, fmt.Sprint(err)
	})
	consignee.postSoon(path+"/deliver", nil)
	eventually(t, 90*time.Second, "the carrier closes the delivered shipment", func() (bool, string) {
		_, err := carrier.call("POST", path+"/close", nil, nil)
		return err == nil, fmt.Sprint(err)
	})
	judged(consignee, "the legs show what the ledger held at the handover", func() bool {
		return len(j.Legs) > 0 && j.Legs[0].Custodian == "carrier" && j.Legs[0].AtHandover != nil && j.Legs[0].AtHandover.Result == "non_compliant" && j.Legs[0].AtHandover.Total >= 3
	})
	for _, e := range j.Excursions {
		if e.Rule == "hot" && !e.Verified || e.Rule == "warm" && (e.Acks != 1 || e.HeldBy != "carrier") {
			t.Errorf("got %+v, want hot verified, and warm acknowledged once and held by carrier", e)
		}
	}

	// The goods are turned down, on the newest verdict.
	newest := 0
	for _, r := range j.Revisions {
		if r.By == "carrier" {
			newest = max(newest, r.Revision)
		}
	}
	decision := func(d string, verdict int) map[string]any {
		return map[string]any{"decision": d, "meaning": "responsibility", "reason": "27 °C on the way", "verdict_by": "carrier", "verdict_revision": verdict}
	}
	carrier.refusal(403, "forbidden", "POST", path+"/disposition", decision("release", newest))
	consignee.refusal(409, "newest verdict", "POST", path+"/disposition", decision("reject", newest+1))
	consignee.postSoon(path+"/disposition", decision("reject", newest))

	// A simulation by the same rules says the same, also of the file, and writes nothing.
	tried := func(body map[string]any) judgedAnswer {
		t.Helper()
		var out judgedAnswer
		eventually(t, 60*time.Second, "a simulation", func() (bool, string) {
			status, err := consignee.call("POST", "/v1/rule-sets/simulate", body, &out)
			if err != nil && status != http.StatusTooManyRequests {
				t.Fatal(err)
			}
			return err == nil, fmt.Sprint(err)
		})
		return out
	}
	judged(consignee, "the disposition is shown", func() bool { return j.Disposition != nil && j.Disposition.Decision == "reject" })
	same := tried(map[string]any{"rule_set": rules, "shipment": id})
	of := func(j *judgedAnswer) (ids []string) {
		for _, e := range j.Excursions {
			ids = append(ids, e.ID)
		}
		return ids
	}
	if same.Verdict != j.Verdict || !slices.Equal(of(&same), of(&j)) {
		t.Errorf("the simulation says %s %v, the shipment %s %v", same.Verdict, of(&same), j.Verdict, of(&j))
	}
	fromFile := tried(map[string]any{"rule_set": ref, "csv": file})
	if fromFile.Verdict != j.Verdict || !slices.Equal(of(&fromFile), of(&j)) {
		t.Errorf("the file: %s %v, the shipment %v", fromFile.Verdict, of(&fromFile), of(&j))
	}

	for format, begin := range map[string]string{"pdf": "%PDF-1.", "xlsx": "PK\x03\x04", "csv": "section,item,field,value,unit,from,to\r\n"} {
		raw := consignee.download(path + "/report?format=" + format)
		if !bytes.HasPrefix(raw, []byte(begin)) {
			t.Errorf("%s begins with %.40q", format, raw)
		}
		if dir := os.Getenv("TRACKSEAL_REPORTS"); dir != "" { // to look at
			if err := os.WriteFile(filepath.Join(dir, "shipment."+format), raw, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(consignee.download("/v1/reports/fsma204?format=csv&lot=" + lot))).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][0] != "shipping" || rows[2][0] != "receiving" || rows[1][1] != lot || rows[2][6] != "consignee, Vienna" {
		t.Errorf("FSMA list: %v %v", err, rows)
	}
	if raw, err := json.Marshal(j); err == nil {
		t.Logf("%s", raw)
	}
}
