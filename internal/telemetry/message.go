// Package telemetry is what a tracker says: the signed message (SenML in COSE), the plain JSON message, their readings,
// topics, log leaves and reason codes. docs/formats.md gives every byte. Pure: no clock, no I/O.
package telemetry

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/trackseal/trackseal/internal/canon"
)

// Hash is a SHA-256 digest.
type Hash = [32]byte

// Kind says why a signed message was sent.
type Kind uint8

// The kinds of docs/formats.md.
const (
	Data Kind = iota
	Boot
	Gap
	Sleep
	Rotate
	Clock
	End
)

// MaxMessage is the largest signed or plain message, in bytes.
const MaxMessage = 128 << 10

// Beacon is the newest anchor that the tracker had heard of when it signed: a lower bound of the signing time.
type Beacon struct {
	Block uint64
	Root  Hash
}

// Claims are the signed facts of a message beside its readings.
type Claims struct {
	Tracker  string
	Boot     uint64
	Seq      uint64
	Prev     Hash
	Kind     Kind
	TimeMS   int64
	NextDueS uint64
	Beacon   *Beacon
	// Detail by Kind; nil for the others.
	Gap    *GapDetail
	Sleep  *SleepDetail
	Rotate *RotateDetail
	Clock  *ClockDetail
}

// GapDetail declares messages that the tracker lost before they were acknowledged.
type GapDetail struct{ Boot, FromSeq, ToSeq uint64 }

// Holds reports whether a place is among those that were lost.
func (g *GapDetail) Holds(boot, seq uint64) bool {
	return g.Boot == boot && g.FromSeq <= seq && seq <= g.ToSeq
}

// SleepDetail declares silence.
type SleepDetail struct{ UntilMS int64 }

// ClockDetail declares a step of the tracker's clock.
type ClockDetail struct{ OldMS, NewMS int64 }

// RotateDetail announces the next key; Possession is that key's signature over ledger.PossessionBytes.
type RotateDetail struct {
	Alg        Alg
	Public     []byte
	Possession []byte
}

// Message is a decoded signed message. Decoding does not check the signature: Verify does.
type Message struct {
	Claims
	Alg       Alg
	KID       [32]byte
	Readings  []Reading // ascending time; values of one time joined
	PackHash  Hash      // the signed payload; Decode refuses a pack with another hash
	COSE      []byte    // exact bytes of cose_sign1
	Pack      []byte    // exact bytes of the pack
	COSEHash  Hash      // what the next message's Prev and the leaf carry
	protected []byte
	signature []byte
}

// sign1 is COSE_Sign1 without its tag; the unprotected header must stay an empty map.
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int]canon.Raw
	Payload     []byte
	Signature   []byte
}

// wire is a signed message as published.
type wire struct {
	_    struct{} `cbor:",toarray"`
	COSE []byte
	Pack []byte
}

// Encode builds and signs a message. signer is an ed25519.PrivateKey or a P-256 *ecdsa.PrivateKey.
func Encode(signer crypto.Signer, c Claims, readings []Reading) ([]byte, error) {
	key, err := Public(signer)
	if err != nil {
		return nil, err
	}
	pack, err := encodePack(c.Tracker, readings)
	if err != nil {
		return nil, err
	}
	if c.Kind == Data && len(readings) == 0 {
		return nil, errors.New("a data message needs a reading")
	}
	protected, err := encodeProtected(key, c)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(pack)
	sig, err := Sign(signer, toBeSigned(protected, hash[:]))
	if err != nil {
		return nil, err
	}
	cose, err := canon.MarshalCBOR(sign1{Protected: protected, Unprotected: map[int]canon.Raw{}, Payload: hash[:], Signature: sig})
	if err != nil {
		return nil, err
	}
	raw, err := canon.MarshalCBOR(wire{COSE: cose, Pack: pack})
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxMessage {
		return nil, fmt.Errorf("message of %d bytes exceeds %d", len(raw), MaxMessage)
	}
	return raw, nil
}

// Decode reads a signed message strictly, up to its pack: what was signed is kept, whatever it says. Every error is a *Reject with a Reason.
// The message may refer to raw, which must not change any more.
func Decode(raw []byte) (*Message, error) {
	if len(raw) > MaxMessage {
		return nil, reject(Oversized, "%d bytes, at most %d", len(raw), MaxMessage)
	}
	if m, ok := onePass(raw); ok {
		return m, nil
	}
	return decodeLong(raw)
}

