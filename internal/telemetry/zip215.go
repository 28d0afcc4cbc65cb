package telemetry

import (
	"crypto/sha512"

	"filippo.io/edwards25519"
)

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
