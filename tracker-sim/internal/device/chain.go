package device

import (
	"crypto"
	"crypto/sha256"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Message is one signed or plain message as published.
type Message struct {
	Pos  telemetry.Position // of a plain message: boot 0 and its seq
	Raw  []byte
	Hash telemetry.Hash // SHA-256 of cose_sign1, or of the JSON bytes
	// Gap is set in a message that declares lost messages.
	Gap *Range
}

// LeafHash is what its leaf carries: ingest logs a plain message in its envelope.
func (m *Message) LeafHash(tracker string) telemetry.Hash {
	if m.Pos.Boot == 0 {
		return sha256.Sum256(telemetry.PlainEnvelope(tracker, m.Raw))
	}
	return m.Hash
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
	signed, err := telemetry.Decode(raw)
	if err != nil {
		return Message{}, err
	}
	m := Message{Pos: c.Next, Raw: raw, Hash: signed.COSEHash}
	if g := claims.Gap; g != nil {
		m.Gap = &Range{Boot: g.Boot, From: g.FromSeq, To: g.ToSeq}
	}
	c.Prev = m.Hash
	c.Next.Seq++
	return m, nil
}
