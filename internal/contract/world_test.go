package contract

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const (
	carrier   = "CarrierMSP"
	shipper   = "ShipperMSP"
	consignee = "ConsigneeMSP"
	auditor   = "AuditorMSP"

	t0     = int64(1_700_000_000_000)
	ruleID = "general-2-8@1"
)

// rules are built into the chaincode: hot is instant (temperature >= 25), warm is not.
var rules, ruleHash = func() (compliance.RuleSet, string) {
	r, ok := compliance.Lookup(ruleID)
	if !ok {
		panic(ruleID)
	}
	return r, r.Hash()
}()

func hexHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// who is a client identity: an organisation and its certificate's role.
type who struct{ msp, role string }

var (
	carrierOp   = who{carrier, Operator}
	shipperOp   = who{shipper, Operator}
	consigneeOp = who{consignee, Operator}
	auditorOp   = who{auditor, Operator}
	carrierIn   = who{carrier, Ingest}
	shipperIn   = who{shipper, Ingest}
)

// world is a ledger: the committed state and the time.
type world struct {
	t     testing.TB
	state Map
	ms    int64
	n     int
	still bool // nobody renews the beat
}

// newWorld is a ledger whose members are the founders and whose beat goes on.
func newWorld(t testing.TB) *world {
	w := emptyWorld(t)
	a, err := w.run(carrierOp, ledger.MemberFound, founders)
	if err != nil {
		t.Fatal(err)
	}
	w.state.Commit(a)
	w.beat()
	return w
}

