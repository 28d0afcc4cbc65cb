package verify

import (
	"crypto/sha512"
	"io"
	"sync"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"

	"github.com/trackseal/trackseal/ingest/internal/recent"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// batch checks many Ed25519 signatures at once, for about a third of the price of single checks. By ZIP 215 each of them is
// an equation [8][S]B = [8]R + [8][k]A. With random 128-bit factors z the sum of all equations holds if each does, and else
// with a probability of 2^-128; in the sum the terms of one key, and those of B, are one. The answer is that of
// telemetry.PublicKey.VerifyBytes for every input.
//
// The zero value is ready; add, verify, reset. Not safe for concurrent use.
type batch struct {
	terms []term
	place map[*expandedKey]int // in scalars and points
	// What verify hands to the library.
	scalars, factors []*scalar.Scalar
	points           []*curve.ExpandedEdwardsPoint
	nonces           []*curve.EdwardsPoint
	sums             []scalar.Scalar
	random           []byte
}

// term is one signature.
type term struct {
	key  *expandedKey
	r    curve.EdwardsPoint // -R
	s, k scalar.Scalar
	z    scalar.Scalar
}

// expandedKey is a public key with multiples of its negated point, about 1.5 KiB.
type expandedKey struct {
	raw [32]byte
	neg curve.ExpandedEdwardsPoint
}

// expandKey returns nil for bytes that are no point.
func expandKey(raw []byte) *expandedKey {
	var c curve.CompressedEdwardsY
	if len(raw) != len(c) {
		return nil
	}
	copy(c[:], raw)
	var p curve.EdwardsPoint
	if _, err := p.SetCompressedY(&c); err != nil {
		return nil
	}
	e := &expandedKey{raw: c}
	e.neg.SetEdwardsPoint(p.Neg(&p))
	return e
}

var basepoint = curve.NewExpandedEdwardsPoint(curve.ED25519_BASEPOINT_POINT)

// add takes a signature; false means that it is wrong whatever the message says.
func (b *batch) add(key *expandedKey, msg, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	b.terms = append(b.terms, term{key: key})
	t := &b.terms[len(b.terms)-1]
	var c curve.CompressedEdwardsY
	copy(c[:], sig)
	_, errR := t.r.SetCompressedY(&c)
	_, errS := t.s.SetCanonicalBytes(sig[32:])
	if errR != nil || errS != nil {
		b.terms = b.terms[:len(b.terms)-1]
		return false
	}
	t.r.Neg(&t.r)
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(key.raw[:])
	h.Write(msg)
	var digest [64]byte
	if _, err := t.k.SetBytesModOrderWide(h.Sum(digest[:0])); err != nil { // only another length than 64
		panic(err)
	}
	return true
}

func (b *batch) reset() { b.terms = b.terms[:0] }

// wrong names the terms whose signatures do not verify, in order. random must be unpredictable to the signers.
func (b *batch) wrong(random io.Reader) (wrong []int, err error) {
	const factor = 16
	if cap(b.random) < factor*len(b.terms) {
		b.random = make([]byte, factor*len(b.terms))
	}
	b.random = b.random[:factor*len(b.terms)]
	if _, err := io.ReadFull(random, b.random); err != nil {
		return nil, err
	}
	for i := range b.terms {
		var z [32]byte
		copy(z[:], b.random[factor*i:factor*(i+1)])
		if _, err := b.terms[i].z.SetBytesModOrder(z[:]); err != nil { // only another length than 32
			panic(err)
		}
	}
	return b.search(wrong, 0, len(b.terms)), nil
}

// search halves what does not hold until the wrong ones stand alone.
func (b *batch) search(wrong []int, from, to int) []int {
	switch {
	case from == to || b.holds(b.terms[from:to]):
		return wrong
	case to-from == 1:
		return append(wrong, from)
	}
	middle := from + (to-from)/2
	return b.search(b.search(wrong, from, middle), middle, to)
}

// holds computes the sum of z([S]B - [k]A - R) and says whether eight times it is zero.
func (b *batch) holds(terms []term) bool {
	if b.place == nil {
		b.place = map[*expandedKey]int{}
	}
	clear(b.place)
	b.scalars, b.points, b.factors, b.nonces = b.scalars[:0], b.points[:0], b.factors[:0], b.nonces[:0]
	if cap(b.sums) <= len(terms) {
		b.sums = make([]scalar.Scalar, len(terms)+1)
	}
	sums := b.sums[:len(terms)+1]
	clear(sums)
	b.scalars, b.points = append(b.scalars, &sums[0]), append(b.points, basepoint)
	var zs, zk scalar.Scalar
	for i := range terms {
		t := &terms[i]
		at, known := b.place[t.key]
		if !known {
			at = len(b.scalars)
			b.place[t.key] = at
			b.scalars, b.points = append(b.scalars, &sums[at]), append(b.points, &t.key.neg)
		}
		sums[0].Add(&sums[0], zs.Mul(&t.z, &t.s))
		sums[at].Add(&sums[at], zk.Mul(&t.z, &t.k))
		b.factors, b.nonces = append(b.factors, &t.z), append(b.nonces, &t.r)
	}
	var sum curve.EdwardsPoint
	return sum.ExpandedMultiscalarMulVartime(b.scalars, b.points, b.factors, b.nonces).IsSmallOrder()
}

// maxExpanded bounds each of the two generations of expanded keys: about 12 MB in all.
const maxExpanded = 4096

// keys keeps the expanded keys of the trackers that spoke last, by kid. Safe for concurrent use; the zero value is ready.
type keys struct {
	mu   sync.Mutex
	last *recent.Cache[[32]byte, *expandedKey]
}

// get returns nil for a key that has no expanded form.
func (k *keys) get(kid [32]byte, public telemetry.PublicKey) *expandedKey {
	if public.Alg != telemetry.Ed25519 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last == nil {
		k.last = recent.New[[32]byte, *expandedKey](maxExpanded)
	}
	e, ok := k.last.Get(kid)
	if !ok {
		if e = expandKey(public.Raw); e == nil {
			return nil
		}
		k.last.Put(kid, e)
	}
	k.last.Turn()
	return e
}
