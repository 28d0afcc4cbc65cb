package evidencetest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Instance is an ingest instance with the log that it keeps of the shipment.
type Instance struct {
	Ingest    string
	Operator  *Org
	Leaves    []evidence.Leaf
	anchors   []evidence.Anchor
	sizes     []uint64 // heads log's size at each anchor
	headTree  merkle.Tree
	heads     []merkle.Hash // leaves of headTree
	headCount uint64
	logHeads  []evidence.Head
	tree      merkle.Tree
	prevHead  *uint64
	sealed    bool
}

// Trip is one shipment on its way, with the ingest instance that records it now.
type Trip struct {
	*Instance
	Instances []*Instance // in the order in which they came
	C         *Consortium
	Shipment  string
	Trackers  []*Tracker
	Outside   [][]byte
	Nonce     []byte
	StepMS    int64
	CreateTx  string
	Manifest  evidence.Manifest // filled by Finish
	records   []evidence.Position
	details   []byte
	Profiles  [][]byte // documents, in the order of their hashes
	// StatedDeliveryMS is when both sides of the handover say that the goods arrived; 0 = they do not.
	StatedDeliveryMS int64
	// OnHead falsifies a head before it enters the heads log; OnExtend the arguments and the record of an anchor.
	OnHead   func(*anchor.HeadLeaf)
	OnExtend func(*ledger.ExtendArgs, *ledger.Head)
	OnClose  func(*ledger.Close)
	// Attesters sign answers; nil is every organisation.
	Attesters []*Org
	// OnAnswer falsifies the block that a peer shows.
	OnAnswer func(org *Org, block uint64, b *Answered)
	// Extra envelopes by strangers share the block of each transaction.
	Strangers int
}

// NewTrip creates a shipment and enrols and assigns its trackers; each has sent two messages before.
func NewTrip(c *Consortium, trackers ...*Tracker) *Trip {
	t := &Trip{C: c, Shipment: "SHIP-1", Trackers: trackers, Nonce: nonce(), StepMS: 60_000}
	t.ServedBy(c.Org("carrier"), "ingest-carrier")
	details, hash, err := ledger.Details{Description: "vaccines, 2 pallets", Origin: "Basel", Destination: "Oslo"}.Seal([ledger.SaltSize]byte{1, 2, 3})
	if err != nil {
		panic(err)
	}
	t.details = details
	t.record(c.Org("shipper"), ledger.ShipmentCreate, ledger.CreateArgs{ID: t.Shipment, Details: hash}, func(s *Sim) {
		s.Get(ledger.ShipmentKey(t.Shipment))
		t.CreateTx = s.ID
		s.Put(ledger.ShipmentKey(t.Shipment), &ledger.Shipment{
			ID: t.Shipment, State: ledger.Created, Creator: "ShipperMSP", Custodian: "ShipperMSP", RuleSet: rules.Ref(), RuleSetHash: ruleHash(), Details: hash,
			Parties:   ledger.Parties{"carrier": {"CarrierMSP"}, "shipper": {"ShipperMSP"}, "consignee": {"ConsigneeMSP"}, "auditor": {"AuditorMSP"}},
			CreatedMS: s.TimeMS, LastMS: s.TimeMS, CreateTx: s.ID, Assignments: []ledger.Assignment{},
		})
	})
	for _, tr := range trackers {
		t.Enrol(tr)
		for range 2 {
			cose, _ := Split(tr.Message(c.NowMS, nil))
			t.Outside = [][]byte{cose}
			c.NowMS += t.StepMS
		}
		if len(trackers) > 1 {
			t.Outside = nil // rebuilt below
		}
	}
	t.Outside = nil
	for _, tr := range trackers {
		cose, _ := Split(tr.Message(c.NowMS, nil))
		t.Outside = append(t.Outside, cose)
	}
	c.NowMS += t.StepMS
	for _, tr := range trackers {
		t.Assign(tr)
	}
	return t
}

// ServedBy lets another operator's instance record the shipment from now on.
func (t *Trip) ServedBy(operator *Org, ingest string) {
	t.Instance = &Instance{Ingest: ingest, Operator: operator}
	t.Instances = append(t.Instances, t.Instance)
}

