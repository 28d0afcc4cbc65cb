// Package limit says how fast one tracker may send, so that no tracker takes what belongs to all: a bucket of messages and one of
// bytes for each, which fill again at their rates.
package limit

import (
	"cmp"
	"sync"
	"time"
)

// Config is what one tracker may send for ever. Burst seconds of it may come at once: a buffer after an outage.
type Config struct {
	MessagesPerSecond int `yaml:"messages_per_second"` // default 1,000
	BytesPerSecond    int `yaml:"bytes_per_second"`    // default 1 MiB
	BurstSeconds      int `yaml:"burst_seconds"`       // default 30
}

// Limiter is safe for concurrent use.
type Limiter struct {
	perMessage, perByte, burst time.Duration

	mu       sync.Mutex
	trackers map[string]*bucket
	sweep    int // at so many trackers, those whose buckets are full are forgotten
}

// bucket holds the times at which each of the two will be full again. A full one is as good as none.
type bucket struct{ messages, bytes int64 }

// New makes a limiter.
func New(cfg Config) *Limiter {
	return &Limiter{
		perMessage: time.Second / time.Duration(cmp.Or(cfg.MessagesPerSecond, 1000)),
		perByte:    time.Second / time.Duration(cmp.Or(cfg.BytesPerSecond, 1<<20)),
		burst:      time.Duration(cmp.Or(cfg.BurstSeconds, 30)) * time.Second,
		trackers:   map[string]*bucket{}, sweep: firstSweep,
	}
}

const (
	firstSweep = 1024
	// maxTrackers bounds the buckets whoever makes up names. Beyond it all of them begin full again.
	maxTrackers = 200_000
)

// Take lets a tracker send a message of so many bytes after a wait, 0 as long as there is room. When the wait would be longer than
// most, nothing is taken and ok is false.
func (l *Limiter) Take(tracker string, bytes int, now time.Time, most time.Duration) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now.UnixNano()
	b := l.trackers[tracker]
	if b == nil {
		if len(l.trackers) >= l.sweep {
			l.forget(at)
		}
		b = &bucket{}
		l.trackers[tracker] = b
	}
	messages := max(b.messages, at) + int64(l.perMessage)
	size := max(b.bytes, at) + int64(bytes)*int64(l.perByte)
	wait = max(0, time.Duration(max(messages, size)-at)-l.burst)
	if wait > most {
		return wait, false
	}
	b.messages, b.bytes = messages, size
	return wait, true
}

// forget drops the full buckets.
func (l *Limiter) forget(at int64) {
	for id, b := range l.trackers {
		if b.messages <= at && b.bytes <= at {
			delete(l.trackers, id)
		}
	}
	if len(l.trackers) >= maxTrackers {
		clear(l.trackers)
	}
	l.sweep = max(firstSweep, 2*len(l.trackers))
}
