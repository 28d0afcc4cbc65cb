package replica

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

type readable interface {
	Messages(ctx context.Context, log string, from, to uint64, fn func(stored.Message) error) error
	Readings(ctx context.Context, q stored.ReadingsQuery, fn func(stored.Reading, time.Time) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// On a real InfluxDB the copy is read as the operator's store is, goes on after a restart of both, and heals what was lost.
func TestOnInfluxDB(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c, err := influx.Open(influx.Config{URL: d.URL, Org: d.Org, Bucket: d.Bucket, TokenFile: d.TokenFile})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := newWorld(t)
	w.open(c)
	w.log(4)
	w.log(3)
	w.rounds()
	if !d.Two { // killed, and started again
		d.Stop()
		w.log(2)
		if err := w.round(); err == nil {
			t.Error("without its InfluxDB a copy is taken")
		}
		d.Start()
	} else {
		w.log(2)
	}
	w.open(c)
	w.rounds()
	if found := w.findings(); len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	read := func(s readable) (lines []string) {
		log := w.ingest.LogID()
		say := func(v any) {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(b))
		}
		err := s.Messages(t.Context(), log, 0, 0, func(m stored.Message) error { say(m); return nil })
		if err != nil {
			t.Fatal(err)
		}
		err = s.Readings(t.Context(), stored.ReadingsQuery{Logs: []string{log}}, func(r stored.Reading, at time.Time) error {
			say([]any{r.Tracker, r.Leaf, r.TimeMS, r.Values, at.UnixNano()})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		heads, err := s.Heads(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range heads {
			if h.Proof == nil {
				h.Proof = [][32]byte{}
			}
			say(h)
		}
		return lines
	}
	theirs, ours := read(w.node.store), read(c)
	if fmt.Sprint(theirs) != fmt.Sprint(ours) || len(ours) < 12+12+3 {
		t.Errorf("ours:\n%v\ntheirs:\n%v", ours, theirs)
	}
}