// Assign binds a tracker to the shipment.
func (t *Trip) Assign(tr *Tracker) {
	t.record(t.C.Org("carrier"), ledger.ShipmentAssign, ledger.AssignArgs{Shipment: t.Shipment, Tracker: tr.ID}, func(s *Sim) {
		sh, r := t.shipment(s), trackerRecord(s, tr.ID)
		sh.Assignments = append(sh.Assignments, ledger.Assignment{Tracker: tr.ID, FromMS: s.TimeMS, AssignTx: s.ID, By: "CarrierMSP"})
		sh.State, r.Assigned = ledger.InTransit, sh.ID
		putShipment(s, sh)
		s.Put(ledger.TrackerKeyOf(tr.ID), r)
	})
}

// Unassign takes a tracker off the shipment.
func (t *Trip) Unassign(tr *Tracker) {
	t.record(t.C.Org("carrier"), ledger.ShipmentUnassign, ledger.UnassignArgs{Shipment: t.Shipment, Tracker: tr.ID}, func(s *Sim) {
		sh, r := t.shipment(s), trackerRecord(s, tr.ID)
		for i := range sh.Assignments {
			if a := &sh.Assignments[i]; a.Tracker == tr.ID && a.ToMS == 0 {
				a.ToMS, a.UnassignTx = s.TimeMS, s.ID
			}
		}
		r.Assigned, r.FreeFromMS = "", s.TimeMS
		putShipment(s, sh)
		s.Put(ledger.TrackerKeyOf(tr.ID), r)
	})
}

// record submits a transaction that belongs to the shipment's history.
func (t *Trip) record(org *Org, fn ledger.Function, arg any, run func(*Sim)) {
	t.strangers()
	p, _ := t.C.Submit(org, fn, arg, run)
	t.records = append(t.records, p)
	t.C.Cut()
}

func (t *Trip) strangers() {
	for range t.Strangers {
		t.C.Submit(t.C.Org("auditor"), ledger.Change[ledger.IDArgs, ledger.Shipment]("stranger"), ledger.IDArgs{ID: "x"}, func(*Sim) {})
	}
}

func (t *Trip) shipment(s *Sim) *ledger.Shipment {
	sh := new(ledger.Shipment)
	if err := json.Unmarshal(s.Get(ledger.ShipmentKey(t.Shipment)), sh); err != nil {
		panic(err)
	}
	return sh
}

// putShipment writes the record with its newest time.
func putShipment(s *Sim, sh *ledger.Shipment) {
	sh.LastMS = max(sh.LastMS, s.TimeMS)
	s.Put(ledger.ShipmentKey(sh.ID), sh)
}

func trackerRecord(s *Sim, id string) *ledger.Tracker {
	r := new(ledger.Tracker)
	if err := json.Unmarshal(s.Get(ledger.TrackerKeyOf(id)), r); err != nil {
		panic(err)
	}
	return r
}

// Enrol registers a tracker.
func (t *Trip) Enrol(tr *Tracker) {
	t.record(t.C.Org("carrier"), ledger.TrackerEnrol, ledger.EnrolArgs{ID: tr.ID}, func(s *Sim) {
		s.Get(ledger.TrackerKeyOf(tr.ID))
		r := &ledger.Tracker{ID: tr.ID, Owner: "CarrierMSP", EnrolledMS: s.TimeMS, EnrolTx: s.ID}
		if tr.Signer != nil {
			k := KeyOf(tr.Signer, s.TimeMS, s.ID)
			r.Alg, r.Keys = k.Alg, []ledger.TrackerKey{k}
		} else {
			r.SecretHash = strings.Repeat("ab", 32)
		}
		s.Put(ledger.TrackerKeyOf(tr.ID), r)
	})
}

// Rotate gives a tracker a new key.
func (t *Trip) Rotate(tr *Tracker, alg telemetry.Alg) {
	next := newKey(alg)
	t.changeTracker(tr, ledger.TrackerRotate, func(r *ledger.Tracker, s *Sim) {
		r.Keys[len(r.Keys)-1].ToMS = s.TimeMS
		r.Keys = append(r.Keys, KeyOf(next, s.TimeMS, s.ID))
		r.Alg = int(alg)
	})
	tr.Signer = next
}

