package contract

import (
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

func claimArgs(ingest string, epoch uint64, ranges ...ledger.Range) ledger.ClaimArgs {
	return ledger.ClaimArgs{Ingest: ingest, Ranges: ranges, Epoch: epoch}
}

func (w *world) claim(a ledger.ClaimArgs) ledger.Serving {
	w.t.Helper()
	return must[ledger.Serving](w, carrierIn, ledger.PartitionClaim, ledger.EventServing, a)
}

func spans(s ledger.Serving) []string {
	var all []string
	for _, r := range s.Ranges {
		all = append(all, ledger.Range{From: r.From, To: r.To}.String()+" "+r.Ingest)
	}
	return all
}

func TestClaims(t *testing.T) {
	w := newWorld(t)
	const one, two, three = "carrier.ingest-1", "carrier.ingest-2", "carrier.ingest-3"
	w.refused(ledger.NotFound, shipperOp, ledger.PartitionGet, ledger.MSPArgs{MSP: carrier})
	for _, step := range []struct {
		name string
		arg  ledger.ClaimArgs
		code ledger.Code // "" when it is accepted
		says string
		want []string // afterwards
	}{
		{"an epoch before any", claimArgs(one, 1, ledger.Range{From: 0, To: 127}), ledger.Conflict, "epoch 0, not 1", nil},
		{"the first", claimArgs(one, 0, ledger.Range{From: 0, To: 127}), "", "", []string{"00-7f " + one}},
		{"the old epoch", claimArgs(two, 0, ledger.Range{From: 128, To: 255}), ledger.Conflict, "epoch 1, not 0", nil},
		{"what is free", claimArgs(two, 1, ledger.Range{From: 128, To: 255}), "", "", []string{"00-7f " + one, "80-ff " + two}},
		{"what is taken", claimArgs(three, 2, ledger.Range{From: 127, To: 128}), ledger.Conflict, "00-7f by carrier.ingest-1, 80-ff by carrier.ingest-2", nil},
		{"to take it", ledger.ClaimArgs{Ingest: three, Ranges: []ledger.Range{{From: 16, To: 31}, {From: 128, To: 200}}, Epoch: 2, Take: true}, "", "",
			[]string{"00-0f " + one, "10-1f " + three, "20-7f " + one, "80-c8 " + three, "c9-ff " + two}},
		{"more of its own and what is free", claimArgs(one, 3, ledger.Range{From: 0, To: 15}), "", "", []string{"00-0f " + one, "10-1f " + three, "80-c8 " + three, "c9-ff " + two}},
		{"all", ledger.ClaimArgs{Ingest: two, Ranges: []ledger.Range{{From: 0, To: 255}}, Epoch: 4, Take: true}, "", "", []string{"00-ff " + two}},
		{"nothing", claimArgs(two, 5), "", "", nil},
		{"single partitions", claimArgs(one, 6, ledger.Range{From: 3, To: 3}, ledger.Range{From: 5, To: 5}), "", "", []string{"03 " + one, "05 " + one}},
	} {
		if step.code != "" {
			_, e := w.submit(carrierIn, ledger.PartitionClaim, step.arg, nil)
			if e == nil || e.Code != step.code || !strings.Contains(e.Message, step.says) {
				t.Fatalf("%s: got %v, want %s: %s", step.name, e, step.code, step.says)
			}
			continue
		}
		s := w.claim(step.arg)
		if got := spans(s); !slices.Equal(got, step.want) || s.Epoch != step.arg.Epoch+1 || s.Owner != carrier {
			t.Fatalf("%s: epoch %d with %q, want %d with %q", step.name, s.Epoch, got, step.arg.Epoch+1, step.want)
		}
		if got := query[ledger.Serving](w, shipperOp, ledger.PartitionGet, ledger.MSPArgs{MSP: carrier}); !slices.Equal(got.Ranges, s.Ranges) || got.Epoch != s.Epoch {
			t.Fatalf("%s: read %+v, want %+v", step.name, got, s)
		}
		// In force already, whatever epoch its sender knows: nothing is written.
		again := step.arg
		again.Epoch = 0
		if a, e := w.submit(carrierIn, ledger.PartitionClaim, again, nil); e != nil || len(a.Writes) > 0 {
			t.Fatalf("%s again: %d writes, %v; want none", step.name, len(a.Writes), e)
		}
	}
}

func TestClaimRefusals(t *testing.T) {
	whole := ledger.Range{From: 0, To: 255}
	for _, tc := range []struct {
		name string
		by   who
		arg  ledger.ClaimArgs
		code ledger.Code
	}{
		{"another operator's", shipperIn, claimArgs("carrier.ingest-1", 0, whole), ledger.Invalid},
		{"no operator", shipperIn, claimArgs("shipper.ingest-1", 0, whole), ledger.Forbidden},
		{"no role", who{carrier, ""}, claimArgs("carrier.ingest-1", 0, whole), ledger.Forbidden},
		{"a life", carrierIn, claimArgs("carrier.ingest-1.life-2", 0, whole), ledger.Invalid},
		{"before the first", carrierIn, claimArgs("carrier.ingest-1", 0, ledger.Range{From: -1, To: 2}), ledger.Invalid},
		{"after the last", carrierIn, claimArgs("carrier.ingest-1", 0, ledger.Range{From: 1, To: 256}), ledger.Invalid},
		{"backwards", carrierIn, claimArgs("carrier.ingest-1", 0, ledger.Range{From: 2, To: 1}), ledger.Invalid},
		{"out of order", carrierIn, claimArgs("carrier.ingest-1", 0, ledger.Range{From: 9, To: 9}, ledger.Range{From: 1, To: 1}), ledger.Invalid},
		{"without a gap", carrierIn, claimArgs("carrier.ingest-1", 0, ledger.Range{From: 1, To: 1}, ledger.Range{From: 2, To: 2}), ledger.Invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newWorld(t).refused(tc.code, tc.by, ledger.PartitionClaim, tc.arg)
		})
	}
	must[ledger.Serving](newWorld(t), carrierOp, ledger.PartitionClaim, ledger.EventServing, claimArgs("carrier.ingest-1", 0, whole))
}

