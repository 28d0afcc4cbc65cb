package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"strings"
	"testing"
	"time"

	liveapi "github.com/trackseal/trackseal/api/internal/live"

	"golang.org/x/sync/errgroup"
)

// live runs the feed behind a real HTTP server.
func live(w *world) (url string, stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var g errgroup.Group
	g.Go(func() error { return w.feed.Run(ctx) })
	g.Go(func() error { return w.feed.FollowReadings(ctx) })
	srv := httptest.NewServer(w.api)
	return srv.URL, func() {
		w.t.Helper()
		w.api.Stop()
		cancel()
		if err := g.Wait(); err != nil {
			w.t.Error(err)
		}
		srv.Close()
	}
}

type sse struct{ id, name, data string }

// listen reads events until the stream ends.
func listen(w *world, url, token, lastID string) (<-chan sse, *http.Response, func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	ch := make(chan sse, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(ch)
		var e sse
		for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
			switch name, value, _ := strings.Cut(sc.Text(), ": "); name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					ch <- e
				}
				e = sse{}
			}
		}
	}()
	return ch, resp, func() { cancel(); resp.Body.Close(); <-done }
}

func next(t *testing.T, ch <-chan sse, name string) sse {
	t.Helper()
	for {
		select {
		case e, ok := <-ch:
			if !ok {
				t.Fatal("the stream ended")
			}
			if e.name == name {
				return e
			}
		case <-time.After(15 * time.Second):
			t.Fatalf("no %s within 15 s", name)
		}
	}
}

