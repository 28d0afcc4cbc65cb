package watch

import (
	"github.com/trackseal/trackseal/ingest/internal/store"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// freshLogs keeps the readings of shipments that nobody has judged yet, as long as it has seen their logs from the first leaf
// on: such a shipment need not be read back from InfluxDB. Messages come in the order of their leaves, and after a crash the
// same ones may come again, so leaf 0 means that all follow. What gets too much is forgotten, and read back.
type freshLogs struct {
	shipments map[string][]compliance.Reading
	readings  int
}

// Bounds of what waits for its first judgement, usually some seconds long.
const (
	maxFreshShipment = 20_000
	maxFresh         = 100_000
)

func newFreshLogs() freshLogs { return freshLogs{shipments: map[string][]compliance.Reading{}} }

// add takes a message of a shipment.
func (f *freshLogs) add(st *store.Stored) error {
	all, known := f.shipments[st.Shipment]
	if !known && st.Leaf != 0 {
		return nil
	}
	var due uint32
	if st.Signed { // whether its rules ask for promises is not known yet
		due = promise(telemetry.Open(telemetry.LeafSigned, "", st.Raw, 0))
	}
	before := len(all)
	err := points(st, due, func(r compliance.Reading) { all = append(all, r) })
	f.readings += len(all) - before
	f.shipments[st.Shipment] = all
	if err != nil || len(all) > maxFreshShipment || f.readings > maxFresh {
		f.take(st.Shipment)
	}
	return err
}

// take hands over a shipment's readings and forgets them; ok is false when they are not all here.
func (f *freshLogs) take(shipment string) (all []compliance.Reading, ok bool) {
	all, ok = f.shipments[shipment]
	delete(f.shipments, shipment)
	f.readings -= len(all)
	return all, ok
}
