package telemetry

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"

	"filippo.io/edwards25519"
)

// Alg is a COSE algorithm (RFC 9864 numbers).
type Alg int

// The two algorithms that a tracker may be enrolled with.
const (
	Ed25519 Alg = -19
	ESP256  Alg = -9
)

func (a Alg) String() string {
	switch a {
	case Ed25519:
		return "Ed25519"
	case ESP256:
		return "ESP256"
	}
	return fmt.Sprintf("alg(%d)", int(a))
}

// ParseAlg is the inverse of String.
func ParseAlg(s string) (Alg, error) {
	switch s {
	case "Ed25519":
		return Ed25519, nil
	case "ESP256":
		return ESP256, nil
	}
	return 0, fmt.Errorf("algorithm %q: must be Ed25519 or ESP256", s)
}

// PublicKey is a tracker's key as enrolled.
type PublicKey struct {
	Alg Alg
	Raw []byte // Ed25519: 32 bytes; P-256: uncompressed point, 65 bytes
}

// Public returns the public half of a signer's key in enrolled form.
func Public(signer crypto.Signer) (PublicKey, error) { return PublicOf(signer.Public()) }

// PublicOf returns a public key, for example a certificate's, in enrolled form.
func PublicOf(key crypto.PublicKey) (PublicKey, error) {
	switch pub := key.(type) {
	case ed25519.PublicKey:
		return PublicKey{Ed25519, pub}, nil
	case *ecdsa.PublicKey:
		if pub.Curve == elliptic.P256() {
			raw, err := pub.Bytes()
			return PublicKey{ESP256, raw}, err
		}
	}
	return PublicKey{}, errors.New("key must be Ed25519 or ECDSA P-256")
}

// KID is the RFC 9679 thumbprint: SHA-256 of the deterministic COSE_Key with the required members only.
func (k PublicKey) KID() [32]byte {
	var b []byte
	if k.Alg == Ed25519 {
		// {1: 1 (OKP), -1: 6 (Ed25519), -2: x}
		b = append(b, 0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20)
		b = append(b, k.Raw...)
	} else if len(k.Raw) == 65 {
		// {1: 2 (EC2), -1: 1 (P-256), -2: x, -3: y}
		b = append(b, 0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20)
		b = append(b, k.Raw[1:33]...)
		b = append(b, 0x22, 0x58, 0x20)
		b = append(b, k.Raw[33:]...)
	}
	return sha256.Sum256(b)
}

// order is the order of the prime subgroup of edwards25519, minus one, little-endian: [L-1]A == -A exactly when A has no
// torsion component.
var orderMinusOne = func() *edwards25519.Scalar {
	one, err := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
	if err != nil {
		panic(err)
	}
	return edwards25519.NewScalar().Negate(one)
}()

// Validate refuses keys that no honest tracker has: wrong length, non-canonical, small-order or torsioned Ed25519, points
// off the curve. With such keys one signature can count for several messages, or two verifiers can disagree.
func (k PublicKey) Validate() error {
	switch k.Alg {
	case Ed25519:
		if len(k.Raw) != ed25519.PublicKeySize {
			return fmt.Errorf("Ed25519 key must have 32 bytes, got %d", len(k.Raw))
		}
		a, err := new(edwards25519.Point).SetBytes(k.Raw)
		if err != nil {
			return errors.New("Ed25519 key is not a point of the curve")
		}
		if !bytes.Equal(a.Bytes(), k.Raw) {
			return errors.New("Ed25519 key is not canonical")
		}
		identity := edwards25519.NewIdentityPoint()
		if new(edwards25519.Point).MultByCofactor(a).Equal(identity) == 1 {
			return errors.New("Ed25519 key has small order")
		}
		la := new(edwards25519.Point).ScalarMult(orderMinusOne, a)
		if la.Add(la, a).Equal(identity) != 1 {
			return errors.New("Ed25519 key has a torsion component")
		}
		return nil
	case ESP256:
		if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Raw); err != nil {
			return errors.New("P-256 key must be an uncompressed point of the curve, 65 bytes")
		}
		return nil
	}
	return fmt.Errorf("algorithm %d: must be -19 (Ed25519) or -9 (ESP256)", int(k.Alg))
}

var (
	p256Order = elliptic.P256().Params().N
	p256Half  = new(big.Int).Rsh(p256Order, 1)
)

// Sign signs bytes as Encode does: Ed25519 over the bytes, or ECDSA over their SHA-256 as raw r‖s with low s.
func Sign(signer crypto.Signer, msg []byte) ([]byte, error) {
	switch key := signer.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(key, msg), nil
	case *ecdsa.PrivateKey:
		hash := sha256.Sum256(msg)
		r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
		if err != nil {
			return nil, err
		}
		// (r, N-s) verifies too: only the lower of the two is accepted, so that a signature has one form.
		if s.Cmp(p256Half) > 0 {
			s.Sub(p256Order, s)
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return sig, nil
	}
	return nil, errors.New("signer must be an ed25519.PrivateKey or *ecdsa.PrivateKey")
}

var errSignature = errors.New("signature does not verify")

// VerifyBytes is Sign's counterpart. Ed25519 goes by the rule of ZIP 215 (docs/formats.md): whether one signature is checked
// or many at once, here or in any other program, every input has one answer.
func (k PublicKey) VerifyBytes(msg, sig []byte) error {
	if len(sig) != 64 {
		return errors.New("signature must have 64 bytes")
	}
	switch k.Alg {
	case Ed25519:
		// The library's rule is narrower and faster: what it accepts, ZIP 215 accepts. No honest signature needs more.
		if len(k.Raw) == ed25519.PublicKeySize && (ed25519.Verify(k.Raw, msg, sig) || zip215(k.Raw, msg, sig)) {
			return nil
		}
	case ESP256:
		s := new(big.Int).SetBytes(sig[32:])
		if s.Cmp(p256Half) > 0 {
			return errors.New("signature has high s")
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Raw)
		if err != nil {
			return err
		}
		hash := sha256.Sum256(msg)
		if ecdsa.Verify(pub, hash[:], new(big.Int).SetBytes(sig[:32]), s) {
			return nil
		}
	}
	return errSignature
}

// zip215 is the Ed25519 check of ZIP 215: [8][S]B = [8]R + [8][k]A with k = SHA-512(R ‖ A ‖ msg), the points as any of their
// 32-byte encodings, S below the order. RFC 8032 allows the equation with and without the cofactor 8; only with it the sum of
// many equations holds exactly when each of them does, which is what checking signatures in batches rests on.
func zip215(key, msg, sig []byte) bool {
	a, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		return false
	}
	r, err := new(edwards25519.Point).SetBytes(sig[:32])
	if err != nil {
		return false
	}
	s, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(key)
	h.Write(msg)
	k, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(nil))
	if err != nil {
		return false
	}
	d := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(k, a.Negate(a), s)
	d.Subtract(d, r)
	return d.MultByCofactor(d).Equal(edwards25519.NewIdentityPoint()) == 1
}
