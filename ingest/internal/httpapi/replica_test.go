package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// fakeStore holds what a test puts there.
type fakeStore struct {
	all   []stored.Message
	heads []stored.Head
	hours []stored.QualityHour
	flags []stored.QualityFlag
	down  bool
}

func (s *fakeStore) err() error {
	if s.down {
		return stored.ErrUnavailable
	}
	return nil
}

func (s *fakeStore) Messages(_ context.Context, log string, from, to uint64, fn func(stored.Message) error) error {
	for _, m := range s.all {
		if s.down {
			break
		}
		if m.Log == log && m.Leaf >= from && m.Leaf < to {
			if err := fn(m); err != nil {
				return err
			}
		}
	}
	return s.err()
}

func (s *fakeStore) Heads(_ context.Context, log string) ([]stored.Head, error) {
	return slices.DeleteFunc(slices.Clone(s.heads), func(h stored.Head) bool { return h.Log != log }), s.err()
}

func (s *fakeStore) HeadsFrom(_ context.Context, _ string, index uint64, _ int64) ([]stored.Head, error) {
	return slices.DeleteFunc(slices.Clone(s.heads), func(h stored.Head) bool { return h.Index < index }), s.err()
}

func (s *fakeStore) QualityHours(_ context.Context, _ string, _, _ int64, fn func(stored.QualityHour) error) error {
	for _, h := range s.hours {
		if err := fn(h); err != nil {
			return err
		}
	}
	return s.err()
}

func (s *fakeStore) RejectedOf(_ context.Context, q stored.RejectedQuery, fn func(stored.Rejected, time.Time) error) error {
	if q.Before.Equal(time.Unix(0, 13)) {
		return stored.ErrUnavailable
	}
	r := stored.Rejected{Reason: "malformed", Detail: "d", Topic: "t", Count: 2, Bytes: 3, Hash: "h", ReceivedMS: 7}
	if q.Raw {
		r.Raw = []byte("raw")
	}
	for n := range min(q.Limit, 2) {
		if err := fn(r, time.Unix(0, int64(20-n))); err != nil {
			return err
		}
	}
	return s.err()
}

func (s *fakeStore) QualityFlags(_ context.Context, _ []string, _, _ int64, fn func(stored.QualityFlag) error) error {
	for _, f := range s.flags {
		if err := fn(f); err != nil {
			return err
		}
	}
	return s.err()
}

func (s *fakeStore) MessageInfos(context.Context, stored.MessageInfoQuery, func(stored.MessageInfo) error) error {
	return s.err()
}

func (s *fakeStore) Message(context.Context, stored.MessageInfo) (stored.Message, bool, error) {
	return stored.Message{}, false, s.err()
}

func (s *fakeStore) LogsOf(context.Context, string, int64, int64) ([]string, error) {
	return nil, s.err()
}

