package load

import (
	"math"
	"sync/atomic"
	"time"
)

// hist is a histogram of durations with about 5 % resolution. Safe for concurrent use; the zero value is ready.
type hist struct {
	buckets [512]atomic.Uint64
	count   atomic.Uint64
	max     atomic.Int64
}

// Spread is a summary in milliseconds.
type Spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

const bucketGrowth = 1.05

var bucketLog = math.Log(bucketGrowth)

func (h *hist) add(d time.Duration) {
	d = max(d, 0)
	i := 0
	if us := float64(d) / 1e3; us > 1 {
		i = min(int(math.Log(us)/bucketLog)+1, len(h.buckets)-1)
	}
	h.buckets[i].Add(1)
	h.count.Add(1)
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// quantile answers the upper edge of the bucket that holds quantile q, and at most the maximum.
func (h *hist) quantile(q float64) time.Duration {
	want := uint64(math.Ceil(q * float64(h.count.Load())))
	var seen uint64
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen >= want && seen > 0 {
			edge := time.Duration(math.Pow(bucketGrowth, float64(i)) * 1e3)
			return min(edge, time.Duration(h.max.Load()))
		}
	}
	return 0
}

func (h *hist) spread() Spread {
	ms := func(d time.Duration) float64 { return math.Round(float64(d)/1e4) / 100 }
	return Spread{P50: ms(h.quantile(0.5)), P99: ms(h.quantile(0.99)), Max: ms(time.Duration(h.max.Load()))}
}
