package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/trackseal/trackseal/internal/merkle"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// progressEvery is how many leaves lie between two calls of Options.Progress.
const progressEvery = 4096

// leaves streams every leaf: it feeds the log's tree, compares its root at every anchored size, and checks the message.
func (v *verifier) leaves() error {
	v.expectClaims()
	var done, total uint64
	for _, l := range v.logs {
		total += l.heads[len(l.heads)-1].Size
		if err := l.compare(); err != nil { // heads of size 0
			return err
		}
	}
	for i, l := range v.logs {
		if l.heads[len(l.heads)-1].Size == 0 && v.in.log == i && !v.in.ended {
			return stop(ShipRoot, l.name, "no leaves", "at least %d", v.in.Left())
		}
	}
	for {
		n, at, leaf, err := v.in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		l := v.logs[n]
		if size := l.heads[len(l.heads)-1].Size; at >= size {
			return stop(ShipRoot, l.name, fmt.Sprintf("%d leaves", size), "more")
		}
		if err := v.leaf(l, at, leaf); err != nil {
			return err
		}
		if done++; v.options.Progress != nil && (done%progressEvery == 0 || done == total) {
			v.options.Progress(done, total)
		}
	}
	for _, l := range v.logs {
		if want := l.heads[len(l.heads)-1].Size; l.tree.Size() != want {
			return stop(ShipRoot, l.name, fmt.Sprintf("%d leaves", want), "%d", l.tree.Size())
		}
	}
	return nil
}

// compare checks the tree against the heads of its size.
func (l *shipmentLog) compare() error {
	for l.next < len(l.heads) && l.heads[l.next].Size == l.tree.Size() {
		h := l.heads[l.next]
		if root := l.tree.Root(); root != h.Root {
			code := ShipPrefix
			if l.next == len(l.heads)-1 {
				code = ShipRoot
			}
			return stop(code, fmt.Sprintf("%s, size %d", l.name, h.Size), fmt.Sprintf("root %x as anchored by %s", h.Root, placeOf(h.anchor.tx)), "%x", root)
		}
		l.next++
	}
	return nil
}

func (v *verifier) leaf(l *shipmentLog, at uint64, leaf Leaf) error {
	covering := l.heads[l.next].anchor // compare has passed every head of this size or smaller
	if at == 0 {
		l.claimStart = len(v.judging.readings)
	}
	l.tree.Append(merkle.LeafHash(leaf.Entry), nil)
	if err := v.message(l, at, leaf, covering); err != nil {
		return err
	}
	v.reachClaim(l)
	return l.compare()
}

// proof checks the one leaf of a selective proof.
func (v *verifier) proof() error {
	p := v.in.Proof
	if m := &v.in.Manifest; len(m.Outside) != 0 || len(m.RuleSet) != 0 || len(m.Details) != 0 {
		return stop(BundleFormat, "selective proof", "neither messages from outside the logs nor rules nor details", "%d, %d bytes and %d", len(m.Outside), len(m.RuleSet), len(m.Details))
	}
	if p.Log != 0 || len(v.logs) != 1 || len(v.logs[0].heads) != 1 {
		return stop(BundleFormat, "selective proof", "one log with one head", "more")
	}
	l := v.logs[p.Log]
	h := l.heads[len(l.heads)-1]
	if err := merkle.VerifyInclusion(p.Index, h.Size, merkle.LeafHash(p.Leaf.Entry), p.Path, h.Root); err != nil {
		return stop(LeafInclusion, fmt.Sprintf("%s, leaf %d", l.name, p.Index), fmt.Sprintf("inclusion in the log of size %d", h.Size), "%v", err)
	}
	v.book.unknown(NotWhole, "selective proof", "every leaf of the shipment", "one message")
	return v.message(l, p.Index, p.Leaf, h.anchor)
}

