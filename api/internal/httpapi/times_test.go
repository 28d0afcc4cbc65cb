package httpapi_test

import (
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Attacks 1a and 1b by the two ordinary requests that they were made of: an assignment ends now, and what would end it earlier is
// refused with a reason.
func TestAttackWindowCutOut(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	p := w.must(422, "DELETE", "/v1/shipments/carrier.s1/assignments/carrier.t-s1?to=2026-01-01T00:00:00Z", "").problem()
	if p.Code != problem.InvalidRequest || len(p.Errors) != 1 || p.Errors[0].Field != "query.to" {
		t.Errorf("an end in the past: %+v, want a reason that names query.to", p)
	}
	want(t, "a recorded window beside the live one", w.must(409, "POST", "/v1/shipments/carrier.s1/assignments",
		`{"tracker":"carrier.t-s1","from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`).problem().Code, "conflict")
	before := time.Now().Add(-time.Second)
	var s shapes.Shipment
	w.must(200, "DELETE", "/v1/shipments/carrier.s1/assignments/carrier.t-s1", "").into(&s)
	if a := s.Assignments[0]; time.UnixMilli(int64(a.To.Value())).Before(before) || a.Recorded {
		t.Errorf("the assignment is %+v, want it ended now", a)
	}
	want(t, "a recorded window after it", w.must(409, "POST", "/v1/shipments/carrier.s1/assignments",
		`{"tracker":"carrier.t-s1","from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`).problem().Code, "conflict")
}

// A logger that was read out later is brought in as such, once, and a repeat of the request finds it done.
func TestRecordedTrip(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.t1"))
	w.must(201, "POST", "/v1/shipments", shipmentBody("carrier.s1"))
	const path, body = "/v1/shipments/carrier.s1/assignments", `{"tracker":"carrier.t1","from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}`
	for _, bad := range []string{`{"tracker":"carrier.t1","to":"2026-01-02T00:00:00Z"}`, `{"tracker":"carrier.t1","from":"2026-01-02T00:00:00Z","to":"2026-01-02T00:00:00Z"}`} {
		if p := w.must(422, "POST", path, bad).problem(); len(p.Errors) != 1 || p.Errors[0].Field != "body.to" {
			t.Errorf("%s: %+v, want a reason that names body.to", bad, p)
		}
	}
	w.ledger.FailAfter(ledger.ShipmentAssign, 1)
	w.must(504, "POST", path, body, "Idempotency-Key", "k")
	w.reopen()
	var s shapes.Shipment
	w.must(201, "POST", path, body, "Idempotency-Key", "k").into(&s)
	if len(s.Assignments) != 1 || !s.Assignments[0].Recorded || s.Assignments[0].From.String() != "2026-01-01T00:00:00.000Z" || s.Assignments[0].To.Value().String() != "2026-01-02T00:00:00.000Z" {
		t.Errorf("assigned %+v, want the whole window, recorded, once", s.Assignments)
	}
	w.must(409, "POST", path, `{"tracker":"carrier.t1"}`)
}

// A stated time counts when both sides of the handover state it, and the ledger's own stands beside it.
func TestStatedTimes(t *testing.T) {
	w := newWorld(t)
	w.ship("carrier.s1")
	other := newWorldOf(t, "consignee", w)
	var s shapes.Shipment
	w.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&s)
	at := s.CreatedAt.String()
	const path = "/v1/shipments/carrier.s1/handovers"
	want(t, "a time before the shipment", w.must(422, "POST", path, `{"to":"consignee","stated_at":"2020-01-01T00:00:00Z"}`).problem().Code, "invalid")
	w.must(201, "POST", path, `{"to":"consignee","stated_at":"`+at+`"}`).into(&s)
	want(t, "stated", s.PendingHandover.V.StatedAt.Value().String(), at)
	want(t, "agreed", s.PendingHandover.V.AgreedAt.V == nil, true)
	want(t, "another time", other.must(422, "POST", path+"/current/accept", `{"stated_at":"2030-01-01T00:00:00Z"}`).problem().Code, "invalid")
	other.must(200, "POST", path+"/current/accept", `{"stated_at":"`+at+`"}`)
	var list rest.List[shapes.Handover]
	other.must(200, "GET", path, "").into(&list)
	want(t, "agreed", list.Items[0].AgreedAt.Value().String(), at)
	want(t, "a delivery at another time", other.must(422, "POST", "/v1/shipments/carrier.s1/deliver", `{"stated_at":"2030-01-01T00:00:00Z"}`).problem().Code, "invalid")
	other.must(200, "POST", "/v1/shipments/carrier.s1/deliver", `{"stated_at":"`+at+`"}`).into(&s)
	want(t, "delivered as stated", s.StatedDeliveryAt.Value().String(), at)
	if s.DeliveredAt.Value() < s.StatedDeliveryAt.Value() {
		t.Errorf("delivered at %s, stated %s; want the ledger's own time", s.DeliveredAt.Value(), at)
	}
}
