package testkit

import (
	"crypto"
	"crypto/sha256"
	"testing"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// SignPack signs a pack as it is, in the place of well-made readings: as a firmware does whose readings are flawed.
func SignPack(t testing.TB, key crypto.Signer, c telemetry.Claims, pack []byte) []byte {
	t.Helper()
	raw, err := telemetry.Encode(key, c, []telemetry.Reading{{TimeMS: c.TimeMS, Values: map[string]float64{"temperature": 5}}})
	if err != nil {
		t.Fatal(err)
	}
	var envelope [][]byte // COSE_Sign1 and pack
	if err := canon.UnmarshalCBOR(raw, &envelope); err != nil {
		t.Fatal(err)
	}
	var sign1 []any // protected, unprotected, payload, signature
	if err := canon.UnmarshalCBOR(envelope[0], &sign1); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(pack)
	signature, err := telemetry.Sign(key, canon.MustMarshalCBOR([]any{"Signature1", sign1[0], []byte{}, hash[:]}))
	if err != nil {
		t.Fatal(err)
	}
	sign1[2], sign1[3] = hash[:], signature
	return canon.MustMarshalCBOR([][]byte{canon.MustMarshalCBOR(sign1), pack})
}

// HumidPack holds what a sensor whose humidity is off says: degrees that count, and 101.7 % that do not.
func HumidPack(tracker string, timeMS int64, degrees float64) []byte {
	return canon.MustMarshalCBOR([]any{map[int]any{-2: tracker + "/", -3: float64(timeMS) / 1000, 0: "temperature", 1: "Cel", 2: degrees},
		map[int]any{0: "humidity", 1: "%RH", 2: 101.7}})
}
