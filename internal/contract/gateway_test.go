package contract

import (
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func plainArgs(id string, change func(*ledger.EnrolArgs)) ledger.EnrolArgs {
	a := ledger.EnrolArgs{ID: id, SecretHash: hexHash(id)}
	if change != nil {
		change(&a)
	}
	return a
}

func behind(gateway, device string) func(*ledger.EnrolArgs) {
	return func(a *ledger.EnrolArgs) { a.Gateway, a.Device = gateway, device }
}

func (w *world) deviceOf(gateway, device string) string {
	w.t.Helper()
	d, err := get[ledger.DeviceOf](&transaction{state: w.state}, ledger.DeviceKey(gateway, device))
	if err != nil {
		w.t.Fatal(err)
	}
	if d == nil {
		return ""
	}
	return d.Tracker
}

func TestAGatewaySpeaksForItsDevices(t *testing.T) {
	w := newWorld(t)
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs("carrier.G", func(a *ledger.EnrolArgs) { a.Profile = "thingsboard-gateway@1" }))
	tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs("carrier.T-1", behind("carrier.G", "Truck 7 / rear")))
	if tr.Gateway != "carrier.G" || tr.Device != "Truck 7 / rear" || w.deviceOf("carrier.G", tr.Device) != tr.ID || tr.Trust() != ledger.Unsigned {
		t.Fatalf("enrolled %+v, index %q", tr, w.deviceOf("carrier.G", tr.Device))
	}
	// It takes what its gateway is read by, unless its owner says otherwise.
	if p, ok := tr.Profile(); !ok || p.Ref != "thingsboard-gateway@1" || p.FromMS != w.ms || p.Tx != tr.EnrolTx {
		t.Errorf("its profile is %+v", p)
	}
	own := must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs("carrier.T-2", func(a *ledger.EnrolArgs) { a.Gateway, a.Profile = "carrier.G", "thingsboard-device@1" }))
	if p, _ := own.Profile(); p.Ref != "thingsboard-device@1" || len(own.Profiles) != 1 || own.Device != "T-2" {
		t.Errorf("enrolled %+v, want its own profile and the name T-2", own)
	}
	// One whose key the gateway holds.
	signs := edDevice("carrier.T-3").enrolArgs("carrier.T-3", carrier)
	signs.Gateway = "carrier.G"
	if tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, signs); tr.Trust() != ledger.GatewaySigned || len(tr.Profiles) != 0 {
		t.Errorf("a key at a gateway: %s, profiles %v", tr.Trust(), tr.Profiles)
	}

	// A name is one device's, until that is revoked or goes elsewhere.
	w.refused(ledger.Conflict, carrierOp, ledger.TrackerEnrol, plainArgs("carrier.T-4", behind("carrier.G", "Truck 7 / rear")))
	must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "broken"})
	if got := w.deviceOf("carrier.G", "Truck 7 / rear"); got != "" {
		t.Errorf("the name is still that of %s", got)
	}
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs("carrier.T-4", behind("carrier.G", "Truck 7 / rear")))
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs("carrier.H", nil))
	move := ledger.GatewayArgs{ID: "carrier.T-4", Gateway: "carrier.H"}
	if tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerGateway, ledger.EventTracker, move); tr.Gateway != "carrier.H" || tr.Device != "T-4" || w.deviceOf("carrier.G", "Truck 7 / rear") != "" || w.deviceOf("carrier.H", "T-4") != tr.ID {
		t.Errorf("moved %+v", tr)
	}
	if a, e := w.submit(carrierOp, ledger.TrackerGateway, move, nil); e != nil || len(a.Writes) > 0 {
		t.Errorf("the same again: %d writes, %v; want none", len(a.Writes), e)
	}
	if tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerGateway, ledger.EventTracker, ledger.GatewayArgs{ID: "carrier.T-4"}); tr.Gateway != "" || tr.Device != "" || w.deviceOf("carrier.H", "T-4") != "" {
		t.Errorf("by itself again: %+v", tr)
	}
	// Who only asks does not learn more.
	w.refused(ledger.NotFound, shipperOp, ledger.TrackerGet, ledger.IDArgs{ID: "carrier.G"})
}

