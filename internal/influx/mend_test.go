package influx_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

// What fsck and recover need of a store: a list of what there is, and single points that go and nothing beside them.
func TestMend(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	b := c.NewBatch()
	message := func(log string, leaf uint64, shipment, tracker string) stored.Message {
		m := stored.Message{Log: log, Leaf: leaf, Entry: []byte("e"), Raw: []byte("r"), Tracker: tracker, Shipment: shipment, Trust: stored.Signed, Boot: 1, Seq: leaf, Kind: 2,
			TimeMS: 5000, ReceivedMS: 5000, Flags: []string{"late"}, Readings: 3, PointNS: stored.PointNS(5000, leaf)}
		b.Message(&m)
		return m
	}
	value := func(int) (string, float64) { return "temperature", 4 }
	message("aa", 0, "S-1", "T-1")
	one := message("aa", 1, "S-1", "T-1")
	wrong := message("aa", 1, "S-2", "T-1")
	own := message("bb", 0, "", "T-2")
	b.Reading("aa", "T-1", 0, 5000, 1, value)
	b.Reading("aa", "T-1", 1, 5000, 1, value)
	b.Reading("cc", "T-9", 0, 5000, 1, value)
	for i := range 3 {
		b.Head(&stored.Head{Heads: "hh", Log: "aa", Index: uint64(2 - i), Size: 2, TimeMS: 9000})
	}
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	logs := func() string {
		t.Helper()
		all, err := c.Logs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(all)
	}
	if got, want := logs(), "[{aa S-1 T-1 2} {aa S-2 T-1 1} {bb  T-2 1} {cc  T-9 0}]"; got != want {
		t.Errorf("logs %s, want %s", got, want)
	}
	var heads []uint64
	if err := c.HeadsOf(ctx, "hh", func(h stored.Head) error { heads = append(heads, h.Index); return nil }); err != nil || fmt.Sprint(heads) != "[0 1 2]" {
		t.Errorf("heads %v, %v", heads, err)
	}
	n := 0
	if err := c.Places(ctx, "T-1", func(boot, seq uint64) { n++ }); err != nil || n != 3 {
		t.Errorf("%d places, %v; want 3", n, err)
	}
	read := func(log string) (got []string) {
		t.Helper()
		err := c.Messages(ctx, log, 0, 0, func(m stored.Message) error {
			got = append(got, fmt.Sprintf("%d %s %s %d %d %v", m.Leaf, m.Shipment, m.Tracker, m.Kind, m.Readings, m.Flags))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 2 { // what is gone can be taken away again
		if err := c.Delete(ctx, []stored.Place{wrong.Place(), own.Place(), {Measurement: stored.ReadingPoint, Tags: map[string]string{"log": "aa", "tracker": "T-1"}, NS: stored.PointNS(5000, 1)}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := fmt.Sprint(read("aa")), "[0 S-1 T-1 2 3 [late] 1 S-1 T-1 2 3 [late]]"; got != want {
		t.Errorf("after the deletion %s, want %s", got, want)
	}
	if got := read("bb"); len(got) != 0 {
		t.Errorf("a message without a shipment is still there: %v", got)
	}
	var readings []uint64
	err := c.Readings(ctx, stored.ReadingsQuery{Logs: []string{"aa"}}, func(r stored.Reading, _ time.Time) error {
		readings = append(readings, r.Leaf)
		return nil
	})
	if err != nil || fmt.Sprint(readings) != "[0]" {
		t.Errorf("readings of leaves %v, %v; want that of leaf 0 alone", readings, err)
	}
	// A point that says less takes the place of one that says more.
	one.Kind, one.Flags, one.Readings = 0, nil, 1
	b.Reset()
	b.Overwrite(&one)
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(read("aa")), "[0 S-1 T-1 2 3 [late] 1 S-1 T-1 0 1 []]"; got != want {
		t.Errorf("after overwriting %s, want %s", got, want)
	}
}
