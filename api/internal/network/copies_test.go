package network

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/api/internal/state"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/testkit"
)

// nonsense is an operator that gives nothing of any use.
type nonsense struct{ replica.Operator }

func (nonsense) Name() string { return "carrier.ingest-1" }
func (nonsense) NewHeads(context.Context, uint64, int64) (transfer.Heads, error) {
	return transfer.Heads{}, transfer.ErrForm
}

// alone is a network with that operator and no other node.
type alone struct{}

func (alone) Operators() map[string]replica.Operator {
	return map[string]replica.Operator{"carrier.ingest-1": nonsense{}}
}
func (alone) Party(string) replica.Party { return nil }
func (alone) Ended(string) bool          { return false }

// What the copying finds is shown, and then not all is well.
func TestCopiesAreShown(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	ingest := &fakestore.Ingest{Name: "carrier.ingest-1", Store: new(fakestore.Store), Ledger: l, NowMS: func() int64 { return time.Now().UnixMilli() }}
	if err := ingest.Plain("carrier.t", []byte(`{"temperature":5}`)); err != nil {
		t.Fatal(err)
	}
	if err := ingest.Anchor(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	disk, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	s := &Resource{Copies: replica.New(replica.Config{Channel: ledger.Channel, Nodes: alone{}, Ledger: l.As("ShipperMSP"), Store: new(fakestore.Store),
		Kept: disk.Tenant("replica"), Log: slog.New(slog.DiscardHandler), Now: time.Now})}
	if c := s.copies()[0]; c.OK || c.Error != "not asked yet" || c.Anchored != nil || c.Copied != nil || c.Behind != nil {
		t.Errorf("before the first look came %+v", c)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Copies.Run(ctx) }()
	var got []Copy
	testkit.WaitFor(t, 10*time.Second, "a finding", func() bool {
		got = s.copies()
		return len(got) == 1 && len(got[0].Findings) == 1
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if c := got[0]; c.OK || c.Ingest != "carrier.ingest-1" || *c.Anchored != 1 || *c.Copied != 0 || c.Findings[0].What != copying.Form || c.Findings[0].Since == 0 {
		t.Errorf("came %+v", c)
	}
	if got := (&Resource{}).copies(); got == nil || len(got) != 0 {
		t.Errorf("without a copy: %v", got)
	}
}
