package telemetry

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/canon"
	"pgregory.net/rapid"
)

// signedPack signs whatever pack it is given, as a broken firmware does.
func signedPack(t testing.TB, signer ed25519.PrivateKey, c Claims, pack []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(pack)
	key, err := Public(signer)
	if err != nil {
		t.Fatal(err)
	}
	protected, err := encodeProtected(key, c)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := Sign(signer, toBeSigned(protected, hash[:]))
	if err != nil {
		t.Fatal(err)
	}
	cose := canon.MustMarshalCBOR(sign1{Protected: protected, Unprotected: map[int]canon.Raw{}, Payload: hash[:], Signature: sig})
	return canon.MustMarshalCBOR(wire{COSE: cose, Pack: pack})
}

// said renders readings, so that a table can hold them.
func said(readings []Reading) string {
	var b strings.Builder
	for i := range readings {
		r := &readings[i]
		fmt.Fprintf(&b, "@%d", r.TimeMS)
		for _, name := range slices.Sorted(maps.Keys(r.Values)) {
			fmt.Fprintf(&b, " %s=%v", name, r.Values[name])
		}
		for j := range r.Flaws {
			fmt.Fprintf(&b, " (%s)", &r.Flaws[j])
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestFlawsOfPlainMessages(t *testing.T) {
	const at = `"time":1700000000000,`
	for raw, want := range map[string]string{
		`{` + at + `"temperature":26,"humidity":100.4}`:              "@1700000000000 temperature=26 (humidity 100.4: out_of_range)\n",
		`{` + at + `"temperature":26,"humidity":null}`:               "@1700000000000 temperature=26 (humidity null: not_a_number)\n",
		`{` + at + `"temperature":null}`:                             "@1700000000000 (temperature null: not_a_number)\n",
		`{` + at + `"temperature":"22.80"}`:                          "@1700000000000 temperature=22.8\n",
		`{` + at + `"temperature":"22,80"}`:                          "@1700000000000 (temperature 22,80: not_a_number)\n",
		`{` + at + `"temperature":"nan","humidity":5}`:               "@1700000000000 humidity=5 (temperature nan: not_a_number)\n",
		`{` + at + `"temperature":" 22"}`:                            "@1700000000000 (temperature  22: not_a_number)\n",
		`{` + at + `"door":true,"humidity":5}`:                       "@1700000000000 humidity=5 (door true: not_a_number)\n",
		`{` + at + `"temperature":{"c":4},"humidity":5}`:             "@1700000000000 humidity=5 (temperature a list or an object: not_a_number)\n",
		`{` + at + `"temperature":1e400}`:                            "@1700000000000 (temperature 1e400: out_of_range)\n",
		`{` + at + `"temperature":4,"Humidity":5,"fw":"1.2"}`:        "@1700000000000 temperature=4 (Humidity 5: unknown_quantity) (fw 1.2: unknown_quantity)\n",
		`{` + at + `"temperature":4,"temperature":4}`:                "@1700000000000 temperature=4\n",
		`{` + at + `"temperature":4,"temperature":5,"humidity":5}`:   "@1700000000000 humidity=5 (temperature 4: repeated) (temperature 5: repeated)\n",
		`{` + at + `"temperature":4,"acceleration":[1,2]}`:           "@1700000000000 temperature=4 (acceleration not [x, y, z]: malformed)\n",
		`{` + at + `"acceleration":[1,null,3]}`:                      "@1700000000000 accel_x=1 accel_z=3 (accel_y null: not_a_number)\n",
		`{` + at + `"location":{"lat":91,"lon":2,"alt":5}}`:          "@1700000000000 lon=2 (lat 91: out_of_range) (location.alt 5: unknown_quantity)\n",
		`{` + at + `"temperature":4,"location":"Basel"}`:             "@1700000000000 temperature=4 (location not {\"lat\":…,\"lon\":…}: malformed)\n",
		`{` + at + `"temperature":4,"location":{"lat":1}}`:           "@1700000000000 temperature=4 (location not {\"lat\":…,\"lon\":…}: malformed)\n",
		`{` + at + `"temperature":4,"seq":-1}`:                       "@1700000000000 temperature=4 (seq -1: malformed)\n",
		`{"time":"yesterday","temperature":4}`:                       "@0 temperature=4 (time yesterday: not_a_time)\n",
		`{"time":true,"temperature":4}`:                              "@0 temperature=4 (time true: not_a_time)\n",
		`{"time":null,"temperature":4}`:                              "@1700000000000 temperature=4\n",
		`{"time":1700000000,"temperature":4}`:                        "@1700000000000 temperature=4\n",
		`{"time":1700000000.25,"temperature":4}`:                     "@1700000000250 temperature=4\n",
		`{"time":"1700000000","temperature":4}`:                      "@1700000000000 temperature=4\n",
		`{"time":1700000000000.4,"temperature":4}`:                   "@1700000000000 temperature=4\n",
		`{"time":-1,"temperature":4}`:                                "@0 temperature=4\n",
		`{"time":1e300,"temperature":4}`:                             "@9223372035999 temperature=4\n",
		`{"time":1700000000,"time":1700000001,"temperature":4}`:      "@0 temperature=4 (time 1700000001: repeated)\n",
		`[{"temperature":4},{"temperature":5}]`:                      "@1700000000000 (temperature 4: repeated) (temperature 5: repeated)\n",
		`[{` + at + `"temperature":4},{` + at + `"humidity":5}]`:     "@1700000000000 humidity=5 temperature=4\n",
		`[{` + at + `"temperature":4},{},{"seq":1}]`:                 "@1700000000000 temperature=4\n",
		`[{"time":"x","temperature":4},{"time":"y","humidity":5}]`:   "@0 temperature=4 (time x: not_a_time)\n@0 humidity=5 (time y: not_a_time)\n",
		`[{"time":1700000001,"temperature":4},{` + at + `"fw":"x"}]`: "@1700000000000 (fw x: unknown_quantity)\n@1700000001000 temperature=4\n",
	} {
		o, err := Open(LeafUnsigned, PlainEnvelope("T", []byte(raw)), receiptMS)
		if err != nil || said(o.Readings) != want {
			t.Errorf("%s: %v\n%swant\n%s", raw, err, said(o.Readings), want)
		}
	}
}

// An authentic message is opened whatever its pack says.
func TestFlawsOfSignedMessages(t *testing.T) {
	c := Claims{Tracker: "T", Boot: 1, TimeMS: 1_700_000_000_500}
	first := func(name, unit string, v any, more ...any) map[int]any {
		m := map[int]any{-2: "T/", -3: 1.7e9, 0: name, 1: unit, 2: v}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(int)] = more[i+1]
		}
		return m
	}
	good := map[int]any{0: "humidity", 1: "%RH", 2: 5}
	for _, tc := range []struct {
		pack any
		want string
	}{
		{[]any{first("temperature", "Cel", 26.5), map[int]any{0: "humidity", 1: "%RH", 2: 101.7}}, "@1700000000000 temperature=26.5 (humidity 101.7: out_of_range)\n"},
		{[]any{first("temperature", "Cel", math.NaN()), good}, "@1700000000000 humidity=5 (temperature NaN: not_a_number)\n"},
		{[]any{first("temperature", "Cel", nil), good}, "@1700000000000 humidity=5 (temperature null: not_a_number)\n"},
		{[]any{first("temperature", "Cel", "4"), good}, "@1700000000000 humidity=5 (temperature 4: not_a_number)\n"},
		{[]any{first("temperature", "K", 277.0), good}, "@1700000000000 humidity=5 (temperature 277 K: wrong_unit)\n"},
		{[]any{first("taste", "/", 4.5), good}, "@1700000000000 humidity=5 (taste 4.5: unknown_quantity)\n"},
		{[]any{first("temperature", "Cel", 4.0, 7, 1), good}, "@1700000000000 humidity=5 (temperature 4: malformed)\n"},
		{[]any{first("temperature", "Cel", 4.0), map[int]any{0: "temperature", 1: "Cel", 2: 5.0}, good}, "@1700000000000 humidity=5 (temperature 4: repeated) (temperature 5: repeated)\n"},
		{[]any{first("temperature", "Cel", 4.0), map[int]any{0: "temperature", 1: "Cel", 2: 4.0}}, "@1700000000000 temperature=4\n"},
		{[]any{first("temperature", "Cel", 4.0), map[int]any{0: "humidity", 1: "%RH", 2: 5, 6: "x"}}, "@1700000000000 temperature=4 (humidity x: not_a_time)\n"},
		{[]any{first("temperature", "Cel", 4.0, -3, 5.0)}, "@5000 temperature=4\n"},
		{[]any{first("temperature", "Cel", 4.0, -3, "now")}, "@0 temperature=4 (time now: not_a_time)\n"},
		{[]any{first("temperature", "Cel", 4.0, -3, -1e30)}, "@0 temperature=4\n"},
		{[]any{first("temperature", "Cel", 4.0), first("humidity", "%RH", 5.0)}, "@1700000000500 (pack record 1: only the first may have a base: malformed)\n"},
		{[]any{first("temperature", "Cel", 4.0, -5, 100)}, "@1700000000500 (pack base label -5: only -2 (name) and -3 (time) may be there: malformed)\n"},
		{[]any{first("temperature", "Cel", 4.0, -2, "T-2/")}, "@1700000000500 (pack the first record's base name must be \"T/\": malformed)\n"},
		{[]any{}, "@1700000000500 (pack a data message without a reading: malformed)\n"},
		{canon.Raw{0x98, 0x01, 0xa0}, "@1700000000500 (pack pack is not in deterministic CBOR: not_canonical)\n"},
		{slices.Repeat([]any{good}, MaxRecords+1), "@1700000000500 (pack pack: exceeded max number of elements 4096 for CBOR array: malformed)\n"},
	} {
		raw := signedPack(t, edKey(1), c, canon.MustMarshalCBOR(tc.pack))
		o, err := Open(LeafSigned, raw, receiptMS)
		if err != nil || said(o.Readings) != tc.want {
			t.Errorf("%v: %v\n%swant\n%s", tc.pack, err, said(o.Readings), tc.want)
		}
		key, _ := Public(edKey(1))
		if err := o.Signed.Verify(key); err != nil {
			t.Error(err)
		}
		if tc.pack = canon.MustMarshalCBOR(tc.pack); len(o.Signed.Pack) > 1 && !reflect.DeepEqual(DecodePack(o.Signed.Pack, "T", c.TimeMS), o.Readings) {
			t.Errorf("the pack alone is read otherwise: %s", said(DecodePack(o.Signed.Pack, "T", c.TimeMS)))
		}
	}
	if o, err := Open(LeafSigned, signedPack(t, edKey(1), c, []byte("no CBOR")), receiptMS); err != nil || !slices.Equal(o.Flags(receiptMS), []Reason{Flawed}) {
		t.Errorf("a pack that is no CBOR: %v, %s", err, said(o.Readings))
	}
}

// Without its flawed members a message has the same values.
func TestFlawsTakeNothingWithThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		member := rapid.SampledFrom([]string{
			`"temperature":4`, `"temperature":26.5`, `"temperature":null`, `"temperature":"nan"`, `"temperature":5000`, `"humidity":50`, `"humidity":104`, `"humidity":true`,
			`"light":3`, `"light":-3`, `"fw":[1,{"a":2}]`, `"lat":91`, `"acceleration":[1,2]`, `"acceleration":[0,0,9.81]`, `"location":{"lat":1}`, `"seq":"x"`,
		})
		bad := []string{`null`, `"nan"`, `5000`, `104`, `true`, `-3`, `"fw"`, `91`, `[1,2]`, `{"lat":1}`, `"x"`}
		var whole, clean []string
		for i := range rapid.IntRange(1, 5).Draw(t, "objects") {
			time := fmt.Sprintf(`"time":%d`, 1_700_000_000_000+i)
			all, good := []string{time}, []string{time}
			for _, m := range rapid.SliceOfNDistinct(member, 1, 6, func(m string) string { name, _, _ := strings.Cut(m, ":"); return name }).Draw(t, "members") {
				all = append(all, m)
				if !slices.ContainsFunc(bad, func(b string) bool { return strings.HasSuffix(m, b) || strings.HasPrefix(m, b) }) {
					good = append(good, m)
				}
			}
			whole, clean = append(whole, "{"+strings.Join(all, ",")+"}"), append(clean, "{"+strings.Join(good, ",")+"}")
		}
		values := func(objects []string) (out []Reading) {
			o, err := Open(LeafUnsigned, PlainEnvelope("T", []byte("["+strings.Join(objects, ",")+"]")), receiptMS)
			if err != nil {
				return nil // nothing known is left
			}
			for _, r := range o.Readings {
				if len(r.Values) > 0 && Undated(r.TimeMS, receiptMS) == "" {
					out = append(out, Reading{TimeMS: r.TimeMS, Values: r.Values})
				}
			}
			return out
		}
		if got, want := values(whole), values(clean); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\n%s%v\n%s", whole, said(got), clean, said(want))
		}
	})
}

