package httpapi_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/trackseal/trackseal/api/internal/shipments"
	"github.com/trackseal/trackseal/api/internal/trackers"

	"github.com/trackseal/trackseal/internal/ledger"
)

// TestRetryAfterUnknownOutcome: every write is applied but its answer is lost; the process starts again; the same request
// with the same key answers success and has had one effect.
func TestRetryAfterUnknownOutcome(t *testing.T) {
	w := newWorld(t)
	for i, step := range []struct {
		fn                 ledger.Function
		method, path, body string
		status             int
	}{
		{ledger.TrackerEnrol, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t1"), 201},
		{ledger.TrackerEnrol, "POST", "/v1/trackers", `{"id":"carrier.t2","unsigned":true}`, 201},
		{ledger.TrackerRotate, "POST", "/v1/trackers/carrier.t2/rotate", `{"unsigned":true}`, 200},
		{ledger.TrackerEnrol, "POST", "/v1/trackers", `{"id":"carrier.t3","unsigned":true,"gateway":"t2","device":"three","profile":"thingsboard-device@1"}`, 201},
		{ledger.TrackerProfile, "POST", "/v1/trackers/carrier.t2/profile", `{"profile":"thingsboard-gateway@1"}`, 200},
		{ledger.TrackerGateway, "POST", "/v1/trackers/carrier.t3/gateway", `{"gateway":""}`, 200},
		{ledger.TrackerServe, "POST", "/v1/trackers/carrier.t1/serve", bodies["serve-tracker"], 200},
		{ledger.TrackerSensors, "POST", "/v1/trackers/carrier.t1/sensors", bodies["sensors-tracker"], 200},
		{ledger.TrackerCalibrate, "POST", "/v1/trackers/carrier.t1/calibration", bodies["calibration-tracker"], 200},
		{ledger.ShipmentCreate, "POST", "/v1/shipments", shipmentBody("carrier.s1"), 201},
		{ledger.ShipmentAssign, "POST", "/v1/shipments/carrier.s1/assignments", `{"tracker":"carrier.t1"}`, 201},
		{ledger.ShipmentUnassign, "DELETE", "/v1/shipments/carrier.s1/assignments/carrier.t1", "", 200},
		{ledger.ShipmentPropose, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee","note":"n"}`, 201},
		{ledger.ShipmentWithdraw, "POST", "/v1/shipments/carrier.s1/handovers/current/withdraw", `{"reason":"wrong dock"}`, 200},
		{ledger.RuleSetPublish, "POST", "/v1/rule-sets", ruleSetBody("mine", 1), 201},
		{ledger.TrackerRevoke, "POST", "/v1/trackers/carrier.t1/revoke", `{"cause":"broken"}`, 200},
	} {
		key := fmt.Sprint("key-", i)
		before := w.ledger.Count(step.fn)
		w.ledger.FailAfter(step.fn, 1)
		want(t, step.path, w.must(504, step.method, step.path, step.body, "Idempotency-Key", key).problem().Code, "commit_unknown")
		w.reopen()
		first := w.must(step.status, step.method, step.path, step.body, "Idempotency-Key", key)
		again := w.must(step.status, step.method, step.path, step.body, "Idempotency-Key", key)
		if n := w.ledger.Count(step.fn) - before; n != 1 {
			t.Fatalf("%s had %d effects", step.fn, n)
		}
		if string(first.Body) != string(again.Body) {
			t.Fatalf("%s: the repeat answers differently:\n%s\n%s", step.fn, first.Body, again.Body)
		}
		if strings.Contains(step.body, "unsigned") {
			var tr trackers.Tracker
			again.into(&tr)
			if tr.Secret == "" {
				t.Fatal("the repeat does not give the secret")
			}
		}
	}
}

func TestRepeatsReplay(t *testing.T) {
	w := newWorld(t)
	first := w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"), "Idempotency-Key", "k")
	again := w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"), "Idempotency-Key", "k")
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" || again.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
		t.Fatalf("%s\n%s\n%v", first.Body, again.Body, again.Header)
	}
	want(t, "the key with another body", w.must(422, "POST", "/v1/shipments", shipmentBody("carrier.s2"), "Idempotency-Key", "k").problem().Code, "idempotency_key_reused")
	// Without the key the same content is a conflict: nobody said that it is a repeat.
	w.must(409, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	w.must(409, "POST", "/v1/shipments", shipmentBody("carrier.s1"), "Idempotency-Key", "k2")
	for _, bad := range []string{"a b", "é", strings.Repeat("x", 256)} {
		if r := w.call("POST", "/v1/shipments", shipmentBody("carrier.s3"), "Idempotency-Key", bad); r.Code != 400 && r.Code != 422 {
			t.Errorf("key %q: %d", bad, r.Code)
		}
	}
	// A refused request can be mended under the same key.
	w.must(422, "POST", "/v1/shipments", strings.Replace(shipmentBody("carrier.s4"), "general-2-8@1", "none@1", 1), "Idempotency-Key", "k5")
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s4"), "Idempotency-Key", "k5")
	// Somebody else's identical content after an unknown outcome that had no effect is not a success of ours: other fields differ.
	w.ledger.CommitUnknown(ledger.ShipmentCreate, 1)
	w.must(504, "POST", "/v1/shipments", shipmentBody("carrier.s6"), "Idempotency-Key", "k6")
	w.must(201, "POST", "/v1/shipments", strings.Replace(shipmentBody("carrier.s6"), "vaccines", "other", 1))
	w.must(409, "POST", "/v1/shipments", shipmentBody("carrier.s6"), "Idempotency-Key", "k6")
}

func TestConcurrentRepeats(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]int{}
	for range 50 {
		wg.Go(func() {
			r := w.call("POST", "/v1/shipments", shipmentBody("carrier.s1"), "Idempotency-Key", "k")
			mu.Lock()
			defer mu.Unlock()
			seen[r.Code]++
			if r.Code == 409 {
				want(t, "beside the first one", r.problem().Code, "idempotency_in_progress")
			}
		})
	}
	wg.Wait()
	if seen[201] == 0 || seen[201]+seen[409] != 50 || w.ledger.Count(ledger.ShipmentCreate) != 1 {
		t.Fatalf("%v, %d effects", seen, w.ledger.Count(ledger.ShipmentCreate))
	}
}

func TestCloseIsSafeToRepeat(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	w.must(201, "POST", "/v1/shipments/carrier.s1/handovers", `{"to":"consignee"}`)
	other := newWorldOf(t, "consignee", w)
	other.must(200, "POST", "/v1/shipments/carrier.s1/handovers/current/accept", "")
	other.must(200, "POST", "/v1/shipments/carrier.s1/deliver", "")
	w.ingest.down = true
	want(t, "closing without the ingest", w.must(503, "POST", "/v1/shipments/carrier.s1/close", "").problem().Code, "ingest_unavailable")
	w.ingest.down = false
	w.ledger.FailBefore(ledger.ShipmentClose, 1)
	w.must(503, "POST", "/v1/shipments/carrier.s1/close", "")
	w.ledger.FailAfter(ledger.ShipmentClose, 1)
	w.must(504, "POST", "/v1/shipments/carrier.s1/close", "")
	var c shipments.Close
	w.must(200, "POST", "/v1/shipments/carrier.s1/close", "").into(&c)
	if len(c.Heads) != 1 || w.ledger.Count(ledger.ShipmentClose) != 1 {
		t.Fatalf("%+v, %d effects", c, w.ledger.Count(ledger.ShipmentClose))
	}
}
