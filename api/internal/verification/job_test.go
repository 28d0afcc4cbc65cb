package verification

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/audit"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	signedID = "carrier.t-signed"
	plainID  = "carrier.t-plain"
)

// world is a shipment with a log of 12 messages, of which 10 are anchored.
type world struct {
	t      *testing.T
	ms     int64
	ledger *testkit.Ledger
	store  *fakestore.Store
	ingest *fakestore.Ingest
	ship   ledger.Shipment
	key    ed25519.PrivateKey
	prev   telemetry.Hash
	seq    uint64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ms: 1_800_000_000_000, store: new(fakestore.Store)}
	w.ledger = testkit.NewLedger("CarrierMSP", func() time.Time { return time.UnixMilli(w.ms) })
	w.key = ed25519.NewKeyFromSeed(slices.Repeat([]byte{7}, 32))
	public, err := telemetry.Public(w.key)
	if err != nil {
		t.Fatal(err)
	}
	pub := hex.EncodeToString(public.Raw)
	proof, err := telemetry.Sign(w.key, ledger.PossessionBytes(signedID, "CarrierMSP", -19, pub))
	if err != nil {
		t.Fatal(err)
	}
	w.submit(ledger.TrackerEnrol, ledger.EnrolArgs{ID: signedID, Alg: -19, Public: pub, Proof: hex.EncodeToString(proof)}, nil)
	w.submit(ledger.TrackerEnrol, ledger.EnrolArgs{ID: plainID, SecretHash: strings.Repeat("ab", 32)}, nil)
	rules, _ := compliance.Lookup("general-2-8@1")
	w.submit(ledger.ShipmentCreate, ledger.CreateArgs{ID: "carrier.s1", Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "consignee": {"ConsigneeMSP"}}, RuleSet: rules.Ref(), RuleSetHash: rules.Hash()}, nil)
	w.submit(ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.s1", Tracker: signedID}, &w.ship)
	w.ingest = &fakestore.Ingest{Name: "carrier.ingest-1", Store: w.store, Ledger: w.ledger, Shipment: w.ship, NowMS: func() int64 { return w.ms }}
	for range 4 {
		w.signed()
		w.signed()
		w.plain()
		if n, _ := w.ingest.Size(); n == 6 || n == 9 {
			w.anchor(false)
		}
	}
	return w
}

