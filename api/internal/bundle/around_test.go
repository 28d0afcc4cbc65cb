package bundle_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// outside are the messages of a bundle from outside its logs.
func (w *world) outside() [][]byte {
	w.t.Helper()
	b, err := w.source.Collect(w.t.Context(), w.request)
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Manifest.Outside
}

// isNeighbour says which stored points stand in another log than the shipment's.
func (w *world) isNeighbour(m stored.Message) bool { return m.Log != w.request.Logs[0].ID }

// Before and after the shipment the tracker was on others: what links to this one stands in their logs, and only its signed
// part is shown.
func TestNeighboursInOtherShipmentsLogs(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	other := strings.Repeat("0f", 32)
	for i := range w.store.Stored {
		if w.isNeighbour(w.store.Stored[i]) {
			w.store.Stored[i].Log, w.store.Stored[i].Leaf, w.store.Stored[i].Shipment = other, uint64(i), "of others"
		}
	}
	for i := range w.store.Points {
		if w.store.Points[i].Log != w.request.Logs[0].ID {
			w.store.Points[i].Log = other
		}
	}
	b, err := w.bundle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(t, w.verify(b), evidence.ExitPass)
	for _, m := range w.store.Stored {
		if !w.isNeighbour(m) {
			continue
		}
		d, err := telemetry.Decode(m.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, d.COSE) || bytes.Contains(b, d.Pack) {
			t.Errorf("of the message at %d: signed part shown: %v, readings shown: %v", d.TimeMS, bytes.Contains(b, d.COSE), bytes.Contains(b, d.Pack))
		}
	}
}

func TestNeighboursThatAreNotThere(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*world)
		codes  []evidence.Code
		exit   int
	}{
		"none": {func(w *world) { w.store.Stored = slices.DeleteFunc(w.store.Stored, w.isNeighbour) }, []evidence.Code{evidence.StartOpen}, evidence.ExitUnknown},
		"damaged": {func(w *world) {
			for i := range w.store.Stored {
				if w.isNeighbour(w.store.Stored[i]) {
					w.store.Stored[i].Raw = []byte("damaged")
				}
			}
		}, []evidence.Code{evidence.StartOpen}, evidence.ExitUnknown},
		"of another tracker under this one's name": {func(w *world) {
			for i := range w.store.Stored {
				if m := &w.store.Stored[i]; w.isNeighbour(*m) && m.Tracker == "T-ED" {
					m.Raw = w.store.Stored[len(w.store.Stored)-1].Raw // of T-EC
				}
			}
		}, []evidence.Code{evidence.StartOpen}, evidence.ExitUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fabricproof.BFT, true, nil)
			tt.change(w)
			want(t, w.judge(), tt.exit, tt.codes...)
		})
	}
}

// Months on the shelf lie before the trip: the search widens until it finds the link, and reads the rest of an old
// tracker's history only then.
func TestNeighbourFarAway(t *testing.T) {
	const day = 24 * 3_600_000
	for name, tt := range map[string]struct {
		awayMS  int64
		queries int
	}{"minutes": {0, 1}, "hours": {day / 2, 2}, "days": {20 * day, 3}, "months": {200 * day, 4}} {
		w := newWorld(t, fabricproof.BFT, true, nil)
		own := ""
		for i := range w.store.Stored {
			if m := &w.store.Stored[i]; w.isNeighbour(*m) && m.Tracker == "T-ED" && m.Seq < 3 {
				m.ReceivedMS -= tt.awayMS
				own = m.Log
			}
		}
		w.store.calls.names = nil
		if n := len(w.outside()); n != 4 {
			t.Errorf("%s: %d messages from outside", name, n)
		}
		// One question for the logs of the tracker per width; T-EC before, and both after, need one each.
		n := 0
		for _, c := range w.store.calls.names {
			if c == "logs" {
				n++
			}
		}
		if n != tt.queries+3 {
			t.Errorf("%s: %d searches around log %.8s, want %d", name, n-3, own, tt.queries)
		}
	}
}

// A nearer message that does not link is not taken for the neighbour while one that links can be found further away.
func TestLinkBeatsNearness(t *testing.T) {
	w := newWorld(t, fabricproof.BFT, true, nil)
	var link []byte
	for i := range w.store.Stored {
		m := &w.store.Stored[i]
		if !w.isNeighbour(*m) || m.Tracker != "T-ED" || m.Seq > 2 {
			continue
		}
		d, err := telemetry.Decode(m.Raw)
		if err != nil {
			t.Fatal(err)
		}
		link = d.COSE
		m.ReceivedMS -= 5 * 3_600_000
		// A stray message of an earlier place arrived an hour ago.
		stray := *w.trip.Trackers[0]
		stray.Seq, stray.Prev = 0, telemetry.Hash{}
		cose, _ := evidencetest.Split(stray.Message(d.TimeMS, nil))
		w.putOutside(m.Log, cose)
		break
	}
	if !slices.ContainsFunc(w.outside(), func(c []byte) bool { return bytes.Equal(c, link) }) {
		t.Error("the message that the first one links to is not in the bundle")
	}
	want(t, w.judge(), evidence.ExitPass)
}

// A tracker taken off and put on again has two assignments, and two ends of each. What it sent between is not the shipment's.
func TestTwoStaysOfOneTracker(t *testing.T) {
	var between [][]byte
	w := newWorld(t, fabricproof.BFT, true, func(trip *evidencetest.Trip) {
		trip.Drive(2, 2)
		trip.C.NowMS += 60_000
		trip.Unassign(trip.Trackers[0])
		trip.C.NowMS += 60_000
		for range 3 {
			cose, _ := evidencetest.Split(trip.Trackers[0].Message(trip.C.NowMS, nil))
			between = append(between, cose)
			trip.Log(trip.Trackers[1].Message(trip.C.NowMS, nil))
			trip.C.NowMS += trip.StepMS
		}
		trip.Assign(trip.Trackers[0])
		trip.Drive(2, 2)
	})
	own := w.log(anchor.Tracker, "T-ED", record[ledger.Tracker](w, ledger.TrackerKeyOf("T-ED")).EnrolTx)
	for _, cose := range between {
		w.putOutside(own, cose)
	}
	want(t, w.judge(), evidence.ExitPass)
}
