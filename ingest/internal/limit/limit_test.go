package limit

import (
	"fmt"
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := New(Config{MessagesPerSecond: 10, BytesPerSecond: 1000, BurstSeconds: 2})
	take := func(tracker string, bytes int, most time.Duration) string {
		wait, ok := l.Take(tracker, bytes, now, most)
		return fmt.Sprint(wait.Round(time.Millisecond), ok)
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, expected %s", what, got, want)
		}
	}
	for i := range 20 {
		expect(fmt.Sprintf("message %d of the burst", i), take("A", 1, 0), "0s true")
	}
	expect("beyond the burst", take("A", 1, 0), "100ms false")
	expect("again, since nothing was taken", take("A", 1, 0), "100ms false")
	expect("another tracker", take("B", 1, 0), "0s true")
	expect("when it may wait", take("A", 1, time.Second), "100ms true")
	expect("behind one that waits", take("A", 1, time.Second), "200ms true")
	now = now.Add(300 * time.Millisecond)
	expect("after a while", take("A", 1, 0), "0s true")
	expect("and no more", take("A", 1, 0), "100ms false")
	expect("bytes of a burst", take("C", 2000, 0), "0s true")
	expect("bytes beyond it", take("C", 500, time.Minute), "500ms true")
	expect("larger than a burst", take("D", 5000, time.Minute), "3s true")
	now = now.Add(time.Hour)
	for i := range 20 {
		expect(fmt.Sprintf("a full bucket holds one burst: %d", i), take("A", 1, 0), "0s true")
	}
	expect("not more", take("A", 1, 0), "100ms false")
}

// Who has not sent for a while costs no memory, and made-up names cost little.
func TestBucketsAreForgotten(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := New(Config{})
	for i := range 20 * firstSweep {
		now = now.Add(time.Millisecond)
		l.Take(fmt.Sprint("T-", i), 100, now, 0)
	}
	if n := len(l.trackers); n > 2*firstSweep {
		t.Errorf("%d buckets are kept of trackers that sent once", n)
	}
	for i := range 2 * maxTrackers {
		l.Take(fmt.Sprint("X-", i), 100, now, 0)
		if n := len(l.trackers); n > 2*maxTrackers {
			t.Fatalf("%d buckets", n)
		}
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	l := New(Config{})
	now := time.Unix(1_700_000_000, 0)
	l.Take("T-1", 300, now, 0)
	if n := testing.AllocsPerRun(100, func() { l.Take("T-1", 300, now, 0) }); n != 0 {
		t.Errorf("%g allocations a message", n)
	}
}

func BenchmarkTake(b *testing.B) {
	l := New(Config{})
	now := time.Now()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		l.Take("T-1", 300, now, 0)
	}
}
