package telemetry

import (
	"crypto/ed25519"
	"crypto/rand"
	"math/big"
	"testing"

	"filippo.io/edwards25519"
)

func TestPreparedAgreesWithTheStandardLibrary(t *testing.T) {
	torsion := torsionPoint(t)
	for range 50 {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k := PublicKey{Ed25519, []byte(pub)}
		p := k.Prepare()
		msg := make([]byte, 100)
		_, _ = rand.Read(msg)
		sig := ed25519.Sign(key, msg)
		cases := map[string][]byte{"good": sig, "short": sig[:63], "empty": nil, "zero": make([]byte, 64)}
		for i := 0; i < 64; i += 7 {
			c := append([]byte(nil), sig...)
			c[i] ^= 1 << (i % 8)
			cases["flipped"+string(rune('a'+i))] = c
		}
		cases["S plus the order"] = addOrder(sig)
		// R with a small-order component passes the cofactored equation and must not pass here.
		r, err := new(edwards25519.Point).SetBytes(sig[:32])
		if err != nil {
			t.Fatal(err)
		}
		cases["torsion in R"] = append(r.Add(r, torsion).Bytes(), sig[32:]...)
		for name, c := range cases {
			want := k.VerifyBytes(msg, c) == nil
			if got := p.VerifyBytes(msg, c) == nil; got != want {
				t.Fatalf("%s: prepared %v, standard %v", name, got, want)
			}
			if want != (name == "good") {
				t.Fatalf("%s: standard says %v", name, want)
			}
		}
		if p.VerifyBytes(append(msg, 1), sig) == nil {
			t.Fatal("another message accepted")
		}
	}
}

// torsionPoint has order 8: the prime order times a random point with a small-order component.
func torsionPoint(t *testing.T) *edwards25519.Point {
	t.Helper()
	for {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		p, err := new(edwards25519.Point).SetBytes(b)
		if err != nil {
			continue
		}
		q := new(edwards25519.Point).ScalarMult(orderMinusOne, p)
		if q.Add(q, p); q.Equal(edwards25519.NewIdentityPoint()) != 1 {
			return q
		}
	}
}

func addOrder(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	le := func(b []byte) []byte {
		r := make([]byte, len(b))
		for i := range b {
			r[len(b)-1-i] = b[i]
		}
		return r
	}
	s := new(big.Int).SetBytes(le(sig[32:]))
	return append(append([]byte(nil), sig[:32]...), le(s.Add(s, order).FillBytes(make([]byte, 32)))...)
}

func FuzzPrepared(f *testing.F) {
	_, key, _ := ed25519.GenerateKey(nil)
	k := PublicKey{Ed25519, key.Public().(ed25519.PublicKey)}
	p := k.Prepare()
	f.Add([]byte("m"), ed25519.Sign(key, []byte("m")))
	f.Fuzz(func(t *testing.T, msg, sig []byte) {
		if (k.VerifyBytes(msg, sig) == nil) != (p.VerifyBytes(msg, sig) == nil) {
			t.Fatal("prepared and standard verification disagree")
		}
	})
}

func BenchmarkPrepared(b *testing.B) {
	_, key, _ := ed25519.GenerateKey(nil)
	k := PublicKey{Ed25519, key.Public().(ed25519.PublicKey)}
	msg := make([]byte, 150)
	sig := ed25519.Sign(key, msg)
	p := k.Prepare()
	b.Run("prepared", func(b *testing.B) {
		for b.Loop() {
			_ = p.VerifyBytes(msg, sig)
		}
	})
	b.Run("standard", func(b *testing.B) {
		for b.Loop() {
			_ = k.VerifyBytes(msg, sig)
		}
	})
	b.Run("prepare", func(b *testing.B) {
		for b.Loop() {
			k.Prepare()
		}
	})
}
