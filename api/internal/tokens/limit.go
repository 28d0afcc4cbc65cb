package tokens

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates of the token endpoint, a second; each may come in a burst. Guessing is hopeless whatever the rate, since secrets are long
// and random: the limits are there so that nobody makes noise or work without end, and nobody else pays for it.
const (
	givenRate  = 50 // tokens of one client
	givenBurst = 200
	wrongRate  = 2 // refused logins from one address
	wrongBurst = 50
	// maxBuckets bounds the memory for addresses, which anybody can have many of.
	maxBuckets = 4096
)

// limits count the tokens that a client has got, which takes its secret, and the refused logins of an address. A login with the right
// secret never counts against its address, and wrong ones never against the client that they name.
type limits struct {
	given, wrong buckets
}

func newLimits() *limits {
	return &limits{given: buckets{rate: givenRate, burst: givenBurst}, wrong: buckets{rate: wrongRate, burst: wrongBurst}}
}

// buckets are token buckets by key. Two generations keep the memory bounded: when the young one is half of it, the old one goes.
type buckets struct {
	rate  rate.Limit
	burst int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

func (b *buckets) allow(key string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.young[key]
	if l == nil {
		if l = b.old[key]; l == nil {
			l = rate.NewLimiter(b.rate, b.burst)
		}
		if b.young == nil || len(b.young) >= maxBuckets/2 {
			b.young, b.old = map[string]*rate.Limiter{}, b.young
		}
		b.young[key] = l
	}
	return l.AllowN(now, 1)
}

// network is the address without its port; of IPv6 the /64, which one host can have all of.
func network(remote string) string {
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
