package feed

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// waiting are the ids that a new stream finds, "gap" for a gap.
func waiting(f *Feed, lastID string) (ids []string) {
	s := f.Subscribe("", lastID)
	s.Cancel()
	for e := range s.C {
		if e.Name == Gap {
			e.ID = "gap"
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func publish(f *Feed, block uint64, n int) {
	f.publish(Event{ID: fmt.Sprintf("%d.%d", block, n), Name: Anchor, Data: ledger.Head{}})
}

// TestAStreamThatComesBack learns what it missed, or that this is not known any more.
func TestAStreamThatComesBack(t *testing.T) {
	f := New("CarrierMSP", nil, nil, slog.New(slog.DiscardHandler))
	expect := func(lastID string, want ...string) {
		t.Helper()
		if got := waiting(f, lastID); !slices.Equal(got, want) {
			t.Errorf("after %q: %v, want %v", lastID, got, want)
		}
	}
	expect("")
	expect("3.1", "gap") // the ledger was never reached
	f.begin(10)
	publish(f, 10, 1)
	publish(f, 10, 2)
	publish(f, 12, 1)
	expect("")
	expect("10.1", "10.2", "12.1")
	expect("10.2", "12.1")
	expect("11.7", "12.1")
	expect("12.1")
	expect("9.3", "gap", "10.1", "10.2", "12.1") // block 9 may have had a fourth event
	for _, nonsense := range []string{"garbage", "10", "10.", ".1", "-1.1", "10.-1", "10.1x", "99999999999999999999.1"} {
		expect(nonsense, "gap")
	}

	// The ring drops its oldest quarter: who has seen all of that misses nothing.
	for i := range ring {
		publish(f, 20+uint64(i), 1)
	}
	dropped := f.floor
	got := waiting(f, fmt.Sprintf("%d.%d", dropped.block, dropped.n))
	if len(got) == 0 || got[0] != "gap" { // more than a stream's buffer takes
		t.Errorf("%d events, first %v", len(got), got[:1])
	}
	last := f.past[len(f.past)-1].ID
	expect(last)
	expect(f.past[len(f.past)-2].ID, last)
	expect("12.1", append([]string{"gap"}, idsOf(f.past[len(f.past)-buffer/2:])...)...)
}

func idsOf(events []Event) (ids []string) {
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestComplianceRecords are told to the parties, under their names here, and to nobody else.
func TestComplianceRecords(t *testing.T) {
	f := New("CarrierMSP", nil, nil, slog.New(slog.DiscardHandler))
	f.remember("mine", true)
	f.remember("theirs", false)
	sub := f.Subscribe("mine", "")
	all := f.Subscribe("", "")
	kinds := []struct{ onLedger, here string }{
		{ledger.EventExcursion, Excursion}, {ledger.EventVerdict, Verdict}, {ledger.EventAcknowledged, Acknowledgement}, {ledger.EventDisposition, Disposition},
	}
	var want []string
	for i, k := range kinds {
		for j, shipment := range []string{"theirs", "mine"} {
			f.take(t.Context(), ledger.Event{Name: k.onLedger, TxID: fmt.Sprint(i, j), Block: uint64(i), Payload: fmt.Appendf(nil, `{"shipment":%q}`, shipment)})
		}
		want = append(want, k.here+" mine "+fmt.Sprintf("%d.2", i))
	}
	for _, s := range []*Sub{sub, all} {
		s.Cancel()
		var got []string
		for e := range s.C {
			got = append(got, e.Name+" "+e.ShipID+" "+e.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestOddEvents: two organisations can endorse any event. What is none of ours is left out, tells nobody anything, and stops nothing.
func TestOddEvents(t *testing.T) {
	f := New("CarrierMSP", testkit.NewLedger("CarrierMSP", nil), nil, slog.New(slog.DiscardHandler))
	f.remember("mine", true)
	f.remember("theirs", false)
	sub := f.Subscribe("", "")
	names := []string{ledger.EventShipment, ledger.EventClosed, ledger.EventAnchor, ledger.EventVerdict, ledger.EventExcursion, ledger.EventAcknowledged, ledger.EventDisposition, "unknown", ""}
	n := 0
	for _, payload := range []string{"", "null", "1", `"x"`, "[]", "{", "{}", `{"shipment":1}`, `{"id":{}}`, `{"shipment":null}`, `{"id":"theirs","parties":{"carrier":["CarrierMSP"]}}`, `{"shipment":"theirs"}`, strings.Repeat("[", 20_000), "\xff"} {
		for _, name := range names {
			if name == ledger.EventAnchor && json.Unmarshal([]byte(payload), new(ledger.Head)) == nil {
				continue // an anchor of everybody
			}
			n++
			f.take(t.Context(), ledger.Event{Name: name, TxID: fmt.Sprint(n), Block: 7, Payload: []byte(payload)})
		}
	}
	// A shipment of ours in which an event says that we have no part stays ours.
	f.take(t.Context(), ledger.Event{Name: ledger.EventShipment, TxID: "bend", Block: 8, Payload: []byte(`{"id":"mine","parties":{}}`)})
	f.take(t.Context(), ledger.Event{Name: ledger.EventVerdict, TxID: "good", Block: 9, Payload: []byte(`{"shipment":"mine"}`)})
	sub.Cancel()
	var got []string
	for e := range sub.C {
		got = append(got, e.Name+" "+e.ShipID+" "+e.ID)
	}
	if want := []string{"shipment mine 8.1", "verdict mine 9.1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