// Revoke revokes a tracker.
func (t *Trip) Revoke(tr *Tracker) {
	t.changeTracker(tr, ledger.TrackerRevoke, func(r *ledger.Tracker, s *Sim) { r.RevokedMS = s.TimeMS })
}

func (t *Trip) changeTracker(tr *Tracker, fn ledger.Function, change func(*ledger.Tracker, *Sim)) {
	t.record(t.C.Org("carrier"), fn, ledger.IDArgs{ID: tr.ID}, func(s *Sim) {
		r := trackerRecord(s, tr.ID)
		change(r, s)
		s.Put(ledger.TrackerKeyOf(tr.ID), r)
	})
}

// Log stores a message as ingest does.
func (t *Trip) Log(raw []byte) {
	cose, pack := Split(raw)
	t.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
}

// LogLeaf stores any leaf.
func (t *Trip) LogLeaf(kind uint8, cose, pack, plain []byte) {
	body := cose
	if kind != telemetry.LeafSigned {
		body = plain
	}
	l := evidence.Leaf{COSE: cose, Pack: pack, Plain: plain}
	l.Entry = telemetry.Leaf{Kind: kind, Hash: sum(body), ReceivedMS: t.C.NowMS, Ingest: t.Ingest}.Encode()
	t.Leaves = append(t.Leaves, l)
	t.tree.Append(merkle.LeafHash(l.Entry))
}

// Drive lets every tracker send n messages and anchors after every k of them.
func (t *Trip) Drive(n, k int) {
	for i := range n {
		for _, tr := range t.Trackers {
			t.Log(tr.Message(t.C.NowMS, nil))
		}
		t.C.NowMS += t.StepMS
		if (i+1)%k == 0 {
			t.Anchor(false)
		}
	}
}

// Anchor anchors the log's head; closed ends the log.
func (t *Trip) Anchor(closed bool) {
	t.sealed = closed
	size := t.tree.Size()
	root := must(t.tree.RootAt(size))
	h := anchor.HeadLeaf{Log: anchor.LogID(ledger.Channel, anchor.Shipment, t.Shipment, t.CreateTx, t.Ingest), Size: size, Root: root, Prev: t.prevHead, Closed: closed}
	if t.OnHead != nil {
		t.OnHead(&h)
	}
	// Another shipment's head shares the anchor.
	other := anchor.HeadLeaf{Log: sum([]byte("another log")), Size: t.headCount + 1, Root: sum(h.Encode())}
	for _, l := range []anchor.HeadLeaf{other, h} {
		t.heads = append(t.heads, merkle.LeafHash(l.Encode()))
		t.headTree.Append(merkle.LeafHash(l.Encode()))
	}
	at := t.headCount + 1
	t.headCount += 2
	t.prevHead = &at
	t.logHeads = append(t.logHeads, evidence.Head{Anchor: len(t.anchors), Index: at, Entry: h.Encode()})

	id := anchor.HeadsID(ledger.Channel, t.Ingest)
	heads := hex.EncodeToString(id[:])
	newRoot := must(t.headTree.RootAt(t.headCount))
	var old uint64
	if n := len(t.sizes); n > 0 {
		old = t.sizes[n-1]
	}
	args := ledger.ExtendArgs{Heads: heads, Ingest: t.Ingest, OldSize: old, NewSize: t.headCount, NewRoot: hex.EncodeToString(newRoot[:]), Proof: []string{}, TimeMS: t.C.NowMS}
	var proof []merkle.Hash
	if old > 0 {
		proof = must(merkle.Consistency(&t.headTree, old, t.headCount))
	}
	for _, h := range proof {
		args.Proof = append(args.Proof, hex.EncodeToString(h[:]))
	}
	t.strangers()
	run := func(s *Sim) {
		next := &ledger.Head{Heads: heads, Ingest: t.Ingest, Owner: t.Operator.MSP, Size: args.NewSize, Root: args.NewRoot, TimeMS: args.TimeMS, TxMS: s.TimeMS, Tx: s.ID}
		if raw := s.Get(ledger.HeadKey(heads)); raw != nil {
			var h ledger.Head
			if err := json.Unmarshal(raw, &h); err != nil {
				panic(err)
			}
			next.PrevSize, next.PrevRoot, next.N = h.Size, h.Root, h.N+1
		}
		if t.OnExtend != nil {
			t.OnExtend(&args, next)
			s.Args[1] = must(ledger.Encode(args))
		}
		s.Put(ledger.HeadKey(heads), next)
		s.Put(ledger.AnchorKey(heads, next.N), next)
	}
	p, _ := t.C.Submit(t.Operator, ledger.AnchorExtend, args, run)
	b := t.C.Cut()
	t.anchors = append(t.anchors, evidence.Anchor{Position: p, Consistency: proof})
	t.sizes = append(t.sizes, t.headCount)
	for _, tr := range t.Trackers {
		tr.Beacon = &telemetry.Beacon{Block: b.Number, Root: newRoot}
	}
}

