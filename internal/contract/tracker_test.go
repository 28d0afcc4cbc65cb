package contract

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"reflect"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func TestEnrolKeepsKeyOwnerAndThumbprint(t *testing.T) {
	for name, d := range map[string]device{"Ed25519": edDevice("a"), "ESP256": p256Device()} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tr := must[ledger.Tracker](w, shipperOp, ledger.TrackerEnrol, ledger.EventTracker, d.enrolArgs("shipper.T-1", shipper))
			if tr.Owner != shipper || tr.Alg != d.alg || len(tr.Keys) != 1 || tr.EnrolledMS != w.ms || tr.EnrolTx != "tx0001" {
				t.Fatalf("got %+v", tr)
			}
			k := tr.Keys[0]
			if k.Public != d.public || !ledger.IsHash(k.KID) || k.FromMS != w.ms || k.ToMS != 0 || k.Tx != tr.EnrolTx {
				t.Fatalf("got key %+v", k)
			}
			if got := query[ledger.Tracker](w, shipperOp, ledger.TrackerGet, ledger.IDArgs{ID: "shipper.T-1"}); !reflect.DeepEqual(got, tr) {
				t.Fatalf("stored %+v", got)
			}
		})
	}
}

func TestEnrolOfATrackerThatCannotSign(t *testing.T) {
	w := newWorld(t)
	tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, ledger.EnrolArgs{ID: "carrier.T-1", SecretHash: hexHash("s")})
	if tr.Alg != 0 || tr.SecretHash != hexHash("s") || tr.Keys == nil || len(tr.Keys) != 0 {
		t.Fatalf("got %+v", tr)
	}
	n := edDevice("new")
	w.refused(ledger.BadState, carrierOp, ledger.TrackerRotate, ledger.RotateArgs{ID: "carrier.T-1", Alg: n.alg, Public: n.public, Proof: n.possess("carrier.T-1", carrier, n), Lost: true})
	must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "lost"})
}

// A secret that leaked costs no tracker id: its owner, and nobody else, replaces it.
func TestRotateTheSecretOfATrackerThatCannotSign(t *testing.T) {
	w := newWorld(t)
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, ledger.EnrolArgs{ID: "carrier.T-1", SecretHash: hexHash("leaked")})
	w.enrol(carrierOp, "carrier.T-2")
	args := ledger.RotateArgs{ID: "carrier.T-1", SecretHash: hexHash("fresh")}
	with := func(f func(*ledger.RotateArgs)) ledger.RotateArgs { a := args; f(&a); return a }

	w.refused(ledger.NotFound, shipperOp, ledger.TrackerRotate, args)
	w.refused(ledger.Forbidden, carrierIn, ledger.TrackerRotate, args)
	w.refused(ledger.NotFound, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.ID = "carrier.T-3" }))
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.SecretHash = "ab" }))
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.Lost = true }))
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.Public = edDevice("x").public }))
	w.refused(ledger.BadState, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.ID = "carrier.T-2" }))
	w.refused(ledger.Conflict, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.SecretHash = hexHash("leaked") }))

	tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, args)
	if tr.SecretHash != args.SecretHash || tr.Alg != 0 || len(tr.Keys) != 0 {
		t.Fatalf("got %+v, want the new secret's hash and no key", tr)
	}
	must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "lost"})
	w.refused(ledger.BadState, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.SecretHash = hexHash("again") }))
}

