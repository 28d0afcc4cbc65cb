package mqtt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/trackseal/trackseal/internal/telemetry"
)

const (
	maxPasswordAge = 24 * time.Hour
	clockLeeway    = 60 * time.Second
)

// NewPassword makes a tracker's MQTT password: a JWT signed by its key, good from now for the given time (at most 24 h).
func NewPassword(signer crypto.Signer, tracker, deployment string, now time.Time, good time.Duration) (string, error) {
	public, err := telemetry.Public(signer)
	if err != nil {
		return "", err
	}
	return jwt.NewWithClaims(signingMethod(public.Alg), jwt.RegisteredClaims{
		Subject:   tracker,
		Audience:  jwt.ClaimStrings{deployment},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(good)),
	}).SignedString(signer)
}

func signingMethod(alg telemetry.Alg) jwt.SigningMethod {
	if alg == telemetry.ESP256 {
		return jwt.SigningMethodES256
	}
	return jwt.SigningMethodEdDSA
}

// CheckPassword verifies a tracker's JWT against the key in force and returns when it expires.
func CheckPassword(password string, k telemetry.PublicKey, tracker, deployment string, now time.Time) (until time.Time, err error) {
	if len(password) > 4096 {
		return time.Time{}, errors.New("password is too long for a JWT")
	}
	var claims jwt.RegisteredClaims
	_, err = jwt.ParseWithClaims(password, &claims, func(*jwt.Token) (any, error) { return verificationKey(k) },
		jwt.WithValidMethods([]string{signingMethod(k.Alg).Alg()}),
		jwt.WithSubject(tracker), jwt.WithAudience(deployment), jwt.WithExpirationRequired(),
		jwt.WithLeeway(clockLeeway), jwt.WithStrictDecoding(), jwt.WithTimeFunc(func() time.Time { return now }))
	if err != nil {
		return time.Time{}, err
	}
	until = claims.ExpiresAt.Time
	if until.After(now.Add(maxPasswordAge + clockLeeway)) {
		return time.Time{}, fmt.Errorf("password expires %s ahead, at most %s is accepted", until.Sub(now).Round(time.Second), maxPasswordAge)
	}
	return until.Add(clockLeeway), nil
}

// CheckSecret compares a tracker's secret with its SHA-256 (hex) on the ledger.
func CheckSecret(secret, hashHex string) error {
	want, err := hex.DecodeString(hashHex)
	if err != nil || len(want) != sha256.Size {
		return errors.New("tracker has no secret")
	}
	got := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(got[:], want) != 1 {
		return errors.New("wrong secret")
	}
	return nil
}

func verificationKey(k telemetry.PublicKey) (any, error) {
	switch {
	case k.Alg == telemetry.Ed25519 && len(k.Raw) == ed25519.PublicKeySize:
		return ed25519.PublicKey(k.Raw), nil
	case k.Alg == telemetry.ESP256 && len(k.Raw) == 65:
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Raw)
	}
	return nil, fmt.Errorf("key of algorithm %s is malformed", k.Alg)
}
