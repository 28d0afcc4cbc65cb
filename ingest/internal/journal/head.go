package journal

import (
	"encoding/binary"
	"slices"
)

// Head is a queued head of a log, anchored: everything that its point in InfluxDB holds.
type Head struct {
	Heads, Log string // hex
	Index      uint64
	Size       uint64
	Root       string // hex
	Prev       int64  // -1 = none
	Closed     bool
	Entry      []byte
	HeadsSize  uint64
	HeadsRoot  string // hex
	Tx         string
	Block      uint64
	Proof      [][32]byte
	TimeMS     int64
}

// Append encodes h.
func (h *Head) Append(b []byte) []byte {
	for _, text := range []string{h.Heads, h.Log, h.Root, h.HeadsRoot, h.Tx} {
		b = appendBytes(b, text)
	}
	for _, n := range []uint64{h.Index, h.Size, h.HeadsSize, h.Block} {
		b = binary.AppendUvarint(b, n)
	}
	b = binary.AppendVarint(b, h.Prev)
	b = binary.AppendVarint(b, h.TimeMS)
	closed := byte(0)
	if h.Closed {
		closed = 1
	}
	b = appendBytes(append(b, closed), h.Entry)
	for _, p := range h.Proof {
		b = append(b, p[:]...)
	}
	return b
}

// DecodeHead reads what Append wrote; Entry points into b.
func DecodeHead(b []byte) (Head, error) {
	var h Head
	d := decoder{b: b}
	for _, text := range []*string{&h.Heads, &h.Log, &h.Root, &h.HeadsRoot, &h.Tx} {
		*text = string(d.bytes())
	}
	for _, n := range []*uint64{&h.Index, &h.Size, &h.HeadsSize, &h.Block} {
		*n = d.uvarint()
	}
	h.Prev, h.TimeMS, h.Closed, h.Entry = d.varint(), d.varint(), d.byte() == 1, d.bytes()
	if len(d.b)%32 != 0 {
		d.fail()
	}
	for p := range slices.Chunk(d.b, 32) {
		h.Proof = append(h.Proof, [32]byte(p))
	}
	return h, d.err
}
