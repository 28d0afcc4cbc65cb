package telemetry

import (
	"crypto/sha256"

	"github.com/trackseal/trackseal/internal/canon"
)

// onePass reads a message that is what trackers send nearly always, in one pass and in place: every head in its shortest form,
// every map in its order, so that nothing has to be encoded again to see that it is canonical. It answers false for everything
// else, be it rare or wrong, and Decode then takes the long way, which alone says what is wrong. What onePass accepts, the long
// way accepts with the same result (FuzzOnePass). The message's slices point into raw.
func onePass(raw []byte) (*Message, bool) {
	r := canon.NewReader(raw)
	r.Exactly(0x82)
	cose, pack := r.String(canon.Bytes), r.String(canon.Bytes)
	if !r.Done() {
		return nil, false
	}
	m, ok := onePassCOSE(cose)
	if !ok || sha256.Sum256(pack) != m.PackHash {
		return nil, false
	}
	m.Pack = pack
	var j joiner
	if !j.onePass(pack, m.Tracker) || m.Kind == Data && len(j.readings) == 0 {
		return nil, false
	}
	m.Readings = j.sorted()
	return m, true
}

// onePassCOSE reads the signed part.
func onePassCOSE(cose []byte) (*Message, bool) {
	s := canon.NewReader(cose)
	s.Exactly(0x84)
	m := &Message{COSE: cose, protected: s.String(canon.Bytes)}
	s.Exactly(0xa0)
	s.Hash(&m.PackHash)
	m.signature = s.String(canon.Bytes)
	if !s.Done() || len(m.signature) != 64 || !m.onePassClaims(m.protected) {
		return nil, false
	}
	m.COSEHash = sha256.Sum256(cose)
	return m, true
}

// The labels of the claims as CBOR, in the order of deterministic encoding.
var (
	labelBoot   = []byte{0x19, 0x01, 0x0b}             // 267
	labelSeq    = []byte{0x3a, 0x00, 0x01, 0x11, 0x70} // -70001
	labelPrev   = []byte{0x3a, 0x00, 0x01, 0x11, 0x71}
	labelKind   = []byte{0x3a, 0x00, 0x01, 0x11, 0x72}
	labelTime   = []byte{0x3a, 0x00, 0x01, 0x11, 0x73}
	labelDue    = []byte{0x3a, 0x00, 0x01, 0x11, 0x75} // -70006
	labelBeacon = []byte{0x3a, 0x00, 0x01, 0x11, 0x76}
)

func (m *Message) onePassClaims(protected []byte) bool {
	r := canon.NewReader(protected)
	r.Exactly(0xa3, 0x01)
	switch r.Byte() {
	case 0x32:
		m.Alg = Ed25519
	case 0x28:
		m.Alg = ESP256
	default:
		return false
	}
	r.Exactly(0x04)
	r.Hash(&m.KID)
	r.Exactly(0x0f)
	n := r.Byte()
	if n != 0xa7 && n != 0xa8 {
		return false
	}
	r.Exactly(0x02)
	tracker := r.String(canon.Text)
	r.Exactly(labelBoot...)
	m.Boot = r.Head(canon.Uint)
	r.Exactly(labelSeq...)
	m.Seq = r.Head(canon.Uint)
	r.Exactly(labelPrev...)
	r.Hash(&m.Prev)
	r.Exactly(labelKind...)
	kind := r.Head(canon.Uint)
	r.Exactly(labelTime...)
	ms := r.Head(canon.Uint)
	r.Exactly(labelDue...)
	m.NextDueS = r.Head(canon.Uint)
	if n == 0xa8 {
		m.Beacon = new(Beacon)
		r.Exactly(labelBeacon...)
		r.Exactly(0x82)
		m.Beacon.Block = r.Head(canon.Uint)
		r.Hash(&m.Beacon.Root)
	}
	if !r.Done() || kind > uint64(End) || ms >= maxTimeMS {
		return false
	}
	m.Tracker, m.Kind, m.TimeMS = string(tracker), Kind(kind), int64(ms)
	if details[m.Kind] != 0 {
		return false
	}
	return m.check(0) == nil
}

// onePass adds the records of a pack that has no flaw.
func (j *joiner) onePass(pack []byte, tracker string) bool {
	r := canon.NewReader(pack)
	n := r.Head(canon.Array)
	if n > MaxRecords {
		return false
	}
	base := 0.0
	for i := range int(n) {
		fields := r.Head(canon.Map)
		r.Exactly(0x00)
		name := r.String(canon.Text)
		r.Exactly(0x01)
		unit := r.String(canon.Text)
		r.Exactly(0x02)
		value := r.Number()
		offset := 0.0
		fields -= 3
		if r.Follows(0x06) {
			offset = r.Number()
			fields--
		}
		if i == 0 {
			r.Exactly(0x21)
			of := r.String(canon.Text)
			r.Exactly(0x22)
			base = r.Number()
			fields -= 2
			if n := len(tracker); len(of) != n+1 || string(of[:n]) != tracker || of[n] != '/' {
				return false
			}
		}
		q := quantityByName[string(name)]
		if fields != 0 || r.Failed() || q == nil || q.Unit != string(unit) {
			return false
		}
		if j.put(j.reading(clampMS((base+offset)*1000)), q, value); j.flawed {
			return false
		}
	}
	return r.Done()
}
