package limits

import (
	"fmt"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	b := Buckets{Rate: 2, Burst: 5}
	now := time.Unix(1_800_000_000, 0)
	allowed := func(key string, at time.Time) (n int) {
		for range 100 {
			if b.Allow(key, at) {
				n++
			}
		}
		return n
	}
	if n := allowed("a", now); n != 5 {
		t.Errorf("%d at once, want the burst of 5", n)
	}
	if n := allowed("b", now); n != 5 {
		t.Errorf("%d of another key, want 5: a's do not count", n)
	}
	if n := allowed("a", now.Add(time.Second)); n != 2 {
		t.Errorf("%d after a second, want 2", n)
	}
	// Many keys take bounded memory, and one that goes on is not forgotten among them.
	for i := range 10 * maxBuckets {
		b.Allow(fmt.Sprint("flood", i), now.Add(time.Second))
		if i%1000 == 0 && b.Allow("a", now.Add(time.Second)) {
			t.Fatalf("a flood of %d other keys has emptied a's count", i)
		}
	}
	if n := len(b.young) + len(b.old); n > maxBuckets {
		t.Errorf("%d buckets, want at most %d", n, maxBuckets)
	}
}

func TestNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64", "[2001:db8:1:2:ffff::]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64",
		"pipe": "",
	} {
		if got := Network(remote); got != want {
			t.Errorf("%s counts as %q, want %q", remote, got, want)
		}
	}
}
