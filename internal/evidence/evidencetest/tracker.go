package evidencetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Tracker signs messages.
type Tracker struct {
	ID     string
	Signer crypto.Signer
	Boot   uint64
	Seq    uint64
	Prev   telemetry.Hash
	Beacon *telemetry.Beacon
	// Temperature, if not nil, is what it measures at a time; else 4.5 °C.
	Temperature func(ms int64) float64
	// Buffered readings go out before that of the next message.
	Buffered []telemetry.Reading
}

// NewTracker makes a tracker with a fresh key.
func NewTracker(id string, alg telemetry.Alg) *Tracker {
	return &Tracker{ID: id, Signer: newKey(alg), Boot: 1}
}

func newKey(alg telemetry.Alg) crypto.Signer {
	if alg == telemetry.ESP256 {
		return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// Message signs the next message of the chain. change, if not nil, edits the claims first.
func (t *Tracker) Message(ms int64, change func(*telemetry.Claims)) []byte {
	c := telemetry.Claims{Tracker: t.ID, Boot: t.Boot, Seq: t.Seq, Prev: t.Prev, TimeMS: ms, NextDueS: 60, Beacon: t.Beacon}
	if change != nil {
		change(&c)
	}
	temperature := 4.5
	if t.Temperature != nil {
		temperature = t.Temperature(ms)
	}
	readings := append(t.Buffered, Reading(ms, temperature))
	t.Buffered = nil
	raw := must(telemetry.Encode(t.Signer, c, readings))
	m := must(telemetry.Decode(raw))
	t.Boot, t.Seq, t.Prev = c.Boot, c.Seq+1, m.COSEHash
	return raw
}

// Reading is a reading as trackers here make it.
func Reading(ms int64, temperature float64) telemetry.Reading {
	return telemetry.Reading{TimeMS: ms, Values: map[string]float64{"temperature": temperature, "humidity": 50, "lat": 52.5, "lon": 13.4}}
}

// Split takes an encoded message apart.
func Split(raw []byte) (cose, pack []byte) {
	var parts [][]byte
	if err := canon.UnmarshalCBOR(raw, &parts); err != nil {
		panic(err)
	}
	return parts[0], parts[1]
}

// KeyOf is a signer's key as the ledger records it.
func KeyOf(signer crypto.Signer, ms int64, tx string) ledger.TrackerKey {
	pub := must(telemetry.Public(signer))
	kid := pub.KID()
	return ledger.TrackerKey{KID: hex.EncodeToString(kid[:]), Alg: int(pub.Alg), Public: hex.EncodeToString(pub.Raw), FromMS: ms, Tx: tx}
}