// A day of readings every five minutes and a week of them every ten, four quantities each, are one message.
func TestDayAndWeekInOneMessage(t *testing.T) {
	for name, n := range map[string]int{"day": 288, "week": 1008} {
		var readings []Reading
		for i := range n {
			readings = append(readings, Reading{TimeMS: receiptMS - int64(n-i)*300_000, Values: map[string]float64{"temperature": 4.25 + float64(i%7)/10, "humidity": 50.5, "battery": 88.1, "light": 3.3}})
		}
		signed, err := Encode(edKey(1), Claims{Tracker: "carrier.T-1", Boot: 1, TimeMS: receiptMS}, readings)
		if err != nil {
			t.Errorf("%s, signed: %v", name, err)
		}
		plain, err := EncodePlain(1, readings)
		if err != nil {
			t.Errorf("%s, plain: %v", name, err)
		}
		for kind, raw := range map[uint8][]byte{LeafSigned: signed, LeafUnsigned: PlainEnvelope("carrier.T-1", plain)} {
			if o, err := Open(kind, raw, receiptMS); err != nil || !reflect.DeepEqual(o.Readings, readings) {
				t.Errorf("%s of kind %d, %d bytes: %v, %d readings, want %d", name, kind, len(raw), err, len(o.Readings), n)
			}
		}
		t.Logf("%s: %d bytes signed, %d plain", name, len(signed), len(plain))
	}
}

func TestUndated(t *testing.T) {
	for ms, want := range map[int64]Reason{
		0: ClockBehind, 315_964_812_000: ClockBehind, earliestMS - 1: ClockBehind, earliestMS: "", receiptMS: "",
		receiptMS + ClockTolerance: "", receiptMS + ClockTolerance + 1: ClockAhead, math.MaxInt64: ClockAhead,
	} {
		if got := Undated(ms, receiptMS); got != want {
			t.Errorf("%d received at %d: %q, want %q", ms, receiptMS, got, want)
		}
	}
}
