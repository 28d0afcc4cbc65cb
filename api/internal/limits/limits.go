// Package limits bounds how often somebody may do a thing, in bounded memory.
package limits

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the memory for addresses, which anybody can have many of.
const maxBuckets = 4096

// Buckets are token buckets by key. Two generations keep the memory bounded: when the young one is half of it, the old one goes.
type Buckets struct {
	Rate  float64 // a second
	Burst int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

// Allow takes one of a key's tokens, when it has one.
func (b *Buckets) Allow(key string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.young[key]
	if l == nil {
		if l = b.old[key]; l == nil {
			l = rate.NewLimiter(rate.Limit(b.Rate), b.Burst)
		}
		if b.young == nil || len(b.young) >= maxBuckets/2 {
			b.young, b.old = map[string]*rate.Limiter{}, b.young
		}
		b.young[key] = l
	}
	return l.AllowN(now, 1)
}

// Network is the address without its port; of IPv6 the /64, which one host can have all of.
func Network(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "" // of tests: all count as one
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ""
	}
	return p.String()
}
