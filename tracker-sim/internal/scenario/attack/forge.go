package attack

import (
	"crypto/sha256"
	"errors"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// parts of a message, taken apart without the strict decoder's help, so that they can be put together wrongly.
type parts struct {
	_    struct{} `cbor:",toarray"`
	COSE []byte
	Pack []byte
}

type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected map[int]int
	Payload     []byte
	Signature   []byte
}

func take(raw []byte) (p parts, s sign1, err error) {
	if err = canon.UnmarshalCBOR(raw, &p); err != nil {
		return p, s, err
	}
	return p, s, canon.UnmarshalCBOR(p.COSE, &s)
}

func join(s sign1, pack []byte) ([]byte, error) {
	cose, err := canon.MarshalCBOR(s)
	if err != nil {
		return nil, err
	}
	return canon.MarshalCBOR(parts{COSE: cose, Pack: pack})
}

// flipSignature changes one bit of the signature.
func flipSignature(raw []byte) ([]byte, error) {
	p, s, err := take(raw)
	if err != nil {
		return nil, err
	}
	s.Signature[40] ^= 1
	return join(s, p.Pack)
}

// swapPack puts other readings below a signature.
func swapPack(raw, other []byte) ([]byte, error) {
	_, s, err := take(raw)
	if err != nil {
		return nil, err
	}
	p, _, err := take(other)
	if err != nil {
		return nil, err
	}
	return join(s, p.Pack)
}

// loosen writes the same message with a longer length than needed: the same to a lax decoder, other bytes.
func loosen(raw []byte) ([]byte, error) {
	if len(raw) < 3 || raw[1] != 0x58 && raw[1] != 0x59 {
		return nil, errors.New("message does not start with a byte string")
	}
	if raw[1] == 0x58 {
		return append([]byte{raw[0], 0x59, 0, raw[2]}, raw[3:]...), nil
	}
	return append([]byte{raw[0], 0x5a, 0, 0, raw[2], raw[3]}, raw[4:]...), nil
}

// hashOf is what a leaf of these bytes would carry, if there were one.
func hashOf(raw []byte) telemetry.Hash {
	if p, _, err := take(raw); err == nil {
		return sha256.Sum256(p.COSE)
	}
	return sha256.Sum256(raw)
}
