package partition

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

var whole = []ledger.Range{{From: 0, To: ledger.MaxPartition}}

func of(l *testkit.Ledger, ingest string, ranges []ledger.Range) *Partitions {
	return New(Config{Ledger: l, Ingest: ingest, Ranges: ranges, Log: slog.New(slog.DiscardHandler)})
}

func newLedger(t *testing.T) *testkit.Ledger {
	l := testkit.NewLedger("CarrierMSP", nil)
	t.Cleanup(l.Close)
	return l
}

func mustClaim(t *testing.T, p *Partitions, take bool) ledger.Serving {
	t.Helper()
	s, err := p.Claim(t.Context(), take)
	if err != nil || p.Taken() != nil {
		t.Fatalf("claim: %v, taken %v", err, p.Taken())
	}
	return s
}

func look(t *testing.T, p *Partitions, epoch uint64, taken bool) {
	t.Helper()
	got, err := p.Look(t.Context())
	if err != nil || got != epoch || errors.Is(p.Taken(), ErrTaken) != taken {
		t.Fatalf("looked: epoch %d, %v, taken: %v; want %d and taken %v", got, err, p.Taken(), epoch, taken)
	}
}

func TestClaimAndTakeOver(t *testing.T) {
	l := newLedger(t)
	a, b := of(l, "carrier.a", whole), of(l, "carrier.b", whole)
	if s := mustClaim(t, a, false); s.Epoch != 1 || !slices.Equal(s.Of("carrier.a"), whole) {
		t.Fatalf("claimed %+v", s)
	}
	// The same instance after a restart, or in another life, has them already.
	if s := mustClaim(t, of(l, "carrier.a", whole), false); s.Epoch != 1 {
		t.Errorf("claimed again in epoch %d, want 1", s.Epoch)
	}
	if _, err := b.Claim(t.Context(), false); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "carrier.a serves 00-ff") {
		t.Errorf("claim of what another serves: %v, want who does", err)
	}
	look(t, a, 1, false)
	look(t, b, 1, true) // it can still anchor
	mustClaim(t, b, true)
	look(t, a, 2, true)
	if !strings.Contains(a.Taken().Error(), "carrier.b serves 00-ff") {
		t.Errorf("taken: %v, want the new one named", a.Taken())
	}
	look(t, b, 2, false)
	// Given back, it serves again.
	mustClaim(t, of(l, "carrier.a", whole), true)
	look(t, a, 3, false)
	look(t, b, 3, true)
}

// A change that leaves an instance its own is a new epoch and nothing more.
func TestOthersMayChange(t *testing.T) {
	l := newLedger(t)
	a := of(l, "carrier.a", []ledger.Range{{From: 0, To: 15}, {From: 32, To: 47}})
	mustClaim(t, a, false)
	mustClaim(t, of(l, "carrier.b", []ledger.Range{{From: 16, To: 31}}), false)
	look(t, a, 2, false)
	mustClaim(t, of(l, "carrier.b", []ledger.Range{{From: 47, To: 60}}), true)
	look(t, a, 3, true)
}

// While the ledger is away nobody says that the partitions are another's; the claim is made when it answers.
func TestTheClaimIsMadeUp(t *testing.T) {
	l := newLedger(t)
	a := of(l, "carrier.a", whole)
	l.SetUnavailable(true)
	if _, err := a.Claim(t.Context(), false); !errors.Is(err, ledger.ErrUnavailable) || a.Taken() != nil {
		t.Fatalf("claim: %v, taken %v", err, a.Taken())
	}
	if _, err := a.Look(t.Context()); !errors.Is(err, ledger.ErrUnavailable) || a.Taken() != nil {
		t.Fatalf("look: %v, taken %v", err, a.Taken())
	}
	l.SetUnavailable(false)
	look(t, a, 1, false)
}

// Claims that meet: the one that lost reads the record again.
func TestClaimsThatMeet(t *testing.T) {
	l := newLedger(t)
	low, high := of(l, "carrier.a", []ledger.Range{{From: 0, To: 127}}), of(l, "carrier.b", []ledger.Range{{From: 128, To: 255}})
	met := false
	l.Before(func(_ context.Context, _, fn string) error {
		if fn == ledger.PartitionClaim.Name() && !met {
			met = true
			if _, err := high.Claim(t.Context(), false); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if s := mustClaim(t, low, false); s.Epoch != 2 || len(s.Ranges) != 2 {
		t.Errorf("after both: %+v, want both ranges in epoch 2", s)
	}
}

func TestRanges(t *testing.T) {
	var own [ledger.MaxPartition + 1]bool
	if got := Ranges(own); got != nil {
		t.Errorf("none: %v", got)
	}
	for _, i := range []int{0, 1, 2, 9, 254, 255} {
		own[i] = true
	}
	if got, want := Ranges(own), []ledger.Range{{From: 0, To: 2}, {From: 9, To: 9}, {From: 254, To: 255}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What an instance's configuration has no more is free for another one.
func TestFewerAreClaimed(t *testing.T) {
	l := newLedger(t)
	mustClaim(t, of(l, "carrier.a", whole), false)
	first, second := []ledger.Range{{From: 0, To: 127}}, []ledger.Range{{From: 128, To: ledger.MaxPartition}}
	if s := mustClaim(t, of(l, "carrier.a", first), false); !slices.Equal(s.Of("carrier.a"), first) {
		t.Errorf("claimed %+v, want %+v alone", s.Ranges, first)
	}
	mustClaim(t, of(l, "carrier.b", second), false)
}
