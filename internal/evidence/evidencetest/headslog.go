package evidencetest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/merkle"
)

// Fork returns a copy of the trip and its consortium that shares nothing but the keys: from here on each may be told
// another story. The copy has no trackers; it can only be anchored.
func (t *Trip) Fork() *Trip {
	c := *t.C
	c.Configs = slices.Clone(t.C.Configs)
	c.Blocks, c.Filters, c.state = maps.Clone(t.C.Blocks), maps.Clone(t.C.Filters), maps.Clone(t.C.state)
	out, instance := *t, *t.Instance
	out.C, out.Trackers = &c, nil
	out.Instance, out.Instances = &instance, []*Instance{&instance}
	out.anchors, out.sizes, out.logHeads = slices.Clone(t.anchors), slices.Clone(t.sizes), slices.Clone(t.logHeads)
	out.heads = slices.Clone(t.heads)
	out.headTree, out.tree = merkle.Tree{}, merkle.Tree{}
	for _, h := range out.heads {
		out.headTree.Append(h)
	}
	for _, l := range t.Leaves {
		out.tree.Append(merkle.LeafHash(l.Entry))
	}
	return &out
}

// Head is the record of anchor n as the ledger holds it, and whether there is one.
func (t *Trip) Head(n int) (h ledger.Head, ok bool) {
	if n < 0 || n >= len(t.anchors) {
		return h, false
	}
	id := anchor.HeadsID(ledger.Channel, t.Ingest)
	err := json.Unmarshal(t.C.State(ledger.AnchorKey(hex.EncodeToString(id[:]), uint64(n))), &h)
	return h, err == nil
}

// Newest is the number of the newest anchor, -1 before the first.
func (t *Trip) Newest() int { return len(t.anchors) - 1 }

// HeadsManifest holds the anchors from number first to last, the last one attested with nonce by orgs (nil: all).
func (t *Trip) HeadsManifest(first, last int, nonce []byte, orgs []*Org) *evidence.Manifest {
	m := &evidence.Manifest{Channel: ledger.Channel, Chaincode: ledger.Chaincode}
	i := evidence.Instance{Ingest: t.Ingest}
	var newest uint64
	for _, a := range t.anchors[first : last+1] {
		i.Anchors = append(i.Anchors, evidence.Anchor{Position: a.Position})
		m.Blocks = append(m.Blocks, *t.C.Blocks[a.Block])
		newest = a.Block
	}
	for n, b := range t.C.Configs {
		c := *b
		if n == 0 {
			c.Signatures = nil
		}
		if c.Number < newest {
			m.Configs = append(m.Configs, c)
		}
	}
	m.Instances = []evidence.Instance{i}
	if orgs == nil {
		orgs = t.C.Members()
	}
	for _, o := range orgs {
		m.Attestations = append(m.Attestations, must(evidence.NewAttestation(t.C.Answer(o, newest, nonce, nil), t.C.Blocks[newest])))
	}
	return m
}

// HeadsLog is the bundle of HeadsManifest.
func (t *Trip) HeadsLog(first, last int, nonce []byte) []byte {
	return EncodeHeadsLog(t.HeadsManifest(first, last, nonce, nil))
}

// EncodeHeadsLog writes a heads-log bundle.
func EncodeHeadsLog(m *evidence.Manifest) []byte {
	var b bytes.Buffer
	if err := evidence.WriteHeadsLog(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}
