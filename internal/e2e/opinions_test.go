package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// opinionsAnswer is what the test reads of GET …/compliance.
type opinionsAnswer struct {
	Verdict   string `json:"verdict"`
	Confirmed struct{ By, Of int }
	Opinions  []struct {
		By       string           `json:"by"`
		Standing string           `json:"standing"`
		Result   string           `json:"result"`
		Revision int              `json:"revision"`
		Logs     []ledger.LogHead `json:"logs"`
		Reason   string           `json:"reason"`
	} `json:"opinions"`
}

// TestStackOpinions: each party's own node judges its own copy, and every party's API says by how many the verdict is confirmed: on the
// way, after a breach, and in the end from all that was sealed.
func TestStackOpinions(t *testing.T) {
	s := load(t)
	orgs := []string{"carrier", "shipper", "consignee", "auditor"}
	carrier := s.api(t, "carrier")
	tr := enrolOwn(t, s, carrier, name("OP"))
	trip := begin(t, s, tr, name("opinions"), orgs...)
	path := "/v1/shipments/" + trip.id
	confirmed := func(when string, also func(opinionsAnswer) bool) {
		t.Helper()
		for _, org := range orgs {
			a := s.api(t, org)
			eventually(t, 60*time.Second, when+", at the "+org+": confirmed by 4 of 4", func() (bool, string) {
				var c opinionsAnswer
				_, err := a.call("GET", path+"/compliance", nil, &c)
				return err == nil && c.Confirmed.By == 4 && c.Confirmed.Of == 4 && also(c), fmt.Sprintf("%+v %v", c, err)
			})
		}
	}
	anything := func(opinionsAnswer) bool { return true }
	trip.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
	trip.anchored()
	confirmed("on the way", anything)

	trip.end()
	final := trip.messages()
	confirmed("in the end", func(c opinionsAnswer) bool {
		for _, o := range c.Opinions {
			if len(o.Logs) != 1 || o.Logs[0].Size != uint64(len(final)) {
				return false
			}
		}
		return true
	})
	// One judgement, one revision: the first, and the last, which is of all that was sealed. A shipment whose result changed has more.
	var c struct {
		Revisions []struct {
			By       string
			Revision int
		} `json:"revisions"`
	}
	carrier.get(path+"/compliance", &c)
	if n := len(c.Revisions); n > 3*len(orgs) {
		t.Errorf("%d revisions on the ledger for one trip: %+v", n, c.Revisions)
	}
}