// message checks what a leaf stands for. A leaf that cannot be read stops the verification; what is wrong with a message is
// a finding.
func (v *verifier) message(l *shipmentLog, at uint64, leaf Leaf, covering *anchored) error {
	where := func() string { return fmt.Sprintf("%s, leaf %d", l.name, at) }
	entry, err := telemetry.DecodeLeaf(leaf.Entry)
	if err != nil {
		return stop(MsgHash, where(), "a leaf entry in its one valid form", "%v", err)
	}
	if entry.Ingest != l.ingest {
		return stop(MsgHash, where(), "a leaf of "+l.ingest, "of %s", entry.Ingest)
	}
	tolerance := v.policy.ClockMS
	if entry.ReceivedMS > covering.head.TimeMS+tolerance {
		v.book.fail(Future, where(), fmt.Sprintf("received before its anchor, %d", covering.head.TimeMS), "%d", entry.ReceivedMS)
	}
	if entry.ReceivedMS < l.last-tolerance {
		v.book.warn(ReceivedOrder, where(), fmt.Sprintf("received after the leaf before it, %d", l.last), "%d", entry.ReceivedMS)
	}
	l.last = max(l.last, entry.ReceivedMS)
	v.report.Facts.Messages++
	if entry.Kind != telemetry.LeafSigned {
		return v.unsigned(where(), entry, leaf, covering)
	}
	switch {
	case leaf.Plain != nil:
		return stop(MsgHash, where(), "a signed message", "another one")
	case leaf.COSE == nil:
		v.report.Facts.Withheld++
		v.judging.withheld++
		v.book.unknown(Withheld, where(), "the signed part of the message", "nothing: it is withheld")
		return nil
	}
	m, err := telemetry.DecodeCOSE(leaf.COSE)
	if sum := sha256.Sum256(leaf.COSE); sum != entry.Hash {
		v.book.fail(MsgHash, where(), fmt.Sprintf("the message with hash %x, which was logged", entry.Hash), "%x", sum)
		return nil
	}
	if err != nil {
		v.book.fail(MsgCanon, where(), "a message in its one valid form", "%v", err)
		return nil
	}
	switch {
	case leaf.Pack == nil:
		v.report.Facts.Withheld++
		if v.book.count[PackWithheld] == 0 {
			v.book.warn(PackWithheld, where(), "readings", "they are withheld (the signature and the place in the log are checked)")
		}
	case sha256.Sum256(leaf.Pack) != m.PackHash:
		// The signed part stands: the message still has its place in its tracker's sequence.
		v.book.fail(Pack, where(), fmt.Sprintf("readings with hash %x, as signed", m.PackHash), "%x", sha256.Sum256(leaf.Pack))
		leaf.Pack = nil
	}
	v.signed(where, m, leaf.Pack, entry.ReceivedMS, covering)
	return nil
}

func (v *verifier) unsigned(where string, entry telemetry.Leaf, leaf Leaf, covering *anchored) error {
	switch {
	case leaf.COSE != nil:
		return stop(MsgHash, where, "a message that is not signed", "a signed one")
	case leaf.Plain == nil:
		v.report.Facts.Withheld++
		v.judging.withheld++
		v.book.unknown(Withheld, where, "the message", "nothing: it is withheld")
		return nil
	}
	if sum := sha256.Sum256(leaf.Plain); sum != entry.Hash {
		v.book.fail(MsgHash, where, fmt.Sprintf("the message with hash %x, which was logged", entry.Hash), "%x", sum)
		return nil
	}
	if entry.Kind == telemetry.LeafNote {
		return nil
	}
	v.envelope(where, leaf.Plain, entry.ReceivedMS, covering)
	if v.policy.Unsigned == "accept" {
		if v.book.count[UnsignedOK] == 0 {
			v.book.warn(UnsignedOK, where, "a signed message", "one of a tracker that cannot sign: only its receipt is proven")
		}
		return nil
	}
	v.book.unknown(Unsigned, where, "a signed message", "one of a tracker that cannot sign")
	return nil
}

