package judge

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// headsOnly is a store that has heads, in the order in which they came.
type headsOnly struct {
	Store
	list []stored.Head
}

func (h *headsOnly) HeadsFrom(_ context.Context, _ string, index uint64, sinceMS int64) (out []stored.Head, err error) {
	for _, x := range h.list {
		if x.Index >= index && x.TimeMS >= sinceMS {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b stored.Head) int { return int(a.Index) - int(b.Index) })
	return out, nil
}

// shipmentsOf are live ones.
type shipmentsOf []*ledger.Shipment

func (s shipmentsOf) Live() []*ledger.Shipment                 { return s }
func (s shipmentsOf) Shipment(string) (*ledger.Shipment, bool) { return nil, false }

// memberOf is a ledger that says only whose it is.
type memberOf string

func (m memberOf) MSP() string { return string(m) }
func (memberOf) Submit(context.Context, string, any) (ledger.Result, error) {
	return ledger.Result{}, errors.New("no ledger")
}
func (memberOf) Evaluate(context.Context, string, any) ([]byte, error) {
	return nil, errors.New("no ledger")
}

// TestAnotherOperatorsHeadsComeInAnyOrder: they are copied, each log by itself. A shipment is judged at once when one comes, once.
func TestAnotherOperatorsHeadsComeInAnyOrder(t *testing.T) {
	store := &headsOnly{}
	j := New(Config{Channel: "ch", Instance: "b.ingest", Own: func(string) bool { return false }, Store: store, Ledger: memberOf("BMSP"), Log: slog.New(slog.DiscardHandler),
		Shipments: shipmentsOf{{ID: "S-1", CreateTx: "t1"}, {ID: "S-2", CreateTx: "t2"}}})
	j.siblings = true
	j.others = others{next: map[string]*reach{}, logs: map[string]string{}, seen: map[string]bool{}, size: map[string]uint64{}}
	head := func(n int, index, size uint64, ms int64) {
		id := j.logID(j.cfg.Shipments.Live()[n], "a.ingest")
		store.list = append(store.list, stored.Head{Log: hex.EncodeToString(id[:]), Index: index, Size: size, TimeMS: ms})
	}
	judged := func(want ...string) {
		t.Helper()
		if err := j.read(t.Context(), ledger.Head{Heads: "h", Ingest: "a.ingest", Owner: "AMSP", Size: 100, TimeMS: 1_000_000}); err != nil {
			t.Fatal(err)
		}
		got := j.due()
		if !slices.Equal(got, want) {
			t.Errorf("to be judged %v, want %v", got, want)
		}
		for _, id := range got {
			j.begin(id)
			j.end(id, nil)
		}
	}
	head(0, 7, 3, 1_000_000)
	judged("S-1")
	judged() // it was seen
	head(1, 5, 2, 990_000)
	judged("S-2")
	head(0, 9, 4, 1_010_000)
	head(1, 8, 3, 1_005_000)
	judged("S-1", "S-2")
	judged()
}
