package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const (
	atOnce      = 12
	stepMS      = 5 * 60_000
	perMessage  = 10
	tripMinutes = 600
)

// journey is what happens to one shipment, drawn from a seed: ten hours of readings that end now.
type journey struct {
	readings []telemetry.Reading
	late     map[int]bool // messages that arrive after all others
	want     string
}

// draw makes a journey and says by a model of its own what general-2-8 makes of it: a value holds until the next reading but
// for a quarter of an hour at most; more than 8 °C for 30 minutes or 25 °C at once breaks a rule.
func draw(seed uint64, endMS int64) journey {
	r := rand.New(rand.NewPCG(seed, 1))
	j := journey{late: map[int]bool{}}
	from := endMS - tripMinutes*60_000
	warmAt, warmFor := -1, 0
	if r.IntN(10) < 4 {
		warmAt, warmFor = 10+r.IntN(60), []int{2, 4, 5, 7, 10, 18}[r.IntN(6)]
	}
	hotAt := -1
	if r.IntN(10) == 0 {
		hotAt = 10 + r.IntN(90)
	}
	silentAt, silentFor := -1, 0
	if r.IntN(10) < 4 {
		silentAt, silentFor = 10+r.IntN(80), []int{2, 3, 6, 18}[r.IntN(4)]
	}
	for i := range tripMinutes / 5 {
		if silentAt >= 0 && i > silentAt && i < silentAt+silentFor {
			continue
		}
		v := 4 + float64(r.IntN(200))/100
		if i >= warmAt && warmAt >= 0 && i < warmAt+warmFor {
			v = 8.5 + float64(r.IntN(500))/100
		}
		if i == hotAt {
			v = 26
		}
		j.readings = append(j.readings, telemetry.Reading{TimeMS: from + int64(i)*stepMS, Values: map[string]float64{"temperature": v, "humidity": 50}})
	}
	var unknown, run int64
	broken := false
	for i, x := range j.readings {
		v := x.Values["temperature"]
		broken = broken || v >= 25
		next := endMS
		if i+1 < len(j.readings) {
			next = j.readings[i+1].TimeMS
		}
		known := min(next-x.TimeMS, 900_000)
		unknown += next - x.TimeMS - known
		if v <= 8 {
			run = 0
			continue
		}
		run += known
		broken = broken || run >= 1_800_000
		if known < next-x.TimeMS {
			run = 0
		}
	}
	switch {
	case broken:
		j.want = "non_compliant"
	case unknown > 0:
		j.want = "inconclusive"
	default:
		j.want = "compliant"
	}
	if r.IntN(2) == 0 {
		for range 1 + r.IntN(4) {
			j.late[r.IntN(tripMinutes/5/perMessage-1)] = true
		}
	}
	return j
}

// TestStackVerdictsAgree lets shipments with outages, backfill and excursions travel, and asks everybody what became of each:
// the ledger as ingest told it, the APIs of two organisations, the verifier with the evidence, and a model of the rules.
func TestStackVerdictsAgree(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	policy.Recorded = "accept" // the windows begin in the past
	carrier, consignee, auditor := s.api(t, "carrier"), s.api(t, "consignee"), s.api(t, "auditor")
	for _, a := range []*api{carrier, consignee, auditor} {
		a.bearer()
	}
	run := name("agree")
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	agreeing := 60 // shipments
	if os.Getenv("TRACKSEAL_LONG") != "" {
		agreeing = 200
	}
	seeds := make(chan uint64)
	for range atOnce {
		wg.Go(func() {
			for seed := range seeds {
				t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
					of := func(a *api) *api {
						return &api{t: t, org: a.org, base: a.base, secret: a.secret, token: a.token}
					}
					verdict := travel(t, s, policy, of(carrier), of(consignee), of(auditor), fmt.Sprintf("%s-%d", run, seed), seed)
					mu.Lock()
					seen[verdict]++
					mu.Unlock()
				})
			}
		})
	}
	for seed := range uint64(agreeing) {
		seeds <- seed
	}
	close(seeds)
	wg.Wait()
	t.Log(seen)
	for _, v := range []string{"compliant", "non_compliant", "inconclusive"} {
		if seen[v] < agreeing/20 {
			t.Errorf("only %d of %d shipments are %s: the journeys are no test", seen[v], agreeing, v)
		}
	}
}

