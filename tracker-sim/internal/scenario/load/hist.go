package load

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// hist is a histogram of durations from 1 µs to a day, to three digits. Safe for concurrent use.
type hist struct {
	mu sync.Mutex // guards us
	us *hdrhistogram.Histogram
}

const longest = 24 * time.Hour

func newHist() *hist { return &hist{us: hdrhistogram.New(1, longest.Microseconds(), 3)} }

func (h *hist) add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.us.RecordValue(min(max(d, 0), longest).Microseconds()) // within its bounds
}

func (h *hist) quantile(q float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Duration(h.us.ValueAtQuantile(100*q)) * time.Microsecond
}

// Spread is a summary in milliseconds.
type Spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func (h *hist) spread() Spread {
	ms := func(q float64) float64 { return math.Round(float64(h.quantile(q))/1e4) / 100 }
	return Spread{P50: ms(0.5), P99: ms(0.99), Max: ms(1)}
}
