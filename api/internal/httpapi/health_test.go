package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/health"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// lasting are the alarms that last, or that are over, as "kind shipment tracker".
func (w *world) lasting(query string) (all []string) {
	w.t.Helper()
	var list rest.List[shapes.Alarm]
	w.must(200, "GET", "/v1/alarms"+query, "").into(&list)
	for _, a := range list.Items {
		text := a.Kind
		for _, s := range []*string{a.Shipment.V, a.Tracker.V} {
			if text += " -"; s != nil {
				text = strings.TrimSuffix(text, "-") + *s
			}
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func (w *world) look() {
	w.t.Helper()
	if err := w.alarms.Look(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// says stores a message of a tracker with a value, received at a time.
func (w *world) says(shipment, tracker string, n uint64, at time.Time, values map[string]float64) {
	w.store.Stored = append(w.store.Stored, stored.Message{Log: w.ingest.LogID(), Leaf: n, Tracker: tracker, Shipment: shipment, Trust: stored.Unsigned, TimeMS: at.UnixMilli() - 200, ReceivedMS: at.UnixMilli(), Readings: 1})
	w.store.Points = append(w.store.Points, fakestore.Point{Reading: stored.Reading{Log: w.ingest.LogID(), Tracker: tracker, Leaf: n, TimeMS: at.UnixMilli() - 200, Values: values}, At: at})
}

func TestAlarmsOfSilence(t *testing.T) {
	w := newWorld(t)
	w.promise = 60
	w.ship("carrier.s1") // each minute, a message that promises the next one
	w.look()
	want(t, "alarms while it speaks", w.lasting(""), nil)
	sub := w.feed.Subscribe("carrier.s1", "")
	defer sub.Cancel()
	others := w.feed.Subscribe("carrier.s2", "")
	defer others.Cancel()

	w.later = 4 * time.Minute // a minute as promised, and two of grace
	w.look()
	silent := []string{"shipment_silent carrier.s1 -", "tracker_silent carrier.s1 carrier.t-s1"}
	want(t, "alarms", w.lasting(""), silent)
	want(t, "of the shipment", w.lasting("?shipment=carrier.s1"), silent)
	want(t, "of the tracker", w.lasting("?tracker=carrier.t-s1"), silent[1:])
	want(t, "of the kind", w.lasting("?kind=shipment_silent"), silent[:1])
	want(t, "of another shipment", w.lasting("?shipment=carrier.s2"), nil)
	want(t, "that are over", w.lasting("?state=over"), nil)
	w.must(422, "GET", "/v1/alarms?kind=noise", "")
	for range 2 {
		if e := <-sub.C; e.Name != "alarm" || e.Data.(shapes.Alarm).Over.V != nil {
			t.Errorf("got event %+v, want an alarm that lasts", e)
		}
	}
	for i, kind := range shapes.AlarmKinds {
		if got, want := w.gauge(kind), float64([]int{1, 1, 0, 0}[i]); got != want {
			t.Errorf("gauge of %s: got %v, want %v", kind, got, want)
		}
	}
	var h health.TrackerHealth
	w.must(200, "GET", "/v1/trackers/carrier.t-s1/health", "").into(&h)
	want(t, "due by", h.DueBy, "promise")
	want(t, "silent", present(t, "silent since", h.SilentSince.V), present(t, "last seen", h.LastSeen.V))
	w.look()
	want(t, "alarms that last are told once", len(sub.C), 0)

	w.says("carrier.s1", "carrier.t-s1", 10, time.Now().Add(w.later), map[string]float64{"temperature": 5})
	w.look()
	want(t, "alarms after it spoke", w.lasting("?state=lasting"), nil)
	want(t, "alarms that are over", w.lasting("?state=over"), silent)
	for range 2 {
		if e := <-sub.C; e.Data.(shapes.Alarm).Over.V == nil {
			t.Errorf("got event %+v, want one that is over", e)
		}
	}
	w.later += 25 * time.Hour
	w.says("carrier.s1", "carrier.t-s1", 11, time.Now().Add(w.later), map[string]float64{"temperature": 5})
	w.look()
	want(t, "alarms a day later", w.lasting(""), nil)
	want(t, "events of another shipment", len(others.C), 0)

	// What is delivered or closed is not watched.
	w.later += 25 * time.Hour
	w.look()
	want(t, "alarms", len(w.lasting("")), 2)
	r := w.shipmentRecord("carrier.s1")
	r.State = "delivered"
	w.alarms.Shipment(r)
	w.look()
	want(t, "alarms after the delivery", w.lasting("?state=lasting"), nil)
}

// TestAlarmsOfAnotherOrganisation: a party has the alarms of the shipment, not those of trackers elsewhere; one that is no party has none.
func TestAlarmsOfAnotherOrganisation(t *testing.T) {
	carrier := newWorld(t)
	carrier.ship("carrier.s1")
	carrier.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t-spare"))
	carrier.says("", "carrier.t-spare", 99, time.Now(), map[string]float64{"battery": 3})
	consignee := newWorldOf(t, "consignee", carrier)
	for _, w := range []*world{carrier, consignee} {
		w.later = 24 * time.Hour
		w.look()
	}
	silent := []string{"shipment_silent carrier.s1 -", "tracker_silent carrier.s1 carrier.t-s1"}
	want(t, "alarms of the owner", carrier.lasting(""), append([]string{"battery_low - carrier.t-spare"}, silent...))
	want(t, "alarms of a party", consignee.lasting(""), silent)
	consignee.must(404, "GET", "/v1/trackers/carrier.t-s1/health", "")
	consignee.must(404, "GET", "/v1/trackers/carrier.t-spare/health", "")
	consignee.must(404, "GET", "/v1/shipments/carrier.s9/health", "")
	var list rest.List[health.TrackerHealth]
	consignee.must(200, "GET", "/v1/shipments/carrier.s1/health", "").into(&list)
	if len(list.Items) != 1 || list.Items[0].Tracker != "carrier.t-s1" || list.Items[0].SilentSince.V == nil || list.Items[0].Refused.V != nil {
		t.Errorf("got %+v, want the one tracker, silent, and nothing of what was refused", list.Items)
	}
	req := carrier.call("GET", "/v1/alarms", "", "Share", "carrier.s1")
	want(t, "alarms for who may see one shipment only", req.Code, 403)
}

func TestHealthOfATracker(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t-1"))
	w.ship("carrier.s1")
	var h health.TrackerHealth
	w.must(200, "GET", "/v1/trackers/carrier.t-1/health", "").into(&h)
	if h.LastSeen.V != nil || h.DueBy != "unknown" || h.SilentSince.V != nil || h.Battery.V != nil || h.Clock.V != nil || h.Refused.V != nil {
		t.Errorf("got %+v of a tracker that never spoke, want nothing", h)
	}
	now := time.Now()
	for i := range 10 * 24 { // each hour of ten days, 2 % a day
		at := now.Add(-time.Duration(10*24-1-i) * time.Hour)
		w.says("", "carrier.t-1", uint64(100+i), at, map[string]float64{"battery": 60 - float64(i)/12, "rssi": -80 - float64(i%3), "voltage": 3.6})
	}
	w.ingest.turned = []transfer.Rejected{
		{Reason: "malformed", Detail: "no number", ReceivedMS: now.Add(-time.Hour).UnixMilli(), Count: 3},
		{Reason: "no_match", ReceivedMS: now.Add(-2 * time.Hour).UnixMilli(), Count: 1},
		{Reason: "no_match", ReceivedMS: now.Add(-30 * time.Hour).UnixMilli(), Count: 7},
	}
	w.must(200, "GET", "/v1/trackers/carrier.t-1/health", "").into(&h)
	want(t, "last seen", int64(present(t, "last seen", h.LastSeen.V)), now.UnixMilli())
	want(t, "last measured", int64(present(t, "last measured", h.LastMeasured.V)), now.UnixMilli()-200)
	want(t, "next due", int64(present(t, "next due", h.NextDue.V)), now.Add(time.Hour).UnixMilli())
	want(t, "usual interval", present(t, "usual interval", h.UsualIntervalS.V), 3600.0)
	battery := present(t, "battery", h.Battery.V)
	if battery.Percent < 40 || battery.Percent > 40.1 || battery.PerDay.V == nil || *battery.PerDay.V < -2.1 || *battery.PerDay.V > -1.9 || battery.DaysLeft.V == nil || *battery.DaysLeft.V < 19 || *battery.DaysLeft.V > 21 {
		t.Errorf("got battery %s, want 40 %% and 2 %% less a day, which lasts 20 days", asJSON(battery))
	}
	want(t, "voltage", present(t, "voltage", h.Voltage.V).Value, 3.6)
	signal := present(t, "signal", h.Signal.V)
	want(t, "signal", []float64{signal.RSSI, signal.Median}, []float64{-82, -81})
	clock := present(t, "clock", h.Clock.V)
	if clock.OffsetMS != -200 || clock.Off || clock.PerDayMS.V == nil || *clock.PerDayMS.V != 0 {
		t.Errorf("got clock %s, want 200 ms and no drift", asJSON(clock))
	}
	refused := present(t, "refused", h.Refused.V)
	want(t, "refused", fmt.Sprint(refused.Count, " ", refused.Reason), "4 malformed")
	w.ingest.down = true
	h = health.TrackerHealth{}
	w.must(200, "GET", "/v1/trackers/carrier.t-1/health", "").into(&h)
	want(t, "unknown", h.Unknown, []string{"refused"})
	w.ingest.down = false
	w.store.SetDown(true)
	w.must(503, "GET", "/v1/trackers/carrier.t-1/health", "")
	if err := w.alarms.Look(t.Context()); err == nil {
		t.Error("a store that is down: got no error, want one")
	}
}

func TestAlarmsOfBatteryAndClock(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t-1"))
	w.ship("carrier.s1")
	n := uint64(100)
	say := func(battery float64, ahead time.Duration) {
		at := time.Now().Add(w.later)
		w.says("", "carrier.t-1", n, at, map[string]float64{"battery": battery})
		w.store.Stored[len(w.store.Stored)-1].TimeMS = at.Add(ahead).UnixMilli()
		n++
		w.look()
	}
	say(21, 0)
	want(t, "alarms", w.lasting(""), nil)
	w.later = time.Minute
	say(19, 0)
	want(t, "alarms", w.lasting(""), []string{"battery_low - carrier.t-1"})
	w.later = 2 * time.Minute
	say(22, 0)
	want(t, "a battery that hovers", w.lasting("?state=lasting"), []string{"battery_low - carrier.t-1"})
	w.later = 3 * time.Minute
	say(26, 0)
	want(t, "a battery that was charged", w.lasting("?state=lasting"), nil)
	w.later = 4 * time.Minute
	say(26, 3*time.Minute)
	want(t, "a clock ahead", w.lasting("?state=lasting"), []string{"clock_off - carrier.t-1"})
	w.later = 8 * time.Hour
	w.alarms.Shipment(w.shipmentRecord("carrier.s1"))
	say(26, 0)
	want(t, "a clock that was set", w.lasting("?state=lasting&tracker=carrier.t-1"), nil)
}

// TestAlarmsAreCheap: three queries a look, however many trackers there are.
func TestAlarmsAreCheap(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	for i := range 1000 {
		w.says("", fmt.Sprintf("carrier.many-%d", i), uint64(100+i), time.Now(), map[string]float64{"battery": 50})
	}
	w.look()
	before := w.store.Queries
	w.look()
	want(t, "queries of a look", w.store.Queries-before, 3)
}

// TestAlarmsAfterAStart: what lasts is found again, with the same beginning.
func TestAlarmsAfterAStart(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	w.later = 24 * time.Hour
	var before, after rest.List[shapes.Alarm]
	w.look()
	w.must(200, "GET", "/v1/alarms", "").into(&before)
	w.reopen()
	w.look()
	w.must(200, "GET", "/v1/alarms", "").into(&after)
	want(t, "alarms", asJSON(after), asJSON(before))
	want(t, "how many", len(after.Items), 2)
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func (w *world) shipmentRecord(id string) ledger.Shipment {
	w.t.Helper()
	r, err := ledger.ShipmentGet.Ask(w.t.Context(), w.ledger, ledger.IDArgs{ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// gauge is the metric of a kind of alarm.
func (w *world) gauge(kind string) (v float64) {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "trackseal_alarms" && m.GetLabel()[0].GetValue() == kind {
				return m.GetGauge().GetValue()
			}
		}
	}
	w.t.Fatalf("no gauge of %s", kind)
	return 0
}