// An anchor names the epoch of its operator's partitions, so whoever slept through a claim learns of it before it anchors anything.
func TestAnchorsNameTheEpoch(t *testing.T) {
	w := newWorld(t)
	h := newHeads("carrier.ingest-1")
	h.grow(9)
	at := func(epoch uint64, from, to uint64) ledger.ExtendArgs {
		a := h.args(t, from, to, w.ms)
		a.Epoch = epoch
		return a
	}
	w.refused(ledger.Conflict, carrierIn, ledger.AnchorExtend, at(1, 0, 2))
	must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, at(0, 0, 2))
	w.claim(claimArgs("carrier.ingest-1", 0, ledger.Range{From: 0, To: 255}))
	w.refused(ledger.Conflict, carrierIn, ledger.AnchorExtend, at(0, 2, 4))
	must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, at(1, 2, 4))
	w.claim(ledger.ClaimArgs{Ingest: "carrier.ingest-2", Ranges: []ledger.Range{{From: 0, To: 255}}, Epoch: 1, Take: true})
	w.refused(ledger.Conflict, carrierIn, ledger.AnchorExtend, at(1, 4, 6))
	// No epoch comes back.
	w.refused(ledger.Conflict, carrierIn, ledger.AnchorExtend, at(0, 4, 6))
	// What is accepted already is answered to whoever did not hear it, and nothing is written.
	if a, e := w.submit(carrierIn, ledger.AnchorExtend, at(1, 2, 4), nil); e != nil || len(a.Writes) > 0 {
		t.Errorf("the same head again: %d writes, %v", len(a.Writes), e)
	}
	// Who lost its partitions still anchors what it acknowledged before.
	must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, at(2, 4, 6))
}

// A retired instance serves nothing, in whichever life it was.
func TestRetiringFreesPartitions(t *testing.T) {
	w := newWorld(t)
	first, second := newHeads("carrier.ingest-1"), newHeads("carrier.ingest-1.life-2")
	first.grow(2)
	second.grow(2)
	must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, first.args(t, 0, 2, w.ms))
	w.claim(claimArgs("carrier.ingest-1", 0, ledger.Range{From: 0, To: 127}))
	w.claim(claimArgs("carrier.ingest-2", 1, ledger.Range{From: 128, To: 255}))
	a := second.args(t, 0, 2, w.ms)
	a.Epoch = 2
	must[ledger.Head](w, carrierIn, ledger.AnchorExtend, ledger.EventAnchor, a)
	must[ledger.Head](w, carrierOp, ledger.AnchorRetire, ledger.EventAnchor, ledger.RetireArgs{Ingest: "carrier.ingest-1.life-2"})
	got := query[ledger.Serving](w, carrierIn, ledger.PartitionGet, ledger.MSPArgs{MSP: carrier})
	if want := []string{"80-ff carrier.ingest-2"}; !slices.Equal(spans(got), want) || got.Epoch != 3 {
		t.Errorf("epoch %d with %q, want 3 with %q", got.Epoch, spans(got), want)
	}
}