// fill logs n messages in the shipment's log and one in the tracker's own, anchors them, and stores what stays in the queue.
func (w *world) fill(t *testing.T, n int) (shipment, tracker string) {
	t.Helper()
	var items []*message.Item
	for i := range n + 1 {
		raw := fmt.Appendf(nil, "message %d", i)
		it := &message.Item{Raw: raw, Tracker: theirs, Hash: sha256.Sum256(raw), Timed: true, TrackerTx: "enrol", Readings: journal.EncodeReadings(nil, 0)}
		if i < n {
			it.Routes = []message.Route{{Shipment: ours, ShipmentTx: "create"}}
		}
		items = append(items, it)
	}
	if _, err := w.seq.Apply(items); err != nil {
		t.Fatal(err)
	}
	pending, err := w.seq.PrepareAnchor()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.seq.CompleteAnchor(pending, sequence.Anchored{Size: pending.NewSize, Root: pending.NewRoot, Tx: "anchored"}); err != nil {
		t.Fatal(err)
	}
	err = w.db.Queued(0, func(_ uint64, kind journal.RecordKind, body []byte) (bool, error) {
		body = bytes.Clone(body)
		if kind == journal.HeadRecord {
			h, err := journal.DecodeHead(body)
			w.store.heads = append(w.store.heads, stored.Head(h))
			return true, err
		}
		m, err := journal.DecodeMessage(body)
		w.store.all = append(w.store.all, stored.Message{Log: hex.EncodeToString(m.Log[:]), Leaf: m.Leaf, Entry: m.Entry, Raw: m.Raw, Tracker: m.Tracker, Flags: m.Flags.Names()})
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	id := func(kind, subject, tx string) string {
		h := anchor.LogID("trackseal", kind, subject, tx, self)
		return hex.EncodeToString(h[:])
	}
	return id(anchor.Shipment, ours, "create"), id(anchor.Tracker, theirs, "enrol")
}

// settled forgets the queue: all of it is in the store.
func (w *world) settled(t *testing.T) {
	t.Helper()
	if err := w.db.Trim(w.db.QueueEnd(), 0); err != nil {
		t.Fatal(err)
	}
}

// get is a successful answer's bytes.
func (w *world) get(t *testing.T, org, path string) []byte {
	t.Helper()
	a := w.ask(t, org, contract.Operator, "GET", path)
	if a.Code != 200 || a.Header().Get("Content-Type") != transfer.MediaType {
		t.Fatalf("%s asks %s: %d %s", org, path, a.Code, a.Body)
	}
	return a.Body.Bytes()
}

func (w *world) heads(t *testing.T, org, path string) transfer.Heads {
	t.Helper()
	page, err := transfer.DecodeHeads(w.get(t, org, path))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func (w *world) messages(t *testing.T, org, path string) transfer.Messages {
	t.Helper()
	page, err := transfer.DecodeMessages(w.get(t, org, path))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// A shipment's log is its parties', a tracker's own log its owner's. All others are refused, and that leaves a line.
func TestWhoMayCopy(t *testing.T) {
	w := newWorld(t)
	shipment, tracker := w.fill(t, 3)
	w.settled(t)
	none := strings.Repeat("ab", 32)
	for path, want := range map[string][5]int{ // nobody, the operator, the tracker's owner and a party, a party, no party
		"/v1/logs/" + shipment + "/heads":                          {401, 200, 200, 200, 404},
		"/v1/logs/" + shipment + "/messages?from=0":                {401, 200, 200, 200, 404},
		"/v1/logs/" + tracker + "/heads":                           {401, 404, 200, 404, 404},
		"/v1/logs/" + tracker + "/messages?from=0":                 {401, 404, 200, 404, 404},
		"/v1/logs/" + none + "/heads":                              {401, 404, 404, 404, 404},
		"/v1/logs/" + none + "/messages":                           {401, 404, 404, 404, 404},
		"/v1/logs/" + strings.ToUpper(shipment) + "/messages":      {401, 400, 400, 400, 400},
		"/v1/logs/ab/heads":                                        {401, 400, 400, 400, 400},
		"/v1/logs/" + shipment + "/messages?from=-1":               {401, 400, 400, 400, 400},
		"/v1/logs/" + shipment + "/messages?from=2&to=2":           {401, 400, 400, 400, 400},
		"/v1/heads?from=0":                                         {401, 200, 200, 200, 200},
		"/v1/heads?from=x":                                         {401, 400, 400, 400, 400},
		"/v1/trackers/" + theirs + "/quality?from=0&to=1000":       {401, 200, 200, 200, 404},
		"/v1/trackers/carrier.T-0/quality?from=0&to=1000":          {401, 404, 404, 404, 404},
		"/v1/trackers/" + theirs + "/quality?from=0&to=1000000000": {401, 400, 400, 400, 400},
		"/v1/trackers/" + theirs + "/quality":                      {401, 400, 400, 400, 400},
		"/v1/shipments/" + ours + "/outside?size=3":                {401, 200, 200, 200, 404},
		"/v1/shipments/" + absent + "/outside":                     {401, 404, 404, 404, 404},
	} {
		for i, org := range []string{"", "carrier", "shipper", "consignee", "auditor"} {
			w.log.Reset()
			a := w.ask(t, org, contract.Operator, "GET", path)
			if a.Code != want[i] {
				t.Errorf("%s by %q: came %d %s, expected %d", path, org, a.Code, a.Body, want[i])
			}
			hidden := a.Code == 404 && !strings.Contains(path, none) && !strings.Contains(path, absent) && !strings.Contains(path, "T-0")
			if (a.Code == 401 || hidden) && !strings.Contains(w.log.String(), "a node was refused") {
				t.Errorf("%s by %q: no audit line, but %q", path, org, w.log.String())
			}
		}
	}
	// What belongs to others and what is not there are answered alike.
	if a, b := w.ask(t, "auditor", contract.Operator, "GET", "/v1/logs/"+shipment+"/heads"), w.ask(t, "auditor", contract.Operator, "GET", "/v1/logs/"+none+"/heads"); a.Body.String() != b.Body.String() {
		t.Errorf("of others %s, of none %s", a.Body, b.Body)
	}
	if a := w.ask(t, "shipper", contract.Ingest, "GET", "/v1/heads"); a.Code != 403 {
		t.Errorf("an ingest's identity: %d %s", a.Code, a.Body)
	}
}

// A head is given once it is in the store, with its messages, and to those who may read its log.
func TestHeadsOfTheCaller(t *testing.T) {
	w := newWorld(t)
	shipment, tracker := w.fill(t, 3)
	if page := w.heads(t, "shipper", "/v1/heads"); len(page.Items) != 0 || page.Next != 0 {
		t.Errorf("while all is queued: %d heads, next %d", len(page.Items), page.Next)
	}
	if page := w.heads(t, "shipper", "/v1/logs/"+shipment+"/heads"); len(page.Items) != 0 || page.Next != 0 {
		t.Errorf("while all is queued, of one log: %d heads, next %d", len(page.Items), page.Next)
	}
	w.settled(t)
	for org, want := range map[string][]string{"shipper": {shipment, tracker}, "consignee": {shipment}, "carrier": {shipment}, "auditor": nil} {
		page := w.heads(t, org, "/v1/heads")
		var got []string
		for i := range page.Items {
			h, err := page.Items[i].Stored("heads")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, h.Log)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || page.Next != 2 {
			t.Errorf("%s is given heads of %v, next %d; expected %v, next 2", org, got, page.Next, want)
		}
		if page := w.heads(t, org, "/v1/heads?from=2"); len(page.Items) != 0 || page.Next != 2 {
			t.Errorf("%s after the last: %d heads, next %d", org, len(page.Items), page.Next)
		}
	}
	if page := w.heads(t, "consignee", "/v1/logs/"+shipment+"/heads"); len(page.Items) != 1 {
		t.Errorf("of one log: %d heads", len(page.Items))
	}
}

func TestMessagesInPages(t *testing.T) {
	w := newWorld(t)
	log, _ := w.fill(t, transfer.MaxMessages+3)
	w.settled(t)
	page := w.messages(t, "consignee", "/v1/logs/"+log+"/messages")
	if len(page.Items) != transfer.MaxMessages || string(page.Items[7].Raw) != "message 7" {
		t.Errorf("%d messages, the eighth %+v", len(page.Items), page.Items[7])
	}
	page = w.messages(t, "consignee", fmt.Sprintf("/v1/logs/%s/messages?from=%d", log, transfer.MaxMessages))
	if len(page.Items) != 3 {
		t.Errorf("the second page has %d messages", len(page.Items))
	}
	page = w.messages(t, "consignee", "/v1/logs/"+log+"/messages?from=1&to=3&entries=1")
	if len(page.Items) != 2 || len(page.Items[0].Entry) == 0 || len(page.Items[0].Raw) != 0 {
		t.Errorf("entries alone: %+v", page.Items)
	}
	// A leaf that the store lost ends the page before it.
	w.store.all = slices.DeleteFunc(w.store.all, func(m stored.Message) bool { return m.Leaf == 2 })
	if page := w.messages(t, "consignee", "/v1/logs/"+log+"/messages"); len(page.Items) != 2 {
		t.Errorf("before the hole: %d messages", len(page.Items))
	}
	// Large messages make short pages.
	for i := range w.store.all {
		w.store.all[i].Raw = make([]byte, 16<<10)
	}
	w.store.all = slices.DeleteFunc(w.store.all, func(m stored.Message) bool { return m.Leaf < 3 })
	raw := w.get(t, "consignee", "/v1/logs/"+log+"/messages?from=3")
	if page, err := transfer.DecodeMessages(raw); err != nil || len(raw) > transfer.MaxAnswer || len(page.Items) < 100 || len(page.Items) > 300 {
		t.Errorf("%d bytes with %d messages, %v", len(raw), len(page.Items), err)
	}
	w.store.down = true
	if a := w.ask(t, "consignee", contract.Operator, "GET", "/v1/logs/"+log+"/messages"); a.Code != 503 {
		t.Errorf("without a store: %d %s", a.Code, a.Body)
	}
}

// Hours are the owner's; an odd reading is of the shipment's parties.
func TestQualityOfTheCaller(t *testing.T) {
	w := newWorld(t)
	w.store.hours = []stored.QualityHour{{Tracker: theirs, StartMS: 0, Readings: 5, Flags: map[string]int64{"jump": 1}}}
	w.store.flags = []stored.QualityFlag{{Tracker: theirs, Shipment: ours, Reason: "jump", Metric: "temperature", TimeMS: 7, Value: 9.5, Against: 4}, {Tracker: theirs, Shipment: absent, Reason: "jump", Metric: "temperature"}}
	for org, want := range map[string][2]int{"shipper": {1, 1}, "consignee": {0, 1}} {
		q, err := transfer.DecodeQuality(w.get(t, org, "/v1/trackers/"+theirs+"/quality?from=0&to=1000"))
		if err != nil || len(q.Hours) != want[0] || len(q.Flags) != want[1] {
			t.Errorf("%s: %+v, %v; expected %d hours and %d flags", org, q, err, want[0], want[1])
		}
	}
}

// Errors are problems, as of the other routes.
func TestRefusalsOfCopiesAreProblems(t *testing.T) {
	w := newWorld(t)
	var body map[string]any
	a := w.ask(t, "auditor", contract.Operator, "GET", "/v1/logs/"+strings.Repeat("00", 32)+"/heads")
	if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil || body["code"] != "not_found" || a.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s, %v", a.Body, err)
	}
}
