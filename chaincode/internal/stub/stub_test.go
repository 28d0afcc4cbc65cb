package stub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

const t0 = int64(1_700_000_000_000)

// creator is a serialised identity with a certificate like those that the network makes.
func creator(t testing.TB, mspID, role string) (identity []byte, cert *x509.Certificate) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "client", OrganizationalUnit: []string{"client"}},
		NotBefore:    time.UnixMilli(t0).Add(-time.Hour),
		NotAfter:     time.UnixMilli(t0).Add(24 * time.Hour),
	}
	if role != "" {
		attrs, _ := json.Marshal(map[string]any{"attrs": map[string]string{contract.RoleAttribute: role}})
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: attrs}}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	identity, err = proto.Marshal(&msp.SerializedIdentity{Mspid: mspID, IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})})
	if err != nil {
		t.Fatal(err)
	}
	return identity, cert
}

// beating is a state in which the beat is young, and of which the carrier is a member.
func beating() map[string][]byte {
	beat, _ := ledger.Encode(ledger.Beat{TimeMS: t0})
	return map[string][]byte{ledger.BeatKey(): beat, ledger.MemberMSPKey("CarrierMSP"): []byte(`"carrier"`)}
}

func newStub(t testing.TB, state map[string][]byte, fn string, args ...string) *fakeStub {
	identity, _ := creator(t, "CarrierMSP", "operator")
	return &fakeStub{committed: state, creator: identity, fn: fn, args: args, ms: t0, tx: "tx1"}
}

const enrolment = `{"id":"carrier.T-1","secret_hash":"` + "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd" + `"}`

func TestTheCallComesFromTheTransaction(t *testing.T) {
	identity, cert := creator(t, "ShipperMSP", "ingest")
	hash := sha256.Sum256(cert.Raw)
	want := contract.Call{
		Channel: ledger.Channel, Tx: "tx9", TimeMS: t0 + 5, MSP: "ShipperMSP", Role: "ingest", Private: "beside it",
		Subject: "CN=client,OU=client", Issuer: "CN=client,OU=client", Cert: hex.EncodeToString(hash[:]),
	}
	got, err := callOf(&fakeStub{creator: identity, private: "beside it", ms: t0 + 5, tx: "tx9"})
	if err != nil || got != want {
		t.Errorf("got %+v (%v)\nwant %+v", got, err, want)
	}
	identity, _ = creator(t, "ShipperMSP", "")
	if got, err := callOf(&fakeStub{creator: identity, ms: t0}); err != nil || got.Role != "" {
		t.Errorf("a certificate without the attribute: role %q (%v), want none", got.Role, err)
	}
}

func TestInvokeWritesAndEmits(t *testing.T) {
	state := beating()
	s := newStub(t, state, ledger.TrackerEnrol.Name(), enrolment)
	r := Chaincode{}.Invoke(s)
	var tracker ledger.Tracker
	if r.Status != shim.OK || json.Unmarshal(r.Payload, &tracker) != nil || tracker.Owner != "CarrierMSP" || tracker.EnrolTx != "tx1" || tracker.EnrolledMS != t0 {
		t.Fatalf("answer %d %s %s, want the tracker of CarrierMSP, enrolled by tx1 at %d", r.Status, r.Message, r.Payload, t0)
	}
	if want := []write{{ledger.TrackerKeyOf("carrier.T-1"), string(r.Payload)}}; !slices.Equal(s.writes, want) {
		t.Errorf("writes %q, want %q", s.writes, want)
	}
	if want := []event{{ledger.EventTracker, string(r.Payload)}}; !slices.Equal(s.events, want) {
		t.Errorf("events %q, want %q", s.events, want)
	}
	for _, w := range s.writes {
		state[w.key] = []byte(w.value)
	}
	s = newStub(t, state, ledger.TrackerEnrol.Name(), enrolment)
	if e := ledger.ParseError(Chaincode{}.Invoke(s).Message); e == nil || e.Code != ledger.Exists || len(s.writes)+len(s.events) > 0 {
		t.Errorf("enrolled again: %v with %d writes, %d events; want %s and none", e, len(s.writes), len(s.events), ledger.Exists)
	}
}

func TestPagesComeThroughTheShim(t *testing.T) {
	state := beating()
	for _, id := range []string{"carrier.T-1", "carrier.T-2", "carrier.T-3", "shipper.T-4"} {
		state[ledger.TrackerKeyOf(id)], _ = ledger.Encode(ledger.Tracker{ID: id, Owner: "CarrierMSP"})
	}
	state[ledger.ShipmentKey("S-1")] = []byte("{}")
	var got []string
	bookmark := ""
	for range 3 {
		arg, _ := ledger.Encode(ledger.ListArgs{Limit: 2, Bookmark: bookmark})
		r := Chaincode{}.Invoke(newStub(t, state, ledger.TrackerList.Name(), string(arg)))
		var page ledger.Page[ledger.Tracker]
		if err := json.Unmarshal(r.Payload, &page); err != nil {
			t.Fatalf("%s: %v", r.Message, err)
		}
		for _, tracker := range page.Items {
			got = append(got, tracker.ID)
		}
		if bookmark = page.Bookmark; bookmark == "" {
			break
		}
	}
	if want := "carrier.T-1 carrier.T-2 carrier.T-3"; strings.Join(got, " ") != want {
		t.Errorf("listed %v, want %s", got, want)
	}
}

