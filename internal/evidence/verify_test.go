package evidence_test

import (
	"bytes"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

func check(t *testing.T, bundle []byte, p *evidence.Policy, nonce []byte) *evidence.Report {
	t.Helper()
	r, err := evidence.Verify(bytes.NewReader(bundle), p, evidence.Options{Nonce: nonce})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func passes(t *testing.T, r *evidence.Report) {
	t.Helper()
	if r.Exit() != evidence.ExitPass {
		t.Errorf("exit %d, verdicts %+v", r.Exit(), r.Verdicts)
		for _, f := range r.Findings {
			t.Log(f)
		}
	}
}

func TestValidTrips(t *testing.T) {
	for _, consensus := range []string{fabricproof.BFT, fabricproof.Raft} {
		t.Run(consensus, func(t *testing.T) {
			trip := evidencetest.Standard(consensus, 12)
			r := check(t, trip.Bundle(), trip.C.Policy(), trip.Nonce)
			passes(t, r)
			for _, f := range r.Findings {
				t.Log(f)
			}
			if r.Facts.Messages != 24 || len(r.Facts.Trackers) != 2 || r.Facts.Trackers[0].Messages != 12 {
				t.Errorf("facts %+v", r.Facts)
			}
		})
	}
}
