package canon

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// TestNumbers: a number must stand in its shortest form. Halves that are subnormal are refused, too.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		in   string
		want float64
		ok   bool
	}{
		{"00", 0, true}, {"17", 23, true}, {"1818", 24, true}, {"1817", 0, false}, {"190100", 256, true}, {"1900ff", 0, false},
		{"1a00010000", 65536, true}, {"1a0000ffff", 0, false}, {"1b0020000000000000", 1 << 53, true}, {"1b0020000000000001", 0, false},
		{"1b00000000ffffffff", 0, false}, {"1c", 0, false}, {"1f", 0, false}, {"20", -1, true}, {"3903e7", -1000, true},
		{"f90000", 0, true}, {"f98000", math.Copysign(0, -1), true}, {"f93c00", 1, true}, {"f9c400", -4, true}, {"f97bff", 65504, true},
		{"f97c00", 0, false}, {"f97e00", 0, false}, {"f90001", 0, false}, // infinite, not a number, subnormal
		{"fa3f800000", 0, false}, {"fa3f800001", 1.00000011920928955078125, true}, {"fa47800000", 65536, true}, {"fa477fe000", 0, false},
		{"fa7f800000", 0, false}, {"fa7fc00001", 0, false}, {"fa00000000", 0, false}, {"fa33800001", 0, false},
		{"fb3ff0000000000000", 0, false}, {"fb3ff199999999999a", 1.1, true}, {"fb7ff0000000000000", 0, false}, {"fb7ff8000000000001", 0, false},
		{"f6", 0, false}, {"61", 0, false}, {"", 0, false}, {"fb3f", 0, false},
	} {
		in, _ := hex.DecodeString(c.in)
		r := NewReader(in)
		got := r.Number()
		if r.Done() != c.ok || c.ok && (got != c.want || math.Signbit(got) != math.Signbit(c.want)) {
			t.Errorf("%s: %v, done %v; expected %v, %v", c.in, got, r.Done(), c.want, c.ok)
		}
	}
}

func TestUnmarshalCBORTakesOneFormOnly(t *testing.T) {
	type pair struct {
		_ struct{} `cbor:",toarray"`
		A uint64
		B []byte
	}
	for name, tc := range map[string]struct {
		in           string
		ok, notCanon bool
	}{
		"canonical":        {"82014102", true, false},
		"long number":      {"8218014102", false, true},
		"long length":      {"8201580102", false, true},
		"indefinite":       {"9f014102ff", false, false},
		"tagged":           {"c182014102", false, false},
		"something behind": {"8201410200", false, false},
		"another type":     {"8261614102", false, false},
		"cut":              {"820141", false, false},
	} {
		in, err := hex.DecodeString(tc.in)
		if err != nil {
			t.Fatal(err)
		}
		var p pair
		err = UnmarshalCBOR(in, &p)
		if (err == nil) != tc.ok || errors.Is(err, ErrNotCanonical) != tc.notCanon {
			t.Errorf("%s: %v, expected that it is taken: %v, or refused as not canonical: %v", name, err, tc.ok, tc.notCanon)
		}
	}
}

// A head is written as the library writes it, and read back by both readers.
func FuzzHead(f *testing.F) {
	for _, v := range []uint64{0, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, math.MaxUint64} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v uint64) {
		b := AppendHead(nil, Uint, v)
		want, err := cbor.Marshal(v)
		if err != nil || !bytes.Equal(b, want) {
			t.Fatalf("%d is written as %x, the library writes %x (%v)", v, b, want, err)
		}
		if got, ok := Head(b); !ok || got != v || HeadSize(b[0]) != len(b) {
			t.Fatalf("%x reads as %d, %v; expected %d", b, got, ok, v)
		}
		r := NewReader(b)
		if got := r.Head(Uint); !r.Done() || got != v {
			t.Fatalf("%x reads as %d, expected %d", b, got, v)
		}
	})
}

// What the reader takes as a number the library reads as the same, and writes as the same bytes.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"00", "3903e7", "f93c00", "fa3f800001", "fb3ff199999999999a"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		got := r.Number()
		if !r.Done() {
			return
		}
		var v any
		if err := UnmarshalCBOR(b, &v); err != nil {
			t.Fatalf("%x is taken as %v, the library says %v", b, got, err)
		}
		var same bool
		switch n := v.(type) {
		case uint64:
			same = float64(n) == got
		case int64:
			same = float64(n) == got
		case float64:
			same = n == got
		}
		if !same {
			t.Fatalf("%x reads as %v, the library reads %v", b, got, v)
		}
	})
}