func travel(t *testing.T, s *stack, policy *evidence.Policy, carrier, consignee, auditor *api, id string, seed uint64) string {
	tr := enrolOwn(t, s, carrier, id+"-t")
	now := time.Now().UnixMilli()
	j := draw(seed, now)
	path := "/v1/shipments/" + id
	carrier.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1",
		"parties": map[string][]string{"carrier": {"carrier"}, "shipper": {"shipper"}, "consignee": {"consignee"}, "auditor": {"auditor"}}}, nil)
	carrier.post(path+"/assignments", map[string]any{"tracker": tr.id, "from": time.UnixMilli(j.readings[0].TimeMS).UTC().Format("2006-01-02T15:04:05.000Z")}, nil)
	var first, late [][]byte
	for n, chunk := range slices.Collect(slices.Chunk(j.readings, perMessage)) {
		tr.claims.Kind, tr.claims.TimeMS = telemetry.Data, chunk[len(chunk)-1].TimeMS
		raw, err := telemetry.Encode(tr.signer, tr.claims, chunk)
		if err != nil {
			t.Fatal(err)
		}
		m, err := telemetry.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		tr.claims.Prev, tr.claims.Seq = m.COSEHash, tr.claims.Seq+1
		if j.late[n] {
			late = append(late, raw)
		} else {
			first = append(first, raw)
		}
	}
	slices.Reverse(late) // and out of order
	p := &trip{t: t, s: s, tr: tr, id: id}
	p.send(first...)
	if len(late) > 0 {
		p.send(late...)
	}
	carrier.postSoon(path+"/handovers", map[string]any{"to": "consignee"})
	consignee.postSoon(path+"/handovers/current/accept", nil)
	consignee.postSoon(path+"/deliver", nil)
	eventually(t, 90*time.Second, "the carrier closes the delivered shipment", func() (bool, string) {
		_, err := carrier.call("POST", path+"/close", nil, nil)
		return err == nil, fmt.Sprint(err)
	})

	type answer struct {
		Verdict    string `json:"verdict"`
		Excursions []struct {
			ID      string `json:"id"`
			Allowed bool   `json:"allowed"` // shown, but it broke nothing
		} `json:"excursions"`
		Confirmed struct{ By, Of int }
		Opinions  []struct {
			By, Result, Standing, Reason string
		} `json:"opinions"`
	}
	said := map[string]string{"the model": j.want}
	ids := map[string]string{}
	for _, a := range []*api{carrier, auditor} {
		var c answer
		eventually(t, 90*time.Second, a.org+"'s API finds the verdict confirmed by every party's own node", func() (bool, string) {
			c = answer{}
			_, err := a.call("GET", path+"/compliance", nil, &c)
			return err == nil && c.Confirmed.Of > 0 && c.Confirmed.By == c.Confirmed.Of, fmt.Sprintf("%s %+v %+v %v", c.Verdict, c.Confirmed, c.Opinions, err)
		})
		said[a.org+"'s API"] = c.Verdict
		for _, o := range c.Opinions {
			said["the opinion of "+o.By+" at "+a.org] = o.Result
		}
		var list []string
		for _, x := range c.Excursions {
			if !x.Allowed {
				list = append(list, x.ID)
			}
		}
		ids[a.org+"'s API"] = strings.Join(list, " ")
	}
	report, err := evidence.Verify(bytes.NewReader(auditor.download(path+"/evidence?nonce=00")), policy, evidence.Options{Nonce: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Judgement == nil {
		t.Fatalf("the verifier did not judge: %v", report.Findings)
	}
	said["the verifier"] = report.Judgement.Verdict
	var list []string
	for _, x := range report.Judgement.Excursions {
		list = append(list, x.ID)
	}
	ids["the verifier"] = strings.Join(list, " ")
	status := map[string]evidence.Status{"compliant": evidence.Pass, "non_compliant": evidence.Fail, "inconclusive": evidence.Unknown}
	if got := report.Verdicts.Compliant; got != status[j.want] {
		t.Errorf("the verifier answers %s to a shipment that is %s", got, j.want)
	}
	for _, f := range report.Findings {
		switch f.Code {
		case evidence.Claim, evidence.OldClaim, evidence.NoClaim:
			t.Error(f)
		}
	}
	for who, v := range said {
		if v != j.want {
			t.Errorf("seed %d: %s says %s, want %s; all: %v, reasons %v", seed, who, v, j.want, said, report.Judgement.Reasons)
		}
	}
	for who, v := range ids {
		if v != ids["the verifier"] {
			t.Errorf("seed %d: excursions of %s: %s; of the verifier: %s", seed, who, v, ids["the verifier"])
		}
	}
	return j.want
}