func TestEnrolRefusals(t *testing.T) {
	d, other := edDevice("d"), edDevice("other")
	p := p256Device()
	good := d.enrolArgs("carrier.T-1", carrier)
	with := func(f func(*ledger.EnrolArgs)) ledger.EnrolArgs { a := good; f(&a); return a }
	raw := func(name, key string) ledger.EnrolArgs {
		return with(func(a *ledger.EnrolArgs) { a.Public = key })
	}
	for _, tc := range []struct {
		name string
		by   who
		arg  any
		code ledger.Code
	}{
		{"no role", who{carrier, ""}, good, ledger.Forbidden},
		{"wrong role", carrierIn, good, ledger.Forbidden},
		{"other role text", who{carrier, "operator,ingest"}, good, ledger.Forbidden},
		{"proof made for another owner", carrierOp, with(func(a *ledger.EnrolArgs) { a.Proof = d.possess("carrier.T-1", shipper, d) }), ledger.BadProof},
		{"proof for another id", carrierOp, with(func(a *ledger.EnrolArgs) { a.ID = "carrier.T-2" }), ledger.BadProof},
		{"proof of another key", carrierOp, with(func(a *ledger.EnrolArgs) { a.Proof = other.possess("carrier.T-1", carrier, d) }), ledger.BadProof},
		{"high s", carrierOp, highS(p, "carrier.T-1", carrier), ledger.BadProof},
		{"wrong alg for the key", carrierOp, with(func(a *ledger.EnrolArgs) { a.Alg = -9 }), ledger.Invalid},
		{"unknown alg", carrierOp, with(func(a *ledger.EnrolArgs) { a.Alg = -7 }), ledger.Invalid},
		{"key and secret", carrierOp, with(func(a *ledger.EnrolArgs) { a.SecretHash = hexHash("x") }), ledger.Invalid},
		{"neither", carrierOp, ledger.EnrolArgs{ID: "carrier.T-1"}, ledger.Invalid},
		{"short secret hash", carrierOp, ledger.EnrolArgs{ID: "carrier.T-1", SecretHash: "ab"}, ledger.Invalid},
		{"upper-case hex", carrierOp, with(func(a *ledger.EnrolArgs) { a.Public = "AB" + a.Public[2:] }), ledger.Invalid},
		{"bad id", carrierOp, with(func(a *ledger.EnrolArgs) { a.ID = "../x" }), ledger.Invalid},
		{"control character", carrierOp, with(func(a *ledger.EnrolArgs) { a.Model = "a\nb" }), ledger.Invalid},
		{"identity point", carrierOp, raw("identity", "0100000000000000000000000000000000000000000000000000000000000000"), ledger.Invalid},
		{"order 2", carrierOp, raw("order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), ledger.Invalid},
		{"order 8", carrierOp, raw("order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), ledger.Invalid},
		{"non-canonical y", carrierOp, raw("y=p+1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), ledger.Invalid},
		{"unknown member", carrierOp, `{"id":"carrier.T-1","owner":"ShipperMSP"}`, ledger.Invalid},
		{"differently cased member", carrierOp, `{"ID":"carrier.T-1"}`, ledger.Invalid},
		{"repeated member", carrierOp, `{"id":"carrier.T-1","id":"carrier.T-2"}`, ledger.Invalid},
		{"two values", carrierOp, `{"id":"carrier.T-1"} {}`, ledger.Invalid},
		{"no object", carrierOp, `null`, ledger.Invalid},
		{"empty", carrierOp, ``, ledger.Invalid},
		{"not UTF-8", carrierOp, "{\"id\":\"\xff\"}", ledger.Invalid},
		{"wrong type", carrierOp, `{"id":7}`, ledger.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newWorld(t).refused(tc.code, tc.by, ledger.TrackerEnrol, tc.arg)
		})
	}
}

// highS is a valid signature with the larger of its two s values.
func highS(d device, id, owner string) ledger.EnrolArgs {
	a := d.enrolArgs(id, owner)
	sig, _ := hex.DecodeString(a.Proof)
	n, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(n, s).FillBytes(sig[32:])
	a.Proof = hex.EncodeToString(sig)
	return a
}

func TestTrackerIDsAndKeysAreTakenOnce(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	w.refused(ledger.Exists, carrierOp, ledger.TrackerEnrol, edDevice("carrier.T-1").enrolArgs("carrier.T-1", carrier))
	// The same key under another id, also after it was revoked and by another organisation.
	w.refused(ledger.Conflict, carrierOp, ledger.TrackerEnrol, edDevice("carrier.T-1").enrolArgs("carrier.T-2", carrier))
	must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "stolen"})
	w.refused(ledger.Conflict, shipperOp, ledger.TrackerEnrol, edDevice("carrier.T-1").enrolArgs("shipper.T-2", shipper))
}

func TestRotate(t *testing.T) {
	old, next := edDevice("carrier.T-1"), p256Device()
	args := ledger.RotateArgs{ID: "carrier.T-1", Alg: next.alg, Public: next.public, Proof: next.possess("carrier.T-1", carrier, next), Old: old.possess("carrier.T-1", carrier, next)}
	with := func(f func(*ledger.RotateArgs)) ledger.RotateArgs { a := args; f(&a); return a }
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")

	w.refused(ledger.NotFound, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.ID = "carrier.T-2" }))
	w.refused(ledger.NotFound, shipperOp, ledger.TrackerRotate, args)
	w.refused(ledger.Forbidden, who{carrier, Ingest}, ledger.TrackerRotate, args)
	w.refused(ledger.BadProof, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.Proof = args.Old }))
	w.refused(ledger.BadProof, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.Old = args.Proof }))
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.Old = "" }))
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRotate, with(func(a *ledger.RotateArgs) { a.Lost = true }))
	same := ledger.RotateArgs{ID: "carrier.T-1", Alg: old.alg, Public: old.public, Proof: old.possess("carrier.T-1", carrier, old), Old: old.possess("carrier.T-1", carrier, old)}
	w.refused(ledger.Conflict, carrierOp, ledger.TrackerRotate, same)

	w.ms -= 10_000
	w.refused(ledger.BadState, carrierOp, ledger.TrackerRotate, args)
	w.ms += 10_000
	tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, args)
	if tr.Alg != -9 || len(tr.Keys) != 2 || tr.Keys[0].ToMS != w.ms || tr.Keys[1].FromMS != w.ms || tr.Keys[1].ToMS != 0 {
		t.Fatalf("got %+v", tr)
	}
	// Neither back to the first key, nor on with the old key's word.
	back := ledger.RotateArgs{ID: "carrier.T-1", Alg: old.alg, Public: old.public, Proof: old.possess("carrier.T-1", carrier, old), Lost: true}
	w.refused(ledger.Conflict, carrierOp, ledger.TrackerRotate, back)
	third := edDevice("third")
	w.refused(ledger.BadProof, carrierOp, ledger.TrackerRotate, ledger.RotateArgs{ID: "carrier.T-1", Alg: third.alg, Public: third.public, Proof: third.possess("carrier.T-1", carrier, third), Old: old.possess("carrier.T-1", carrier, third)})
	tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, ledger.RotateArgs{ID: "carrier.T-1", Alg: third.alg, Public: third.public, Proof: third.possess("carrier.T-1", carrier, third), Lost: true})
	if len(tr.Keys) != 3 || tr.Alg != -19 {
		t.Fatalf("got %+v", tr)
	}
}

