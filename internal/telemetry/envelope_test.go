package telemetry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/canon"
	"pgregory.net/rapid"
)

// read is an envelope that uses all fields.
func read() *Envelope {
	return &Envelope{Tracker: "carrier.T-1", Profile: Hash{1}, Topic: "tele/x/SENSOR", Payload: []byte(`{"t":"44.6"}`), Decoded: []byte(`{"data":{}}`), Reads: []byte(`{"temperature":7}`)}
}

// The bytes are hashed, so they never change.
func TestEnvelopeBytes(t *testing.T) {
	for want, e := range map[string]*Envelope{
		"8701" + "63542d31" + "40" + "60" + "4f" + hex.EncodeToString([]byte(`{"temperature":4}`)[:15]) + "40" + "40":                            {Tracker: "T-1", Payload: []byte(`{"temperature":4}`)[:15]},
		"8701" + "63542d31" + "5820" + strings.Repeat("ab", 32) + "61" + "61" + "4122" + "41" + "31" + "44" + hex.EncodeToString([]byte("null")): {Tracker: "T-1", Profile: Hash(bytes.Repeat([]byte{0xab}, 32)), Topic: "a", Payload: []byte{'"'}, Decoded: []byte("1"), Reads: []byte("null")},
	} {
		if got := hex.EncodeToString(e.Encode()); got != want {
			t.Errorf("%+v is written as\n%s, want\n%s", e, got, want)
		}
	}
}

