package trackerchain

import "testing"

func TestTermCovers(t *testing.T) {
	const minute, from, to = int64(60_000), int64(100 * 60_000), int64(200 * 60_000)
	later := Term{FromMS: from, ToMS: to}
	first := Term{FromMS: from, ToMS: to, First: true}
	current := Term{FromMS: from}
	for _, tc := range []struct {
		name             string
		term             Term
		signed, received int64
		want             bool
	}{
		{"within", later, from, from, true},
		{"sent late from a buffer", later, to, to + 9999*minute, true},
		{"old key, in the tolerance", later, to + 10*minute, to + 11*minute, true},
		{"old key, beyond it", later, to + 11*minute, to + 11*minute, false},
		{"clock ahead, received in time", later, to + 9999*minute, to, true},
		{"clock never set", later, 0, from, true},
		{"received before it was enrolled, in the tolerance", later, from, from - 10*minute, true},
		{"received before it was enrolled", later, from, from - 11*minute, false},
		{"the first key is no exception there", first, from, from - 11*minute, false},
		{"current key, long after", current, to + 9999*minute, to + 9999*minute, true},
		{"claimed: within", later, from, 0, true},
		{"claimed: just before a later key", later, from - 10*minute, 0, true},
		{"claimed: before a later key", later, from - 11*minute, 0, false},
		{"claimed: recorded before the first key was enrolled", first, from - 9999*minute, 0, true},
		{"claimed: just after", first, to + 10*minute, 0, true},
		{"claimed: after", first, to + 11*minute, 0, false},
	} {
		if got := tc.term.Covers(tc.signed, tc.received); got != tc.want {
			t.Errorf("%s: a key of %+v covers signed %d, received %d: %v, expected %v", tc.name, tc.term, tc.signed, tc.received, got, tc.want)
		}
	}
}
