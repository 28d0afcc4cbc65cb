package fabricproof_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// A block that the strict decoder takes has no second form. Metadata that is not signed (indexes 1 and 3) is not kept, so
// only blocks without it can be compared.
func FuzzBlock(f *testing.F) {
	trip := evidencetest.Standard(fabricproof.BFT, 1)
	for n, b := range trip.C.Blocks {
		if n > 0 {
			c := *b
			c.Filter = trip.C.Filters[n]
			f.Add(evidencetest.EncodeBlock(&c))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := fabricproof.DecodeBlock(data)
		if err != nil {
			return
		}
		again := evidencetest.EncodeBlock(b)
		head := len(again) - len("commit hash") - 64
		if head > 0 && head < len(data) && !bytes.Equal(again[:min(head, 16)], data[:min(head, 16)]) {
			t.Errorf("%x is read as %x", data, again)
		}
		_ = b.CheckData()
		_, _ = b.LastConfig()
		_, _ = fabricproof.DecodeConfig(b)
	})
}

func FuzzConfig(f *testing.F) {
	f.Add(evidencetest.New(fabricproof.BFT).Genesis.Envelopes[0])
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := sha256.Sum256(data)
		_, _ = fabricproof.DecodeConfig(&fabricproof.Block{Header: fabricproof.Header{DataHash: sum[:]}, Envelopes: [][]byte{data}})
	})
}

// What the members signed is read without a panic, whatever it is, and one that they did sign with all of its signatures.
func FuzzUpdate(f *testing.F) {
	c := evidencetest.New(fabricproof.BFT)
	var signed []byte
	c.OnUpdate = func(u *evidencetest.Update) {
		u.Envelope = u.Sign()
		signed = u.Envelope
	}
	c.Join(evidencetest.NewOrg("cold", "ColdMSP"))
	if n, err := fabricproof.DecodeUpdate(signed); n != 3 || err != nil {
		f.Fatalf("%d signatures, %v; want 3", n, err)
	}
	f.Add(signed)
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = fabricproof.DecodeUpdate(data) })
}
