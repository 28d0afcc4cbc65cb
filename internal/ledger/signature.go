package ledger

import "slices"

// Signature is an electronic signature as 21 CFR 11.50 shows it: printed name, date and time, meaning. The meaning is the
// signer's word. Who signed is what the node of the organisation found in a verified access token, and stands for with the
// certificate; the time is the transaction's.
type Signature struct {
	Signer  Signer `json:"signer"`
	Meaning string `json:"meaning"` // one of Meanings
	MSP     string `json:"msp"`
	Subject string `json:"subject"` // of the certificate, RFC 2253
	Issuer  string `json:"issuer"`
	Cert    string `json:"cert"` // SHA-256 of the certificate, hex
	TimeMS  int64  `json:"time_ms"`
	Tx      string `json:"tx"`
}

// Kinds of signers.
const (
	Person  = "person"
	Machine = "machine"
)

// Signer is a person, by the account that an issuer vouches for, or a machine, whose name is its client id: what no person
// signed never looks as if one had.
type Signer struct {
	Kind    string `json:"kind"`    // Person or Machine
	Name    string `json:"name"`    // printed name
	Subject string `json:"subject"` // of the access token; one account at its issuer
	Issuer  string `json:"issuer"`  // who vouches for the subject, a URL
	Client  string `json:"client"`  // program that the signer used
}

func (s Signer) validate() error {
	switch {
	case s.Kind != Person && s.Kind != Machine:
		return invalid("signer.kind must be person or machine, not %.40q", s.Kind)
	case s.Kind == Machine && s.Name != s.Client:
		return invalid("a machine signs as its client: signer.name must be signer.client")
	}
	return first(checkText("signer.name", s.Name, 1, 128), checkText("signer.subject", s.Subject, 1, 256),
		checkText("signer.issuer", s.Issuer, 1, 256), checkText("signer.client", s.Client, 1, 128))
}

// Meanings of a signature.
var Meanings = []string{"reviewed", "approved", "responsibility", "authorship"}

// Acknowledgement is a signed statement that somebody has taken note of an excursion, and why it is as it is. An excursion
// may have several; none is ever changed.
type Acknowledgement struct {
	Shipment  string    `json:"shipment"`
	Excursion string    `json:"excursion"`
	N         int       `json:"n"` // 1, 2, …
	Reason    string    `json:"reason"`
	Of        string    `json:"of"` // the transaction that last changed the excursion: what the signer saw
	Signature Signature `json:"signature"`
}

// AcknowledgeArgs signs an excursion, by an operator of any party. N is the number that the acknowledgement gets, 0 for the
// next one; with a number a repeated submit cannot sign twice.
type AcknowledgeArgs struct {
	Shipment  string `json:"shipment"`
	Excursion string `json:"excursion"`
	N         int    `json:"n"`
	Reason    string `json:"reason"`
	Signer    Signer `json:"signer"`
	Meaning   string `json:"meaning"`
}

func (a AcknowledgeArgs) Validate() error {
	if err := (Excursion{ID: a.Excursion, Shipment: a.Shipment}).validateID(); err != nil {
		return err
	}
	if a.N < 0 || a.N > maxRevision {
		return invalid("n must be 1 or more, or 0 for the next")
	}
	return checkSigned(a.Reason, a.Signer, a.Meaning)
}

// Decisions of a disposition.
const (
	Release    = "release"
	Reject     = "reject"
	Quarantine = "quarantine"
)

// Disposition is what becomes of the goods; a later revision supersedes, never edits. It names the verdict that it rests on,
// so a verdict that late data revised afterwards shows as a larger number.
type Disposition struct {
	Shipment        string    `json:"shipment"`
	Revision        int       `json:"revision"` // 1, 2, …
	Decision        string    `json:"decision"`
	Reason          string    `json:"reason"`
	VerdictRevision int       `json:"verdict_revision"` // 0 = there was none
	Result          string    `json:"result"`           // of that verdict, "" = there was none
	Signature       Signature `json:"signature"`
}

// DisposeArgs decides, by an operator: quarantine by any party, release and reject by consignee or shipper, release only once
// the goods are delivered. VerdictRevision must be the newest; only a release needs one.
type DisposeArgs struct {
	Shipment        string `json:"shipment"`
	Revision        int    `json:"revision"`
	Decision        string `json:"decision"`
	Reason          string `json:"reason"`
	VerdictRevision int    `json:"verdict_revision"`
	Signer          Signer `json:"signer"`
	Meaning         string `json:"meaning"`
}

func (a DisposeArgs) Validate() error {
	switch {
	case a.Decision != Release && a.Decision != Reject && a.Decision != Quarantine:
		return invalid("decision must be release, reject or quarantine, not %.40q", a.Decision)
	case a.Revision < 1 || a.Revision > maxRevision:
		return invalid("revision must be 1 or more")
	case a.VerdictRevision < 0 || a.VerdictRevision > maxRevision:
		return invalid("verdict_revision must be the newest verdict's, or 0 when there is none")
	case a.Decision == Release && a.VerdictRevision == 0:
		return invalid("a release names the verdict that it rests on: verdict_revision must be 1 or more")
	}
	return first(checkID("shipment", a.Shipment), checkSigned(a.Reason, a.Signer, a.Meaning))
}

func checkSigned(reason string, by Signer, meaning string) error {
	if !slices.Contains(Meanings, meaning) {
		return invalid("meaning must be one of %v, not %.40q", Meanings, meaning)
	}
	return first(checkText("reason", reason, 1, 1024), by.validate())
}
