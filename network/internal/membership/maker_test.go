package membership

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// More than half of the members accept a maker, and end that; each of them runs one command, which may be repeated.
func TestMajorityAcceptsAMaker(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Acme root"}, NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true}
	root, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c := newChannel(t)
	agree := func(member string, end bool, want Step) {
		t.Helper()
		got, err := c.desk(member).Maker(t.Context(), "Acme", root, end)
		if err != nil || got != want {
			t.Fatalf("%s, end %v: %+v, %v; want %+v", member, end, got, err, want)
		}
	}
	for _, end := range []bool{false, true} {
		agree("carrier", end, Step{Did: "proposed", Yes: 1, Need: 3})
		agree("carrier", end, Step{Did: "agreed before", Yes: 1, Need: 3})
		agree("shipper", end, Step{Did: "voted", Yes: 2, Need: 3})
		agree("auditor", end, Step{Did: "voted", Yes: 3, Need: 3, Executed: true})
		agree("consignee", end, Step{Did: "agreed before", Executed: true})
		makers, err := ledger.MemberMakers.All(t.Context(), c.desk("carrier"), "", 0)
		if err != nil || len(makers) != 1 || makers[0].Name != "Acme" || makers[0].InForce() == end {
			t.Fatalf("makers %+v, %v; want it in force: %v", makers, err, !end)
		}
	}
	// Who calls it otherwise does not vote for it.
	agree("carrier", false, Step{Did: "proposed", Yes: 1, Need: 3})
	if _, err := c.desk("shipper").Maker(t.Context(), "Acme Loggers", root, false); !errors.Is(err, ErrOther) {
		t.Errorf("another name: %v, want ErrOther", err)
	}
}
