package evidence_test

import (
	"bytes"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func check(t *testing.T, bundle []byte, p *evidence.Policy, nonce []byte) *evidence.Report {
	t.Helper()
	r, err := evidence.Verify(bytes.NewReader(bundle), p, evidence.Options{Nonce: nonce, Codec: codecOf})
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

// Nobody says that the rules were kept when what broke them is missing, or forged.
func TestCompliantRestsOnTheOtherAnswers(t *testing.T) {
	hot := func(trip *evidencetest.Trip, log func([]byte)) {
		trip.Drive(4, 2)
		trip.Trackers[0].Temperature = func(int64) float64 { return 31 }
		log(trip.Trackers[0].Message(trip.C.NowMS, nil))
		trip.Trackers[0].Temperature = nil
		trip.Log(trip.Trackers[1].Message(trip.C.NowMS, nil))
		trip.C.NowMS += trip.StepMS
		trip.Drive(4, 2)
	}
	for name, during := range map[string]func(*evidencetest.Trip){
		"never logged": func(trip *evidencetest.Trip) { hot(trip, func([]byte) {}) },
		"logged with another signature": func(trip *evidencetest.Trip) {
			hot(trip, func(raw []byte) {
				cose, pack := evidencetest.Split(raw)
				cose[len(cose)-1] ^= 1
				trip.LogLeaf(telemetry.LeafSigned, cose, pack, nil)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if r := (attack{during: during}).run(t); r.Verdicts.Compliant == evidence.Pass {
				t.Errorf("%+v, want compliant not to pass: %v", r.Verdicts, r.Findings)
			}
		})
	}
}
