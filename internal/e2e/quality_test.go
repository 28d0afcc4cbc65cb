package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// tide goes up and down by 6 within two hours.
func tide(i int) float64 {
	if i %= 120; i > 60 {
		i = 120 - i
	}
	return float64(i) / 10
}

// faulty is what four trackers of one shipment measured in minute i; false = nothing.
func faulty(tracker, i int) (map[string]float64, bool) {
	v := map[string]float64{"temperature": 5 + float64((i+tracker)%5)/20, "humidity": 45 + tide(i), "lat": 52.5, "lon": 13.4 + float64(i)/500}
	switch {
	case tracker == 0:
		v["temperature"] = 5 // frozen while the air changes
	case tracker == 1 && i == 100:
		v["temperature"] = 60
	case tracker == 1 && i == 200:
		v["temperature"] = -242.02
	case tracker == 2 && i > 60:
		v["temperature"] += float64(i-60) / 50
	case tracker == 3 && i == 150:
		v["lat"] = 47.5
	case tracker == 3 && i >= 185 && i < 215:
		return nil, false
	}
	return v, true
}

// TestStackQuality sends six hours of four trackers, each with its fault, as after a long outage: every fault is flagged with
// its reason and counted in its hours, and nothing that was sent is missing or changed.
func TestStackQuality(t *testing.T) {
	s := load(t)
	carrier := s.api(t, "carrier")
	shipment := name("odd")
	const minutes, pack = 360, 10
	start := time.Now().Add(-7 * time.Hour).Truncate(time.Hour)
	carrier.post("/v1/shipments", map[string]any{"id": shipment, "rule_set": "general-2-8@1", "parties": map[string][]string{"carrier": {"carrier"}, "shipper": {"shipper"}, "consignee": {"consignee"}}}, nil)
	var trackers [4]*ownTracker
	for n := range trackers {
		trackers[n] = enrolOwn(t, s, carrier, fmt.Sprint(name("odd"), "-", n))
		carrier.post("/v1/shipments/"+shipment+"/assignments", map[string]any{"tracker": trackers[n].id, "from": start.UTC().Format(time.RFC3339)}, nil)
	}
	// The assignments reach ingest as ledger events: a first message that comes too early is nobody's.
	first := telemetry.Reading{TimeMS: start.UnixMilli(), Values: map[string]float64{"temperature": 5}}
	for _, tr := range trackers {
		eventually(t, 60*time.Second, "the tracker's messages belong to the shipment", func() (bool, string) {
			tr.publish(tr.readings(first))
			for range 10 {
				for _, m := range all[messageItem](carrier, "/v1/shipments/"+shipment+"/messages") {
					if m.Tracker == tr.id {
						return true, ""
					}
				}
				time.Sleep(100 * time.Millisecond)
			}
			return false, "not yet"
		})
	}
	sent := map[string]int64{}
	for from := 1; from < minutes; from += pack {
		for n, tr := range trackers {
			var list []telemetry.Reading
			for i := from; i < min(from+pack, minutes); i++ {
				if v, ok := faulty(n, i); ok {
					list = append(list, telemetry.Reading{TimeMS: start.Add(time.Duration(i) * time.Minute).UnixMilli(), Values: v})
				}
			}
			if len(list) > 0 {
				sent[tr.id] += int64(len(list))
				tr.publish(tr.readings(list...))
			}
		}
	}
	want := [4][]string{{"constancy"}, {"outlier", "jump", "sensor_fault"}, {"drift"}, {"teleport", "availability"}}
	for n, tr := range trackers {
		var q struct {
			Items []struct {
				Hour         time.Time
				Availability float64
				Flags        map[string]int64
			}
			Total struct {
				Readings int64
				Flags    map[string]int64
			}
		}
		eventually(t, 90*time.Second, tr.id+" is flagged and counted", func() (bool, string) {
			carrier.get(fmt.Sprintf("/v1/trackers/%s/quality?from=%s&to=%s", tr.id, start.UTC().Format(time.RFC3339), start.Add(minutes*time.Minute).UTC().Format(time.RFC3339)), &q)
			ok := q.Total.Readings > sent[tr.id]
			for _, reason := range want[n] {
				ok = ok && q.Total.Flags[reason] > 0
			}
			return ok, fmt.Sprintf("%d sent: %+v", sent[tr.id], q)
		})
		t.Logf("tracker %d: %d hours, %+v", n, len(q.Items), q.Total)
		for reason, count := range q.Total.Flags {
			if count > 0 && !strings.Contains(fmt.Sprint(want[n]), reason) {
				t.Errorf("tracker %d: %d times %s", n, count, reason)
			}
		}
		if n == 3 && q.Items[3].Availability > 0.6 {
			t.Errorf("the hour with half of its readings: %+v", q.Items[3])
		}
	}
	kept := 0
	for _, r := range all[telemetryItem](carrier, "/v1/shipments/"+shipment+"/telemetry?limit=5000") {
		if v := r.Values["temperature"]; v == -242.02 || v == 60 {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("%d of 2 odd readings are in the telemetry", kept)
	}
	resp, err := http.Get(s.Ingest[0].URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("metrics: %s", resp.Status)
	}
}

// readings signs the next message with these readings.
func (o *ownTracker) readings(list ...telemetry.Reading) []byte {
	o.t.Helper()
	o.claims.Kind, o.claims.TimeMS = telemetry.Data, list[len(list)-1].TimeMS
	raw, err := telemetry.Encode(o.signer, o.claims, list)
	if err != nil {
		o.t.Fatal(err)
	}
	m, err := telemetry.Decode(raw)
	if err != nil {
		o.t.Fatal(err)
	}
	o.claims.Prev, o.claims.Seq = m.COSEHash, o.claims.Seq+1
	return raw
}
