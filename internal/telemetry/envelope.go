package telemetry

import (
	"crypto/sha256"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/canon"
)

// Envelope is what a message of a tracker that does not sign is logged as: whose it is, what was received, and what was read from it. So
// whoever holds the bytes that a leaf names knows the readings without the profile; that they follow from the payload is a check of its own.
type Envelope struct {
	Tracker string
	Profile Hash   // of the profile's document; zero: the payload is the plain JSON of docs/formats.md, and the next fields but Payload are empty
	Topic   string // as the sender published it
	Payload []byte // the original bytes; of a gateway's message the exact bytes of one device's part
	Decoded []byte // the codec's output, JSON; empty without a codec
	Reads   []byte // what the profile read, in plain JSON
}

// Bounds of an envelope. A payload and what was read from it have at most MaxMessage bytes each.
const (
	MaxDecoded = 64 << 10
	MaxTopic   = 1 << 10
	// MaxRaw is the largest raw of a leaf, signed or not.
	MaxRaw = 2*MaxMessage + MaxDecoded + MaxTopic + maxEnvelopeRest

	maxEnvelopeRest = 1 + 1 + 2 + 64 + 2 + 32 + 3 + 3*5 // version, tracker, profile, and the heads
)

// envelopeHead begins an array of seven whose first element is the version, 1.
var envelopeHead = []byte{canon.Array | 7, 1}

// PlainEnvelope is the envelope of a plain JSON message, encoded.
func PlainEnvelope(tracker string, payload []byte) []byte {
	return (&Envelope{Tracker: tracker, Payload: payload}).Encode()
}

// Encode makes the one form of an envelope, in deterministic CBOR. Whether it may be logged only DecodeEnvelope says.
func (e *Envelope) Encode() []byte {
	b := make([]byte, 0, maxEnvelopeRest+len(e.Topic)+len(e.Payload)+len(e.Decoded)+len(e.Reads))
	b = append(b, envelopeHead...)
	b = append(canon.AppendHead(b, canon.Text, uint64(len(e.Tracker))), e.Tracker...)
	var profile []byte
	if e.Profile != (Hash{}) {
		profile = e.Profile[:]
	}
	b = canon.AppendBytes(b, profile)
	b = append(canon.AppendHead(b, canon.Text, uint64(len(e.Topic))), e.Topic...)
	for _, s := range [][]byte{e.Payload, e.Decoded, e.Reads} {
		b = canon.AppendBytes(b, s)
	}
	return b
}

// DecodeEnvelope is strict: only bytes that Encode makes of what may be logged are accepted. Every error is a *Reject. The envelope refers
// to raw, which must not change any more.
func DecodeEnvelope(raw []byte) (Envelope, error) {
	if len(raw) > MaxRaw {
		return Envelope{}, reject(Oversized, "an envelope of %d bytes, at most %d", len(raw), MaxRaw)
	}
	r := canon.NewReader(raw)
	r.Exactly(envelopeHead...)
	tracker, profile, topic := r.String(canon.Text), r.String(canon.Bytes), r.String(canon.Text)
	e := Envelope{Payload: r.String(canon.Bytes), Decoded: r.String(canon.Bytes), Reads: r.String(canon.Bytes)}
	if !r.Done() || !utf8.Valid(topic) || len(profile) != 0 && len(profile) != len(e.Profile) {
		return Envelope{}, reject(Malformed, "not an envelope in its one form")
	}
	copy(e.Profile[:], profile)
	e.Tracker, e.Topic = string(tracker), string(topic)
	read := e.Profile != (Hash{})
	switch {
	case len(profile) > 0 && !read:
		return Envelope{}, reject(Malformed, "a profile whose hash is zero")
	case !ValidID(e.Tracker):
		return Envelope{}, reject(Malformed, "an envelope of %q, which is no tracker's id", bounded(e.Tracker))
	case len(e.Payload) == 0:
		return Envelope{}, reject(Malformed, "an envelope without a payload")
	case len(e.Payload) > MaxMessage:
		return Envelope{}, reject(Oversized, "a payload of %d bytes, at most %d", len(e.Payload), MaxMessage)
	case len(e.Topic) > MaxTopic:
		return Envelope{}, reject(Oversized, "a topic of %d bytes, at most %d", len(e.Topic), MaxTopic)
	case len(e.Decoded) > MaxDecoded:
		return Envelope{}, reject(Oversized, "a codec's output of %d bytes, at most %d", len(e.Decoded), MaxDecoded)
	case len(e.Reads) > MaxMessage:
		return Envelope{}, reject(Oversized, "what was read has %d bytes, at most %d", len(e.Reads), MaxMessage)
	case read && len(e.Reads) == 0:
		return Envelope{}, reject(Malformed, "a profile, and nothing that it read")
	case !read && (e.Topic != "" || len(e.Decoded) > 0 || len(e.Reads) > 0):
		return Envelope{}, reject(Malformed, "a topic, a codec's output or readings without a profile")
	}
	return e, nil
}

// open reads what the tracker said.
func (e *Envelope) open(raw []byte, receivedMS int64) (Opened, error) {
	plain := e.Payload
	if e.Profile != (Hash{}) {
		plain = e.Reads
	}
	o, err := decodePlain(plain, receivedMS)
	if err != nil {
		return Opened{}, err
	}
	o.Hash, o.Tracker, o.Envelope = sha256.Sum256(raw), e.Tracker, e
	return o, nil
}
