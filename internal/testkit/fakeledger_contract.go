package testkit

import (
	"github.com/trackseal/trackseal/internal/ledger"
)

// contract maps the transactions of package ledger to the fake's versions of them. They keep the rules that callers can
// see (codes, states, events, idempotence); LedgerSuite holds them against the real chaincode.
var contract map[string]func(*tx, []byte) (any, error)

// Roles of a client identity, as in its certificate on a real network.
const (
	Operator = "operator" // trackers and shipments
	Ingest   = "ingest"   // anchors and compliance
	either   = "operator or ingest"
)

func init() {
	contract = map[string]func(*tx, []byte) (any, error){
		ledger.TrackerEnrol:     change(Operator, ledger.EventTracker, ledger.EnrolArgs.Validate, enrol),
		ledger.TrackerRotate:    change(Operator, ledger.EventTracker, ledger.RotateArgs.Validate, rotate),
		ledger.TrackerRevoke:    change(Operator, ledger.EventTracker, ledger.RevokeArgs.Validate, revoke),
		ledger.TrackerCalibrate: change(Operator, ledger.EventTracker, ledger.CalibrateArgs.Validate, calibrate),
		ledger.TrackerGet:       read(ledger.IDArgs.Validate, func(t *tx, a ledger.IDArgs) (ledger.Tracker, error) { return t.tracker(a.ID) }),
		ledger.TrackerList: read(noID, func(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Tracker], error) {
			return list[ledger.Tracker](t, "tracker/", a, nil)
		}),

		ledger.ShipmentCreate:   change(Operator, ledger.EventShipment, ledger.CreateArgs.Validate, create),
		ledger.ShipmentAssign:   change(Operator, ledger.EventShipment, ledger.AssignArgs.Validate, assign),
		ledger.ShipmentUnassign: change(Operator, ledger.EventShipment, ledger.UnassignArgs.Validate, unassign),
		ledger.ShipmentPropose:  change(Operator, ledger.EventShipment, ledger.ProposeArgs.Validate, propose),
		ledger.ShipmentAccept:   change(Operator, ledger.EventShipment, ledger.IDArgs.Validate, accept),
		ledger.ShipmentReject:   change(Operator, ledger.EventShipment, ledger.RejectArgs.Validate, reject),
		ledger.ShipmentWithdraw: change(Operator, ledger.EventShipment, ledger.RejectArgs.Validate, withdraw),
		ledger.ShipmentDeliver:  change(Operator, ledger.EventShipment, ledger.IDArgs.Validate, deliver),
		ledger.ShipmentClose:    change(Operator, ledger.EventClosed, ledger.CloseArgs.Validate, closeShipment),
		ledger.ShipmentGet:      read(ledger.IDArgs.Validate, func(t *tx, a ledger.IDArgs) (ledger.Shipment, error) { return t.shipment(a.ID) }),
		ledger.ShipmentList:     read(noID, shipments),
		ledger.ShipmentHandover: read(withID, handovers),
		ledger.ShipmentGetClose: read(ledger.IDArgs.Validate, getClose),

		ledger.AnchorExtend: change(Ingest, ledger.EventAnchor, ledger.ExtendArgs.Validate, extend),
		ledger.AnchorHead:   read(headsID, head),
		ledger.AnchorList:   read(headsOf, anchors),
		ledger.AnchorHeads: read(noID, func(t *tx, a ledger.ListArgs) (ledger.Page[ledger.Head], error) {
			return list[ledger.Head](t, "head/", a, nil)
		}),

		ledger.ComplianceOpen:     change(Ingest, ledger.EventExcursion, ledger.Excursion.ValidateOpen, openExcursion),
		ledger.ComplianceClose:    change(Ingest, ledger.EventExcursion, ledger.Excursion.ValidateClose, closeExcursion),
		ledger.ComplianceRevise:   change(Ingest, ledger.EventVerdict, ledger.Verdict.Validate, revise),
		ledger.ComplianceVerdict:  read(ledger.IDArgs.Validate, newestVerdict),
		ledger.ComplianceVerdicts: read(withID, verdicts),
		ledger.ComplianceList:     read(withID, excursions),
		ledger.ComplianceBreach:   change(either, ledger.EventExcursion, ledger.BreachArgs.Validate, breach),

		ledger.ComplianceAcknowledge:      change(Operator, ledger.EventAcknowledged, ledger.AcknowledgeArgs.Validate, acknowledge),
		ledger.ComplianceAcknowledgements: read(withID, ofShipment[ledger.Acknowledgement]("acknowledgement/")),
		ledger.ComplianceDispose:          change(Operator, ledger.EventDisposition, ledger.DisposeArgs.Validate, dispose),
		ledger.ComplianceDisposition:      read(ledger.IDArgs.Validate, newestDisposition),
		ledger.ComplianceDispositions:     read(withID, ofShipment[ledger.Disposition]("disposition/")),

		ledger.RuleSetPublish: change(Operator, ledger.EventRuleSet, ledger.PublishArgs.Validate, publish),
		ledger.RuleSetGet:     read(ledger.RefArgs.Validate, ruleSet),
		ledger.RuleSetList:    read(ledger.ListArgs.Validate, ruleSets),
	}
}

// change is a transaction that may write; one that did emits its event with the answer as payload.
func change[A, R any](role, event string, validate func(A) error, act func(*tx, A) (R, error)) func(*tx, []byte) (any, error) {
	return func(t *tx, arg []byte) (any, error) {
		if t.role != "" && t.role != role && role != either {
			return nil, refuse(ledger.Forbidden, "the caller's certificate needs the role %s", role)
		}
		r, err := decodeAndRun(t, arg, validate, act)
		if err != nil {
			return nil, err
		}
		if len(t.writes) > 0 {
			err = t.emit(event, r)
		}
		return r, err
	}
}

func read[A, R any](validate func(A) error, look func(*tx, A) (R, error)) func(*tx, []byte) (any, error) {
	return func(t *tx, arg []byte) (any, error) {
		return decodeAndRun(t, arg, validate, look)
	}
}

func decodeAndRun[A, R any](t *tx, arg []byte, validate func(A) error, run func(*tx, A) (R, error)) (R, error) {
	var a A
	var none R
	if err := ledger.Decode(arg, &a); err != nil {
		return none, refuse(ledger.Invalid, "argument: %v", err)
	}
	if err := validate(a); err != nil {
		return none, err
	}
	return run(t, a)
}

func noID(a ledger.ListArgs) error {
	if a.ID != "" {
		return refuse(ledger.Invalid, "this listing takes no id")
	}
	return a.Validate()
}

func withID(a ledger.ListArgs) error {
	if err := (ledger.IDArgs{ID: a.ID}).Validate(); err != nil {
		return err
	}
	return a.Validate()
}

func headsID(a ledger.IDArgs) error {
	if !ledger.IsHash(a.ID) {
		return refuse(ledger.Invalid, "id must be a heads-log id: 64 lower-case hex digits")
	}
	return nil
}

func headsOf(a ledger.ListArgs) error {
	if err := headsID(ledger.IDArgs{ID: a.ID}); err != nil {
		return err
	}
	return a.Validate()
}