func TestEnvelopeRefusals(t *testing.T) {
	with := func(change func(*Envelope)) []byte {
		e := read()
		change(e)
		return e.Encode()
	}
	good := read().Encode()
	plain := func(e *Envelope) { e.Profile, e.Topic, e.Decoded, e.Reads = Hash{}, "", nil, nil }
	zero := canon.MustMarshalCBOR([]any{uint64(1), "T-1", make([]byte, 32), "", []byte("1"), []byte{}, []byte("1")})
	for name, tc := range map[string]struct {
		raw  []byte
		want Reason
	}{
		"nothing":                  {nil, Malformed},
		"bare JSON":                {[]byte(`{"temperature":4}`), Malformed},
		"a byte behind":            {append(slices.Clone(good), 0), Malformed},
		"a byte short":             {good[:len(good)-1], Malformed},
		"another version":          {append([]byte{0x87, 2}, good[2:]...), Malformed},
		"a longer head":            {append([]byte{0x98, 7}, good[1:]...), Malformed},
		"a longer version":         {append([]byte{0x87, 0x18, 1}, good[2:]...), Malformed},
		"eight elements":           {append([]byte{0x88}, append(slices.Clone(good[1:]), 0)...), Malformed},
		"a profile of 31 bytes":    {canon.MustMarshalCBOR([]any{uint64(1), "T-1", make([]byte, 31), "", []byte("1"), []byte{}, []byte("1")}), Malformed},
		"a profile of zeros":       {zero, Malformed},
		"a topic that is no text":  {with(func(e *Envelope) { e.Topic = "\xff" }), Malformed},
		"no tracker":               {with(func(e *Envelope) { e.Tracker = "" }), Malformed},
		"no tracker's id":          {with(func(e *Envelope) { e.Tracker = "T/1" }), Malformed},
		"no payload":               {with(func(e *Envelope) { e.Payload = nil }), Malformed},
		"nothing was read":         {with(func(e *Envelope) { e.Reads = nil }), Malformed},
		"plain with readings":      {with(func(e *Envelope) { r := e.Reads; plain(e); e.Reads = r }), Malformed},
		"plain with a topic":       {with(func(e *Envelope) { r := e.Topic; plain(e); e.Topic = r }), Malformed},
		"plain with codec output":  {with(func(e *Envelope) { r := e.Decoded; plain(e); e.Decoded = r }), Malformed},
		"a payload too large":      {with(func(e *Envelope) { e.Payload = make([]byte, MaxMessage+1) }), Oversized},
		"too much output":          {with(func(e *Envelope) { e.Decoded = make([]byte, MaxDecoded+1) }), Oversized},
		"too much read":            {with(func(e *Envelope) { e.Reads = make([]byte, MaxMessage+1) }), Oversized},
		"a topic too long":         {with(func(e *Envelope) { e.Topic = strings.Repeat("x", MaxTopic+1) }), Oversized},
		"larger than any envelope": {make([]byte, MaxRaw+1), Oversized},
	} {
		_, err := DecodeEnvelope(tc.raw)
		if r := (*Reject)(nil); !errors.As(err, &r) || r.Reason != tc.want {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
}

// MaxRaw is what the largest envelope takes, so nothing that may be logged is too large for who stores or reads it.
func TestLargestEnvelope(t *testing.T) {
	e := &Envelope{Tracker: strings.Repeat("T", 64), Profile: Hash{1}, Topic: strings.Repeat("t", MaxTopic), Payload: make([]byte, MaxMessage), Decoded: make([]byte, MaxDecoded), Reads: make([]byte, MaxMessage)}
	raw := e.Encode()
	if _, err := DecodeEnvelope(raw); err != nil || len(raw) != MaxRaw {
		t.Errorf("the largest envelope has %d bytes, MaxRaw is %d: %v", len(raw), MaxRaw, err)
	}
}

// Readings come from what the profile read; without one from the payload.
func TestEnvelopeOpens(t *testing.T) {
	e := read()
	e.Reads = []byte(`[{"temperature":7,"humidity":"103 (error value)","seq":3},{"time":1700000000500,"battery":99}]`)
	raw := e.Encode()
	o, err := Open(LeafUnsigned, raw, receiptMS)
	if err != nil {
		t.Fatal(err)
	}
	if o.Tracker != e.Tracker || o.Hash != sha256.Sum256(raw) || o.Envelope.Profile != e.Profile || o.Envelope.Topic != e.Topic || !bytes.Equal(o.Envelope.Payload, e.Payload) {
		t.Errorf("opened as %+v with the envelope %+v", o, o.Envelope)
	}
	r := o.Readings
	if len(r) != 2 || r[0].Values["temperature"] != 7 || len(r[0].Flaws) != 1 || r[0].Flaws[0].Reason != NotANumber || r[0].Flaws[0].Text != "103 (error value)" || r[1].Values["battery"] != 99 || *o.Seq != 3 {
		t.Errorf("readings %+v with number %v, want temperature 7 with a flaw of humidity, then battery 99, number 3", r, o.Seq)
	}
	e.Reads = []byte(`{"temp":7}`)
	if _, err := Open(LeafUnsigned, e.Encode(), receiptMS); err == nil {
		t.Error("readings without a quantity were taken")
	}
}

// Any one byte changed, and the leaf's hash is another; what still opens is another envelope, never the same one.
func TestEnvelopeHasOneForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &Envelope{Tracker: rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,63}`).Draw(t, "tracker"), Payload: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "payload")}
		if rapid.Bool().Draw(t, "profile") {
			e.Profile[0] = 1
			e.Topic = rapid.StringN(0, 20, MaxTopic).Draw(t, "topic")
			e.Decoded = rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "decoded")
			e.Reads = rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "reads")
		}
		raw := e.Encode()
		got, err := DecodeEnvelope(raw)
		if err != nil || !bytes.Equal(got.Encode(), raw) || got.Tracker != e.Tracker || got.Topic != e.Topic || !bytes.Equal(got.Payload, e.Payload) || !bytes.Equal(got.Decoded, e.Decoded) || !bytes.Equal(got.Reads, e.Reads) {
			t.Fatalf("%+v comes back as %+v, %v", e, got, err)
		}
		changed := slices.Clone(raw)
		changed[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] ^= rapid.Byte().Filter(func(b byte) bool { return b != 0 }).Draw(t, "by")
		if got, err := DecodeEnvelope(changed); err == nil && !bytes.Equal(got.Encode(), changed) {
			t.Fatalf("%x is read as %+v, which is written otherwise", changed, got)
		}
	})
}

func FuzzDecodeEnvelope(f *testing.F) {
	f.Add(read().Encode())
	f.Add(PlainEnvelope("T-1", []byte(`{"temperature":4}`)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := DecodeEnvelope(raw); err == nil && !bytes.Equal(e.Encode(), raw) {
			t.Fatal("two byte strings for one envelope")
		}
		_, _ = Open(LeafUnsigned, raw, receiptMS)
	})
}

func BenchmarkOpenPlain(b *testing.B) {
	raw := PlainEnvelope("carrier.T-1", []byte(`{"time":"2026-11-22T10:00:00.250Z","temperature":4.25,"humidity":51,"location":{"lat":52.5,"lon":13.4},"seq":17}`))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(LeafUnsigned, raw, receiptMS); err != nil {
			b.Fatal(err)
		}
	}
}
