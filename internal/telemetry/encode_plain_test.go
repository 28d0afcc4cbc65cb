package telemetry

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

// What is written is read as it was meant, whatever its quantities.
func TestEncodePlainIsReadBack(t *testing.T) {
	all := make(map[string]float64)
	for _, q := range Quantities {
		all[q.Name] = q.Min + (q.Max-q.Min)/3
	}
	const now = 1_700_000_000_000
	for name, readings := range map[string][]Reading{
		"one":            {{TimeMS: now, Values: map[string]float64{"temperature": 4.25}}},
		"two":            {{TimeMS: now - 1, Values: map[string]float64{"temperature": -4}}, {TimeMS: now, Values: map[string]float64{"humidity": 50}}},
		"all quantities": {{TimeMS: now, Values: all}},
	} {
		raw, err := EncodePlain(17, readings)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := Open(LeafUnsigned, PlainEnvelope("T-1", raw), now)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, raw, err)
		}
		if got.Seq == nil || *got.Seq != 17 || !reflect.DeepEqual(got.Readings, readings) {
			t.Errorf("%s: %s is read as sequence %v and %v, want 17 and %v", name, raw, got.Seq, got.Readings, readings)
		}
	}
}

func TestEncodePlainRefuses(t *testing.T) {
	for name, readings := range map[string][]Reading{
		"no reading":   nil,
		"no value":     {{TimeMS: 1}},
		"too many":     slices.Repeat([]Reading{{TimeMS: 1, Values: map[string]float64{"door": 1}}}, MaxRecords+1),
		"not a number": {{TimeMS: 1, Values: map[string]float64{"temperature": math.NaN()}}},
		"too much":     slices.Repeat([]Reading{{TimeMS: 1, Values: map[string]float64{"temperature": 4, "humidity": 50, "light": 1}}}, MaxRecords),
	} {
		if raw, err := EncodePlain(1, readings); err == nil {
			t.Errorf("%s was written: %s", name, raw)
		}
	}
}