func TestATrackersKeysAreBounded(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	rotate := func(i int) ledger.RotateArgs {
		d := edDevice(fmt.Sprint("key", i))
		return ledger.RotateArgs{ID: "carrier.T-1", Alg: d.alg, Public: d.public, Proof: d.possess("carrier.T-1", carrier, d), Lost: true}
	}
	for i := range ledger.MaxKeys - 1 {
		must[ledger.Tracker](w, carrierOp, ledger.TrackerRotate, ledger.EventTracker, rotate(i))
	}
	w.refused(ledger.BadState, carrierOp, ledger.TrackerRotate, rotate(ledger.MaxKeys))
}

func TestRevokeAndCalibrate(t *testing.T) {
	w := newWorld(t)
	w.enrol(carrierOp, "carrier.T-1")
	cal := ledger.CalibrateArgs{ID: "carrier.T-1", Ref: "cert 7", Hash: hexHash("c"), ValidFromMS: t0, ValidToMS: t0 + 1}
	w.refused(ledger.NotFound, shipperOp, ledger.TrackerCalibrate, cal)
	w.refused(ledger.NotFound, carrierOp, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "carrier.T-2", Ref: "c", Hash: hexHash("c"), ValidFromMS: 1, ValidToMS: 2})
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "carrier.T-1", Ref: "c", Hash: hexHash("c"), ValidFromMS: 2, ValidToMS: 2})
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerCalibrate, ledger.CalibrateArgs{ID: "carrier.T-1", Hash: hexHash("c"), ValidFromMS: 1, ValidToMS: 2})
	tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerCalibrate, ledger.EventTracker, cal)
	if tr.Calibration == nil || tr.Calibration.RecordedMS != w.ms || tr.Calibration.Ref != "cert 7" {
		t.Fatalf("got %+v", tr.Calibration)
	}

	w.refused(ledger.NotFound, shipperOp, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "x"})
	// Good arguments with something beside them.
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRevoke, `{"id":"carrier.T-1","cause":"x","owner":"CarrierMSP"}`)
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRevoke, `{"id":"carrier.T-1","cause":"x","Cause":"y"}`)
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRevoke, `{"id":"carrier.T-1","cause":"x"} {}`)
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-1"})
	tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerRevoke, ledger.EventTracker, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "stolen"})
	if tr.RevokedMS != w.ms || tr.RevokeCause != "stolen" || tr.Keys[0].ToMS != w.ms {
		t.Fatalf("got %+v", tr)
	}
	w.refused(ledger.BadState, carrierOp, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-1", Cause: "again"})
	w.refused(ledger.BadState, carrierOp, ledger.TrackerCalibrate, cal)
	w.create(carrierOp, "carrier.S-1")
	w.refused(ledger.BadState, carrierOp, ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.S-1", Tracker: "carrier.T-1"})
}

func TestTrackerListPages(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.enrol(carrierOp, fmt.Sprintf("carrier.T-%d", i))
	}
	// Keys of other objects must never show up in the listing.
	w.create(carrierOp, "carrier.S-1")
	var got []string
	arg := ledger.ListArgs{Limit: 3}
	for pages := 1; ; pages++ {
		p := query[ledger.Page[ledger.Tracker]](w, carrierOp, ledger.TrackerList, arg)
		for _, tr := range p.Items {
			got = append(got, tr.ID)
		}
		if p.Bookmark == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		arg.Bookmark = p.Bookmark
	}
	if fmt.Sprint(got) != "[carrier.T-0 carrier.T-1 carrier.T-2 carrier.T-3 carrier.T-4 carrier.T-5 carrier.T-6]" {
		t.Errorf("got %v", got)
	}
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerList, ledger.ListArgs{Limit: 201})
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerList, ledger.ListArgs{Limit: -1})
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerList, ledger.ListArgs{ID: "carrier.T-1"})
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerList, ledger.ListArgs{Bookmark: "!"})
	w.refused(ledger.NotFound, carrierOp, ledger.TrackerGet, ledger.IDArgs{ID: "carrier.T-9"})
	if p := query[ledger.Page[ledger.Head]](w, carrierOp, ledger.AnchorHeads, ledger.ListArgs{}); p.Items == nil || len(p.Items) != 0 || p.Bookmark != "" {
		t.Errorf("an empty listing: %+v", p)
	}
}

