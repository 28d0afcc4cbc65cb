package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/rest"
	telemetryapi "github.com/trackseal/trackseal/api/internal/telemetry"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

type page struct {
	Items []map[string]any `json:"items"`
	Next  *string          `json:"next"`
}

// walk reads all pages of a listing.
func (w *world) walk(path string) (all []map[string]any) {
	w.t.Helper()
	for cursor, n := "", 0; ; n++ {
		var p page
		w.must(http.StatusOK, http.MethodGet, path+"&cursor="+cursor, "").into(&p)
		all = append(all, p.Items...)
		if p.Next == nil || *p.Next == "" || n > 50 {
			return all
		}
		cursor = *p.Next
	}
}

// What was refused of a tracker is listed newest first, over all instances, each entry once.
func TestRejectedOfATracker(t *testing.T) {
	w := newWorld(t)
	w.second = &ingest{named: "carrier.ingest-2"}
	w.reopen()
	w.must(http.StatusCreated, http.MethodPost, "/v1/trackers", enrolBody(t, w.org, "carrier.T-1"))
	entry := func(ns int64, reason string) transfer.Rejected {
		return transfer.Rejected{AtNS: ns, ReceivedMS: ns / 1e6, Reason: reason, Detail: "d", Topic: "t", Count: 3, Bytes: 4, Hash: "h", Raw: []byte("raw")}
	}
	w.ingest.turned = []transfer.Rejected{entry(9e9, "a9"), entry(7e9, "a7"), entry(5e9, "a5"), entry(1e9, "a1")}
	w.second.turned = []transfer.Rejected{entry(8e9, "b8"), entry(7e9, "b7"), entry(5e9, "b5")}
	for _, limit := range []int{1, 2, 3, 7, 50} {
		var got []string
		for _, item := range w.walk(fmt.Sprintf("/v1/trackers/carrier.T-1/rejected?limit=%d", limit)) {
			got = append(got, item["reason"].(string))
		}
		if want := "a9 b8 a7 b7 a5 b5 a1"; strings.Join(got, " ") != want {
			t.Errorf("in pages of %d: %v, expected %s", limit, got, want)
		}
	}
	for include, want := range map[string]any{"": nil, "&include=raw": "cmF3"} {
		item := w.walk("/v1/trackers/carrier.T-1/rejected?limit=50" + include)[0]
		if item["raw"] != want || item["time"] != "1970-01-01T00:00:09.000Z" || item["ingest"] != "carrier.ingest-1" || item["bytes"] != 4.0 || item["count"] != 3.0 || item["hash"] != "h" || item["detail"] != "d" || item["topic"] != "t" {
			t.Errorf("%q: %v", include, item)
		}
	}
	w.second.down = true
	if p := w.call(http.MethodGet, "/v1/trackers/carrier.T-1/rejected", "").problem(); p.Status < 500 {
		t.Errorf("an instance that cannot be asked: %+v", p)
	}
	for _, of := range []string{"rejected", "messages", "readings"} {
		other := newWorldOf(t, "shipper", w)
		for _, id := range []string{"carrier.T-1", "carrier.T-none"} {
			if p := other.call(http.MethodGet, "/v1/trackers/"+id+"/"+of, "").problem(); p.Status != http.StatusNotFound {
				t.Errorf("%s of %s, asked by another: %+v", of, id, p)
			}
		}
	}
}

