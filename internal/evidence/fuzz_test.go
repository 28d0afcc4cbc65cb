package evidence_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// What a reader accepts has one form: writing it again gives the same bytes.
func FuzzBundle(f *testing.F) {
	trip := evidencetest.Standard(fabricproof.BFT, 2)
	f.Add(trip.Bundle())
	f.Add(trip.Proof(1))
	f.Add(trip.HeadsLog(0, 1, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := evidence.NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		switch r.Kind {
		case evidence.HeadsLog:
			if err := evidence.WriteHeadsLog(&again, &r.Manifest); err != nil {
				t.Fatal(err)
			}
		case evidence.OneMessage:
			if len(r.Manifest.Logs) != 1 || len(r.Manifest.Logs[0].Heads) != 1 || len(r.Manifest.Outside) != 0 {
				return // readable, but the verifier refuses it
			}
			if err := evidence.WriteProof(&again, &r.Manifest, *r.Proof); err != nil {
				t.Fatal(err)
			}
		default:
			w, err := evidence.NewWriter(&again, &r.Manifest)
			if err != nil {
				return // heads that cannot be decoded
			}
			for {
				_, _, leaf, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return
				}
				if w.Leaf(leaf) != nil {
					return // more leaves than the head says: the verifier refuses it
				}
			}
			if w.Close() != nil {
				return
			}
		}
		if !bytes.Equal(again.Bytes(), data) {
			t.Errorf("%x is read as %x", data, again.Bytes())
		}
	})
}

func FuzzVerify(f *testing.F) {
	trip := evidencetest.Standard(fabricproof.BFT, 2)
	valid := trip.Bundle()
	policy := trip.C.Policy()
	f.Add(valid)
	f.Add(trip.Proof(1))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := evidence.Verify(bytes.NewReader(data), policy, evidence.Options{Nonce: trip.Nonce})
		if err != nil {
			t.Fatal(err)
		}
		if r.Exit() == evidence.ExitPass && r.Kind == evidence.WholeShipment && !bytes.Equal(data, valid) {
			t.Error("another bundle passes")
		}
	})
}

// Nobody can make a fork out of a consortium that told one story.
func FuzzFork(f *testing.F) {
	trip := anchors(fabricproof.BFT, 3)
	policy := trip.C.Policy()
	var file bytes.Buffer
	if err := evidence.WriteFork(&file, trip.HeadsLog(0, 1, []byte("a")), trip.HeadsLog(1, 2, []byte("b"))); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte{0x83, 1, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := evidence.VerifyFork(bytes.NewReader(data), policy)
		if err != nil || r.Proven || r.Contradiction == "" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"version":1,"channel":"trackseal"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := evidence.ParsePolicy(data); err == nil && p.Validate() != nil {
			t.Error("accepted, then refused")
		}
	})
}
