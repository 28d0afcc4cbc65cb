package testkit

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/trackseal/trackseal/internal/ledger"
)

// contract maps the transactions of package ledger to the fake's versions of them. They keep the rules that callers can
// see (codes, states, events, idempotence) and leave out what only the real chaincode must guard against.
var contract map[string]func(*tx, []byte) (any, error)

func init() {
	contract = map[string]func(*tx, []byte) (any, error){
		ledger.TrackerEnrol:     with(enrol),
		ledger.TrackerRotate:    with(rotate),
		ledger.TrackerRevoke:    with(revoke),
		ledger.TrackerCalibrate: with(calibrate),
		ledger.TrackerGet:       with(func(t *tx, a ledger.IDArgs) (ledger.Tracker, error) { return t.tracker(a.ID) }),
		ledger.TrackerList: with(func(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Tracker], error) {
			return list[ledger.Tracker](t, "tracker/", a, nil)
		}),

		ledger.ShipmentCreate:   with(create),
		ledger.ShipmentAssign:   with(assign),
		ledger.ShipmentUnassign: with(unassign),
		ledger.ShipmentPropose:  with(propose),
		ledger.ShipmentAccept:   with(func(t *tx, a ledger.IDArgs) (ledger.Shipment, error) { return answer(t, a.ID, "accepted", "") }),
		ledger.ShipmentReject: with(func(t *tx, a ledger.RejectArgs) (ledger.Shipment, error) {
			return answer(t, a.ID, "rejected", a.Reason)
		}),
		ledger.ShipmentDeliver:  with(deliver),
		ledger.ShipmentClose:    with(closeShipment),
		ledger.ShipmentGet:      with(func(t *tx, a ledger.IDArgs) (ledger.Shipment, error) { return t.shipment(a.ID) }),
		ledger.ShipmentList:     with(shipments),
		ledger.ShipmentHandover: with(handovers),
		ledger.ShipmentGetClose: with(getClose),

		ledger.AnchorExtend: with(extend),
		ledger.AnchorHead:   with(head),
		ledger.AnchorList:   with(anchors),
		ledger.AnchorHeads: with(func(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Head], error) {
			return list[ledger.Head](t, "head/", a, nil)
		}),

		ledger.ComplianceOpen:     with(openExcursion),
		ledger.ComplianceClose:    with(closeExcursion),
		ledger.ComplianceRevise:   with(revise),
		ledger.ComplianceVerdict:  with(newestVerdict),
		ledger.ComplianceVerdicts: with(verdicts),
		ledger.ComplianceList:     with(excursions),
	}
}

// with decodes the one JSON argument as strictly as the chaincode does.
func with[A, R any](f func(*tx, A) (R, error)) func(*tx, []byte) (any, error) {
	return func(t *tx, arg []byte) (any, error) {
		var a A
		d := json.NewDecoder(bytes.NewReader(arg))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil {
			return nil, refuse(ledger.Invalid, "argument: %v", err)
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, refuse(ledger.Invalid, "argument: more than one value")
		}
		return f(t, a)
	}
}
