package testkit

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

func mustCreate(t *testing.T, l *Ledger, id string) ledger.Result {
	t.Helper()
	r, err := l.Submit(t.Context(), ledger.ShipmentCreate.Name(), ledger.CreateArgs{
		ID: id, Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "consignee": {"ConsigneeMSP"}},
		RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFaults(t *testing.T) {
	args := ledger.CreateArgs{ID: "carrier.s1", Parties: ledger.Parties{"carrier": {"CarrierMSP"}, "consignee": {"ConsigneeMSP"}}, RuleSet: "general-2-8@1", RuleSetHash: suiteRuleHash}
	for _, tc := range []struct {
		name    string
		arm     func(*Ledger)
		want    error
		applied bool
	}{
		{"before", func(l *Ledger) { l.FailBefore(nil, 1) }, ledger.ErrUnavailable, false},
		{"after", func(l *Ledger) { l.FailAfter(ledger.ShipmentCreate, 1) }, ledger.ErrCommitUnknown, true},
		{"unknown", func(l *Ledger) { l.CommitUnknown(nil, 1) }, ledger.ErrCommitUnknown, false},
		{"invalid", func(l *Ledger) { l.Invalidate(nil, 1) }, ledger.ErrInvalid, false},
		{"away", func(l *Ledger) { l.SetUnavailable(true) }, ledger.ErrUnavailable, false},
		{"other function", func(l *Ledger) { l.FailBefore(ledger.AnchorExtend, 1) }, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := NewLedger("CarrierMSP", nil)
			tc.arm(l)
			_, err := l.Submit(t.Context(), ledger.ShipmentCreate.Name(), args)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			l.SetUnavailable(false)
			if got := l.Count(ledger.ShipmentCreate) == 1; got != tc.applied {
				t.Fatalf("applied = %v, want %v", got, tc.applied)
			}
			var stage *ledger.StageError
			if errors.As(err, &stage) && stage.Stage == ledger.StageCommit {
				found, code, _, err := l.TxStatus(t.Context(), stage.TxID)
				if err != nil || found != (tc.applied || tc.want == ledger.ErrInvalid) || code != stage.Code {
					t.Fatalf("status of %s: %v %d %v", stage.TxID, found, code, err)
				}
			}
		})
	}
}

func TestEventsCatchUpAndRepeatAfterABreak(t *testing.T) {
	l := NewLedger("CarrierMSP", time.Now)
	mustCreate(t, l, "carrier.s1")
	l.Invalidate(nil, 1)
	_, _ = l.Submit(t.Context(), ledger.ShipmentCreate.Name(), ledger.CreateArgs{})

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []string
	atHead := 0
	err := l.Events(ctx, 0, func(e ledger.Event) error {
		var s ledger.Shipment
		if err := json.Unmarshal(e.Payload, &s); err != nil {
			return err
		}
		got = append(got, s.ID)
		return nil
	}, func(uint64) {
		switch atHead++; atHead {
		case 1:
			mustCreate(t, l.As("ConsigneeMSP"), "consignee.s2")
		case 2:
			l.BreakEvents()
		case 3:
			l.Close()
		}
	})
	if want := "carrier.s1 consignee.s2 consignee.s2"; err == nil || strings.Join(got, " ") != want {
		t.Fatalf("events of %v (ended with %v), want of %s and an end", got, err, want)
	}
}

func TestTheContractOnAMap(t *testing.T) {
	l := NewLedger("CarrierMSP", nil)
	LedgerSuite(t, func(t *testing.T, org, role string) LedgerClient { return l.AsRole(MSPOf(org), role) })
}
