package telemetry

import (
	"crypto/sha256"
	"errors"
	"testing"
)

func TestOpen(t *testing.T) {
	key := edKey(1)
	raw := mustEncode(t, key, Claims{Tracker: "T-1", Boot: 1, TimeMS: 1_700_000_000_000, NextDueS: 60}, []Reading{{TimeMS: 1_700_000_000_500, Values: map[string]float64{"temperature": 4}}})
	signed, err := Open(LeafSigned, raw, 0)
	if err != nil {
		t.Fatal(err)
	}
	if signed.Signed == nil || signed.Envelope != nil || signed.Tracker != "T-1" || signed.Hash != signed.Signed.COSEHash || signed.TimeMS != 1_700_000_000_000 || signed.NextDueS() != 60 || len(signed.Readings) != 1 {
		t.Errorf("a signed message opens as %+v", signed)
	}
	plain := PlainEnvelope("T-2", []byte(`{"temperature":4,"seq":7}`))
	unsigned, err := Open(LeafUnsigned, plain, 1_700_000_001_000)
	if err != nil {
		t.Fatal(err)
	}
	if unsigned.Signed != nil || unsigned.Envelope == nil || unsigned.Tracker != "T-2" || unsigned.Hash != sha256.Sum256(plain) || unsigned.TimeMS != 1_700_000_001_000 || unsigned.NextDueS() != 0 || *unsigned.Seq != 7 || unsigned.Timed {
		t.Errorf("a plain message opens as %+v", unsigned)
	}
	for name, tc := range map[string]struct {
		kind uint8
		raw  []byte
	}{
		"signed as plain":     {LeafUnsigned, raw},
		"plain as signed":     {LeafSigned, plain},
		"a note":              {LeafNote, plain},
		"without an envelope": {LeafUnsigned, []byte(`{"temperature":4,"seq":7}`)},
	} {
		_, err := Open(tc.kind, tc.raw, 0)
		if r := (*Reject)(nil); !errors.As(err, &r) {
			t.Errorf("%s: %v, expected a *Reject", name, err)
		}
	}
}
