// Package nodetest makes the identities of members' nodes, and the channel that knows them, in memory for tests.
package nodetest

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"log/slog"
	"time"

	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/testkit"
)

// Channel is one whose configuration names the four organisations of testkit.Founders, all of them members.
type Channel struct {
	*testkit.Ledger
	C *evidencetest.Consortium
}

// Now is a time at which all certificates are valid.
func Now() time.Time { return evidencetest.Epoch.Add(time.Hour) }

// New makes the organisations with new keys.
func New() *Channel {
	return &Channel{Ledger: testkit.NewLedger(testkit.Founders[0].MSP, Now), C: evidencetest.New(fabricproof.BFT)}
}

// ConfigBlock is the newest configuration.
func (c *Channel) ConfigBlock(context.Context, string) ([]byte, error) {
	b := *c.C.Configs[len(c.C.Configs)-1]
	b.Signatures = [][]byte{nil}
	return evidencetest.EncodeBlock(&b), nil
}

// Callers is a node that is called self and has read the channel.
func (c *Channel) Callers(self string) *node.Callers {
	known := &node.Callers{Ledger: c, Org: testkit.Founders[0].Name, Self: self, Log: slog.New(slog.DiscardHandler), Now: Now}
	if err := known.Load(context.Background()); err != nil {
		panic(err)
	}
	return known
}

// Identity is a client of an organisation; role "" is none.
func (c *Channel) Identity(org, role string) Identity {
	return IdentityOf(c.C.Org(org).CA, role, "client")
}

// IdentityOf is one with a certificate of an authority.
func IdentityOf(ca *evidencetest.Authority, role string, units ...string) Identity {
	var extensions []pkix.Extension
	if role != "" {
		extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: fmt.Appendf(nil, `{"attrs":{"trackseal.role":%q}}`, role)}}
	}
	return Identity{ca.IssueWith("node", extensions, units...)}
}

// Identity is a node.Identity.
type Identity struct{ ID *evidencetest.ID }

func (i Identity) MSP() string                   { return i.ID.MSP }
func (i Identity) Certificate() []byte           { return i.ID.PEM }
func (i Identity) Sign(b []byte) ([]byte, error) { return i.ID.Sign(b), nil }
