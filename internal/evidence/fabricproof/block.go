package fabricproof

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Hash is a SHA-256 digest.
type Hash = [32]byte

// Header is what orderers sign of a block.
type Header struct {
	Number   uint64
	Previous []byte // hash of the header before; empty in block 0
	DataHash []byte
}

// Bytes is the DER form that is hashed and signed.
func (h Header) Bytes() []byte {
	b, err := asn1.Marshal(struct {
		Number             *big.Int
		Previous, DataHash []byte
	}{new(big.Int).SetUint64(h.Number), h.Previous, h.DataHash})
	if err != nil { // one number and two byte strings: cannot fail
		panic(err)
	}
	return b
}

// Hash is what the next block's Previous holds.
func (h Header) Hash() Hash { return sha256.Sum256(h.Bytes()) }

// Block is a block of the channel. Filter and CommitHash are only in blocks that a peer answered, and no orderer signed
// them.
type Block struct {
	Header
	Envelopes [][]byte
	// Signatures are metadata values of index 0. One from a peer; of a Raft channel several, since each orderer signs
	// its own copy.
	Signatures [][]byte
	Filter     []byte // one validation code per transaction
	CommitHash []byte
}

// DecodeBlock reads a serialised common.Block strictly.
func DecodeBlock(raw []byte) (*Block, error) {
	b := new(Block)
	var metadata [][]byte
	parts := 0
	err := message(raw, "block",
		sub(1, func(h []byte) error {
			parts++
			return message(h, "block header", uintOf(1, &b.Number), bytesOf(2, &b.Previous), bytesOf(3, &b.DataHash))
		}),
		sub(2, func(d []byte) error { parts++; return message(d, "block data", list(1, &b.Envelopes)) }),
		sub(3, func(m []byte) error { parts++; return message(m, "block metadata", list(1, &metadata)) }))
	if err != nil {
		return nil, as(TxMalformed, err)
	}
	if parts != 3 || len(metadata) == 0 || len(metadata) > 5 {
		return nil, as(TxMalformed, errors.New("block: header, data or metadata is missing"))
	}
	b.Signatures = [][]byte{metadata[0]}
	if len(metadata) > 2 {
		b.Filter = metadata[2]
	}
	if len(metadata) > 4 {
		b.CommitHash = metadata[4]
	}
	return b, nil
}

// CheckData ties the envelopes to the header. The hash is over the concatenation without lengths, so each envelope must
// delimit itself: both fields, in order, nothing else. Then the concatenation can be split in one way only.
func (b *Block) CheckData() error {
	if len(b.Envelopes) == 0 {
		return fault(TxMalformed, "at least one envelope", "none")
	}
	h := sha256.New()
	for i, e := range b.Envelopes {
		if _, err := decodeEnvelope(e); err != nil {
			return At(as(TxMalformed, err), "transaction %d", i)
		}
		h.Write(e)
	}
	if sum := h.Sum(nil); !bytes.Equal(sum, b.DataHash) {
		return fault(DataHash, fmt.Sprintf("data hash %x as in the header", b.DataHash), "%x", sum)
	}
	return nil
}

type envelope struct{ payload, signature []byte }

func decodeEnvelope(b []byte) (envelope, error) {
	var e envelope
	err := message(b, "envelope", bytesOf(1, &e.payload), bytesOf(2, &e.signature))
	if err == nil && (e.payload == nil || e.signature == nil) {
		err = errors.New("envelope: payload or signature is missing")
	}
	return e, err
}

// decodeGenesis differs in that configtxgen signs nothing.
func decodeConfigEnvelope(b []byte) (envelope, error) {
	var e envelope
	err := message(b, "envelope", bytesOf(1, &e.payload), bytesOf(2, &e.signature))
	if err == nil && e.payload == nil {
		err = errors.New("envelope: payload is missing")
	}
	return e, err
}

type channelHeader struct {
	kind      uint32
	channel   string
	txID      string
	epoch     uint64
	timeMS    int64
	extension []byte
}

// Header types of Fabric.
const (
	typeConfig   = 1
	typeEndorser = 3
)

func decodeChannelHeader(b []byte) (channelHeader, error) {
	var h channelHeader
	var version uint32
	var tlsHash []byte
	err := message(b, "channel header", intOf(1, &h.kind), intOf(2, &version),
		sub(3, func(t []byte) error {
			var seconds uint64
			var nanos uint32
			if err := message(t, "timestamp", uintOf(1, &seconds), intOf(2, &nanos)); err != nil {
				return err
			}
			if seconds > 253402300799 || nanos > 999_999_999 {
				return errors.New("timestamp: out of range")
			}
			h.timeMS = int64(seconds)*1000 + int64(nanos)/1_000_000
			return nil
		}),
		textOf(4, &h.channel), textOf(5, &h.txID), uintOf(6, &h.epoch), bytesOf(7, &h.extension), bytesOf(8, &tlsHash))
	return h, err
}

type signatureHeader struct{ creator, nonce []byte }

func decodeSignatureHeader(b []byte) (signatureHeader, error) {
	var h signatureHeader
	err := message(b, "signature header", bytesOf(1, &h.creator), bytesOf(2, &h.nonce))
	return h, err
}

type payload struct {
	channelHeader, signatureHeader []byte
	data                           []byte
}

func decodePayload(b []byte) (payload, error) {
	var p payload
	err := message(b, "payload",
		sub(1, func(h []byte) error {
			return message(h, "header", bytesOf(1, &p.channelHeader), bytesOf(2, &p.signatureHeader))
		}),
		bytesOf(2, &p.data))
	return p, err
}