// Each call to the peer in turn fails, before and after it took effect: the transaction fails without a refusal code (which
// would tell the client that the ledger said no), never panics and never succeeds by half.
func TestEveryStubFailureFailsTheTransaction(t *testing.T) {
	tracker, _ := ledger.Encode(ledger.Tracker{ID: "carrier.T-2", Owner: "CarrierMSP"})
	state := beating()
	state[ledger.TrackerKeyOf("carrier.T-2")] = tracker
	for fn, arg := range map[string]string{ledger.TrackerEnrol.Name(): enrolment, ledger.TrackerGet.Name(): `{"id":"carrier.T-2"}`, ledger.TrackerList.Name(): `{}`} {
		probe := newStub(t, state, fn, arg)
		if r := (Chaincode{}).Invoke(probe); r.Status != shim.OK {
			t.Fatalf("%s: %s", fn, r.Message)
		}
		for at := 1; at <= probe.calls; at++ {
			for _, after := range []bool{false, true} {
				s := newStub(t, state, fn, arg)
				s.failAt, s.failAfter = at, after
				r := Chaincode{}.Invoke(s)
				if r.Status == shim.OK {
					t.Errorf("%s: call %d failed (after %v) and the transaction succeeded", fn, at, after)
				} else if e := ledger.ParseError(r.Message); e != nil && e.Code != ledger.Forbidden {
					t.Errorf("%s: call %d failed and the client hears %v", fn, at, e)
				}
			}
		}
	}
}

func TestCallsThatAreNone(t *testing.T) {
	for _, tc := range []struct {
		name string
		stub *fakeStub
		want ledger.Code
	}{
		{"no function", newStub(t, nil, "", "{}"), ledger.Invalid},
		{"no such function", newStub(t, nil, "tracker:get", "{}"), ledger.Invalid},
		{"no argument", newStub(t, nil, ledger.TrackerGet.Name()), ledger.Invalid},
		{"empty argument", newStub(t, nil, ledger.TrackerGet.Name(), ""), ledger.Invalid},
		{"two arguments", newStub(t, nil, ledger.TrackerGet.Name(), `{"id":"T-1"}`, `{"id":"T-1"}`), ledger.Invalid},
		{"no caller", &fakeStub{fn: ledger.TrackerGet.Name(), args: []string{`{"id":"T-1"}`}, ms: t0}, ledger.Forbidden},
		{"garbage for a caller", &fakeStub{fn: ledger.TrackerGet.Name(), args: []string{`{"id":"T-1"}`}, ms: t0, creator: []byte("garbage")}, ledger.Forbidden},
		{"a caller without certificate", &fakeStub{fn: ledger.TrackerGet.Name(), args: []string{`{"id":"T-1"}`}, ms: t0, creator: []byte{0x0a, 0x01, 'X', 0x12, 0x01, 'Y'}}, ledger.Forbidden},
	} {
		r := Chaincode{}.Invoke(tc.stub)
		if e := ledger.ParseError(r.Message); r.Status == shim.OK || e == nil || e.Code != tc.want {
			t.Errorf("%s: got %d %q, want %s", tc.name, r.Status, r.Message, tc.want)
		}
	}
	for _, ms := range []int64{-1, 0, ledger.MaxTimeMS + 1, 1 << 60} {
		s := newStub(t, nil, ledger.TrackerGet.Name(), `{"id":"T-1"}`)
		s.ms = ms
		if e := ledger.ParseError(Chaincode{}.Invoke(s).Message); e == nil || e.Code != ledger.Invalid {
			t.Errorf("at %d ms: got %v, want %s", ms, e, ledger.Invalid)
		}
	}
	if r := (Chaincode{}).Init(nil); r.Status != shim.OK {
		t.Errorf("Init: %s", r.Message)
	}
}

func TestKeysAreFabricsCompositeKeys(t *testing.T) {
	for _, tc := range []struct {
		got        string
		object     string
		attributes []string
	}{
		{ledger.TrackerKeyOf("carrier.T-1"), ledger.ObjTracker, []string{"carrier.T-1"}},
		{ledger.PartyKey("CarrierMSP", "S-1"), ledger.ObjParty, []string{"CarrierMSP", "S-1"}},
		{ledger.AnchorKey("ab", 0), ledger.ObjAnchor, []string{"ab", "18446744073709551615"}},
		{ledger.HandoverKey("S-1", 3), ledger.ObjHandover, []string{"S-1", "0000000003"}},
	} {
		want, err := shim.CreateCompositeKey(tc.object, tc.attributes)
		if err != nil || tc.got != want {
			t.Errorf("%s: got %q, want %q (%v)", tc.object, tc.got, want, err)
		}
	}
}

// TestTheContractOnTheShim runs the suite of all ledgers through the stub: the rules keep what they promise whoever holds the state.
func TestTheContractOnTheShim(t *testing.T) {
	creators := map[string][]byte{}
	l := testkit.NewLedgerWith(func(s contract.State, c contract.Call, fn string, arg []byte) (contract.Answer, error) {
		who := c.MSP + "/" + c.Role
		if creators[who] == nil {
			creators[who], _ = creator(t, c.MSP, c.Role)
		}
		stub := &fakeStub{committed: s.(contract.Map), creator: creators[who], fn: fn, args: []string{string(arg)}, private: c.Private, ms: c.TimeMS, tx: c.Tx}
		r := Chaincode{}.Invoke(stub)
		if r.Status != shim.OK {
			if e := ledger.ParseError(r.Message); e != nil {
				return contract.Answer{}, e
			}
			return contract.Answer{}, errors.New(r.Message)
		}
		a := contract.Answer{Payload: r.Payload}
		for _, w := range stub.writes {
			record := contract.Record{Key: w.key}
			if w.value != "" {
				record.Value = []byte(w.value)
			}
			a.Writes = append(a.Writes, record)
		}
		for _, e := range stub.events {
			a.Event = e.name
		}
		return a, nil
	}, "CarrierMSP", nil)
	testkit.LedgerSuite(t, func(t *testing.T, org, role string) testkit.LedgerClient { return l.AsRole(testkit.MSPOf(org), role) })
}
