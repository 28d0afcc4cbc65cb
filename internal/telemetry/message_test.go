package telemetry

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math/big"
	"testing"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/veraison/go-cose"
	"pgregory.net/rapid"
)

func edKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sample() (Claims, []Reading) {
	return Claims{Tracker: "TRK-1", Boot: 3, Seq: 41, Kind: Data, TimeMS: 1_553_419_136_437, NextDueS: 60, Prev: Hash{1, 2}, Beacon: &Beacon{Block: 7, Root: Hash{9}}},
		[]Reading{
			{TimeMS: 1_553_419_136_437, Values: map[string]float64{"temperature": 16.241, "humidity": 33, "accel_x": 7.84532}},
			{TimeMS: 1_553_419_136_937, Values: map[string]float64{"temperature": -0.5, "light": 0}},
		}
}

func mustEncode(t testing.TB, s crypto.Signer, c Claims, r []Reading) []byte {
	t.Helper()
	raw, err := Encode(s, c, r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestMessageRoundTrip(t *testing.T) {
	for _, signer := range []crypto.Signer{edKey(1), ecKey(t)} {
		c, readings := sample()
		raw := mustEncode(t, signer, c, readings)
		m, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		key, _ := Public(signer)
		if err := key.Validate(); err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(key); err != nil {
			t.Fatal(err)
		}
		if m.Tracker != c.Tracker || m.Boot != 3 || m.Seq != 41 || m.Prev != c.Prev || m.TimeMS != c.TimeMS || *m.Beacon != *c.Beacon || m.NextDueS != 60 {
			t.Errorf("claims differ: %+v", m.Claims)
		}
		if len(m.Readings) != 2 || m.Readings[1].TimeMS != readings[1].TimeMS || m.Readings[0].Values["temperature"] != 16.241 || m.Readings[1].Values["temperature"] != -0.5 {
			t.Errorf("readings differ: %+v", m.Readings)
		}
		other, _ := Public(edKey(2))
		var r *Reject
		if err := m.Verify(other); !errors.As(err, &r) || r.Reason != WrongKey && r.Reason != WrongAlg {
			t.Errorf("another key: %v", err)
		}
	}
}

// Every time and every decimal of a sensor must come back exactly: InfluxDB and the verifier compare with ==.
func TestReadingsSurviveExactly(t *testing.T) {
	signer := edKey(1)
	rapid.Check(t, func(t *rapid.T) {
		c, _ := sample()
		n := rapid.IntRange(1, 20).Draw(t, "n")
		var readings []Reading
		for i := range n {
			q := rapid.SampledFrom(Quantities).Draw(t, "q")
			ms := c.TimeMS + int64(i)*rapid.Int64Range(1, 1e9).Draw(t, "step")
			readings = append(readings, Reading{TimeMS: ms, Values: map[string]float64{q.Name: rapid.Float64Range(q.Min, q.Max).Draw(t, "v")}})
		}
		raw, err := Encode(signer, c, readings)
		if err != nil {
			t.Skip(err) // two readings of one time by chance
		}
		m, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		got := map[int64]map[string]float64{}
		for _, r := range m.Readings {
			got[r.TimeMS] = r.Values
		}
		for _, r := range readings {
			for k, v := range r.Values {
				if got[r.TimeMS][k] != v {
					t.Fatalf("%s at %d: sent %v, got %v", k, r.TimeMS, v, got[r.TimeMS][k])
				}
			}
		}
	})
}

func TestDetailsByKind(t *testing.T) {
	for _, c := range []Claims{
		{Kind: Boot},
		{Kind: Gap, Gap: &GapDetail{1, 5, 9}},
		{Kind: Sleep, Sleep: &SleepDetail{99}},
		{Kind: Clock, Clock: &ClockDetail{-5, 7}},
		{Kind: Rotate, Rotate: &RotateDetail{ESP256, []byte{4, 1}, []byte{2}}},
		{Kind: End},
	} {
		c.Tracker, c.Boot, c.TimeMS = "T", 1, 1_600_000_000_000
		m, err := Decode(mustEncode(t, edKey(1), c, nil))
		if err != nil {
			t.Fatalf("kind %d: %v", c.Kind, err)
		}
		switch {
		case c.Gap != nil && *m.Gap != *c.Gap, c.Sleep != nil && *m.Sleep != *c.Sleep, c.Clock != nil && *m.Clock != *c.Clock,
			c.Rotate != nil && !bytes.Equal(m.Rotate.Public, c.Rotate.Public):
			t.Errorf("kind %d: detail differs", c.Kind)
		}
	}
	if _, err := Encode(edKey(1), Claims{Tracker: "T", Boot: 1, TimeMS: 1e12, Kind: Gap}, nil); err == nil {
		t.Error("a gap without its detail was encoded")
	}
}

// A single flipped bit anywhere is refused or breaks the signature: no byte of a message is outside the claim.
func TestEveryBitCounts(t *testing.T) {
	c, readings := sample()
	signer := edKey(1)
	raw := mustEncode(t, signer, c, readings)
	key, _ := Public(signer)
	for i := range raw {
		for bit := range 8 {
			mutated := bytes.Clone(raw)
			mutated[i] ^= 1 << bit
			m, err := Decode(mutated)
			if err == nil {
				err = m.Verify(key)
			}
			if err == nil {
				t.Fatalf("bit %d of byte %d changed and the message still verifies", bit, i)
			}
		}
	}
}

// The same COSE bytes verify with an independent implementation, and the other way round.
func TestAgainstGoCose(t *testing.T) {
	c, readings := sample()
	signer := edKey(1)
	m, err := Decode(mustEncode(t, signer, c, readings))
	if err != nil {
		t.Fatal(err)
	}
	var s cose.UntaggedSign1Message
	if err := s.UnmarshalCBOR(m.COSE); err != nil {
		t.Fatal(err)
	}
	protected, err := s.Headers.MarshalProtected()
	if err != nil {
		t.Fatal(err)
	}
	var inner []byte
	if err := canon.UnmarshalCBOR(protected, &inner); err != nil {
		t.Fatal(err)
	}
	tbs, err := canon.MarshalCBOR([]any{"Signature1", inner, []byte{}, s.Payload})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tbs, toBeSigned(m.protected, m.PackHash[:])) {
		t.Error("Sig_structure differs")
	}
	if !ed25519.Verify(signer.Public().(ed25519.PublicKey), tbs, s.Signature) {
		t.Error("signature does not verify over go-cose's bytes")
	}
}

func TestRefusals(t *testing.T) {
	c, readings := sample()
	signer := edKey(1)
	raw := mustEncode(t, signer, c, readings)
	var env wire
	if err := canon.UnmarshalCBOR(raw, &env); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		raw  []byte
		want Reason
	}{
		"empty":            {nil, Malformed},
		"too large":        {make([]byte, MaxMessage+1), Oversized},
		"trailing byte":    {append(bytes.Clone(raw), 0), Malformed},
		"long length form": {append([]byte{0x98, 0x02}, raw[1:]...), NotCanonical},
	}
	otherPack, _ := canon.MarshalCBOR(wire{COSE: env.COSE, Pack: []byte{0x80}})
	cases["other pack"] = struct {
		raw  []byte
		want Reason
	}{otherPack, PackMismatch}
	for name, tc := range cases {
		_, err := Decode(tc.raw)
		var r *Reject
		if !errors.As(err, &r) || r.Reason != tc.want {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
}

func TestHighSIsRefused(t *testing.T) {
	signer := ecKey(t)
	key, _ := Public(signer)
	msg := []byte("m")
	sig, err := Sign(signer, msg)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.VerifyBytes(msg, sig); err != nil {
		t.Fatal(err)
	}
	high := bytes.Clone(sig)
	s := new(big.Int).SetBytes(sig[32:])
	new(big.Int).Sub(p256Order, s).FillBytes(high[32:])
	if key.VerifyBytes(msg, high) == nil {
		t.Error("the mirrored signature was accepted")
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	good, _ := Public(edKey(1))
	zero := make([]byte, 32)
	identity := append([]byte{1}, make([]byte, 31)...)
	order8 := []byte{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}
	for name, k := range map[string]PublicKey{
		"short": {Ed25519, good.Raw[:31]}, "identity": {Ed25519, identity}, "order 4": {Ed25519, zero}, "order 8": {Ed25519, order8},
		"no alg": {0, good.Raw}, "P-256 of zeros": {ESP256, make([]byte, 65)},
	} {
		if k.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

// RFC 9679: the thumbprint is the hash of the deterministic COSE_Key that holds the required members only.
func TestThumbprintShape(t *testing.T) {
	k, _ := Public(edKey(1))
	raw, err := canon.MarshalCBOR(map[int]any{1: 1, -1: 6, -2: k.Raw})
	if err != nil {
		t.Fatal(err)
	}
	if k.KID() != sha256.Sum256(raw) {
		t.Error("Ed25519 thumbprint is not the hash of the deterministic COSE_Key")
	}
	p, _ := Public(ecKey(t))
	raw, _ = canon.MarshalCBOR(map[int]any{1: 2, -1: 1, -2: p.Raw[1:33], -3: p.Raw[33:]})
	if p.KID() != sha256.Sum256(raw) {
		t.Error("P-256 thumbprint is not the hash of the deterministic COSE_Key")
	}
}

func FuzzDecode(f *testing.F) {
	c, readings := sample()
	f.Add(mustEncode(f, edKey(1), c, readings))
	f.Add(mustEncode(f, edKey(1), Claims{Tracker: "T", Boot: 1, TimeMS: 1e12, Kind: Boot}, nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Decode(raw)
		if err != nil {
			var r *Reject
			if !errors.As(err, &r) {
				t.Fatalf("error without a reason: %v", err)
			}
			return
		}
		again, err := canon.MarshalCBOR(wire{COSE: m.COSE, Pack: m.Pack})
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("accepted bytes are not the only ones for this message")
		}
	})
}

func BenchmarkDecodeVerify(b *testing.B) {
	c, readings := sample()
	signer := edKey(1)
	raw := mustEncode(b, signer, c, readings)
	key, _ := Public(signer)
	b.Run("verify", func(b *testing.B) {
		m, _ := Decode(raw)
		for b.Loop() {
			_ = m.Verify(key)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Decode(raw)
		}
	})
}
