package judge

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// TestLeftToTheOtherInstance: whoever has a shipment's messages judges it at once. The others look later, and not as often as it grows.
func TestLeftToTheOtherInstance(t *testing.T) {
	const round = time.Second
	grow := func(j *Judge) { j.grown("S-1", ledger.LogHead{Log: "00", Size: 1}, false) }
	judged := func(err error) func(*Judge) { return func(j *Judge) { j.begin("S-1"); j.end("S-1", err) } }
	own := func(j *Judge) {
		j.Observe([]Message{{Shipment: "S-1", Tracker: "T-1", Each: func(func(int64, map[string]float64)) error { return nil }}})
	}
	for name, tc := range map[string]struct {
		own, alone bool
		acts       []func(*Judge) // one a second
		due        int            // the first second from the last of them on at which it is to be judged
	}{
		"it grew once":                {acts: []func(*Judge){grow}, due: patience},
		"it goes on growing":          {acts: []func(*Judge){grow, grow, grow}, due: patience},
		"its record changed":          {acts: []func(*Judge){func(j *Judge) { j.Mark("S-1") }}, due: patience},
		"an own message came":         {acts: []func(*Judge){grow, own}, due: 1},
		"nobody else of us is there":  {alone: true, acts: []func(*Judge){grow}, due: 0},
		"own messages were there":     {own: true, acts: []func(*Judge){grow}, due: 0},
		"judged, and it grew further": {acts: []func(*Judge){grow, judged(nil), grow}, due: 2 + patience},
		"an own one could not be":     {acts: []func(*Judge){own, judged(errors.New("no store")), grow}, due: 2},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1_700_000_000, 0)
			j := New(Config{Instance: "ingest-a", Own: func(string) bool { return tc.own }, Every: round, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
			j.siblings = !tc.alone
			for s := 0; ; s++ {
				if s < len(tc.acts) {
					tc.acts[s](j)
				}
				if s >= len(tc.acts)-1 && len(j.due()) > 0 {
					want := 1
					if tc.due >= patience {
						want = 0
					}
					if s != tc.due || j.Depth() != want {
						t.Errorf("to be judged at second %d with depth %d, want %d and %d", s, j.Depth(), tc.due, want)
					}
					return
				}
				if s > 2*patience {
					t.Fatalf("not to be judged within %d s, want %d", s, tc.due)
				}
				now = now.Add(round)
			}
		})
	}
}