// decodeLong takes every message, and says what is wrong with it.
func decodeLong(raw []byte) (*Message, error) {
	var env wire
	if err := decodeCanonical(raw, &env, "message"); err != nil {
		return nil, err
	}
	m, err := decodeCOSELong(env.COSE)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(env.Pack) != m.PackHash {
		return nil, reject(PackMismatch, "the pack is not the one that was signed")
	}
	m.Readings = decodePack(env.Pack, m.Tracker, m.TimeMS)
	if m.Kind == Data && len(m.Readings) == 0 {
		var j joiner
		j.unread(m.TimeMS, reject(Malformed, "a data message without a reading"))
		m.Readings = j.readings
	}
	m.Pack = env.Pack
	return m, nil
}

// DecodeCOSE reads the signed part alone, for a message whose readings are withheld.
func DecodeCOSE(cose []byte) (*Message, error) {
	if m, ok := onePassCOSE(cose); ok {
		return m, nil
	}
	return decodeCOSELong(cose)
}

func decodeCOSELong(cose []byte) (*Message, error) {
	var s sign1
	if err := decodeCanonical(cose, &s, "cose_sign1"); err != nil {
		return nil, err
	}
	if s.Unprotected == nil || len(s.Unprotected) != 0 {
		return nil, reject(Malformed, "the unprotected header must be an empty map")
	}
	if len(s.Payload) != 32 {
		return nil, reject(Malformed, "the payload must be a SHA-256 hash, got %d bytes", len(s.Payload))
	}
	if len(s.Signature) != 64 {
		return nil, reject(Malformed, "the signature must have 64 bytes, got %d", len(s.Signature))
	}
	m := &Message{COSE: cose, COSEHash: sha256.Sum256(cose), protected: s.Protected, signature: s.Signature}
	copy(m.PackHash[:], s.Payload)
	if err := m.decodeProtected(s.Protected); err != nil {
		return nil, err
	}
	return m, nil
}

// Verify checks alg, kid and signature against the enrolled key (wrong_alg, wrong_key, bad_signature).
func (m *Message) Verify(k PublicKey) error {
	if m.Alg != k.Alg {
		return reject(WrongAlg, "signed with %s, enrolled with %s", m.Alg, k.Alg)
	}
	if m.KID != k.KID() {
		return reject(WrongKey, "kid %x is not the enrolled key", m.KID[:8])
	}
	if err := k.VerifyBytes(toBeSigned(m.protected, m.PackHash[:]), m.signature); err != nil {
		return reject(BadSignature, "%v", err)
	}
	return nil
}

// Signed is what the signature covers, and the signature: for a verifier that checks many at once, after it has compared
// Alg and KID.
func (m *Message) Signed() (msg, sig []byte) {
	return toBeSigned(m.protected, m.PackHash[:]), m.signature
}

// Position of a message in its tracker's chain, in which it orders the messages.
type Position struct{ Boot, Seq uint64 }

// Less reports whether p comes before q.
func (p Position) Less(q Position) bool {
	return p.Boot < q.Boot || p.Boot == q.Boot && p.Seq < q.Seq
}

// toBeSigned is the Sig_structure of RFC 9052 section 4.4, with empty external data.
func toBeSigned(protected, payload []byte) []byte {
	b := make([]byte, 0, 20+len(protected)+len(payload))
	b = append(b, 0x84, 0x6a)
	b = append(b, "Signature1"...)
	b = canon.AppendBytes(b, protected)
	b = append(b, 0x40)
	return canon.AppendBytes(b, payload)
}

// shapes says to a device's maker what must stand there (docs/formats.md).
var shapes = map[string]string{
	"message":          "an array of two byte strings, [cose_sign1, pack]",
	"cose_sign1":       "the array [protected, {}, payload, signature], without a tag",
	"protected header": "a map of 1 alg, 4 kid and 15 claims, the claims with the labels of the format and no others",
}

// decodeCanonical accepts only the bytes that the same value encodes to.
func decodeCanonical(raw []byte, v any, what string) error {
	switch err := canon.UnmarshalCBOR(raw, v); {
	case errors.Is(err, canon.ErrNotCanonical):
		if shape := shapes[what]; shape != "" { // what lacks a label is none either
			return reject(NotCanonical, "%s is not in deterministic CBOR, or lacks something. It must be %s", what, shape)
		}
		return reject(NotCanonical, "%s is not in deterministic CBOR", what)
	case err != nil:
		if shape := shapes[what]; shape != "" {
			return reject(Malformed, "%s: %v. It must be %s", what, err, shape)
		}
		return reject(Malformed, "%s: %v", what, err)
	}
	return nil
}
