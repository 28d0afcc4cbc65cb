package device

import (
	"crypto"
	"crypto/sha256"
	"errors"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Message is one signed or plain message as published.
type Message struct {
	Pos  telemetry.Position // of a plain message: boot 0 and its seq
	Raw  []byte
	Hash telemetry.Hash // what its leaf carries: SHA-256 of cose_sign1, or of the JSON bytes
	// Gap is set in a message that declares lost messages.
	Gap *Range
}

// Range is a run of lost messages of one boot, both ends included.
type Range struct{ Boot, From, To uint64 }

// Chain signs a tracker's messages one after the other. Not safe for concurrent use.
type Chain struct {
	Tracker string
	Signer  crypto.Signer
	Next    telemetry.Position
	Prev    telemetry.Hash
	Beacon  *telemetry.Beacon
}

// Sign makes the next message. The caller fills kind, times and detail; identity, position and link to the previous
// message come from the chain. The chain advances only when signing worked.
func (c *Chain) Sign(claims telemetry.Claims, readings []telemetry.Reading) (Message, error) {
	claims.Tracker, claims.Boot, claims.Seq = c.Tracker, c.Next.Boot, c.Next.Seq
	claims.Prev, claims.Beacon = c.Prev, c.Beacon
	raw, err := telemetry.Encode(c.Signer, claims, readings)
	if err != nil {
		return Message{}, err
	}
	cose, err := signedPart(raw)
	if err != nil {
		return Message{}, err
	}
	m := Message{Pos: c.Next, Raw: raw, Hash: sha256.Sum256(cose)}
	if g := claims.Gap; g != nil {
		m.Gap = &Range{Boot: g.Boot, From: g.FromSeq, To: g.ToSeq}
	}
	c.Prev = m.Hash
	c.Next.Seq++
	return m, nil
}

// signedPart cuts cose_sign1 out of an encoded message: the first byte string of its array of two. telemetry.Decode would
// do it as well, but checks everything that Encode just did.
func signedPart(raw []byte) ([]byte, error) {
	bad := errors.New("encoded message does not start with a byte string")
	if len(raw) < 4 || raw[0] != 0x82 {
		return nil, bad
	}
	var from, size int
	switch raw[1] {
	case 0x58:
		from, size = 3, int(raw[2])
	case 0x59:
		from, size = 4, int(raw[2])<<8|int(raw[3])
	default:
		return nil, bad
	}
	if len(raw) < from+size {
		return nil, bad
	}
	return raw[from : from+size], nil
}
