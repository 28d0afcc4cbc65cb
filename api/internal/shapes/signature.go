package shapes

import (
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Signature is an electronic signature as 21 CFR 11.50 shows it. Name and meaning are the signer's words; the rest comes
// from the certificate and the transaction.
type Signature struct {
	Name     string       `json:"name" doc:"Printed name"`
	Meaning  string       `json:"meaning" enum:"reviewed,approved,responsibility,authorship"`
	Org      string       `json:"org"`
	Subject  string       `json:"subject" doc:"Of the certificate"`
	Issuer   string       `json:"issuer"`
	Cert     string       `json:"cert" doc:"SHA-256 of the certificate"`
	SignedAt rest.Instant `json:"signed_at"`
	Tx       string       `json:"tx"`
}

func showSignature(names *members.Directory, g ledger.Signature) Signature {
	return Signature{g.Name, g.Meaning, names.Name(g.MSP), g.Subject, g.Issuer, g.Cert, rest.Instant(g.TimeMS), g.Tx}
}

// Acknowledgement is a signed statement about an excursion.
type Acknowledgement struct {
	Excursion string    `json:"excursion"`
	N         int       `json:"n"`
	Reason    string    `json:"reason"`
	Of        string    `json:"of" doc:"Transaction that last changed the excursion: what the signer saw"`
	Signature Signature `json:"signature"`
}

func ShowAcknowledgement(names *members.Directory, a ledger.Acknowledgement) Acknowledgement {
	return Acknowledgement{a.Excursion, a.N, a.Reason, a.Of, showSignature(names, a.Signature)}
}

// Disposition is what becomes of the goods.
type Disposition struct {
	Revision        int       `json:"revision"`
	Decision        string    `json:"decision" enum:"release,reject,quarantine"`
	Reason          string    `json:"reason"`
	VerdictRevision int       `json:"verdict_revision" doc:"That it rests on; below the newest verdict's when late data overtook it"`
	Result          string    `json:"result" doc:"Of that verdict; empty when there was none"`
	Signature       Signature `json:"signature"`
}

func ShowDisposition(names *members.Directory, d ledger.Disposition) Disposition {
	return Disposition{d.Revision, d.Decision, d.Reason, d.VerdictRevision, d.Result, showSignature(names, d.Signature)}
}