// What a stranger learns of another's trackers: nothing. A party of a shipment sees those that are or were on it, without what only
// their owner and an ingest need.
func TestAttackForeignTrackers(t *testing.T) {
	w := newWorld(t)
	secret := hexHash("s")
	must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, ledger.EnrolArgs{ID: "carrier.P-1", SecretHash: secret})
	w.enrol(carrierOp, "carrier.T-2")
	must[ledger.Tracker](w, shipperOp, ledger.TrackerEnrol, ledger.EventTracker, ledger.EnrolArgs{ID: "shipper.P-1", SecretHash: secret})
	alone := createArgs("shipper.S-1") // the operator is no party
	alone.Parties = ledger.Parties{ledger.Carrier: {shipper}, ledger.Consignee: {consignee}}
	must[ledger.Shipment](w, shipperOp, ledger.ShipmentCreate, ledger.EventShipment, alone)
	w.assign(shipperOp, "shipper.S-1", "shipper.P-1")
	w.create(carrierOp, "carrier.S-1")
	w.assign(carrierOp, "carrier.S-1", "carrier.P-1")

	for name, tc := range map[string]struct {
		by       who
		tracker  string
		shipment string
		seen     bool
		assigned string
		secret   string
	}{
		"owner":                            {carrierOp, "carrier.P-1", "", true, "carrier.S-1", secret},
		"party that names the shipment":    {shipperOp, "carrier.P-1", "carrier.S-1", true, "carrier.S-1", ""},
		"party that names none":            {shipperOp, "carrier.P-1", "", false, "", ""},
		"party, tracker of no shipment":    {shipperOp, "carrier.T-2", "carrier.S-1", false, "", ""},
		"stranger":                         {auditorOp, "carrier.P-1", "", false, "", ""},
		"stranger that names the shipment": {auditorOp, "carrier.P-1", "carrier.S-1", false, "", ""},
		"stranger, of none that is":        {auditorOp, "carrier.P-9", "", false, "", ""},
		"operator's ingest":                {carrierIn, "shipper.P-1", "", true, "", secret},
		"operator, not by its ingest":      {carrierOp, "shipper.P-1", "", false, "", ""},
		"ingest of no operator":            {shipperIn, "carrier.P-1", "", false, "", ""},
	} {
		arg := ledger.TrackerArgs{ID: tc.tracker, Shipment: tc.shipment}
		if !tc.seen {
			w.refused(ledger.NotFound, tc.by, ledger.TrackerGet, arg)
			continue
		}
		if got := query[ledger.Tracker](w, tc.by, ledger.TrackerGet, arg); got.ID != tc.tracker || got.Assigned != tc.assigned || got.SecretHash != tc.secret {
			t.Errorf("%s: got %+v, want it assigned to %q with the secret's hash %q", name, got, tc.assigned, tc.secret)
		}
	}
	must[ledger.Shipment](w, carrierOp, ledger.ShipmentUnassign, ledger.EventShipment, ledger.UnassignArgs{Shipment: "carrier.S-1", Tracker: "carrier.P-1"})
	query[ledger.Tracker](w, shipperOp, ledger.TrackerGet, ledger.TrackerArgs{ID: "carrier.P-1", Shipment: "carrier.S-1"})

	w.assign(carrierOp, "carrier.S-1", "carrier.T-2")
	for name, tc := range map[string]struct {
		by   who
		want string
	}{
		"carrier":               {carrierOp, "[carrier.P-1  carrier.T-2 carrier.S-1]"},
		"shipper":               {shipperOp, "[shipper.P-1 shipper.S-1]"},
		"auditor":               {auditorOp, "[]"},
		"operator's ingest":     {carrierIn, "[carrier.P-1  carrier.T-2 carrier.S-1 shipper.P-1 ]"},
		"ingest of no operator": {who{auditor, Ingest}, "[]"},
	} {
		var got []string
		for arg := (ledger.ListArgs{Limit: 1}); ; {
			p := query[ledger.Page[ledger.Tracker]](w, tc.by, ledger.TrackerList, arg)
			for _, tr := range p.Items {
				got = append(got, tr.ID, tr.Assigned)
			}
			if arg.Bookmark = p.Bookmark; arg.Bookmark == "" {
				break
			}
		}
		if fmt.Sprint(got) != tc.want {
			t.Errorf("%s lists %v, want %s", name, got, tc.want)
		}
	}
	// A bookmark of the owner's listing opens nothing for others.
	own := query[ledger.Page[ledger.Tracker]](w, carrierOp, ledger.TrackerList, ledger.ListArgs{Limit: 1}).Bookmark
	w.refused(ledger.Invalid, shipperOp, ledger.TrackerList, ledger.ListArgs{Limit: 1, Bookmark: own})
}