// envelope checks a message that nobody signed: whose it is and what was read of it are the operator's word, as far as the tracker's record
// and its profile do not bind it.
func (v *verifier) envelope(where string, raw []byte, receivedMS int64, covering *anchored) {
	o, err := telemetry.Open(telemetry.LeafUnsigned, raw, receivedMS)
	if err != nil {
		v.book.fail(MsgCanon, where, "a message of a tracker that cannot sign, in its envelope", "%v", err)
		return
	}
	tr := v.trackers[o.Tracker]
	switch {
	case tr == nil:
		v.book.fail(Unbound, where, "a tracker that was assigned to the shipment", "%s", o.Tracker)
		return
	case len(tr.record.Keys) > 0:
		v.book.fail(MsgSig, where, "the signature of "+o.Tracker+", which has a key", "none")
		return
	}
	at := func() string { return where }
	v.bound(at, tr, o.TimeMS, true, o.Readings, receivedMS)
	v.revoked(at, tr, receivedMS, covering)
	v.readings(where, tr, o.Envelope, receivedMS)
	tr.plain.add(o.TimeMS, telemetry.Undated(o.TimeMS, receivedMS) != "")
	tr.clocks.take(o.TimeMS, o.Readings, receivedMS)
	if v.in.Kind == WholeShipment {
		v.judge(o.Tracker, o.Hash, o.Readings, receivedMS, 0, covering)
	}
}

// sent is what the sequence check needs of a message.
type sent struct {
	trackerchain.Link
	dueMS   int64 // promise of the next message; 0 = none
	key     int
	kind    telemetry.Kind
	outside bool // not in the shipment's logs
	undated bool // its time says nothing
}

// signed checks signature, key and time of a message of the shipment.
func (v *verifier) signed(where func() string, m *telemetry.Message, pack []byte, receivedMS int64, covering *anchored) {
	tr := v.trackers[m.Tracker]
	if tr == nil {
		v.book.fail(Unbound, where(), "a tracker that was assigned to the shipment", "%s", m.Tracker)
		return
	}
	k, ok := v.authentic(where, tr, m)
	if !ok {
		return
	}
	undated := telemetry.Undated(m.TimeMS, receivedMS)
	var readings []telemetry.Reading
	if pack != nil {
		readings = telemetry.DecodePack(pack, m.Tracker, m.TimeMS)
	}
	v.bound(where, tr, m.TimeMS, pack != nil, readings, receivedMS)
	if !k.Covers(m.TimeMS, receivedMS) {
		v.book.fail(KeyWindow, where(), fmt.Sprintf("a time in which key %d was in force, %d to %d", k.index, k.FromMS, k.ToMS), "signed %d, received %d", m.TimeMS, receivedMS)
	}
	v.revoked(where, tr, receivedMS, covering)
	v.beacon(where, m, receivedMS)
	s := sentOf(m, k)
	s.undated = undated != ""
	tr.sent = append(tr.sent, s)
	tr.clocks.take(m.TimeMS, readings, receivedMS)
	if v.in.Kind == WholeShipment {
		v.judgeSigned(m, pack != nil, readings, receivedMS, covering)
	}
}

// revoked: nothing of a revoked tracker counts that came later.
func (v *verifier) revoked(where func() string, tr *tracker, receivedMS int64, covering *anchored) {
	tolerance := v.policy.ClockMS
	if r := tr.record.RevokedMS; r != 0 && (receivedMS > r+tolerance || covering.tx.TimeMS > r+tolerance) {
		v.book.fail(KeyRevoked, where(), fmt.Sprintf("received and anchored before the tracker was revoked, %d", r), "received %d, anchored %d", receivedMS, covering.tx.TimeMS)
	}
}

// bound: a message is the shipment's when it was signed in an assignment, or holds a reading of one. Batches begin before an assignment and
// end after it.
func (v *verifier) bound(where func() string, tr *tracker, at int64, there bool, readings []telemetry.Reading, receivedMS int64) {
	tolerance := v.policy.ClockMS
	if telemetry.Undated(at, receivedMS) != "" { // it goes by its receipt
		at = receivedMS
	}
	if tr.within(at, tolerance) {
		return
	}
	expected := "a time within the assignment of " + tr.record.ID + ", or a reading of it"
	if !there {
		v.book.unknown(Unbound, where(), expected, "%d, and the readings are withheld", at)
		return
	}
	for _, r := range readings {
		if r.Counts(receivedMS) && tr.within(r.TimeMS, tolerance) {
			return
		}
	}
	v.book.fail(Unbound, where(), expected, "%d", at)
}

