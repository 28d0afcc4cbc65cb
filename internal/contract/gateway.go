package contract

import (
	"cmp"

	"github.com/trackseal/trackseal/internal/ledger"
)

// trackerGateway says which gateway speaks for a tracker from now on. What vouches for a tracker never grows by this: one with a key stays
// behind a gateway, or without one, as it was enrolled. Else its past messages would look better, or worse, than they were.
func trackerGateway(t *transaction, a ledger.GatewayArgs) (*ledger.Tracker, error) {
	tr, err := ownTracker(t, a.ID)
	if err != nil {
		return nil, err
	}
	if len(tr.Keys) > 0 && (tr.Gateway == "") != (a.Gateway == "") {
		return nil, ledger.Refuse(ledger.BadState, "who holds the key of tracker %s, the device or its gateway, was said at its enrolment: enrol it under another id", tr.ID)
	}
	device := a.Device
	if a.Gateway != "" {
		device = cmp.Or(device, ledger.DeviceName(tr.ID))
	}
	if a.Gateway == tr.Gateway && device == tr.Device {
		return tr, nil // said again because its sender did not hear the outcome
	}
	leaveGateway(t, tr)
	tr.Gateway, tr.Device = "", device
	if a.Gateway != "" {
		// A gateway behind a gateway: whose word would it be?
		if err := t.free(ledger.GatewayKey(tr.ID), ledger.Refuse(ledger.BadState, "tracker %s is or was a gateway itself", tr.ID)); err != nil {
			return nil, err
		}
		if err := joinGateway(t, tr, a.Gateway, a.Device); err != nil {
			return nil, err
		}
	}
	return tr, t.put(ledger.TrackerKeyOf(tr.ID), tr)
}

// joinGateway puts a tracker behind a gateway of the same owner. One that sends unsigned messages and has no profile takes the gateway's.
func joinGateway(t *transaction, tr *ledger.Tracker, gateway, device string) error {
	g, err := ownTracker(t, gateway)
	switch code := ledger.CodeOf(err); {
	case code == ledger.NotFound:
		return ledger.Refuse(ledger.Invalid, "gateway: %s has no tracker %s", t.MSP, gateway)
	case err != nil:
		return err
	case g.Gateway != "":
		return ledger.Refuse(ledger.BadState, "gateway: tracker %s is itself behind gateway %s", g.ID, g.Gateway)
	}
	tr.Gateway, tr.Device = g.ID, cmp.Or(device, ledger.DeviceName(tr.ID))
	taken := ledger.Refuse(ledger.Conflict, "device: gateway %s has another tracker of the name %q", g.ID, tr.Device)
	if err := t.create(ledger.DeviceKey(g.ID, tr.Device), ledger.DeviceOf{Tracker: tr.ID}, taken); err != nil {
		return err
	}
	known, err := get[string](t, ledger.GatewayKey(g.ID))
	if err != nil {
		return err
	}
	if known == nil { // only once: else devices that are enrolled at the same time would be in each other's way
		if err := t.put(ledger.GatewayKey(g.ID), "1"); err != nil {
			return err
		}
	}
	if own, ok := g.Profile(); ok && len(tr.Keys) == 0 {
		if _, ok := tr.Profile(); !ok {
			return pin(t, tr, own.Ref, own.Hash)
		}
	}
	return nil
}

// leaveGateway frees the tracker's name at its gateway, for a device that takes its place.
func leaveGateway(t *transaction, tr *ledger.Tracker) {
	if tr.Gateway != "" {
		t.remove(ledger.DeviceKey(tr.Gateway, tr.Device))
	}
}
