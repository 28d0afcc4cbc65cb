package telemetry_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// A device's maker knows CBOR and the format, and neither our library nor our types: what refuses a message names what stands there and
// what must.
func TestRefusalsAreInTheFormatsWords(t *testing.T) {
	internals := regexp.MustCompile(`(?i)unmarshal|\bgo\b|struct|cbor:|telemetry\.|\[\]|interface|index`)
	record := map[int]any{-2: "T-1/", -3: 1.5e9, 0: "temperature", 1: "Cel", 2: 4.5}
	cbor := func(v any) []byte { return canon.MustMarshalCBOR(v) }
	claims := map[int]any{2: "T-1", 267: 1, -70001: 0, -70002: make([]byte, 32), -70003: 0, -70004: 1, -70006: 0}
	with := func(label int, v any) []byte {
		changed := map[int]any{}
		for l, old := range claims {
			changed[l] = old
		}
		changed[label] = v
		protected := cbor(map[int]any{1: -19, 4: make([]byte, 32), 15: changed})
		return cbor([]any{cbor([]any{protected, map[int]any{}, make([]byte, 32), make([]byte, 64)}), cbor([]any{record})})
	}
	cose := cbor([]any{[]byte{0xa0}, map[int]any{}, make([]byte, 32), make([]byte, 64)})
	for _, tc := range []struct {
		what string
		raw  []byte
		want string
	}{
		{"bare SenML", cbor([]any{record}), "[cose_sign1, pack]"},
		{"a map", cbor(record), "[cose_sign1, pack]"},
		{"no CBOR", []byte("{temperature"), "[cose_sign1, pack]"},
		{"cut short", cbor([]any{cose, cbor([]any{record})})[:80], "end too early"},
		{"more behind it", append(cbor([]any{cose, cbor([]any{record})}), 0), "more bytes"},
		{"a tagged COSE_Sign1", cbor([]any{append([]byte{0xd2}, cose...), cbor([]any{record})}), "without a tag"},
		{"a COSE_Sign1 with a text for its payload", cbor([]any{cbor([]any{[]byte{0xa0}, map[int]any{}, "x", make([]byte, 64)}), []byte{0x80}}), "cose_sign1"},
		{"a protected header of other labels", cbor([]any{cose, cbor([]any{record})}), "kid"},
		{"a claim that is not known", with(6, 1), "not known"},
		{"a claim of another type", with(267, "1"), "protected header"},
		{"a whole number too large", with(267, -1), "protected header"},
	} {
		_, err := telemetry.Decode(tc.raw)
		r, ok := errors.AsType[*telemetry.Reject](err)
		if !ok || r.Reason == "" || !strings.Contains(r.Detail, tc.want) || internals.MatchString(r.Detail) {
			t.Errorf("%s: %v, expected a refusal that says %q and nothing of how we read it", tc.what, err, tc.want)
		}
	}
}
