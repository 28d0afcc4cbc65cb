package evidence

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Writer writes a bundle; leaves are streamed.
type Writer struct {
	out  *encoder
	size []uint64 // leaves of each log
	log  int
	at   uint64
}

// NewWriter writes the manifest of a whole-shipment bundle. Leaves follow: log by log, as many as the log's last head says.
func NewWriter(w io.Writer, m *Manifest) (*Writer, error) {
	out := &Writer{out: &encoder{bufio.NewWriterSize(w, 64<<10)}}
	for i, l := range m.Logs {
		if len(l.Heads) == 0 {
			return nil, fmt.Errorf("log %d has no head", i)
		}
		h, err := anchor.DecodeHeadLeaf(l.Heads[len(l.Heads)-1].Entry)
		if err != nil {
			return nil, err
		}
		out.size = append(out.size, h.Size)
	}
	out.out.manifest(m)
	out.out.uint(keyLeaves)
	out.out.array(len(m.Logs))
	out.open()
	return out, nil
}

// open writes the heads of the arrays of the next log that has leaves.
func (w *Writer) open() {
	for w.log < len(w.size) {
		w.out.head(canon.Array, w.size[w.log])
		if w.size[w.log] > 0 {
			return
		}
		w.log++
	}
}

// Leaf writes the next leaf.
func (w *Writer) Leaf(l Leaf) error {
	if w.log >= len(w.size) {
		return errors.New("more leaves than the heads say")
	}
	w.out.leaf(l)
	w.at++
	if w.at == w.size[w.log] {
		w.log, w.at = w.log+1, 0
		w.open()
	}
	return nil
}

// Close ends the bundle; it does not close what it wrote to.
func (w *Writer) Close() error {
	if w.log != len(w.size) {
		return fmt.Errorf("log %d has %d leaves, its head says %d", w.log, w.at, w.size[w.log])
	}
	return w.out.w.Flush()
}

// WriteProof writes a selective proof: a bundle with one message. Of the manifest it keeps the message's log with its last
// head and nothing from outside the logs: every byte of a bundle must matter to what it shows.
func WriteProof(w io.Writer, m *Manifest, p Proof) error {
	if p.Log < 0 || p.Log >= len(m.Logs) {
		return fmt.Errorf("log %d of %d", p.Log, len(m.Logs))
	}
	small := *m
	l := m.Logs[p.Log]
	l.Heads = l.Heads[len(l.Heads)-1:]
	small.Logs, small.Outside, small.RuleSet, small.Details, small.Profiles, p.Log = []Log{l}, nil, nil, nil, p.profiles(m), 0
	e := &encoder{bufio.NewWriter(w)}
	e.manifest(&small)
	e.uint(keyProof)
	e.array(4)
	e.uint(uint64(p.Log))
	e.uint(p.Index)
	e.hashes(p.Path)
	e.leaf(p.Leaf)
	return e.w.Flush()
}

// profiles is the one of the message.
func (p *Proof) profiles(m *Manifest) [][]byte {
	e, err := telemetry.DecodeEnvelope(p.Leaf.Plain)
	if err != nil {
		return nil
	}
	for _, document := range m.Profiles {
		if sha256.Sum256(document) == e.Profile {
			return [][]byte{document}
		}
	}
	return nil
}

func (e *encoder) leaf(l Leaf) {
	e.array(2)
	e.bytes(l.Entry)
	switch {
	case l.COSE != nil:
		e.array(2)
		e.bytes(l.COSE)
		if l.Pack == nil {
			e.null()
		} else {
			e.bytes(l.Pack)
		}
	case l.Plain != nil:
		e.bytes(l.Plain)
	default:
		e.null()
	}
}

func (e *encoder) manifest(m *Manifest) {
	e.head(canon.Map, keyProfiles+2) // the keys below and one of leaves, proof, heads log
	e.uint(keyVersion)
	e.uint(FormatVersion)
	e.uint(keySubject)
	e.array(3)
	e.text(m.Channel)
	e.text(m.Chaincode)
	e.text(m.Shipment)
	e.uint(keyConfigs)
	e.blocks(m.Configs)
	e.uint(keyBlocks)
	e.blocks(m.Blocks)
	e.uint(keyRecords)
	e.array(len(m.Records))
	for _, p := range m.Records {
		e.array(2)
		e.uint(p.Block)
		e.uint(p.Tx)
	}
	e.uint(keyInstances)
	e.array(len(m.Instances))
	for _, i := range m.Instances {
		e.array(2)
		e.text(i.Ingest)
		e.array(len(i.Anchors))
		for _, a := range i.Anchors {
			e.array(3)
			e.uint(a.Block)
			e.uint(a.Tx)
			e.hashes(a.Consistency)
		}
	}
	e.uint(keyAttestations)
	e.array(len(m.Attestations))
	for _, a := range m.Attestations {
		e.array(8)
		e.uint(a.Block)
		for _, b := range [][]byte{a.ChannelHeader, a.SignatureHeader, a.Proposal, a.Head, a.Tail, a.Endorser, a.Signature} {
			e.bytes(b)
		}
	}
	e.uint(keyLogs)
	e.array(len(m.Logs))
	for _, l := range m.Logs {
		e.array(2)
		e.uint(uint64(l.Instance))
		e.array(len(l.Heads))
		for _, h := range l.Heads {
			e.array(4)
			e.uint(uint64(h.Anchor))
			e.uint(h.Index)
			e.bytes(h.Entry)
			e.hashes(h.Path)
		}
	}
	e.uint(keyOutside)
	e.strings(m.Outside)
	e.uint(keyRuleSet)
	e.bytes(m.RuleSet)
	e.uint(keyDetails)
	e.strings(m.Details)
	e.uint(keyProfiles)
	e.strings(m.Profiles)
}

// NewAttestation takes the part out of a peer's signed answer that the bundle holds anyway.
func NewAttestation(a fabricproof.Attestation, b *fabricproof.Block) (Attestation, error) {
	data := blockData(b)
	i := bytes.Index(a.Response, data)
	if i < 0 {
		return Attestation{}, fmt.Errorf("the answer does not hold the data of block %d", b.Number)
	}
	out := Attestation{Block: b.Number, Head: a.Response[:i], Tail: a.Response[i+len(data):], Attestation: a}
	out.Response = nil
	return out, nil
}

func (a *Attestation) whole(b *fabricproof.Block) fabricproof.Attestation {
	out := a.Attestation
	out.Response = slices.Concat(a.Head, blockData(b), a.Tail)
	return out
}