// A tracker's messages and readings are there also when it was on no shipment, and not those of a shipment of which its owner is no party.
func TestMessagesAndReadingsOfATracker(t *testing.T) {
	w := newWorld(t)
	const shipment, tracker = "carrier.S-1", "carrier.t-S-1"
	w.ship(shipment)
	measured := len(w.store.Points)
	own, others := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	w.store.Stored = append(w.store.Stored,
		stored.Message{Log: own, Leaf: 0, Tracker: tracker, Trust: stored.Unsigned, ReceivedMS: 1_000, TimeMS: 1_000, Readings: 1, Raw: []byte("own")},
		stored.Message{Log: others, Leaf: 0, Tracker: tracker, Trust: stored.Unsigned, ReceivedMS: 2_000, TimeMS: 2_000, Readings: 1, Shipment: "shipper.S-theirs"})
	for _, log := range []string{own, others} {
		p := w.store.Points[0]
		p.Log, p.TimeMS, p.At = log, 1_000, p.At.AddDate(-1, 0, 0)
		w.store.Points = append(w.store.Points, p)
	}
	for _, limit := range []int{1, 4, 200} {
		all := w.walk(fmt.Sprintf("/v1/trackers/%s/messages?limit=%d", tracker, limit))
		if len(all) != 11 || all[10]["log"] != own || all[10]["shipment"] != nil || all[0]["shipment"] != shipment || all[0]["seq"] != 9.0 || all[0]["raw"] != nil {
			t.Errorf("in pages of %d: %d messages, the oldest %v, the newest %v", limit, len(all), all[len(all)-1], all[0])
		}
		readings := w.walk(fmt.Sprintf("/v1/trackers/%s/readings?limit=%d", tracker, limit))
		if len(readings) != measured+1 || readings[0]["time"] != "1970-01-01T00:00:01.000Z" {
			t.Errorf("in pages of %d: %d readings, the first %v", limit, len(readings), readings[0])
		}
	}
	if m := w.walk("/v1/trackers/" + tracker + "/messages?limit=200&include=raw"); m[10]["raw"] != "b3du" {
		t.Errorf("with its bytes: %v", m[10])
	}
	w.must(http.StatusCreated, http.MethodPost, "/v1/trackers", enrolBody(t, w.org, "carrier.T-new"))
	if all := w.walk("/v1/trackers/carrier.T-new/readings?limit=1"); len(all) != 0 {
		t.Errorf("of a tracker that said nothing: %v", all)
	}
}

