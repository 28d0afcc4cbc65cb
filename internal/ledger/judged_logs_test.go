package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func logHead(log byte, size uint64, root byte) LogHead {
	return LogHead{strings.Repeat(string(log), 64), size, strings.Repeat(string(root), 64)}
}

func TestCovers(t *testing.T) {
	earlier := []LogHead{logHead('a', 3, '3'), logHead('c', 7, '7')}
	for _, tc := range []struct {
		name string
		logs []LogHead
		want error
	}{
		{"the same", earlier, nil},
		{"more of one, and another log", []LogHead{logHead('a', 4, '4'), logHead('b', 1, '1'), logHead('c', 7, '7')}, nil},
		{"a log is missing", earlier[:1], ErrKnowsLess},
		{"none", nil, ErrKnowsLess},
		{"a log is shorter", []LogHead{logHead('a', 2, '2'), logHead('c', 9, '9')}, ErrKnowsLess},
		{"two roots of one size", []LogHead{logHead('a', 3, 'f'), logHead('c', 9, '9')}, ErrOtherRoot},
	} {
		if got := Covers(tc.logs, earlier); !errors.Is(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if err := Covers(nil, nil); err != nil {
		t.Errorf("nothing covers nothing: %v", err)
	}
}

func TestLogsHaveOneForm(t *testing.T) {
	a, b := logHead('a', 1, '1'), logHead('b', 2, '2')
	for name, tc := range map[string]struct {
		logs []LogHead
		ok   bool
	}{
		"in order": {[]LogHead{a, b}, true}, "out of order": {[]LogHead{b, a}, false}, "twice": {[]LogHead{a, a}, false}, "none": {nil, false},
		"without a leaf": {[]LogHead{logHead('a', 0, '1')}, false}, "no hash": {[]LogHead{{Log: "x", Size: 1, Root: a.Root}}, false},
		"too many": {make([]LogHead, MaxHeads+1), false},
	} {
		if err := checkLogs(tc.logs); (err == nil) != tc.ok {
			t.Errorf("%s: %v, want it accepted: %v", name, err, tc.ok)
		}
	}
	l := []LogHead{b, a}
	if SortLogs(l); !slices.Equal(l, []LogHead{a, b}) {
		t.Errorf("sorted: %v", l)
	}
}