func (w *world) submit(fn ledger.Function, arg, into any) {
	w.t.Helper()
	res, err := w.ledger.Submit(w.t.Context(), fn.Name(), arg)
	if err != nil {
		w.t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(res.Payload, into); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) encode(c telemetry.Claims) []byte {
	w.t.Helper()
	w.ms += 1000
	c.Tracker, c.Boot, c.Seq, c.Prev, c.TimeMS = signedID, 1, w.seq, w.prev, w.ms
	raw, err := telemetry.Encode(w.key, c, []telemetry.Reading{
		{TimeMS: w.ms - 500, Values: map[string]float64{"temperature": 4.1, "humidity": 50}},
		{TimeMS: w.ms, Values: map[string]float64{"temperature": 4.2 + float64(w.seq)}}})
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := telemetry.Decode(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	w.prev, w.seq = m.COSEHash, w.seq+1
	return raw
}

func (w *world) signed() {
	w.t.Helper()
	if err := w.ingest.Signed(w.encode(telemetry.Claims{})); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) plain() {
	w.t.Helper()
	w.ms += 1000
	if err := w.ingest.Plain(plainID, fmt.Appendf(nil, `{"time":%d,"temperature":5.5,"seq":%d}`, w.ms, w.seq)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) anchor(closed bool) {
	w.t.Helper()
	if err := w.ingest.Anchor(w.t.Context(), closed); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) job() Job {
	n, _ := w.ingest.Size()
	return Job{Shipment: w.ship, Logs: []Log{{ID: w.ingest.LogID(), Ingest: w.ingest.Name, Heads: []string{w.headsID()}, Size: n}},
		Orgs: []string{"carrier", "shipper", "consignee", "auditor"}, Ledger: w.ledger, Peers: w.ledger, Store: w.store}
}

func (w *world) headsID() string {
	if len(w.store.HeadList) == 0 {
		return ""
	}
	return w.store.HeadList[0].Heads
}

func run1(t *testing.T, j Job) *Report {
	t.Helper()
	rep, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestCleanShipment(t *testing.T) {
	for _, size := range []int{1, 5, 1_000_000} {
		t.Run(fmt.Sprint("window ", size), func(t *testing.T) {
			defer func(was int) { audit.Window = was }(audit.Window)
			audit.Window = size
			w := newWorld(t)
			rep := run1(t, w.job())
			if !rep.OK || rep.Messages != 12 {
				t.Fatalf("got ok = %v with %d messages, want true with 12: %+v", rep.OK, rep.Messages, rep)
			}
			n, root := w.ingest.Size()
			l := rep.Logs[0]
			if l.Size != n || l.Root != root || l.Anchored.Size != 9 || l.Logged != 3 || l.Anchored.Tx == "" {
				t.Fatalf("got %+v, want size %d and root %x, 9 anchored by a transaction and 3 logged", l, n, root)
			}
			if len(l.Anchored.Peers) != 4 || slices.ContainsFunc(l.Anchored.Peers, func(p Peer) bool { return !p.OK }) {
				t.Fatalf("peers %+v", l.Anchored.Peers)
			}
		})
	}
}

// TestTampering changes one thing in the store and wants the check that names it, the leaf, and the words.
func TestTampering(t *testing.T) {
	at := func(w *world, leaf uint64) *stored.Message {
		for i := range w.store.Stored {
			if w.store.Stored[i].Leaf == leaf {
				return &w.store.Stored[i]
			}
		}
		panic("no such leaf")
	}
	point := func(w *world, leaf uint64, n int) int {
		for i := range w.store.Points {
			if w.store.Points[i].Leaf == leaf {
				if n == 0 {
					return i
				}
				n--
			}
		}
		panic("no such point")
	}
	for _, tc := range []struct {
		name   string
		tamper func(*world)
		check  string
		leaf   uint64
		words  string
		others []string // checks that fail as a consequence
		named  bool     // the finding carries the message's hash
	}{
		{"value edited", func(w *world) {
			i := point(w, 3, 1)
			w.store.Points[i].Values = map[string]float64{"temperature": 4}
		}, Fields, 3, "temperature is 4 in the store, the message says 6.2", nil, true},
		{"quantity added", func(w *world) {
			i := point(w, 3, 1)
			w.store.Points[i].Values = map[string]float64{"temperature": 6.2, "light": 1}
		}, Fields, 3, "light is 1 in the store, the message does not have it", nil, true},
		{"quantity removed", func(w *world) {
			w.store.Points[point(w, 3, 0)].Values = map[string]float64{"temperature": 4.1}
		}, Fields, 3, "humidity is missing", nil, true},
		{"plain value edited", func(w *world) {
			w.store.Points[point(w, 2, 0)].Values = map[string]float64{"temperature": 3}
		}, Fields, 2, "temperature is 3 in the store, the message says 5.5", nil, true},
		{"point deleted", func(w *world) {
			i := point(w, 4, 0)
			w.store.Points = slices.Delete(w.store.Points, i, i+1)
		}, Fields, 4, "the reading at 2027-", nil, true},
		{"point added", func(w *world) {
			p := w.store.Points[point(w, 4, 0)]
			p.TimeMS++
			p.At = p.At.Add(time.Millisecond)
			w.store.Points = append(w.store.Points, p)
		}, Fields, 4, "the message has none at that time", nil, true},
		{"point doubled at another nanosecond", func(w *world) {
			p := w.store.Points[point(w, 4, 0)]
			p.At = p.At.Add(1)
			w.store.Points = append(w.store.Points, p)
		}, Fields, 4, "the message has none at that time", nil, true},
		{"point of no message", func(w *world) {
			p := w.store.Points[0]
			p.Leaf = 99
			w.store.Points = append(w.store.Points, p)
		}, Fields, 99, "the message has none at that time", nil, false},
		{"point moved to another tracker", func(w *world) {
			w.store.Points[point(w, 4, 0)].Tracker = "carrier.t-other"
		}, Fields, 4, "the tracker is carrier.t-other in the store", nil, true},
		{"index column edited", func(w *world) { at(w, 4).Seq = 77 }, Fields, 4, "message column seq is 77 in the store, the message says 3", nil, true},
		{"trust raised", func(w *world) { at(w, 2).Trust = stored.Signed }, Fields, 2, "column trust is signed", nil, true},
		{"shipment changed", func(w *world) { at(w, 4).Shipment = "s2" }, Fields, 4, "column shipment is s2", nil, true},
		{"receive time changed", func(w *world) { at(w, 4).ReceivedMS-- }, Fields, 4, "column received_ms", nil, true},
		{"message bytes edited", func(w *world) {
			m := at(w, 4)
			m.Raw = slices.Clone(m.Raw)
			m.Raw[len(m.Raw)-1] ^= 1
		}, Hash, 4, "not a signed message any more", []string{Sequence}, true},
		{"message exchanged with another", func(w *world) { at(w, 4).Raw = at(w, 3).Raw }, Hash, 4, "not those that were logged", []string{Sequence}, true},
		{"plain bytes edited", func(w *world) {
			at(w, 5).Raw = []byte(`{"time":1800000006000,"temperature":2}`)
		}, Hash, 5, "not those that were logged", nil, true},
		{"message deleted", func(w *world) {
			w.store.Stored = slices.DeleteFunc(w.store.Stored, func(m stored.Message) bool { return m.Leaf == 4 })
			w.store.Points = slices.DeleteFunc(w.store.Points, func(p fakestore.Point) bool { return p.Leaf == 4 })
		}, Leaf, 4, "leaf 4 is missing", []string{Sequence, Root}, false},
		{"anchored tail deleted", func(w *world) {
			cut(w, 8)
		}, Leaf, 8, "leaf 8 is missing", []string{Root}, false},
		{"unanchored tail deleted", func(w *world) {
			cut(w, 11)
		}, Leaf, 11, "leaf 11 is missing", nil, false},
		{"message doubled", func(w *world) { w.store.Stored = append(w.store.Stored, *at(w, 4)) }, Leaf, 4, "leaf 4 is in the store twice", nil, false},
		{"entry replaced", func(w *world) {
			m := at(w, 4)
			e, err := telemetry.DecodeLeaf(m.Entry)
			if err != nil {
				panic(err)
			}
			e.ReceivedMS++
			m.ReceivedMS++
			m.Entry = e.Encode()
		}, Root, 5, "the root at size 6 is", nil, false},
		{"entry damaged", func(w *world) { at(w, 4).Entry = []byte("x") }, Entry, 4, "not one", []string{Root, Sequence}, false},
		{"message forged with an unknown key", func(w *world) {
			forge(w, ed25519.NewKeyFromSeed(make([]byte, 32)))
		}, Signature, 12, "was never enrolled", []string{Sequence}, true},
		{"head edited", func(w *world) { w.store.HeadList[0].Size = 5 }, Anchor, 4, "its column size is 5 in the store, its entry says 6", nil, false},
		{"head of a forged heads log", func(w *world) {
			h := &w.store.HeadList[1]
			h.HeadsRoot = strings.Repeat("00", 32)
		}, Anchor, 8, "its inclusion proof does not verify", nil, false},
		{"head with a made-up anchor", func(w *world) {
			h := &w.store.HeadList[1]
			h.Index, h.HeadsSize, h.Proof = 0, 1, nil
			h.HeadsRoot = leafRoot(h.Entry)
		}, Anchor, 8, "the ledger holds no anchor of size 1", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			j := w.job()
			tc.tamper(w)
			rep := run1(t, j)
			if rep.OK {
				t.Fatal("not noticed")
			}
			for _, c := range rep.Checks {
				wanted := c.Check == tc.check || slices.Contains(tc.others, c.Check)
				if c.OK == wanted {
					t.Errorf("check %s: ok %v, findings %+v", c.Check, c.OK, c.Findings)
				}
				if c.Check != tc.check || c.OK {
					continue
				}
				f := c.Findings[0]
				if f.Leaf != tc.leaf || !strings.Contains(f.Detail, tc.words) || f.Log != w.ingest.LogID() || (f.Message != "") != tc.named {
					t.Errorf("finding %+v, want leaf %d and %q", f, tc.leaf, tc.words)
				}
			}
		})
	}
}

func cut(w *world, leaf uint64) {
	w.store.Stored = slices.DeleteFunc(w.store.Stored, func(m stored.Message) bool { return m.Leaf >= leaf })
	w.store.Points = slices.DeleteFunc(w.store.Points, func(p fakestore.Point) bool { return p.Leaf >= leaf })
}

func forge(w *world, key ed25519.PrivateKey) {
	w.key = key
	w.prev = telemetry.Hash{1}
	w.signed()
}

func TestSequence(t *testing.T) {
	for _, tc := range []struct {
		name  string
		play  func(*world)
		words string // "" = no finding
	}{
		{"gap", func(w *world) { w.encode(telemetry.Claims{}); w.encode(telemetry.Claims{}); w.signed() }, "messages of boot 1 from seq 8 to 9 are missing"},
		{"declared gap", func(w *world) {
			w.encode(telemetry.Claims{})
			raw := w.encode(telemetry.Claims{Kind: telemetry.Gap, Gap: &telemetry.GapDetail{Boot: 1, FromSeq: 8, ToSeq: 8}})
			if err := w.ingest.Signed(raw); err != nil {
				w.t.Fatal(err)
			}
		}, "as the tracker declares"},
		{"chain broken", func(w *world) { w.prev = telemetry.Hash{9}; w.signed() }, "by number but not by hash"},
		{"logged twice", func(w *world) {
			raw := w.encode(telemetry.Claims{})
			for range 2 {
				if err := w.ingest.Signed(raw); err != nil {
					w.t.Fatal(err)
				}
			}
		}, "is logged twice"},
		{"one number signed twice", func(w *world) { w.signed(); w.seq--; w.signed() }, "two different messages are signed"},
		{"late but complete", func(w *world) {
			a, b := w.encode(telemetry.Claims{}), w.encode(telemetry.Claims{})
			for _, raw := range [][]byte{b, a} {
				if err := w.ingest.Signed(raw); err != nil {
					w.t.Fatal(err)
				}
			}
		}, ""},
		{"elsewhere in between", func(w *world) {
			w.submit(ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: "carrier.s1", Tracker: signedID}, nil)
			w.encode(telemetry.Claims{})
			w.submit(ledger.ShipmentAssign, ledger.AssignArgs{Shipment: "carrier.s1", Tracker: signedID}, &w.ship)
			w.signed()
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			tc.play(w)
			rep := run1(t, w.job())
			c := rep.Checks[slices.Index(Checks, Sequence)]
			if c.OK != (tc.words == "") || !c.OK && !strings.Contains(c.Findings[0].Detail, tc.words) {
				t.Fatalf("got %+v, want ok = %v and a finding with %q", c, tc.words == "", tc.words)
			}
		})
	}
}

// peersThat answers for one organisation in its own way.
type peersThat struct {
	*testkit.Ledger
	answer map[string]func([]byte) ([]byte, error)
}

func (p peersThat) EvaluateAt(ctx context.Context, org, fn string, arg any) ([]byte, error) {
	raw, err := p.Ledger.EvaluateAt(ctx, org, fn, arg)
	if f := p.answer[org]; f != nil && err == nil {
		return f(raw)
	}
	return raw, err
}

func TestPeersDisagree(t *testing.T) {
	down := func([]byte) ([]byte, error) { return nil, ledger.ErrUnavailable }
	lies := func(raw []byte) ([]byte, error) {
		var p ledger.Page[ledger.Head]
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, err
		}
		for i := range p.Items {
			p.Items[i].Root = strings.Repeat("ee", 32)
		}
		return json.Marshal(p)
	}
	for _, tc := range []struct {
		name     string
		answer   map[string]func([]byte) ([]byte, error)
		ok       bool
		anchored uint64
	}{
		{"one is down", map[string]func([]byte) ([]byte, error){"auditor": down}, true, 9},
		{"one lies", map[string]func([]byte) ([]byte, error){"auditor": lies}, false, 9},
		{"all but one are down", map[string]func([]byte) ([]byte, error){"auditor": down, "shipper": down, "consignee": down}, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			j := w.job()
			j.Peers = peersThat{w.ledger, tc.answer}
			rep := run1(t, j)
			if rep.OK != tc.ok || rep.Logs[0].Anchored.Size != tc.anchored {
				t.Fatalf("got ok = %v and %d anchored, want %v and %d: %+v", rep.OK, rep.Logs[0].Anchored.Size, tc.ok, tc.anchored, rep)
			}
		})
	}
}

