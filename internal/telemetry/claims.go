package telemetry

import (
	"encoding/binary"
	"math"

	"github.com/trackseal/trackseal/internal/canon"
)

// protectedHeader and claimsMap have fixed fields, so that an unknown label is refused by the decoder.
type protectedHeader struct {
	Alg    int       `cbor:"1,keyasint"`
	KID    []byte    `cbor:"4,keyasint"`
	Claims claimsMap `cbor:"15,keyasint"`
}

type claimsMap struct {
	Tracker  string       `cbor:"2,keyasint"`
	Boot     uint64       `cbor:"267,keyasint"`
	Seq      uint64       `cbor:"-70001,keyasint"`
	Prev     []byte       `cbor:"-70002,keyasint"`
	Kind     uint64       `cbor:"-70003,keyasint"`
	TimeMS   int64        `cbor:"-70004,keyasint"`
	NextDueS uint64       `cbor:"-70006,keyasint"`
	Beacon   *beaconClaim `cbor:"-70007,keyasint,omitempty"`
	Detail   []canon.Raw  `cbor:"-70008,keyasint,omitempty"`
}

type beaconClaim struct {
	_     struct{} `cbor:",toarray"`
	Block uint64
	Root  []byte
}

func encodeProtected(key PublicKey, c Claims) ([]byte, error) {
	kid := key.KID()
	m := claimsMap{Tracker: c.Tracker, Boot: c.Boot, Seq: c.Seq, Prev: c.Prev[:], Kind: uint64(c.Kind), TimeMS: c.TimeMS, NextDueS: c.NextDueS}
	if c.Beacon != nil {
		m.Beacon = &beaconClaim{Block: c.Beacon.Block, Root: c.Beacon.Root[:]}
	}
	var detail []any
	switch {
	case c.Kind == Gap && c.Gap != nil:
		detail = []any{c.Gap.Boot, c.Gap.FromSeq, c.Gap.ToSeq}
	case c.Kind == Sleep && c.Sleep != nil:
		detail = []any{c.Sleep.UntilMS}
	case c.Kind == Rotate && c.Rotate != nil:
		detail = []any{int(c.Rotate.Alg), c.Rotate.Public, c.Rotate.Possession}
	case c.Kind == Clock && c.Clock != nil:
		detail = []any{c.Clock.OldMS, c.Clock.NewMS}
	}
	for _, d := range detail {
		raw, err := canon.MarshalCBOR(d)
		if err != nil {
			return nil, err
		}
		m.Detail = append(m.Detail, raw)
	}
	if _, err := c.check(len(m.Detail)); err != nil {
		return nil, err
	}
	return canon.MarshalCBOR(protectedHeader{Alg: int(key.Alg), KID: kid[:], Claims: m})
}

// details says how many elements the detail array of a kind has.
var details = map[Kind]int{Gap: 3, Sleep: 1, Rotate: 3, Clock: 2}

// check refuses claims that no honest tracker makes; want is how many details there must be.
func (c *Claims) check(have int) (want int, err error) {
	want = details[c.Kind]
	switch {
	case !ValidID(c.Tracker):
		return 0, reject(Malformed, "tracker id %q", c.Tracker)
	case c.Kind > End:
		return 0, reject(Malformed, "kind %d is not known", c.Kind)
	case c.Boot == 0 || c.Boot > math.MaxInt64 || c.Seq > math.MaxInt64:
		return 0, reject(Malformed, "boot %d, seq %d: boot starts at 1, both stay below 2^63", c.Boot, c.Seq)
	case c.TimeMS < 0 || c.TimeMS >= maxTimeMS:
		return 0, reject(OutOfRange, "time_ms %d", c.TimeMS)
	case c.NextDueS > 366*24*3600:
		return 0, reject(OutOfRange, "next_due_s %d, at most a year", c.NextDueS)
	case have != want:
		return 0, reject(Malformed, "kind %d has %d details, needs %d", c.Kind, have, want)
	}
	return want, nil
}

// maxTimeMS is the year 2262, beyond which nanoseconds (InfluxDB) overflow.
const maxTimeMS = 9_223_372_036_000

func (m *Message) decodeProtected(raw []byte) error {
	var h protectedHeader
	if err := decodeCanonical(raw, &h, "protected header"); err != nil {
		return err
	}
	c := h.Claims
	m.Alg = Alg(h.Alg)
	if m.Alg != Ed25519 && m.Alg != ESP256 {
		return reject(WrongAlg, "alg %d", h.Alg)
	}
	if len(h.KID) != 32 || len(c.Prev) != 32 {
		return reject(Malformed, "kid and prev must have 32 bytes")
	}
	copy(m.KID[:], h.KID)
	if c.Kind > uint64(End) {
		return reject(Malformed, "kind %d is not known", c.Kind)
	}
	m.Claims = Claims{Tracker: c.Tracker, Boot: c.Boot, Seq: c.Seq, Prev: Hash(c.Prev), Kind: Kind(c.Kind), TimeMS: c.TimeMS, NextDueS: c.NextDueS}
	if c.Beacon != nil {
		if len(c.Beacon.Root) != 32 {
			return reject(Malformed, "the beacon's root must have 32 bytes")
		}
		m.Beacon = &Beacon{Block: c.Beacon.Block, Root: Hash(c.Beacon.Root)}
	}
	if _, err := m.check(len(c.Detail)); err != nil {
		return err
	}
	return m.decodeDetail(c.Detail)
}

func (m *Message) decodeDetail(d []canon.Raw) error {
	var dst []any
	switch m.Kind {
	case Gap:
		m.Gap = new(GapDetail)
		dst = []any{&m.Gap.Boot, &m.Gap.FromSeq, &m.Gap.ToSeq}
	case Sleep:
		m.Sleep = new(SleepDetail)
		dst = []any{&m.Sleep.UntilMS}
	case Rotate:
		m.Rotate = new(RotateDetail)
		dst = []any{&m.Rotate.Alg, &m.Rotate.Public, &m.Rotate.Possession}
	case Clock:
		m.Clock = new(ClockDetail)
		dst = []any{&m.Clock.OldMS, &m.Clock.NewMS}
	}
	for i := range dst {
		if err := decodeCanonical(d[i], dst[i], "detail"); err != nil {
			return err
		}
	}
	if m.Gap != nil && (m.Gap.FromSeq > m.Gap.ToSeq || m.Gap.ToSeq > math.MaxInt64 || m.Gap.Boot == 0 || m.Gap.Boot > m.Boot) {
		return reject(Malformed, "gap of boot %d from %d to %d", m.Gap.Boot, m.Gap.FromSeq, m.Gap.ToSeq)
	}
	return nil
}

// Key is a compact key of a position for maps and stores: boot and seq, big-endian, in order.
func (p Position) Key() [16]byte {
	var k [16]byte
	binary.BigEndian.PutUint64(k[:8], p.Boot)
	binary.BigEndian.PutUint64(k[8:], p.Seq)
	return k
}
