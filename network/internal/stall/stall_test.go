package stall

import (
	"fmt"
	"testing"
	"time"
)

// look of four orderers at heights, with requests waiting; a negative height is a node that does not answer.
func look(waiting int, heights ...int) []Reading {
	var all []Reading
	for i, h := range heights {
		all = append(all, Reading{Node: fmt.Sprint("o", i+1), Orderer: true, Up: h >= 0, Height: uint64(max(h, 0)), Waiting: waiting})
	}
	return all
}

type step struct {
	at       time.Duration
	readings []Reading
	want     string // node, "" for none
}

func TestLook(t *testing.T) {
	s := time.Second
	for name, steps := range map[string][]step{
		"an idle channel": {
			{0, look(0, 5, 5, 5, 5), ""}, {10 * time.Minute, look(0, 5, 5, 5, 5), ""},
		},
		"one stays behind": {
			{0, look(0, 5, 5, 5, 5), ""}, {1 * s, look(0, 5, 6, 6, 6), ""}, {30 * s, look(0, 5, 9, 9, 9), ""}, {31 * s, look(0, 5, 9, 9, 9), "o1"},
		},
		"one is behind and moves": {
			{0, look(0, 1, 90, 90, 90), ""}, {29 * s, look(0, 2, 90, 90, 90), ""}, {58 * s, look(0, 3, 90, 90, 90), ""},
		},
		"all wait, the longest first, then the next": {
			{0, look(4, 5, 6, 6, 6), ""}, {2 * s, look(4, 5, 6, 6, 6), ""}, {30 * s, look(4, 5, 6, 6, 6), "o1"},
			{33 * s, look(4, 5, 6, 6, 6), ""}, {45 * s, look(4, 5, 6, 6, 6), "o2"},
		},
		"too few to agree": {
			{0, look(4, 5, 5, -1, -1), ""}, {10 * time.Minute, look(4, 5, 5, -1, -1), ""},
		},
		"too few to agree, and one is behind": {
			{0, look(4, 5, 6, -1, -1), ""}, {30 * s, look(4, 5, 6, -1, -1), "o1"},
		},
		"a dead one is not stalled": {
			{0, look(4, 5, 6, 7, -1), ""}, {10 * s, look(4, 6, 7, 8, -1), ""}, {20 * s, look(4, 7, 8, 9, 0), ""},
			{49 * s, look(4, 8, 9, 10, 0), ""}, {50 * s, look(4, 9, 10, 11, 0), "o4"},
		},
		"a restart that does not help is repeated ever later": {
			{0, look(0, 5, 6, 6, 6), ""}, {30 * s, look(0, 5, 6, 6, 6), "o1"},
			{32 * s, look(0, 5, 6, 6, 6), ""}, {91 * s, look(0, 5, 6, 6, 6), ""}, {92 * s, look(0, 5, 6, 6, 6), "o1"},
			{94 * s, look(0, 5, 6, 6, 6), ""}, {213 * s, look(0, 5, 6, 6, 6), ""}, {214 * s, look(0, 5, 6, 6, 6), "o1"},
		},
		"after it moved, the first patience is back": {
			{0, look(0, 5, 6, 6, 6), ""}, {30 * s, look(0, 5, 6, 6, 6), "o1"}, {40 * s, look(0, 6, 7, 7, 7), ""}, {70 * s, look(0, 6, 7, 7, 7), "o1"},
		},
		"requests that are served in time": {
			{0, look(1, 5, 5, 5, 5), ""}, {20 * s, look(0, 6, 6, 6, 6), ""}, {40 * s, look(1, 6, 6, 6, 6), ""}, {69 * s, look(1, 6, 6, 6, 6), ""},
		},
		"a peer behind, whoever orders": {
			{0, append(look(0, -1, -1, -1, 6), Reading{Node: "p", Up: true, Height: 5}), ""},
			{89 * s, append(look(0, -1, -1, -1, 6), Reading{Node: "p", Up: true, Height: 5}), ""},
			{90 * s, append(look(0, -1, -1, -1, 6), Reading{Node: "p", Up: true, Height: 5}), "p"},
		},
		"a peer behind with its orderer": {
			{0, append(look(0, 5, 6, 6, 6), Reading{Node: "p", Up: true, Height: 5}), ""},
			{30 * s, append(look(0, 5, 6, 6, 6), Reading{Node: "p", Up: true, Height: 5}), "o1"},
			{50 * s, append(look(0, 6, 6, 6, 6), Reading{Node: "p", Up: true, Height: 6}), ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := New(4, Patience)
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for _, step := range steps {
				got, _ := w.Look(start.Add(step.at), step.readings)
				if got.Node != step.want {
					t.Fatalf("at %s: %q, want %q", step.at, got.Node, step.want)
				}
			}
		})
	}
}

// Two stalled orderers of four stop the channel: restarts in turn mend it, whichever two they are.
func TestTwoStalledAreFound(t *testing.T) {
	for _, stalled := range [][2]int{{0, 1}, {0, 3}, {2, 3}} {
		w := New(4, Patience)
		stuck := map[int]bool{stalled[0]: true, stalled[1]: true}
		heights := []int{5, 5, 5, 5}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		restarts := 0
		for ; len(stuck) > 0; now = now.Add(2 * time.Second) {
			if len(stuck) < 2 {
				for i := range heights {
					if !stuck[i] {
						heights[i]++
					}
				}
			}
			if f, found := w.Look(now, look(1, heights...)); found {
				restarts++
				delete(stuck, int(f.Node[1]-'1'))
			}
			if restarts > 8 {
				t.Fatalf("%v: %d restarts did not help", stalled, restarts)
			}
		}
	}
}

func TestFindingIsReadable(t *testing.T) {
	for _, c := range []struct {
		f    Finding
		want string
	}{
		{Finding{Height: 5, Newest: 9, Waiting: 2}, "stays at height 5 of 9"},
		{Finding{Height: 9, Newest: 9, Waiting: 2}, "stays at height 9 with 2 requests"},
	} {
		if got := c.f.String(); got != c.want {
			t.Errorf("%q", got)
		}
	}
}
