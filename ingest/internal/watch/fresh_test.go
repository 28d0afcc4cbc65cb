package watch

import (
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func storedAt(shipment string, leaf uint64, readings int) *store.Stored {
	all := make([]telemetry.Reading, readings)
	for i := range all {
		all[i] = telemetry.Reading{TimeMS: 1_700_000_000_000 + int64(leaf), Values: map[string]float64{"temperature": float64(i)}}
	}
	return &store.Stored{Shipment: shipment, Tracker: "T", Leaf: leaf, Readings: journal.EncodeReadings(all, nil)}
}

// TestFreshLogs: only what was seen from the first leaf on is handed over, once, and never more than the bounds.
func TestFreshLogs(t *testing.T) {
	f := newFreshLogs()
	add := func(shipment string, leaf uint64, readings int) {
		t.Helper()
		if err := f.add(storedAt(shipment, leaf, readings)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(shipment string, n int, ok bool) {
		t.Helper()
		if all, got := f.take(shipment); len(all) != n || got != ok {
			t.Errorf("%s: %d readings, %v; want %d, %v", shipment, len(all), got, n, ok)
		}
	}
	add("whole", 0, 2)
	add("whole", 1, 1)
	add("late", 7, 1)
	add("silent", 0, 0) // a message without readings begins a log too
	want("whole", 3, true)
	want("whole", 0, false)
	add("whole", 2, 1) // what follows is not all
	want("whole", 0, false)
	want("late", 0, false)
	want("silent", 0, true)
	add("repeated", 0, 1)
	add("repeated", 1, 1)
	add("repeated", 0, 1) // after a crash: the evaluator drops what is the same
	want("repeated", 3, true)

	for leaf := range uint64(maxFreshShipment/200 + 2) {
		add("long", leaf, 200)
	}
	want("long", 0, false)
	for i := range 30 {
		for leaf := range uint64(20) {
			add(string(rune('A'+i)), leaf, 200)
		}
	}
	if f.readings > maxFresh {
		t.Errorf("%d readings are kept", f.readings)
	}
	for shipment := range f.shipments {
		f.take(shipment)
	}
	if f.readings != 0 {
		t.Errorf("%d readings are counted when none is there", f.readings)
	}
	damaged := store.Stored{Shipment: "damaged", Readings: []byte{1, 2, 9}}
	if err := f.add(&damaged); err == nil {
		t.Error("damaged readings are no error")
	}
	want("damaged", 0, false)
}