func sentOf(m *telemetry.Message, k *key) sent {
	s := sent{Link: trackerchain.LinkOf(m), key: k.index, kind: m.Kind}
	if m.NextDueS > 0 {
		s.dueMS = m.TimeMS + int64(m.NextDueS)*1000
	}
	if m.Sleep != nil {
		s.dueMS = max(s.dueMS, m.Sleep.UntilMS)
	}
	return s
}

// authentic checks that the tracker's own key signed.
func (v *verifier) authentic(where func() string, tr *tracker, m *telemetry.Message) (*key, bool) {
	k := tr.keys[m.KID]
	if k == nil {
		v.book.fail(KeyUnknown, where(), "a key that was enrolled for "+m.Tracker, "%x", m.KID)
		return nil, false
	}
	err := m.Verify(k.PublicKey)
	if err == nil {
		return k, true
	}
	code := MsgSig
	var r *telemetry.Reject
	if errors.As(err, &r) && r.Reason == telemetry.WrongAlg {
		code = Alg
	}
	v.book.fail(code, where(), "the signature of "+m.Tracker, "%v", err)
	return nil, false
}

// beacon: a message that names an anchor was signed after it, and received after it whatever its clock said. When its own time is earlier, its
// clock is slow or somebody dated it back: the signature stands, and what its readings' times are worth is open. An anchor that the bundle
// does not hold bounds nothing.
func (v *verifier) beacon(where func() string, m *telemetry.Message, receivedMS int64) {
	if m.Beacon == nil {
		return
	}
	for _, list := range v.anchors {
		for _, a := range list {
			if a.tx.Position.Block != m.Beacon.Block || !bytes.Equal(a.root[:], m.Beacon.Root[:]) {
				continue
			}
			earliest := a.head.TimeMS - v.policy.ClockMS
			if m.TimeMS < earliest && telemetry.Undated(m.TimeMS, receivedMS) == "" {
				v.book.unknown(SlowClock, where(), fmt.Sprintf("signed after the anchor that it names, %d", a.head.TimeMS), "%d (root %s): its clock is slow, or it was dated back", m.TimeMS, hex.EncodeToString(a.root[:4]))
			}
			if receivedMS < earliest {
				v.book.fail(BeforeBeacon, where(), fmt.Sprintf("received after the anchor that it names, %d", a.head.TimeMS), "%d (root %s)", receivedMS, hex.EncodeToString(a.root[:4]))
			}
			return
		}
	}
}

// within reports whether a time lies in an assignment.
func (t *tracker) within(ms, tolerance int64) bool {
	return slices.ContainsFunc(t.windows, func(w window) bool {
		return ms >= w.fromMS-tolerance && (w.toMS == 0 || ms <= w.toMS+tolerance)
	})
}

// judges reports whether the rules see a reading of that time. No clock is forgiven here: by as much as one is, its owner could cut a
// reported breach away.
func (t *tracker) judges(ms int64) bool {
	for _, w := range t.windows {
		if ms >= w.fromMS && (w.toMS == 0 || ms < w.toMS) {
			return true
		}
	}
	return false
}

// expects reports whether a message of that time must be in a log.
func (t *tracker) expects(ms, tolerance int64) bool {
	return slices.ContainsFunc(t.windows, func(w window) bool {
		return ms > w.fromMS+tolerance && (w.endMS == 0 || ms < w.endMS-tolerance)
	})
}

// overlaps reports whether an assignment lies, at least in part, between two times.
func (t *tracker) overlaps(fromMS, toMS, tolerance int64) bool {
	return slices.ContainsFunc(t.windows, func(w window) bool {
		return w.fromMS+tolerance < toMS && (w.endMS == 0 || w.endMS-tolerance > fromMS)
	})
}