// served enrols a tracker that one operator serves.
func served(id, operator string) ledger.EnrolArgs {
	return ledger.EnrolArgs{ID: id, SecretHash: hexHash(id), Operator: operator}
}

// Whose ingest takes a tracker's messages is the owner's choice, and only that operator gets to see how the tracker logs in.
func TestAnOperatorServes(t *testing.T) {
	w := newWorld(t)
	w.admit()
	fifthIn := who{fifth, Ingest}
	get := func(by who) ledger.Tracker {
		t.Helper()
		return query[ledger.Tracker](w, by, ledger.TrackerGet, ledger.TrackerArgs{ID: "shipper.T-1"})
	}
	for _, none := range []string{shipper, "EvilMSP"} { // no operator, no member
		w.refused(ledger.Invalid, shipperOp, ledger.TrackerEnrol, served("shipper.T-1", none))
	}
	tr := must[ledger.Tracker](w, shipperOp, ledger.TrackerEnrol, ledger.EventTracker, served("shipper.T-1", carrier))
	if !tr.ServedBy(carrier) || tr.ServedBy(fifth) {
		t.Errorf("enrolled %+v, want it served by the carrier alone", tr)
	}
	if at, other := get(carrierIn), get(fifthIn); at.SecretHash == "" || other.SecretHash != "" || other.Operator != carrier {
		t.Errorf("the one that serves sees %+v, another operator %+v; want the secret's hash with the first only", at, other)
	}
	serve := ledger.ServeArgs{ID: "shipper.T-1", Operator: fifth}
	w.refused(ledger.NotFound, carrierOp, ledger.TrackerServe, serve)
	w.refused(ledger.Forbidden, shipperIn, ledger.TrackerServe, serve)
	w.refused(ledger.Invalid, shipperOp, ledger.TrackerServe, ledger.ServeArgs{ID: "shipper.T-1", Operator: shipper})
	must[ledger.Tracker](w, shipperOp, ledger.TrackerServe, ledger.EventTracker, serve)
	if at, other := get(fifthIn), get(carrierIn); at.SecretHash == "" || other.SecretHash != "" {
		t.Errorf("after the move the new one sees %+v, the old one %+v", at, other)
	}
	if tr := must[ledger.Tracker](w, shipperOp, ledger.TrackerServe, ledger.EventTracker, ledger.ServeArgs{ID: "shipper.T-1"}); !tr.ServedBy(carrier) || !tr.ServedBy(fifth) {
		t.Errorf("served by %q, want any operator", tr.Operator)
	}
}
