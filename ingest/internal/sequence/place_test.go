package sequence

import (
	"fmt"
	"strings"
	"testing"
)

// TestPlaceOf: only this journal's own past is a peer that lags; what it cannot know is not of it.
func TestPlaceOf(t *testing.T) {
	s := openSequencer(t, openDB(t, t.TempDir(), nil))
	var past []Anchored
	messages := chain("T-1", 4)
	for i, m := range messages {
		apply(t, s, m)
		p, err := s.PrepareAnchor()
		if err != nil || p == nil {
			t.Fatalf("pending %v, %v", p, err)
		}
		past = append(past, Anchored{Size: p.NewSize, Root: p.NewRoot, Tx: fmt.Sprint(i), TimeMS: 7})
		if i == len(messages)-1 {
			break // stays pending
		}
		if err := s.CompleteAnchor(p, past[i]); err != nil {
			t.Fatal(err)
		}
	}
	other := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		size uint64
		root string
		want Place
	}{
		"the newest":                       {past[2].Size, past[2].Root, Newest},
		"the pending one":                  {past[3].Size, past[3].Root, Awaited},
		"an older one":                     {past[0].Size, past[0].Root, Older},
		"none":                             {0, "", Older},
		"the newest size, another root":    {past[2].Size, other, Foreign},
		"the pending size, another root":   {past[3].Size, other, Foreign},
		"an older size, another root":      {past[0].Size, other, Foreign},
		"an older size, a root of another": {past[0].Size, past[1].Root, Foreign},
		"a longer one":                     {past[3].Size + 1, other, Foreign},
		"no root at all":                   {past[0].Size, "x", Foreign},
	} {
		if got, err := s.PlaceOf(c.size, c.root); err != nil || got != c.want {
			t.Errorf("%s: came %d (%v), expected %d", name, got, err, c.want)
		}
	}
	fresh := openSequencer(t, openDB(t, t.TempDir(), nil))
	for name, c := range map[string]struct {
		size uint64
		want Place
	}{"none": {0, Newest}, "one": {past[0].Size, Foreign}} {
		if got, err := fresh.PlaceOf(c.size, past[0].Root); err != nil || got != c.want {
			t.Errorf("an empty journal and a ledger with %s: came %d (%v), expected %d", name, got, err, c.want)
		}
	}
}