// Finish delivers, seals and closes the shipment, lets each tracker send one message more, and makes the manifest.
func (t *Trip) Finish() *evidence.Manifest {
	for _, t.Instance = range t.Instances {
		if !t.sealed {
			t.Anchor(true)
		}
	}
	t.record(t.C.Org("consignee"), ledger.ShipmentDeliver, ledger.IDArgs{ID: t.Shipment}, func(s *Sim) {
		sh := t.shipment(s)
		sh.State, sh.DeliveredMS, sh.StatedDeliveryMS = ledger.Delivered, s.TimeMS, t.StatedDeliveryMS
		putShipment(s, sh)
	})
	var heads []ledger.LogHead
	for _, i := range t.Instances {
		h := must(anchor.DecodeHeadLeaf(i.logHeads[len(i.logHeads)-1].Entry))
		heads = append(heads, ledger.LogHead{Log: hex.EncodeToString(h.Log[:]), Size: h.Size, Root: hex.EncodeToString(h.Root[:])})
	}
	t.record(t.C.Org("carrier"), ledger.ShipmentClose, ledger.IDArgs{ID: t.Shipment}, func(s *Sim) {
		sh := t.shipment(s)
		s.Get(ledger.CloseKey(sh.ID))
		for i := range sh.Assignments {
			if sh.Assignments[i].ToMS != 0 {
				continue
			}
			sh.Assignments[i].ToMS, sh.Assignments[i].UnassignTx = s.TimeMS, s.ID
			r := trackerRecord(s, sh.Assignments[i].Tracker)
			r.Assigned, r.FreeFromMS = "", s.TimeMS
			s.Put(ledger.TrackerKeyOf(r.ID), r)
		}
		sh.State, sh.ClosedMS = ledger.Closed, s.TimeMS
		c := &ledger.Close{Shipment: sh.ID, Heads: slices.Clone(heads), By: "CarrierMSP", TimeMS: s.TimeMS, Tx: s.ID, Compliance: t.complianceState(sh, heads)}
		if t.OnClose != nil {
			t.OnClose(c)
		}
		putShipment(s, sh)
		s.Put(ledger.CloseKey(sh.ID), c)
	})
	t.C.NowMS += t.StepMS
	for _, tr := range t.Trackers {
		cose, _ := Split(tr.Message(t.C.NowMS, nil))
		t.Outside = append(t.Outside, cose)
	}
	return t.Collect()
}

// Collect makes the manifest of what there is.
func (t *Trip) Collect() *evidence.Manifest {
	m := &t.Manifest
	*m = evidence.Manifest{Channel: ledger.Channel, Chaincode: ledger.Chaincode, Shipment: t.Shipment, Records: t.records, Outside: t.Outside, RuleSet: rules.Canonical(), Details: [][]byte{t.details}, Profiles: t.Profiles}
	for i, b := range t.C.Configs {
		c := *b
		if i == 0 {
			c.Signatures = nil
		}
		m.Configs = append(m.Configs, c)
	}
	used := map[uint64]bool{}
	for _, p := range t.records {
		used[p.Block] = true
	}
	for _, i := range t.Instances {
		for _, a := range i.anchors {
			used[a.Block] = true
		}
	}
	for n := uint64(0); n < t.C.next; n++ {
		if used[n] {
			m.Blocks = append(m.Blocks, *t.C.Blocks[n])
		}
	}
	asked := []uint64{t.records[len(t.records)-1].Block}
	for n, i := range t.Instances {
		m.Instances = append(m.Instances, evidence.Instance{Ingest: i.Ingest, Anchors: i.anchors})
		for k := range i.logHeads {
			h := &i.logHeads[k]
			h.Path = must(merkle.Inclusion(&i.headTree, h.Index, i.sizes[h.Anchor]))
		}
		m.Logs = append(m.Logs, evidence.Log{Instance: n, Heads: i.logHeads})
		asked = append(asked, i.anchors[len(i.anchors)-1].Block)
	}
	orgs := t.Attesters
	if orgs == nil {
		orgs = t.C.Members()
	}
	for _, block := range asked {
		for _, o := range orgs {
			m.Attestations = append(m.Attestations, t.Attest(o, block))
		}
	}
	return m
}

