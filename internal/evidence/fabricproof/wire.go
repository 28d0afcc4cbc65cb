package fabricproof

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field of a message that the strict decoder accepts. The decoder refuses every other field, fields out of ascending
// order, a singular field given twice, default values written out, varints longer than needed and bytes left over: for
// each value there is exactly one encoding that it takes. (The entries of a map may come in any order, since Fabric's own
// encoder writes them so; a repeated key is refused.)
type field struct {
	num      protowire.Number
	typ      protowire.Type
	repeated bool
	bytes    func([]byte) error
	varint   func(uint64) error
}

func message(b []byte, what string, fields ...field) error {
	last := protowire.Number(0)
	for len(b) > 0 {
		tag, n, err := varint(b)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		b = b[n:]
		num, typ := protowire.DecodeTag(tag)
		f := find(fields, num)
		switch {
		case f == nil:
			return fmt.Errorf("%s: field %d is not known", what, num)
		case f.typ != typ:
			return fmt.Errorf("%s: field %d has wire type %d, not %d", what, num, typ, f.typ)
		case num < last:
			return fmt.Errorf("%s: field %d follows field %d", what, num, last)
		case num == last && !f.repeated:
			return fmt.Errorf("%s: field %d is repeated", what, num)
		}
		last = num
		v, n, err := varint(b)
		if err != nil {
			return fmt.Errorf("%s: field %d: %w", what, num, err)
		}
		b = b[n:]
		if typ == protowire.VarintType {
			if v == 0 {
				return fmt.Errorf("%s: field %d spells out its default", what, num)
			}
			err = f.varint(v)
		} else {
			if v > uint64(len(b)) {
				return fmt.Errorf("%s: field %d is cut off", what, num)
			}
			err = f.bytes(b[:v:v])
			b = b[v:]
		}
		if err != nil {
			if _, ok := err.(*Fault); ok {
				return err
			}
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func find(fields []field, num protowire.Number) *field {
	for i := range fields {
		if fields[i].num == num {
			return &fields[i]
		}
	}
	return nil
}

// varint reads the shortest form only; ConsumeVarint alone would take padded ones.
func varint(b []byte) (uint64, int, error) {
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, 0, errors.New("a number is cut off")
	}
	if n != protowire.SizeVarint(v) {
		return 0, 0, errors.New("a number is longer than needed")
	}
	return v, n, nil
}

// bytesOf is a singular bytes field.
func bytesOf(num protowire.Number, dst *[]byte) field {
	return sub(num, func(b []byte) error {
		if len(b) == 0 {
			return fmt.Errorf("field %d spells out its default", num)
		}
		*dst = b
		return nil
	})
}

func textOf(num protowire.Number, dst *string) field {
	return sub(num, func(b []byte) error {
		if len(b) == 0 || !utf8.Valid(b) {
			return fmt.Errorf("field %d must be text, not empty", num)
		}
		*dst = string(b)
		return nil
	})
}

func uintOf(num protowire.Number, dst *uint64) field {
	return field{num: num, typ: protowire.VarintType, varint: func(v uint64) error { *dst = v; return nil }}
}

// intOf is an int32, uint32 or enum that is never negative.
func intOf(num protowire.Number, dst *uint32) field {
	return field{num: num, typ: protowire.VarintType, varint: func(v uint64) error {
		if v > math.MaxInt32 {
			return fmt.Errorf("field %d: %d is out of range", num, v)
		}
		*dst = uint32(v)
		return nil
	}}
}

func boolOf(num protowire.Number, dst *bool) field {
	return field{num: num, typ: protowire.VarintType, varint: func(v uint64) error {
		if v != 1 {
			return fmt.Errorf("field %d: %d is no truth value", num, v)
		}
		*dst = true
		return nil
	}}
}

// sub is a singular message; it may be empty and still be there.
func sub(num protowire.Number, read func([]byte) error) field {
	return field{num: num, typ: protowire.BytesType, bytes: read}
}

func each(num protowire.Number, read func([]byte) error) field {
	f := sub(num, read)
	f.repeated = true
	return f
}

// list is a repeated bytes field.
func list(num protowire.Number, dst *[][]byte) field {
	return each(num, func(b []byte) error { *dst = append(*dst, b); return nil })
}

// skip accepts a field without looking inside: its bytes are covered by a hash or a signature and nothing is read of it.
func skip(num protowire.Number) field { return sub(num, func([]byte) error { return nil }) }

// entries is a map from text to messages.
func entries(num protowire.Number, read func(key string, value []byte) error) field {
	seen := map[string]bool{}
	return each(num, func(b []byte) error {
		var key string
		var value []byte
		given := false
		err := message(b, "map entry", textOf(1, &key), sub(2, func(v []byte) error { value, given = v, true; return nil }))
		switch {
		case err != nil:
			return err
		case key == "" || !given:
			return errors.New("a map entry without key or value")
		case seen[key]:
			return fmt.Errorf("map key %q is repeated", key)
		}
		seen[key] = true
		return read(key, value)
	})
}
