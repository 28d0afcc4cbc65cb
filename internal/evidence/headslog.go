package evidence

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
)

// MaxAnchors of a heads-log bundle: what one question of a monitor may cost.
const MaxAnchors = 64

// WriteHeadsLog writes a heads-log bundle: consecutive anchors of one instance. The manifest has one instance, neither
// records nor logs, and no consistency proofs: each anchor's own transaction carries the one that its endorsers checked.
func WriteHeadsLog(w io.Writer, m *Manifest) error {
	if len(m.Instances) != 1 {
		return fmt.Errorf("%d instances instead of one", len(m.Instances))
	}
	e := &encoder{bufio.NewWriter(w)}
	e.manifest(m)
	e.uint(keyHeadsLog)
	id := anchor.HeadsID(m.Channel, m.Instances[0].Ingest)
	e.bytes(id[:])
	return e.w.Flush()
}

func (b *Reader) readHeadsLog() {
	d, m := &b.d, &b.Manifest
	id := d.bytes()
	if d.err != nil {
		return
	}
	if m.Shipment != "" || len(m.Records) != 0 || len(m.Instances) != 1 || len(m.Logs) != 0 || len(m.Outside) != 0 || len(m.RuleSet) != 0 || len(m.Details) != 0 || len(m.Profiles) != 0 {
		d.fail("more than the anchors of one heads log")
		return
	}
	if want := anchor.HeadsID(m.Channel, m.Instances[0].Ingest); string(id) != string(want[:]) {
		d.fail("heads log %x instead of %x", id, want)
	}
	if n := len(m.Instances[0].Anchors); n == 0 || n > MaxAnchors {
		d.fail("%d anchors", n)
	}
}

// headsLog checks the anchors of a heads-log bundle. They are consecutive, so each is proved against the one before it by
// the consistency proof in its own transaction, which the client and the endorsers signed: a proof that fails is the
// consortium's doing and not that of the server which made the bundle.
func (v *verifier) headsLog() error {
	i := v.in.Manifest.Instances[0]
	var list []*anchored
	for k, a := range i.Anchors {
		if len(a.Consistency) != 0 {
			return stop(BundleFormat, place(a.Position), "no proof beside the transaction's own", "%d hashes", len(a.Consistency))
		}
		next, err := v.anchor(i.Ingest, v.txs[a.Position])
		if err != nil {
			return err
		}
		list = append(list, next)
		v.anchors = [][]*anchored{list}
		if k == 0 {
			continue
		}
		last := list[k-1]
		if next.head.N > last.head.N+1 {
			return stop(BundleFormat, place(a.Position), fmt.Sprintf("anchor %d", last.head.N+1), "anchor %d", next.head.N)
		}
		path := make([]Hash, len(next.path))
		for j, s := range next.path {
			if path[j], err = hash32(s); err != nil {
				return stop(HeadsFork, place(a.Position), "a consistency proof in its arguments", "%v", err)
			}
		}
		if err := follows(last, next, path, v.policy.Chaincode); err != nil {
			return err
		}
	}
	return nil
}

// ProvenAnchor is an anchor whose transaction was checked.
type ProvenAnchor struct {
	ledger.Head
	At Position
	// Header is the hash of its block's header.
	Header Hash
}

// HeadsProof is what a heads-log bundle shows.
type HeadsProof struct {
	Report *Report
	Heads  string // heads-log id, hex
	// Anchors in their order; where a step failed, up to and with the anchor that failed.
	Anchors []ProvenAnchor
	// Final is true when every anchor is held as valid by as many organisations as the policy asks for and every signed
	// answer stood. Broken is true when a step of the heads log does not extend the one before: the consortium itself
	// accepted a rewritten log.
	Final, Broken bool
}

// VerifyHeadsLog checks a heads-log bundle. Report.Passed says that its anchors are on the ledger, final, and each extends
// the one before. The error is one of reading, or that the bundle is of another kind.
func VerifyHeadsLog(r io.Reader, policy *Policy, o Options) (*HeadsProof, error) {
	v, err := verify(r, policy, o)
	if err != nil {
		return nil, err
	}
	p := &HeadsProof{Report: v.report, Broken: v.book.count[HeadsFork] > 0}
	if v.in == nil || v.in.Kind == "" {
		return p, nil // not readable: the report says so
	}
	if v.in.Kind != HeadsLog {
		return nil, errKind
	}
	id := anchor.HeadsID(v.in.Manifest.Channel, v.in.Manifest.Instances[0].Ingest)
	p.Heads = hex.EncodeToString(id[:])
	_, doubted := v.book.worst[Final]
	p.Final = v.holds != nil && !doubted
	for _, list := range v.anchors {
		for _, a := range list {
			at := Position(a.tx.Position)
			p.Anchors = append(p.Anchors, ProvenAnchor{Head: a.head, At: at, Header: v.blocks[at.Block].Hash()})
		}
	}
	return p, nil
}

var errKind = errors.New("not a bundle of a heads log's anchors")

// Fault is the first finding that fails the bundle, nil when none does.
func (p *HeadsProof) Fault() *Finding {
	for i := range p.Report.Findings {
		if p.Report.Findings[i].Severity == Failure {
			return &p.Report.Findings[i]
		}
	}
	return nil
}
