package bundle_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// anchors lists them as the ledger does.
func (w *world) anchors(_ context.Context, heads string, from, to uint64) (list []ledger.Head, err error) {
	for n, instance := range w.trip.Manifest.Instances {
		for i := range instance.Anchors {
			if tx, h := w.at(n, i); h.Heads == heads && h.Size > from && h.Size <= to {
				h.Tx = tx
				list = append(list, h)
			}
		}
	}
	return list, nil
}

// An ingest that is gone, or proves nothing, takes no anchor from the evidence: the ledger's own transactions prove that each leads to the next,
// also over those between that are not in it.
func TestTheLedgerProvesWhatIngestDoesNot(t *testing.T) {
	for name, ask := range map[string]func(string, uint64, uint64) ([]evidence.Hash, error){
		"gone": func(string, uint64, uint64) ([]evidence.Hash, error) { return nil, errors.New("gone") },
		"lies": func(string, uint64, uint64) ([]evidence.Hash, error) { return []evidence.Hash{{1}, {2}}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fabricproof.BFT, true, func(trip *evidencetest.Trip) { trip.Drive(12, 2) })
			w.source.Consistency = func(_ context.Context, ingest string, first, second uint64) ([]evidence.Hash, error) {
				return ask(ingest, first, second)
			}
			alone := w.anchorsIn(t)
			w.source.Anchors = w.anchors
			whole := w.anchorsIn(t)
			if alone != 1 || whole < 4 {
				t.Errorf("%d anchors without the ledger's proofs, %d with them; expected 1, and all of at least 4", alone, whole)
			}
			// Every second head is not of our logs.
			n := 0
			w.store.HeadList = slices.DeleteFunc(w.store.HeadList, func(h stored.Head) bool { n++; return n%2 == 0 && !h.Closed })
			if thinned := w.anchorsIn(t); thinned < 2 || thinned >= whole {
				t.Errorf("%d anchors of half the heads, of %d before", thinned, whole)
			}
		})
	}
}

// anchorsIn counts the anchors of a bundle that verifies.
func (w *world) anchorsIn(t *testing.T) int {
	t.Helper()
	b, err := w.source.Collect(t.Context(), w.request)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Severity == evidence.Failure {
			t.Errorf("%v", f)
		}
	}
	return len(b.Manifest.Instances[0].Anchors)
}