// What does not count of a message is named in it, and whether its time does.
func TestFlawsOfMessages(t *testing.T) {
	w := newWorld(t)
	const shipment, tracker = "carrier.S-1", "carrier.t-S-1"
	w.ship(shipment)
	now := time.Now().UnixMilli()
	signed := func(seq uint64, at int64, pack []byte) {
		t.Helper()
		raw := testkit.SignPack(t, trackerKey(tracker), telemetry.Claims{Tracker: tracker, Boot: 1, Seq: seq, TimeMS: at}, pack)
		if err := w.ingest.Ingest.Signed(raw); err != nil {
			t.Fatal(err)
		}
	}
	signed(10, now, testkit.HumidPack(tracker, now, 26.5))
	signed(11, now, []byte("no CBOR"))
	signed(12, now+600_000, testkit.HumidPack(tracker, now+600_000, 5))
	var shown map[string]any
	w.must(http.StatusOK, http.MethodGet, "/v1/shipments/"+shipment, "").into(&shown)
	values := shown["last"].(map[string]any)["values"].(map[string]any)
	want(t, "the newest temperature", values["temperature"], any(26.5))
	if v, there := values["humidity"]; there && v == 101.7 {
		t.Error("a humidity of 101.7 is shown as what was measured last")
	}
	humid := []telemetryapi.Flaw{{Name: "humidity", Text: "101.7", Reason: "out_of_range"}}
	for _, path := range []string{"/v1/shipments/" + shipment + "/messages?limit=50", "/v1/trackers/" + tracker + "/messages?limit=50"} {
		var list rest.List[telemetryapi.TrackerMessage]
		w.must(http.StatusOK, http.MethodGet, path, "").into(&list)
		seen := 0
		for _, m := range list.Items {
			switch {
			case m.Seq == 9:
				want(t, "flaws of a good message", m.Flaws == nil && m.FlawCount == 0 && !m.Undated && m.ClockOffsetMS == 0, true)
			case m.Seq == 10:
				want(t, "a humid message is dated", m.Undated, false)
				want(t, "its flaws", slices.Equal(m.Flaws, humid) && m.FlawCount == 1, true)
			case m.Seq == 11:
				if len(m.Flaws) != 1 || m.FlawCount != 1 || m.Flaws[0].Name != "pack" || m.Flaws[0].Reason != "malformed" {
					t.Errorf("a pack that is no CBOR: %+v", m.Flaws)
				}
			case m.Seq == 12:
				if d := m.ClockOffsetMS; !m.Undated || d < 540_000 || d > 600_000 || !slices.Equal(m.Flaws, humid) {
					t.Errorf("ten minutes ahead: undated %v by %d ms, flaws %+v", m.Undated, d, m.Flaws)
				}
			default:
				continue
			}
			seen++
		}
		if seen < 4 {
			t.Errorf("%s: %d of the messages are there", path, seen)
		}
	}
	plain := func(text string) {
		t.Helper()
		if err := w.ingest.Ingest.Plain("carrier.t-plain", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	plain(`{"temperature":5,"time":"yesterday"}`)
	plain(`[` + strings.Repeat(`{"temperature":null,"humidity":5},`, 24) + `{"temperature":null}]`)

	all := w.walk("/v1/shipments/" + shipment + "/messages?limit=50")
	m := all[13]
	if got := fmt.Sprint(m["undated"], m["flaws"], m["flaw_count"]); got != "true [map[name:time reason:not_a_time text:yesterday]] 1" || m["clock_offset_ms"].(float64) > -1e12 {
		t.Errorf("nobody can say when: %s, %v", got, m["clock_offset_ms"])
	}
	if m := all[14]; m["undated"] != nil || len(m["flaws"].([]any)) != 20 || m["flaw_count"] != 25.0 {
		t.Errorf("many flaws: %v, want 20 of 25 listed", m)
	}
}

// The owner says which operator takes a tracker's messages, and whoever reads the tracker sees where it connects.
func TestTheOperatorOfATracker(t *testing.T) {
	w := newWorld(t)
	l := w.ledger.As("CarrierMSP")
	l.Admit(t, ledger.Founder{Name: "fifth", MSP: "FifthMSP", DisplayName: "Fifth", Operator: true})
	if _, _, err := ledger.MemberAnnounce.Do(t.Context(), l.As("FifthMSP"), ledger.AnnounceArgs{MQTT: "ssl://10.0.0.5:8883"}); err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Operator *string
		MQTT     struct{ URL string }
	}
	want := func(r shown, operator, url string) {
		t.Helper()
		got := ""
		if r.Operator != nil {
			got = *r.Operator
		}
		if got != operator || r.MQTT.URL != url {
			t.Errorf("operator %q at %q, want %q at %q", got, r.MQTT.URL, operator, url)
		}
	}
	enrol := func(id, operator string) string {
		return fmt.Sprintf(`{"id":%q,"unsigned":true,"operator":%q}`, id, operator)
	}
	w.reopen() // the directory is read anew
	for _, none := range []string{"shipper", "nobody"} {
		if p := w.call(http.MethodPost, "/v1/trackers", enrol("carrier.P-1", none)).problem(); p.Status != http.StatusUnprocessableEntity && p.Status != http.StatusBadRequest {
			t.Errorf("enrolled with the operator %s: %+v", none, p)
		}
	}
	var r shown
	w.must(http.StatusCreated, http.MethodPost, "/v1/trackers", enrol("carrier.P-1", "")).into(&r)
	want(r, "", "tcp://mqtt.test:1883")
	for _, step := range []struct{ operator, url string }{{"fifth", "ssl://10.0.0.5:8883"}, {"carrier", "tcp://mqtt.test:1883"}, {"", "tcp://mqtt.test:1883"}} {
		r = shown{}
		w.must(http.StatusOK, http.MethodPost, "/v1/trackers/carrier.P-1/serve", fmt.Sprintf(`{"operator":%q}`, step.operator)).into(&r)
		want(r, step.operator, step.url)
		r = shown{}
		w.must(http.StatusOK, http.MethodGet, "/v1/trackers/carrier.P-1", "").into(&r)
		want(r, step.operator, step.url)
	}
	other := newWorldOf(t, "shipper", w)
	if p := other.call(http.MethodPost, "/v1/trackers/carrier.P-1/serve", `{"operator":"carrier"}`).problem(); p.Status != http.StatusNotFound {
		t.Errorf("moved by another: %+v", p)
	}
	r = shown{}
	w.must(http.StatusCreated, http.MethodPost, "/v1/trackers", enrol("carrier.P-2", "fifth")).into(&r)
	want(r, "fifth", "ssl://10.0.0.5:8883")
}