func TestStream(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	url, stop := live(w)
	defer stop()
	all, resp, end := listen(w, url+"/v1/stream", w.token("carrier-admin"), "")
	defer end()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	one, _, endOne := listen(w, url+"/v1/shipments/carrier.s1/stream", w.token("carrier-admin"), "")
	defer endOne()

	// Events start at the ledger's height when the feed began: write until the first one comes through.
	id := 0
	first := sse{}
	for deadline := time.Now().Add(15 * time.Second); first.name == ""; {
		if time.Now().After(deadline) {
			t.Fatal("no event within 15 s")
		}
		id++
		w.must(201, "POST", "/v1/shipments", shipmentBody("x"+strings.Repeat("i", id)))
		select {
		case first = <-all:
		case <-time.After(200 * time.Millisecond):
		}
	}
	if first.name != "shipment" || first.id == "" || !json.Valid([]byte(first.data)) {
		t.Fatalf("got %+v, want a shipment with an id and JSON", first)
	}
	if err := w.ingest.Ingest.Anchor(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if e := next(t, all, "anchor"); !strings.Contains(e.data, `"ingest":"carrier.ingest-1"`) {
		t.Fatalf("got %+v, want the anchor of carrier.ingest-1", e)
	}
	next(t, one, "anchor")

	// New readings, once the log is watched.
	got := sse{}
	for at, deadline := time.Now().UnixMilli(), time.Now().Add(15*time.Second); got.name != "reading"; at++ {
		if time.Now().After(deadline) {
			t.Fatal("no reading within 15 s")
		}
		if err := w.ingest.Ingest.Plain("carrier.t-s1", []byte(`{"time":`+jsonNumber(at)+`,"temperature":7.25}`)); err != nil {
			t.Fatal(err)
		}
		select {
		case got = <-one:
		case <-time.After(200 * time.Millisecond):
		}
	}
	if !strings.Contains(got.data, `"temperature":7.25`) || !strings.Contains(got.data, `"shipment":"carrier.s1"`) || got.id != "" {
		t.Fatalf("got %+v, want 7.25 °C of s1 and no id", got)
	}

	// A foreign shipment's events are not ours.
	foreign := newWorldOf(t, "shipper", w)
	foreign.must(201, "POST", "/v1/shipments", `{"id":"foreign","parties":{"carrier":["shipper"],"shipper":["shipper"],"consignee":["consignee"]},"rule_set":"general-2-8@1"}`)
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.mine"))
	for {
		e := next(t, all, "shipment")
		if strings.Contains(e.data, "foreign") {
			t.Fatal("an event of somebody else's shipment")
		}
		if strings.Contains(e.data, `"id":"carrier.mine"`) {
			break
		}
	}

	// Coming back with the last id brings what was missed, and only that.
	back, _, endBack := listen(w, url+"/v1/stream", w.token("carrier-admin"), first.id)
	defer endBack()
	last := ""
	for !strings.Contains(last, `"id":"carrier.mine"`) {
		e := next(t, back, "shipment")
		if e.id == first.id {
			t.Fatal("the last event comes again")
		}
		last = e.data
	}
}

func jsonNumber(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// TestASignOffIsTold to the other parties at once.
func TestASignOffIsTold(t *testing.T) {
	w := newWorld(t)
	c := w.warmTrip("carrier.s1", "carrier.mine")
	w.record("carrier.s1", c)
	hot := excursionOf(t, c, "hot")
	other := newWorldOf(t, "consignee", w)
	url, stop := live(other)
	defer stop()
	one, _, end := listen(other, url+"/v1/shipments/carrier.s1/stream", other.token("consignee-admin"), "")
	defer end()

	// Events start at the ledger's height when the feed began: sign until the first one comes through.
	first := sse{}
	for deadline := time.Now().Add(15 * time.Second); first.name == ""; {
		if time.Now().After(deadline) {
			t.Fatal("no event within 15 s")
		}
		w.must(201, "POST", "/v1/shipments/carrier.s1/excursions/"+neturl.PathEscape(hot.ID)+"/acknowledgements", `{"meaning":"reviewed","reason":"door open"}`)
		select {
		case first = <-one:
		case <-time.After(200 * time.Millisecond):
		}
	}
	var a liveapi.LiveAcknowledgement
	if err := json.Unmarshal([]byte(first.data), &a); err != nil || first.name != "acknowledgement" || first.id == "" || a.Shipment != "carrier.s1" || a.Excursion != hot.ID || a.Signature.Org != "carrier" {
		t.Fatalf("%+v %v", first, err)
	}
	w.must(201, "POST", "/v1/shipments/carrier.s1/disposition", `{"decision":"quarantine","meaning":"responsibility","reason":"26 °C","verdict_by":"carrier","verdict_revision":1}`)
	e := next(t, one, "disposition")
	var d liveapi.LiveDisposition
	if err := json.Unmarshal([]byte(e.data), &d); err != nil || e.id == "" || d.Shipment != "carrier.s1" || d.Decision != "quarantine" || d.Signature.Org != "carrier" {
		t.Fatalf("%+v %v", e, err)
	}
}

func TestStreamLimits(t *testing.T) {
	w := newWorld(t)
	url, stop := live(w)
	defer stop()
	var ends []func()
	for range 16 {
		_, resp, end := listen(w, url+"/v1/stream", w.token("carrier-admin"), "")
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		ends = append(ends, end)
	}
	_, resp, end := listen(w, url+"/v1/stream", w.token("carrier-admin"), "")
	end()
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Fatal(resp.Status)
	}
	_, resp, end = listen(w, url+"/v1/stream", w.token("carrier-other"), "")
	if resp.StatusCode != 200 {
		t.Fatalf("one client's streams keep another out: %s", resp.Status)
	}
	end()
	for _, end := range ends {
		end()
	}
}

// TestStreamsEndAtStop: the server can drain although streams are endless.
func TestStreamsEndAtStop(t *testing.T) {
	w := newWorld(t)
	url, stop := live(w)
	ch, _, end := listen(w, url+"/v1/stream", w.token("carrier-admin"), "")
	defer end()
	w.api.Stop()
	select {
	case _, ok := <-ch:
		if ok {
			t.Error("an event instead of the end")
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream does not end")
	}
	stop()
}
