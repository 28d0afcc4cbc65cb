package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A shipment states when it is to be delivered, and a rule of its set asks whether it was.
func TestDeliveredByTheTimeStated(t *testing.T) {
	for id, tc := range map[string]struct {
		by          time.Time
		state, text string
	}{
		"carrier.S-late":   {time.Now().Add(-20 * time.Minute), "broken", "not delivered"},
		"carrier.S-coming": {time.Now().Add(5 * time.Hour), "unknown", "not delivered yet"},
		"carrier.S-plain":  {time.Time{}, "not_judged", "states no time"},
	} {
		w := newWorld(t)
		w.must(http.StatusCreated, http.MethodPost, "/v1/rule-sets", `{"schema":"trackseal-rule-set/1","id":"on-time","version":1,"title":"on time","max_gap_s":900,"rules":[
			{"id":"warm","severity":"major","limit":{"metric":"temperature","op":">","value":"40","mode":"instant"}},
			{"id":"late","title":"Delivered in time","severity":"major","deadline":{"grace_s":60}}]}`)
		w.ruleSet, w.age = "carrier.on-time@1", 20*time.Minute
		w.words = `"description":"vaccines"`
		want := any(nil)
		if !tc.by.IsZero() {
			at := tc.by.In(time.FixedZone("", 3600)).Truncate(time.Second)
			w.words += `,"deliver_by":"` + at.Format(time.RFC3339) + `"`
			want = at.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		w.ship(id)
		var s map[string]any
		w.must(http.StatusOK, http.MethodGet, "/v1/shipments/"+id, "").into(&s)
		if s["deliver_by"] != want {
			t.Errorf("%s: deliver_by %v, expected %v", id, s["deliver_by"], want)
		}
		var c struct {
			Rules []struct {
				ID, Kind, State, Text string
				Reasons               []string
			}
		}
		w.must(http.StatusOK, http.MethodGet, "/v1/shipments/"+id+"/compliance", "").into(&c)
		r := c.Rules[1]
		if r.Kind != "deadline" || r.State != tc.state || len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0], tc.text) {
			t.Errorf("%s: %+v, expected %s: %s", id, r, tc.state, tc.text)
		}
	}
	p := newWorld(t).call(http.MethodPost, "/v1/shipments", strings.Replace(shipmentBody("carrier.S-x"), `"description"`, `"deliver_by":"2026-10-25T02:30","deliver_by_zone":"Europe/Vienna","description"`, 1)).problem()
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(fmt.Sprint(p.Errors), "twice") {
		t.Errorf("an ambiguous hour: %+v", p)
	}
}