// Answered is the block in a peer's answer.
type Answered struct{ Filter []byte }

// Attest asks an organisation's peer about a block.
func (t *Trip) Attest(o *Org, block uint64) evidence.Attestation {
	a := t.C.Answer(o, block, t.Nonce, nil)
	if t.OnAnswer != nil {
		x := &Answered{Filter: append([]byte{}, t.C.Filters[block]...)}
		t.OnAnswer(o, block, x)
		saved := t.C.Filters[block]
		t.C.Filters[block] = x.Filter
		a = t.C.Answer(o, block, t.Nonce, nil)
		t.C.Filters[block] = saved
	}
	return must(evidence.NewAttestation(a, t.C.Blocks[block]))
}

// Bundle writes the whole shipment.
func (t *Trip) Bundle() []byte {
	var b bytes.Buffer
	w := must(evidence.NewWriter(&b, &t.Manifest))
	for _, i := range t.Instances {
		for _, l := range i.Leaves {
			if err := w.Leaf(l); err != nil {
				panic(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Proof writes a selective proof of one leaf.
func (t *Trip) Proof(leaf uint64) []byte {
	var b bytes.Buffer
	p := evidence.Proof{Index: leaf, Leaf: t.Leaves[leaf], Path: must(merkle.Inclusion(&t.tree, leaf, t.tree.Size()))}
	if err := evidence.WriteProof(&b, &t.Manifest, p); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Standard is a finished trip with two trackers, one of each algorithm, and n messages of each.
func Standard(consensus string, n int) *Trip {
	c := New(consensus)
	t := NewTrip(c, NewTracker("T-ED", telemetry.Ed25519), NewTracker("T-EC", telemetry.ESP256))
	t.Drive(n, max(1, n/4))
	t.Finish()
	return t
}

func (t *Trip) String() string { return fmt.Sprintf("%s: %d leaves", t.Shipment, len(t.Leaves)) }

// Sample leaves only every k-th anchor, the last always, in the manifest. Each is then attested, since none is read by the
// next.
func (t *Trip) Sample(k int) {
	m := &t.Manifest
	kept := map[int]int{}
	var anchors []evidence.Anchor
	var heads []evidence.Head
	used := map[uint64]bool{}
	for _, p := range m.Records {
		used[p.Block] = true
	}
	var size uint64
	attested := map[uint64]bool{}
	for _, a := range m.Attestations {
		attested[a.Block] = true
	}
	for i, a := range t.anchors {
		if i%k != 0 && i != len(t.anchors)-1 {
			continue
		}
		kept[i] = len(anchors)
		a.Consistency = nil
		if size > 0 {
			a.Consistency = must(merkle.Consistency(&t.headTree, size, t.sizes[i]))
		}
		size = t.sizes[i]
		anchors = append(anchors, a)
		used[a.Block] = true
		if !attested[a.Block] {
			for _, o := range t.C.Orgs {
				m.Attestations = append(m.Attestations, t.Attest(o, a.Block))
			}
		}
	}
	for _, h := range t.logHeads {
		if n, ok := kept[h.Anchor]; ok {
			h.Anchor = n
			heads = append(heads, h)
		}
	}
	m.Instances[0].Anchors, m.Logs[0].Heads = anchors, heads
	all := m.Blocks
	m.Blocks = nil
	for _, b := range all {
		if used[b.Number] {
			m.Blocks = append(m.Blocks, b)
		}
	}
}
