package judge

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// TestLeftToTheOtherInstance: whoever has a shipment's messages judges it; this instance only when it does not go on, or goes on for
// long, and at once for what concerns its own messages or the record.
func TestLeftToTheOtherInstance(t *testing.T) {
	const round = time.Second
	grow := func(j *Judge) { j.grown("S-1", ledger.LogHead{Log: "00", Size: 1}, j.cfg.Now().UnixMilli()) }
	before := func(j *Judge) { j.grown("S-1", ledger.LogHead{Log: "00", Size: 1}, j.begunMS-1) }
	fail := func(j *Judge) { j.begin("S-1"); j.end("S-1", errors.New("no store")) }
	own := func(j *Judge) {
		j.Observe([]Message{{Shipment: "S-1", Tracker: "T-1", Each: func(func(int64, map[string]float64)) error { return nil }}})
	}
	for name, tc := range map[string]struct {
		own   bool
		at    map[int]func(*Judge) // by second
		due   int                  // the first second at which it is to be judged
		depth int                  // then
	}{
		"it grew once":                {at: map[int]func(*Judge){0: grow}, due: patience},
		"it grew again":               {at: map[int]func(*Judge){0: grow, 10: grow}, due: 10 + patience},
		"its record changed":          {at: map[int]func(*Judge){0: func(j *Judge) { j.Mark("S-1") }}, due: maxPatience},
		"it had grown before":         {at: map[int]func(*Judge){0: before}, due: maxPatience},
		"before, and then it grew":    {at: map[int]func(*Judge){0: before, 9: grow}, due: 9 + patience},
		"an own message came":         {at: map[int]func(*Judge){0: grow, 3: own}, due: 3, depth: 1},
		"own messages were there":     {own: true, at: map[int]func(*Judge){2: grow}, due: 2, depth: 1},
		"a failure waits as ever":     {at: map[int]func(*Judge){0: func(j *Judge) { own(j); fail(j) }, 1: grow}, due: 1, depth: 1},
		"judged, and it grew further": {at: map[int]func(*Judge){0: grow, 1: func(j *Judge) { j.begin("S-1"); j.end("S-1", nil) }, 2: grow}, due: 2 + patience},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			j := New(Config{Instance: "ingest-a", Own: func(string) bool { return tc.own }, Every: round, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
			last := slices.Max(slices.Collect(maps.Keys(tc.at)))
			for s := 0; ; s++ {
				if act := tc.at[s]; act != nil {
					act(j)
				}
				if s >= last && len(j.due()) > 0 {
					if s != tc.due || j.Depth() != tc.depth {
						t.Errorf("to be judged at second %d with depth %d, want %d and %d", s, j.Depth(), tc.due, tc.depth)
					}
					return
				}
				if s > 2*maxPatience {
					t.Fatalf("not to be judged within %d s, want %d", s, tc.due)
				}
				now = now.Add(round)
			}
		})
	}
	t.Run("it grows all the time", func(t *testing.T) {
		now := time.Unix(1_700_000_000, 0)
		j := New(Config{Own: func(string) bool { return false }, Every: round, Now: func() time.Time { return now }})
		s := 0
		for ; len(j.due()) == 0 && s <= 2*maxPatience; s++ {
			grow(j)
			now = now.Add(round)
		}
		if s != maxPatience {
			t.Errorf("to be judged after %d s, want %d", s, maxPatience)
		}
	})
}
