package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/internal/stored"
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
	entry := func(ns int64, reason string) ingestclient.Rejected {
		return ingestclient.Rejected{AtNS: ns, ReceivedMS: ns / 1e6, Reason: reason, Detail: "d", Topic: "t", Count: 3, Bytes: 4, Hash: "h", Raw: []byte("raw")}
	}
	w.ingest.turned = []ingestclient.Rejected{entry(9e9, "a9"), entry(7e9, "a7"), entry(5e9, "a5"), entry(1e9, "a1")}
	w.second.turned = []ingestclient.Rejected{entry(8e9, "b8"), entry(7e9, "b7"), entry(5e9, "b5")}
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