func TestGatewayRefusals(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"carrier.G", "carrier.H", "carrier.T-1", "carrier.gone"} {
		must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs(id, nil))
	}
	must[ledger.Tracker](w, shipperOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs("shipper.G", nil))
	must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.gone", Cause: "gone"})
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs("carrier.D", behind("carrier.G", "")))
	w.enrol(carrierOp, "carrier.K")
	held := edDevice("carrier.L").enrolArgs("carrier.L", carrier)
	held.Gateway = "carrier.G"
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, held)
	move := func(id, gateway string) ledger.GatewayArgs { return ledger.GatewayArgs{ID: id, Gateway: gateway} }
	for _, tc := range []struct {
		name string
		by   who
		fn   ledger.Function
		arg  any
		code ledger.Code
	}{
		{"another's gateway", carrierOp, ledger.TrackerGateway, move("carrier.T-1", "shipper.G"), ledger.Invalid},
		{"no gateway of that name", carrierOp, ledger.TrackerGateway, move("carrier.T-1", "carrier.none"), ledger.Invalid},
		{"enrolled behind another's", carrierOp, ledger.TrackerEnrol, plainArgs("carrier.X", behind("shipper.G", "")), ledger.Invalid},
		{"another's tracker", shipperOp, ledger.TrackerGateway, move("carrier.T-1", "shipper.G"), ledger.NotFound},
		{"as ingest", carrierIn, ledger.TrackerGateway, move("carrier.T-1", "carrier.G"), ledger.Forbidden},
		{"a revoked gateway", carrierOp, ledger.TrackerGateway, move("carrier.T-1", "carrier.gone"), ledger.BadState},
		{"a revoked tracker", carrierOp, ledger.TrackerGateway, move("carrier.gone", "carrier.G"), ledger.BadState},
		{"behind a device", carrierOp, ledger.TrackerGateway, move("carrier.T-1", "carrier.D"), ledger.BadState},
		{"enrolled behind a device", carrierOp, ledger.TrackerEnrol, plainArgs("carrier.X", behind("carrier.D", "")), ledger.BadState},
		{"a gateway behind another", carrierOp, ledger.TrackerGateway, move("carrier.G", "carrier.H"), ledger.BadState},
		{"a taken name", carrierOp, ledger.TrackerGateway, ledger.GatewayArgs{ID: "carrier.T-1", Gateway: "carrier.G", Device: "D"}, ledger.Conflict},
		{"the device's key goes to a gateway", carrierOp, ledger.TrackerGateway, move("carrier.K", "carrier.G"), ledger.BadState},
		{"the gateway's key becomes the device's", carrierOp, ledger.TrackerGateway, move("carrier.L", ""), ledger.BadState},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			w.refused(tc.code, tc.by, tc.fn, tc.arg)
		})
	}
	w.t = t
	if tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerGateway, ledger.EventTracker, move("carrier.L", "carrier.H")); tr.Trust() != ledger.GatewaySigned {
		t.Errorf("a key from one gateway to another: %s", tr.Trust())
	}
	// What is attested is the device's own.
	n, root := edDevice("n"), newAuthority(t, "acme", nil)
	w.accept("carrier.acme", root)
	w.refused(ledger.BadState, carrierOp, ledger.TrackerRotate, ledger.RotateArgs{ID: "carrier.L", Alg: n.alg, Public: n.public, Proof: n.possess("carrier.L", carrier, n), Lost: true, Certificates: root.chain(t, n)})
}

// Whoever is first decides whether a tracker is a gateway or behind one: the other transaction read what the first one wrote.
func TestNoChainsOfGatewaysAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"carrier.A", "carrier.B", "carrier.C"} {
		must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, plainArgs(id, nil))
	}
	reads := func(arg ledger.GatewayArgs) (read map[string]bool, wrote []Record) {
		t.Helper()
		spy := &spying{Map: w.state, read: map[string]bool{}}
		b, err := ledger.Encode(arg)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Run(spy, w.call(carrierOp), ledger.TrackerGateway.Name(), b)
		if err != nil {
			t.Fatal(err)
		}
		return spy.read, a.Writes
	}
	oneReads, oneWrites := reads(ledger.GatewayArgs{ID: "carrier.A", Gateway: "carrier.B"})
	twoReads, twoWrites := reads(ledger.GatewayArgs{ID: "carrier.B", Gateway: "carrier.C"})
	clash := func(read map[string]bool, wrote []Record) bool {
		for _, r := range wrote {
			if read[r.Key] {
				return true
			}
		}
		return false
	}
	if !clash(twoReads, oneWrites) || !clash(oneReads, twoWrites) {
		t.Error("both would be valid: carrier.A behind carrier.B behind carrier.C")
	}
}

// spying notes what a transaction reads.
type spying struct {
	Map
	read map[string]bool
}

func (s *spying) Get(key string) ([]byte, error) {
	s.read[key] = true
	return s.Map.Get(key)
}