// beat renews the beat, as nodes do between the transactions of a test.
func (w *world) beat() {
	b, err := ledger.Encode(ledger.Beat{TimeMS: w.ms, By: auditor, Tx: fmt.Sprintf("beat%04d", w.n)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.state[ledger.BeatKey()] = b
}

// emptyWorld is a ledger on which nothing has happened.
func emptyWorld(t testing.TB) *world { return &world{t: t, state: Map{}, ms: t0} }

func (w *world) call(by who) Call {
	cert := sha256.Sum256([]byte(by.msp + by.role))
	return Call{
		Channel: ledger.Channel, Tx: fmt.Sprintf("tx%04d", w.n), TimeMS: w.ms, MSP: by.msp, Role: by.role,
		Subject: "CN=client,OU=client", Issuer: "CN=ca." + by.msp, Cert: hex.EncodeToString(cert[:]),
	}
}

// run runs one transaction on the committed state and commits nothing. A string is the argument itself, else it is encoded.
func (w *world) run(by who, fn ledger.Function, arg any) (Answer, error) {
	text, ok := arg.(string)
	if !ok {
		b, err := ledger.Encode(arg)
		if err != nil {
			w.t.Fatal(err)
		}
		text = string(b)
	}
	c := w.call(by)
	private, err := ledger.PrivateOf(arg)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Private = string(private)
	return Run(w.state, c, fn.Name(), []byte(text))
}

// submit runs and, when it was not refused, commits. Time moves on by a second.
func (w *world) submit(by who, fn ledger.Function, arg any, result any) (Answer, *ledger.Error) {
	w.t.Helper()
	w.n++
	w.ms += 1000
	if w.state[ledger.BeatKey()] != nil && !w.still {
		w.beat()
	}
	a, err := w.run(by, fn, arg)
	if err != nil {
		var e *ledger.Error
		if !errors.As(err, &e) {
			w.t.Fatalf("%s: a refusal without code: %v", fn, err)
		}
		if e.Error() != err.Error() || *ledger.ParseError(err.Error()) != *e {
			w.t.Fatalf("%s: the client would see %q", fn, err)
		}
		return a, e
	}
	w.state.Commit(a)
	if result != nil {
		if err := json.Unmarshal(a.Payload, result); err != nil {
			w.t.Fatalf("%s: %v", fn, err)
		}
	}
	return a, nil
}

// must submits what has to succeed, with its event.
func must[R any](w *world, by who, fn ledger.Function, event string, arg any) R {
	w.t.Helper()
	var r R
	a, e := w.submit(by, fn, arg, &r)
	if e != nil {
		w.t.Fatalf("%s by %s: %v", fn, by.msp, e)
	}
	if a.Event != event {
		w.t.Fatalf("%s: event %q, want %q", fn, a.Event, event)
	}
	return r
}

// refused submits what has to be refused with code, leaving the state alone.
func (w *world) refused(code ledger.Code, by who, fn ledger.Function, arg any) {
	w.t.Helper()
	_, e := w.submit(by, fn, arg, nil)
	if e == nil {
		w.t.Fatalf("%s by %s: accepted, want %s", fn, by.msp, code)
	}
	if e.Code != code {
		w.t.Fatalf("%s by %s: %v, want %s", fn, by.msp, e, code)
	}
}

func query[R any](w *world, by who, fn ledger.Function, arg any) R {
	w.t.Helper()
	var r R
	a, e := w.submit(by, fn, arg, &r)
	if e != nil {
		w.t.Fatalf("%s by %s: %v", fn, by.msp, e)
	}
	if len(a.Writes) > 0 || a.Event != "" {
		w.t.Fatalf("%s wrote %d records, event %q; want none", fn, len(a.Writes), a.Event)
	}
	return r
}

// device is a tracker's key pair.
type device struct {
	signer crypto.Signer
	alg    int
	public string
}

func edDevice(seed string) device {
	h := sha256.Sum256([]byte(seed))
	return newDevice(ed25519.NewKeyFromSeed(h[:]))
}

func p256Device() device {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return newDevice(k)
}

func newDevice(signer crypto.Signer) device {
	k, err := telemetry.Public(signer)
	if err != nil {
		panic(err)
	}
	return device{signer, int(k.Alg), hex.EncodeToString(k.Raw)}
}

// possess signs possession of key k (usually d's own).
func (d device) possess(id, owner string, k device) string {
	sig, err := telemetry.Sign(d.signer, ledger.PossessionBytes(id, owner, k.alg, k.public))
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(sig)
}

func (d device) enrolArgs(id, owner string) ledger.EnrolArgs {
	return ledger.EnrolArgs{ID: id, Alg: d.alg, Public: d.public, Proof: d.possess(id, owner, d), Model: "TT-1"}
}

func (w *world) enrol(by who, id string) ledger.Tracker {
	w.t.Helper()
	return must[ledger.Tracker](w, by, ledger.TrackerEnrol, ledger.EventTracker, edDevice(id).enrolArgs(id, by.msp))
}

func createArgs(id string) ledger.CreateArgs {
	return ledger.CreateArgs{
		ID: id, RuleSet: ruleID, RuleSetHash: ruleHash, Details: hexHash("vaccines"),
		Parties: ledger.Parties{ledger.Carrier: {carrier}, ledger.Shipper: {shipper}, ledger.Consignee: {consignee}},
	}
}

func (w *world) create(by who, id string) ledger.Shipment {
	w.t.Helper()
	return must[ledger.Shipment](w, by, ledger.ShipmentCreate, ledger.EventShipment, createArgs(id))
}

func (w *world) assign(by who, shipment, tracker string) ledger.Shipment {
	w.t.Helper()
	return must[ledger.Shipment](w, by, ledger.ShipmentAssign, ledger.EventShipment, ledger.AssignArgs{Shipment: shipment, Tracker: tracker})
}

func (w *world) handOver(from, to who, shipment string) ledger.Shipment {
	w.t.Helper()
	must[ledger.Shipment](w, from, ledger.ShipmentPropose, ledger.EventShipment, ledger.ProposeArgs{ID: shipment, To: to.msp, Heads: []ledger.LogHead{head("log", 4)}})
	return must[ledger.Shipment](w, to, ledger.ShipmentAccept, ledger.EventShipment, ledger.IDArgs{ID: shipment})
}

// delivered brings a shipment with one tracker to the consignee.
func (w *world) delivered(id, tracker string) ledger.Shipment {
	w.t.Helper()
	w.enrol(carrierOp, tracker)
	w.create(carrierOp, id)
	w.assign(carrierOp, id, tracker)
	w.handOver(carrierOp, consigneeOp, id)
	return must[ledger.Shipment](w, consigneeOp, ledger.ShipmentDeliver, ledger.EventShipment, ledger.IDArgs{ID: id})
}

// logs is what was judged from one log.
func logs(log string, size uint64) []ledger.LogHead { return []ledger.LogHead{head(log, size)} }

func head(log string, size uint64) ledger.LogHead {
	return ledger.LogHead{Log: hexHash(log), Size: size, Root: hexHash(fmt.Sprint(log, size))}
}
