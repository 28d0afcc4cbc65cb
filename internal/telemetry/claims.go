package telemetry

import (
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
	for _, d := range c.detail() {
		raw, err := canon.MarshalCBOR(d)
		if err != nil {
			return nil, err
		}
		m.Detail = append(m.Detail, raw)
	}
	if err := c.check(len(m.Detail)); err != nil {
		return nil, err
	}
	return canon.MarshalCBOR(protectedHeader{Alg: int(key.Alg), KID: kid[:], Claims: m})
}

// details says how many elements the detail array of a kind has.
var details = map[Kind]int{Gap: 3, Sleep: 1, Rotate: 3, Clock: 2}

// detail are the elements of the detail array, in its order; none when the kind has none or c lacks it.
func (c *Claims) detail() []any {
	switch {
	case c.Kind == Gap && c.Gap != nil:
		return []any{&c.Gap.Boot, &c.Gap.FromSeq, &c.Gap.ToSeq}
	case c.Kind == Sleep && c.Sleep != nil:
		return []any{&c.Sleep.UntilMS}
	case c.Kind == Rotate && c.Rotate != nil:
		return []any{&c.Rotate.Alg, &c.Rotate.Public, &c.Rotate.Possession}
	case c.Kind == Clock && c.Clock != nil:
		return []any{&c.Clock.OldMS, &c.Clock.NewMS}
	}
	return nil
}

// check refuses claims that no honest tracker makes; have is how many details there are.
func (c *Claims) check(have int) error {
	switch want := details[c.Kind]; {
	case !ValidID(c.Tracker):
		return reject(Malformed, "tracker id %q", c.Tracker)
	case c.Kind > End:
		return reject(Malformed, "kind %d is not known", c.Kind)
	case c.Boot == 0 || c.Boot > math.MaxInt64 || c.Seq > math.MaxInt64:
		return reject(Malformed, "boot %d, seq %d: boot starts at 1, both stay below 2^63", c.Boot, c.Seq)
	case c.TimeMS < 0 || c.TimeMS >= maxTimeMS:
		return reject(OutOfRange, "time_ms %d", c.TimeMS)
	case c.NextDueS > 366*24*3600:
		return reject(OutOfRange, "next_due_s %d, at most a year", c.NextDueS)
	case have != want:
		return reject(Malformed, "kind %d has %d details, needs %d", c.Kind, have, want)
	}
	return nil
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
	if err := m.check(len(c.Detail)); err != nil {
		return err
	}
	return m.decodeDetail(c.Detail)
}

func (m *Message) decodeDetail(d []canon.Raw) error {
	switch m.Kind {
	case Gap:
		m.Gap = new(GapDetail)
	case Sleep:
		m.Sleep = new(SleepDetail)
	case Rotate:
		m.Rotate = new(RotateDetail)
	case Clock:
		m.Clock = new(ClockDetail)
	}
	for i, dst := range m.detail() {
		if err := decodeCanonical(d[i], dst, "detail"); err != nil {
			return err
		}
	}
	if m.Gap != nil && (m.Gap.FromSeq > m.Gap.ToSeq || m.Gap.ToSeq > math.MaxInt64 || m.Gap.Boot == 0 || m.Gap.Boot > m.Boot) {
		return reject(Malformed, "gap of boot %d from %d to %d", m.Gap.Boot, m.Gap.FromSeq, m.Gap.ToSeq)
	}
	return nil
}
