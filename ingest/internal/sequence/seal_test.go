package sequence

import (
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/anchor"
)

// TestStoredLogs: of a log is stored what no longer waits in the queue.
func TestStoredLogs(t *testing.T) {
	db := openDB(t, t.TempDir(), nil)
	defer db.Close()
	s := openSequencer(t, db)
	trim := func(records int) {
		t.Helper()
		n := 0
		var last uint64
		var size int64
		if err := db.Queued(0, func(at uint64, _ journal.RecordKind, body []byte) (bool, error) {
			n, last, size = n+1, at, size+int64(len(body))+1
			return n < records, nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Trim(last+1, size); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(shipment string, size, stored uint64) {
		t.Helper()
		logs, err := s.StoredLogs(anchor.Shipment, shipment)
		if err != nil || len(logs) != 1 || logs[0].Size != size || logs[0].Stored == nil || *logs[0].Stored != stored {
			t.Fatalf("%s: %+v, err %v; want %d of %d", shipment, logs, err, stored, size)
		}
	}
	first, second := chain("A", 5), chain("B", 3)
	for _, it := range second {
		it.Routes[0].Shipment = "S-2"
	}
	apply(t, s, append(first[:3:3], second...)...)
	apply(t, s, first[3:]...)
	expect("S-1", 5, 0)
	expect("S-2", 3, 0)
	trim(4)
	expect("S-1", 5, 3)
	expect("S-2", 3, 1)
	trim(3)
	expect("S-1", 5, 4)
	expect("S-2", 3, 3)
	trim(1)
	expect("S-1", 5, 5)
	if logs, err := s.StoredLogs(anchor.Shipment, "none"); err != nil || len(logs) != 0 {
		t.Errorf("%+v, err %v", logs, err)
	}
}
