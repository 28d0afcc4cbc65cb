package sequence

import (
	"encoding/binary"

	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// appendLink encodes what a message says of its place beside boot and seq, for the time of a rebuild.
func appendLink(b []byte, m *telemetry.Message) []byte {
	l := trackerchain.LinkOf(m)
	b = append(b, l.Prev[:]...)
	b = binary.AppendVarint(b, l.TimeMS)
	if g := l.Gap; g != nil {
		for _, n := range []uint64{g.Boot, g.FromSeq, g.ToSeq} {
			b = binary.AppendUvarint(b, n)
		}
	}
	return b
}

func decodeLink(b []byte) (l trackerchain.Link, err error) {
	if len(b) < 33 {
		return l, errLink
	}
	copy(l.Prev[:], b)
	ms, n := binary.Varint(b[32:])
	if n <= 0 {
		return l, errLink
	}
	l.TimeMS = ms
	if b = b[32+n:]; len(b) == 0 {
		return l, nil
	}
	l.Gap = &telemetry.GapDetail{}
	for _, to := range []*uint64{&l.Gap.Boot, &l.Gap.FromSeq, &l.Gap.ToSeq} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return l, errLink
		}
		*to, b = v, b[n:]
	}
	return l, nil
}