func TestClosedShipment(t *testing.T) {
	w := newWorld(t)
	w.anchor(true)
	size, root := w.ingest.Size()
	j := w.job()
	j.Close = &ledger.Close{Shipment: "carrier.s1", Heads: []ledger.LogHead{{Log: w.ingest.LogID(), Size: size, Root: root}}}
	if rep := run1(t, j); !rep.OK || rep.Logs[0].Logged != 0 {
		t.Fatalf("got ok = %v and %d logged, want true and 0: %+v", rep.OK, rep.Logs[0].Logged, rep)
	}
	for name, heads := range map[string][]ledger.LogHead{
		"not named":  {},
		"other size": {{Log: w.ingest.LogID(), Size: size - 1, Root: root}},
		"other root": {{Log: w.ingest.LogID(), Size: size, Root: strings.Repeat("00", 32)}},
	} {
		j.Close = &ledger.Close{Shipment: "carrier.s1", Heads: heads}
		if rep := run1(t, j); rep.OK || rep.Checks[slices.Index(Checks, Closing)].OK {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestFindingsAreCapped(t *testing.T) {
	w := newWorld(t)
	for range 200 {
		w.signed()
	}
	for i := range w.store.Points {
		w.store.Points[i].Values = map[string]float64{"temperature": -1}
	}
	rep := run1(t, w.job())
	c := rep.Checks[slices.Index(Checks, Fields)]
	if len(c.Findings) != maxFindings || c.Count < 204 {
		t.Fatalf("%d findings, count %d", len(c.Findings), c.Count)
	}
	j := w.job()
	j.Logs[0].Size = 1 << 60 // a writer that claims nonsense must not cost time
	rep = run1(t, j)
	if c := rep.Checks[slices.Index(Checks, Leaf)]; len(c.Findings) != maxFindings || c.Count != 1<<60-212 {
		t.Fatalf("%d findings, count %d", len(c.Findings), c.Count)
	}
}

func TestStoreDown(t *testing.T) {
	w := newWorld(t)
	j := w.job()
	w.store.SetDown(true)
	if _, err := j.Run(t.Context()); err == nil {
		t.Fatal("no error")
	}
}

func leafRoot(entry []byte) string {
	h := merkle.LeafHash(entry)
	return hex.EncodeToString(h[:])
}
