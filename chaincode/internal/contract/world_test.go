package contract

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

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
	return r, hashOf(r)
}()

func hexHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// who is a client identity: an organisation and its certificate's role.
type who struct{ msp, role string }

var (
	carrierOp   = who{carrier, operator}
	shipperOp   = who{shipper, operator}
	consigneeOp = who{consignee, operator}
	auditorOp   = who{auditor, operator}
	carrierIn   = who{carrier, ingest}
	shipperIn   = who{shipper, ingest}
)

// world is a ledger: the chaincode and the committed state.
type world struct {
	t     testing.TB
	cc    shim.Chaincode
	state map[string][]byte
	ms    int64
	n     int
}

func newWorld(t testing.TB) *world {
	cc, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, cc: cc, state: map[string][]byte{}, ms: t0}
}

func (w *world) stub(by who, fn string, args ...string) *fakeStub {
	return &fakeStub{
		committed: w.state, creator: creator(w.t, by), fn: fn, args: args,
		ms: w.ms, tx: fmt.Sprintf("tx%04d", w.n),
	}
}

func (w *world) invoke(by who, fn string, arg any) (*fakeStub, *peer.Response) {
	text, ok := arg.(string)
	if !ok {
		b, err := ledger.Encode(arg)
		if err != nil {
			w.t.Fatal(err)
		}
		text = string(b)
	}
	s := w.stub(by, fn, text)
	return s, w.cc.Invoke(s)
}

// submit runs and, when it was not refused, commits. Time moves on by a second.
func (w *world) submit(by who, fn string, arg any, result any) (*fakeStub, *ledger.Error) {
	w.t.Helper()
	w.n++
	w.ms += 1000
	s, r := w.invoke(by, fn, arg)
	if r.Status != shim.OK {
		e := ledger.ParseError(r.Message)
		if e == nil {
			w.t.Fatalf("%s: a refusal without code: %s", fn, r.Message)
		}
		if e.Error() != r.Message {
			w.t.Fatalf("%s: the client would see %q", fn, r.Message)
		}
		return s, e
	}
	for _, x := range s.writes {
		w.state[x.key] = []byte(x.value)
	}
	if result != nil {
		if err := json.Unmarshal(r.Payload, result); err != nil {
			w.t.Fatalf("%s: %v", fn, err)
		}
	}
	return s, nil
}

// must submits what has to succeed, with exactly one event that carries the answer.
func must[R any](w *world, by who, fn, eventName string, arg any) R {
	w.t.Helper()
	var r R
	s, e := w.submit(by, fn, arg, &r)
	if e != nil {
		w.t.Fatalf("%s by %s: %v", fn, by.msp, e)
	}
	if len(s.events) != 1 || s.events[0].name != eventName {
		w.t.Fatalf("%s: events %v, want one %q", fn, s.events, eventName)
	}
	var fromEvent R
	if err := json.Unmarshal([]byte(s.events[0].payload), &fromEvent); err != nil || !reflect.DeepEqual(fromEvent, r) {
		w.t.Fatalf("%s: the event differs from the answer", fn)
	}
	return r
}

// refused submits what has to be refused with code, leaving the state alone.
func (w *world) refused(code ledger.Code, by who, fn string, arg any) {
	w.t.Helper()
	_, e := w.submit(by, fn, arg, nil)
	if e == nil {
		w.t.Fatalf("%s by %s: accepted, want %s", fn, by.msp, code)
	}
	if e.Code != code {
		w.t.Fatalf("%s by %s: %v, want %s", fn, by.msp, e, code)
	}
}

func query[R any](w *world, by who, fn string, arg any) R {
	w.t.Helper()
	var r R
	s, e := w.submit(by, fn, arg, &r)
	if e != nil {
		w.t.Fatalf("%s by %s: %v", fn, by.msp, e)
	}
	if len(s.writes)+len(s.events) > 0 {
		w.t.Fatalf("%s wrote or emitted", fn)
	}
	return r
}

var (
	creators  sync.Map
	issuerKey = sync.OnceValue(func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	})
)

// creator is a serialised identity with a certificate like those that the network makes.
func creator(t testing.TB, by who) []byte {
	if b, ok := creators.Load(by); ok {
		return b.([]byte)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "client", OrganizationalUnit: []string{"client"}},
		NotBefore:    time.UnixMilli(t0).Add(-time.Hour),
		NotAfter:     time.UnixMilli(t0).Add(24 * time.Hour),
	}
	if by.role != "" {
		attrs, _ := json.Marshal(map[string]any{"attrs": map[string]string{roleAttribute: by.role}})
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: attrs}}
	}
	key := issuerKey()
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proto.Marshal(&msp.SerializedIdentity{
		Mspid: by.msp, IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	})
	if err != nil {
		t.Fatal(err)
	}
	creators.Store(by, b)
	return b
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
		ID: id, RuleSet: ruleID, RuleSetHash: ruleHash, Description: "vaccine <2-8 °C>", Origin: "Basel", Destination: "Oslo",
		Parties: map[string]string{ledger.Carrier: carrier, ledger.Shipper: shipper, ledger.Consignee: consignee},
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

func head(log string, size uint64) ledger.LogHead {
	return ledger.LogHead{Log: hexHash(log), Size: size, Root: hexHash(fmt.Sprint(log, size))}
}
