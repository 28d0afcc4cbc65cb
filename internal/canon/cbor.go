package canon

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/fxamacker/cbor/v2"
)

// Major types of CBOR, as they stand in the first byte of an item.
const (
	Uint  byte = 0x00
	Neg   byte = 0x20
	Bytes byte = 0x40
	Text  byte = 0x60
	Array byte = 0x80
	Map   byte = 0xa0
)

// Null is CBOR's null.
const Null byte = 0xf6

// AppendHead appends the head of an item in its shortest form.
func AppendHead(b []byte, major byte, v uint64) []byte {
	switch {
	case v < 24:
		return append(b, major|byte(v))
	case v < 1<<8:
		return append(b, major|24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), v)
}

// AppendBytes appends a byte string.
func AppendBytes(b, s []byte) []byte { return append(AppendHead(b, Bytes, uint64(len(s))), s...) }

// HeadSize is how many bytes the head has that begins with first; 0 for an indefinite or a reserved length.
func HeadSize(first byte) int {
	switch low := first & 0x1f; {
	case low < 24:
		return 1
	case low < 28:
		return 1 + 1<<(low-24)
	}
	return 0
}

// Head reads the argument of a whole head, of integers, strings, arrays and maps. It is false when it is not in its shortest form.
func Head(head []byte) (v uint64, ok bool) {
	if len(head) == 1 {
		return uint64(head[0] & 0x1f), true
	}
	for _, c := range head[1:] {
		v = v<<8 | uint64(c)
	}
	switch len(head) {
	case 2:
		return v, v >= 24
	case 3:
		return v, v >= 1<<8
	case 5:
		return v, v >= 1<<16
	}
	return v, v >= 1<<32
}

// Raw is an encoded item inside of another.
type Raw = cbor.RawMessage

var encoding, decoding = modes()

func modes() (cbor.EncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   8,
		MaxArrayElements:  4096,
		MaxMapPairs:       64,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return enc, dec
}

// MarshalCBOR encodes a value of Go, with the struct tags of package cbor.
func MarshalCBOR(v any) ([]byte, error) { return encoding.Marshal(v) }

// MustMarshalCBOR is for values that cannot fail: integers, bytes, texts and lists of them.
func MustMarshalCBOR(v any) []byte {
	b, err := encoding.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// ErrNotCanonical is for CBOR that is understood and is not in its one form.
var ErrNotCanonical = errors.New("not in deterministic CBOR")

// UnmarshalCBOR accepts only the bytes that the same value encodes to: the library has no mode that refuses other forms, so the
// value is encoded again and compared.
func UnmarshalCBOR(raw []byte, v any) error {
	if err := decoding.Unmarshal(raw, v); err != nil {
		return inWords(err)
	}
	again, err := encoding.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, raw) {
		return ErrNotCanonical
	}
	return nil
}
