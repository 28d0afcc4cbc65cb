package replay

import (
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func TestBatches(t *testing.T) {
	at := func(ms ...int64) (out []telemetry.Reading) {
		for _, m := range ms {
			out = append(out, telemetry.Reading{TimeMS: m, Values: map[string]float64{"temperature": 1}})
		}
		return out
	}
	sizes := func(b []Batch) (n []int) {
		for _, x := range b {
			n = append(n, len(x.Readings))
		}
		return n
	}
	for _, c := range []struct {
		in   []telemetry.Reading
		size int
		want []int
	}{
		{at(1, 2, 3, 4, 5), 2, []int{2, 2, 1}},
		{at(1, 2, 2, 3), 10, []int{2, 2}},
		{at(7, 7, 7), 10, []int{1, 1, 1}},
		{at(3, 1, 3), 10, []int{2, 1}},
	} {
		if got := sizes(batches(c.in, c.size)); !slices.Equal(got, c.want) {
			t.Errorf("batches of %v, want %v", got, c.want)
		}
	}
	for batch, ok := range map[int]bool{0: false, 1: true, MaxBatch(3): true, MaxBatch(3) + 1: false} {
		cfg := Config{Wait: WaitNone, Batch: batch, Recording: &Recording{Quantities: 3}}
		if err := cfg.Validate(); (err == nil) != ok {
			t.Errorf("%d readings of three quantities in a message: %v, want accepted: %v", batch, err, ok)
		}
	}
}

// The largest batch of every number of quantities fits one message, with the widest values.
func TestLargestBatchFits(t *testing.T) {
	for n := 1; n <= len(telemetry.Quantities); n++ {
		var readings []telemetry.Reading
		for i := range MaxBatch(n) {
			r := telemetry.Reading{TimeMS: 1_700_000_000_123 + int64(i)*1001, Values: make(map[string]float64)}
			for _, q := range telemetry.Quantities[len(telemetry.Quantities)-n:] {
				r.Values[q.Name] = q.Max / 3
			}
			readings = append(readings, r)
		}
		if err := encodes(readings); err != nil {
			t.Errorf("%d readings of %d quantities: %v", len(readings), n, err)
		}
	}
}

func TestShift(t *testing.T) {
	in := []telemetry.Reading{{TimeMS: 1000}, {TimeMS: 3000}}
	out := shift(in, time.UnixMilli(1_700_000_000_000), 4)
	if out[0].TimeMS != 1_700_000_000_000 || out[1].TimeMS != 1_700_000_000_500 || in[0].TimeMS != 1000 {
		t.Errorf("%v of %v, want 1700000000000 and half a second later", out, in)
	}
	if out := shift(in, time.UnixMilli(1_700_000_000_000), 0); out[0].TimeMS != 1_699_999_998_000 || out[1].TimeMS != 1_700_000_000_000 {
		t.Errorf("%v, want the last reading at 1700000000000 and the first two seconds before", out)
	}
}
