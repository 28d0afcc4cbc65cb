package telemetry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
	"testing"

	"filippo.io/edwards25519"
)

// smallOrder are all 14 encodings of the eight points whose order divides the cofactor, six of them not canonical.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", // (0, 1)
	"0100000000000000000000000000000000000000000000000000000000000080", // with the sign of a zero
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p + 1
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // (0, -1)
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0000000000000000000000000000000000000000000000000000000000000000", // order 4
	"0000000000000000000000000000000000000000000000000000000000000080",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}

// TestZIP215SmallOrder: with a key and an R of small order and S = 0, every message is signed by definition.
func TestZIP215SmallOrder(t *testing.T) {
	library := 0
	for _, a := range smallOrder {
		for _, r := range smallOrder {
			key, sig := unhex(t, a), append(unhex(t, r), make([]byte, 32)...)
			if err := (PublicKey{Ed25519, key}).VerifyBytes([]byte("Zcash"), sig); err != nil {
				t.Errorf("key %s, R %s: %v", a, r, err)
			}
			if ed25519.Verify(key, []byte("Zcash"), sig) {
				library++
			}
			one := append(unhex(t, r), append([]byte{1}, make([]byte, 31)...)...)
			if (PublicKey{Ed25519, key}).VerifyBytes([]byte("Zcash"), one) == nil {
				t.Errorf("key %s, R %s: accepted with S = 1", a, r)
			}
		}
	}
	if library == len(smallOrder)*len(smallOrder) {
		t.Error("the vectors do not tell ZIP 215 from the library's rule")
	}
	for _, a := range smallOrder {
		if (PublicKey{Ed25519, unhex(t, a)}).Validate() == nil {
			t.Errorf("key %s could be enrolled", a)
		}
	}
}

// TestZIP215Edges changes honest signatures.
func TestZIP215Edges(t *testing.T) {
	torsion, err := new(edwards25519.Point).SetBytes(unhex(t, smallOrder[10]))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k, msg := PublicKey{Ed25519, []byte(pub)}, make([]byte, 100)
		_, _ = rand.Read(msg)
		sig := ed25519.Sign(key, msg)
		check := func(name string, want bool, sig []byte) {
			t.Helper()
			if got := k.VerifyBytes(msg, sig) == nil; got != want {
				t.Errorf("%s: %v", name, got)
			}
			if len(sig) == 64 {
				if want = want || name == "good"; zip215(k.Raw, msg, sig) != want {
					t.Errorf("%s: the slow rule says otherwise", name)
				}
			}
		}
		check("good", true, sig)
		check("short", false, sig[:63])
		check("empty", false, nil)
		check("zeros", false, make([]byte, 64))
		for i := 0; i < 64; i += 7 {
			flipped := append([]byte(nil), sig...)
			flipped[i] ^= 1 << (i % 8)
			check("flipped", false, flipped)
		}
		check("S plus the order", false, addOrder(sig))
		// The same signature cannot be had again by adding torsion to R: R is hashed.
		r, err := new(edwards25519.Point).SetBytes(sig[:32])
		if err != nil {
			t.Fatal(err)
		}
		check("torsion in R", false, append(r.Add(r, torsion).Bytes(), sig[32:]...))
		// A signer who puts it there before hashing makes a signature that only the cofactored rule accepts.
		check("signed with torsion in R", true, signTorsioned(t, key, msg, torsion))
		if ed25519.Verify(pub, msg, signTorsioned(t, key, msg, torsion)) {
			t.Error("the library accepts torsion in R")
		}
	}
}

// signTorsioned signs with R = [r]B + T.
func signTorsioned(t *testing.T, key ed25519.PrivateKey, msg []byte, torsion *edwards25519.Point) []byte {
	t.Helper()
	digest := sum512(key.Seed())
	a, err := edwards25519.NewScalar().SetBytesWithClamping(digest[:32])
	if err != nil {
		t.Fatal(err)
	}
	nonce := sum512(digest[32:], msg)
	r, _ := edwards25519.NewScalar().SetUniformBytes(nonce[:])
	point := new(edwards25519.Point).ScalarBaseMult(r)
	encoded := point.Add(point, torsion).Bytes()
	hash := sum512(encoded, key.Public().(ed25519.PublicKey), msg)
	k, _ := edwards25519.NewScalar().SetUniformBytes(hash[:])
	return append(encoded, edwards25519.NewScalar().MultiplyAdd(k, a, r).Bytes()...)
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

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzZIP215: what the library accepts, the slow rule accepts, so that trying the library first changes no answer.
func FuzzZIP215(f *testing.F) {
	_, key, _ := ed25519.GenerateKey(nil)
	public := key.Public().(ed25519.PublicKey)
	f.Add([]byte(public), []byte("m"), ed25519.Sign(key, []byte("m")))
	f.Fuzz(func(t *testing.T, public, msg, sig []byte) {
		if len(public) == 32 && len(sig) == 64 && ed25519.Verify(public, msg, sig) && !zip215(public, msg, sig) {
			t.Fatal("the library accepts what ZIP 215 refuses")
		}
	})
}

func sum512(parts ...[]byte) [64]byte { return sha512.Sum512(bytes.Join(parts, nil)) }
