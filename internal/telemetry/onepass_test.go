package telemetry

import (
	"bytes"
	"math"
	"reflect"
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// sameAnswer compares the short way with the long one.
func sameAnswer(t interface {
	Helper()
	Fatalf(string, ...any)
}, raw []byte) (short bool) {
	t.Helper()
	got, ok := onePass(raw)
	if !ok {
		return false
	}
	want, err := decodeLong(raw)
	if err != nil {
		t.Fatalf("one pass accepts what is refused: %v\n%x", err, raw)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("one pass %+v\nlong way %+v\n%x", got, want, raw)
	}
	return true
}

// TestOnePassTakesTheUsual: what trackers send does not need the long way.
func TestOnePassTakesTheUsual(t *testing.T) {
	c, readings := sample()
	for _, change := range []func(*Claims){
		func(*Claims) {},
		func(c *Claims) { c.Beacon = nil },
		func(c *Claims) { c.Kind, c.Boot, c.Seq, c.NextDueS = Boot, 1<<40, 0, 0 },
		func(c *Claims) { c.Kind = End },
	} {
		c := c
		change(&c)
		if !sameAnswer(t, mustEncode(t, edKey(1), c, readings)) || !sameAnswer(t, mustEncode(t, ecKey(t), c, readings)) {
			t.Errorf("%+v takes the long way", c)
		}
	}
	c.Kind, c.Gap = Gap, &GapDetail{1, 2, 3}
	if _, ok := onePass(mustEncode(t, edKey(1), c, readings)); ok {
		t.Error("details were skipped")
	}
}

// TestOnePassAgrees: on messages with all sorts of numbers, whole and spoilt.
func TestOnePassAgrees(t *testing.T) {
	signer := edKey(1)
	rapid.Check(t, func(t *rapid.T) {
		c, _ := sample()
		var readings []Reading
		for i := range rapid.IntRange(1, 6).Draw(t, "n") {
			q := rapid.SampledFrom(Quantities).Draw(t, "q")
			v := rapid.OneOf(
				rapid.Float64Range(q.Min, q.Max), rapid.Map(rapid.Float32Range(float32(q.Min), float32(q.Max)), func(f float32) float64 { return min(max(float64(f), q.Min), q.Max) }),
				rapid.Map(rapid.IntRange(int(q.Min), int(q.Max)), func(n int) float64 { return float64(n) }),
				rapid.Map(rapid.IntRange(-400, 400), func(n int) float64 { return min(max(float64(n)/16, q.Min), q.Max) }),
				rapid.Just(min(max(math.SmallestNonzeroFloat32, q.Min), q.Max)), rapid.Just(min(max(1.0/(1<<15), q.Min), q.Max)),
			).Draw(t, "v")
			readings = append(readings, Reading{TimeMS: c.TimeMS + int64(i)*rapid.Int64Range(1, 1e9).Draw(t, "step"), Values: map[string]float64{q.Name: v}})
		}
		raw, err := Encode(signer, c, readings)
		if err != nil {
			t.Skip("another draw: these readings make no message: ", err)
		}
		sameAnswer(t, raw)
		spoilt := bytes.Clone(raw)
		spoilt[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		sameAnswer(t, spoilt)
		sameAnswer(t, raw[:rapid.IntRange(0, len(raw)).Draw(t, "cut")])
	})
}

func FuzzOnePass(f *testing.F) {
	c, readings := sample()
	signer := edKey(1)
	raw, err := Encode(signer, c, readings)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		sameAnswer(t, raw)
	})
}

// FuzzOnePassPack lets the fuzzer reach the pack, which a hash guards in a whole message.
func FuzzOnePassPack(f *testing.F) {
	_, readings := sample()
	pack, err := encodePack("T", readings)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack)
	f.Fuzz(func(t *testing.T, pack []byte) {
		var j joiner
		if !j.onePass(pack, "T") {
			return
		}
		if want := decodePack(pack, "T", 1); !reflect.DeepEqual(j.sorted(), want) {
			t.Fatalf("one pass %v, long way %v", j.readings, want)
		}
	})
}

// FuzzOnePassClaims does the same for the protected header.
func FuzzOnePassClaims(f *testing.F) {
	c, _ := sample()
	key, _ := Public(edKey(1))
	protected, err := encodeProtected(key, c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(protected)
	f.Fuzz(func(t *testing.T, protected []byte) {
		var got, want Message
		if !got.onePassClaims(protected) {
			return
		}
		if err := want.decodeProtected(protected); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("one pass %+v, long way %+v, %v", got, want, err)
		}
	})
}

func FuzzValidID(f *testing.F) {
	pattern := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	for _, s := range []string{"", "a", "-a", "T-1.x_2", "a\n", "é", "0123456789012345678901234567890123456789012345678901234567890123", "01234567890123456789012345678901234567890123456789012345678901234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ValidID(s) != pattern.MatchString(s) {
			t.Fatalf("%q", s)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw, err := Encode(edKey(1), Claims{Tracker: "TRK-1", Boot: 3, Seq: 41, Kind: Data, TimeMS: 1_553_419_136_437, NextDueS: 60}, []Reading{
		{TimeMS: 1_553_419_136_437, Values: map[string]float64{"temperature": 4.2, "humidity": 50, "shock": 3, "battery": 90}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("one pass", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := onePass(raw); !ok {
				b.Fatal("not taken")
			}
		}
	})
	b.Run("long way", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeLong(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}
