package telemetry

import (
	"bytes"
	"crypto/sha512"
	"sync"

	"filippo.io/edwards25519"
)

// Prepared is a key that verifies many signatures: multiples of its point are computed once (about 0.15 ms, 80 KiB), which
// makes each verification about half as expensive. It accepts exactly what VerifyBytes accepts. Safe for concurrent use.
type Prepared struct {
	key   PublicKey
	table *multiples // of the negated point; nil when the algorithm has no table
}

// Prepare makes tables for an Ed25519 key; keys of the other algorithm verify as before.
func (k PublicKey) Prepare() *Prepared {
	p := &Prepared{key: k}
	if k.Alg != Ed25519 {
		return p
	}
	if a, err := new(edwards25519.Point).SetBytes(k.Raw); err == nil {
		p.table = newMultiples(a.Negate(a))
	}
	return p
}

// VerifyBytes is PublicKey.VerifyBytes.
func (p *Prepared) VerifyBytes(msg, sig []byte) error {
	if p.table == nil {
		return p.key.VerifyBytes(msg, sig)
	}
	if p.ed25519(msg, sig) {
		return nil
	}
	return errSignature
}

// ed25519 computes R' = [S]B - [k]A and compares its encoding with R, as crypto/ed25519 does: not multiplied by the
// cofactor, S canonical, R canonical by the comparison.
func (p *Prepared) ed25519(msg, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(p.key.Raw)
	h.Write(msg)
	var digest [64]byte
	k, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(digest[:0]))
	if err != nil {
		return false
	}
	s, err := edwards25519.NewScalar().SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	r := edwards25519.NewIdentityPoint()
	generator().add(r, s)
	p.table.add(r, k)
	return bytes.Equal(r.Bytes(), sig[:32])
}

// VerifyPrepared is Verify with a prepared key.
func (m *Message) VerifyPrepared(p *Prepared) error {
	if m.Alg != p.key.Alg || m.KID != p.key.KID() {
		return m.Verify(p.key)
	}
	if err := p.VerifyBytes(toBeSigned(m.protected, m.PackHash[:]), m.signature); err != nil {
		return reject(BadSignature, "%v", err)
	}
	return nil
}

// multiples holds 1 … 8 times 16^i times a point, for each of the 64 hexadecimal digits of a scalar.
type multiples [64][8]edwards25519.Point

func newMultiples(a *edwards25519.Point) *multiples {
	t := new(multiples)
	base := new(edwards25519.Point).Set(a)
	for i := range t {
		t[i][0].Set(base)
		for j := 1; j < 8; j++ {
			t[i][j].Add(&t[i][j-1], base)
		}
		base.Add(&t[i][7], &t[i][7])
	}
	return t
}

var generator = sync.OnceValue(func() *multiples { return newMultiples(edwards25519.NewGeneratorPoint()) })

// add adds the scalar's multiple of the point to r. Not in constant time: everything here is public.
func (t *multiples) add(r *edwards25519.Point, scalar *edwards25519.Scalar) {
	// Signed digits -8 … 8 halve the table. The scalar is below 2^253, so the last digit has no carry.
	b := scalar.Bytes()
	carry := 0
	for i := range t {
		d := int(b[i/2]>>(4*(i&1)))&15 + carry
		carry = 0
		if d > 8 && i < len(t)-1 {
			d, carry = d-16, 1
		}
		switch {
		case d > 0:
			r.Add(r, &t[i][d-1])
		case d < 0:
			r.Subtract(r, &t[i][-d-1])
		}
	}
}
