// Package telemetry is what a tracker says: the signed message (SenML in COSE), the plain JSON message, their readings,
// topics, log leaves and reason codes. docs/formats.md gives every byte. Pure: no clock, no I/O.
package telemetry

import (
	"crypto"
	"time"
)

// Hash is a SHA-256 digest.
type Hash = [32]byte

// Kind says why a signed message was sent.
type Kind uint8

const (
	Data Kind = iota
	Boot
	Gap
	Sleep
	Rotate
	Clock
	End
)

// Alg is a COSE algorithm (RFC 9864 numbers).
type Alg int

const (
	Ed25519 Alg = -19
	ESP256  Alg = -9
)

// MaxMessage is the largest signed or plain message, in bytes.
const MaxMessage = 16 << 10

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

type GapDetail struct{ Boot, FromSeq, ToSeq uint64 }
type SleepDetail struct{ UntilMS int64 }
type ClockDetail struct{ OldMS, NewMS int64 }
type RotateDetail struct {
	Alg        Alg
	Public     []byte
	Possession []byte
}

// Reading is all that was measured at one time.
type Reading struct {
	TimeMS int64
	Values map[string]float64 // by quantity name, see Quantities
}

// Message is a decoded signed message. Decoding does not check the signature: Verify does.
type Message struct {
	Claims
	Alg      Alg
	KID      [32]byte
	Readings []Reading // ascending time; values of one time joined
	PackHash Hash      // the signed payload; Decode refuses a pack with another hash
	COSE     []byte    // exact bytes of cose_sign1
	Pack     []byte    // exact bytes of the pack
	COSEHash Hash      // what the next message's Prev and the leaf carry
}

// PublicKey is a tracker's key as enrolled.
type PublicKey struct {
	Alg Alg
	Raw []byte // Ed25519: 32 bytes; P-256: uncompressed point, 65 bytes
}

// Encode builds and signs a message. signer is an ed25519.PrivateKey or a P-256 *ecdsa.PrivateKey.
func Encode(signer crypto.Signer, c Claims, readings []Reading) ([]byte, error) { panic("todo") }

// Decode reads a signed message strictly. Every error is a *Reject with a Reason.
func Decode(raw []byte) (*Message, error) { panic("todo") }

// Verify checks alg, kid and signature against the enrolled key (wrong_alg, wrong_key, bad_signature).
func (m *Message) Verify(k PublicKey) error { panic("todo") }

// Public returns the public half of a signer's key in enrolled form.
func Public(signer crypto.Signer) (PublicKey, error) { panic("todo") }

// KID is the RFC 9679 thumbprint.
func (k PublicKey) KID() [32]byte { panic("todo") }

// Validate refuses keys that no honest tracker has: wrong length, non-canonical, small-order or torsioned Ed25519, points
// off the curve.
func (k PublicKey) Validate() error { panic("todo") }

// Sign signs bytes as Encode does (raw r‖s low-S for P-256); VerifyBytes is its counterpart. For possession proofs.
func Sign(signer crypto.Signer, msg []byte) ([]byte, error) { panic("todo") }
func (k PublicKey) VerifyBytes(msg, sig []byte) error       { panic("todo") }

// Plain is a decoded plain JSON message.
type Plain struct {
	Readings []Reading
	Seq      *uint64 // highest seq given, if any
}

// DecodePlain reads a plain JSON message; a reading without time gets received. Errors are *Reject.
func DecodePlain(raw []byte, received time.Time) (*Plain, error) { panic("todo") }
