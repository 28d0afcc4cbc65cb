package ledger

import "slices"

// Signature is an electronic signature as 21 CFR 11.50 shows it: printed name, date and time, meaning. The meaning is the
// signer's word. Who signed, whose name is among the record's Details, is what the node of the organisation found in a verified
// access token, and stands for with the certificate; the time is the transaction's.
type Signature struct {
	Kind    string `json:"kind"`    // of the signer: Person or Machine
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

// By is the signer with the name to print. A machine's is its client id, whatever its details say: what no person signed never
// looks as if one had.
func (g Signature) By(s Signer) Signer {
	if g.Kind == Machine {
		s.Name = s.Client
	}
	return s
}

// Meanings of a signature.
var Meanings = []string{"reviewed", "approved", "responsibility", "authorship"}

// Acknowledgement is a signed statement that somebody has taken note of an excursion, and why it is as it is. An excursion
// may have several; none is ever changed.
type Acknowledgement struct {
	Shipment  string    `json:"shipment"`
	Excursion string    `json:"excursion"`
	N         int       `json:"n"`       // 1, 2, …
	Details   string    `json:"details"` // hash: they have reason and signer
	Of        string    `json:"of"`      // the transaction that last changed the excursion: what the signer saw
	Signature Signature `json:"signature"`
}

// AcknowledgeArgs signs an excursion, by an operator of any party. N is the number that the acknowledgement gets, 0 for the
// next one; with a number a repeated submit cannot sign twice.
type AcknowledgeArgs struct {
	Shipment  string `json:"shipment"`
	Excursion string `json:"excursion"`
	N         int    `json:"n"`
	Details   string `json:"details"`
	Kind      string `json:"kind"` // of the signer
	Meaning   string `json:"meaning"`
}

func (a AcknowledgeArgs) Validate() error {
	if err := (Excursion{ID: a.Excursion, Shipment: a.Shipment}).validateID(); err != nil {
		return err
	}
	if a.N < 0 || a.N > maxRevision {
		return invalid("n must be 1 or more, or 0 for the next")
	}
	return checkSigned(a.Details, a.Kind, a.Meaning)
}

// Decisions of a disposition.
const (
	Release    = "release"
	Reject     = "reject"
	Quarantine = "quarantine"
)

// Disposition is what becomes of the goods; a later revision supersedes, never edits. It names the verdict that it rests on,
// and whose it is, so a verdict that late data revised afterwards shows as a larger number.
type Disposition struct {
	Shipment        string    `json:"shipment"`
	Revision        int       `json:"revision"` // 1, 2, …
	Decision        string    `json:"decision"`
	Details         string    `json:"details"`          // hash: they have reason and signer
	VerdictBy       string    `json:"verdict_by"`       // MSP id, "" = there was none
	VerdictRevision int       `json:"verdict_revision"` // 0 = there was none
	Result          string    `json:"result"`           // of that verdict
	Signature       Signature `json:"signature"`
}

// DisposeArgs decides, by an operator: quarantine by any party, release and reject by consignee or shipper, release only once
// the goods are delivered. VerdictBy and VerdictRevision name a party's newest verdict; only a release needs one.
type DisposeArgs struct {
	Shipment        string `json:"shipment"`
	Revision        int    `json:"revision"`
	Decision        string `json:"decision"`
	Details         string `json:"details"`
	VerdictBy       string `json:"verdict_by"`
	VerdictRevision int    `json:"verdict_revision"`
	Kind            string `json:"kind"` // of the signer
	Meaning         string `json:"meaning"`
}

func (a DisposeArgs) Validate() error {
	switch {
	case a.Decision != Release && a.Decision != Reject && a.Decision != Quarantine:
		return invalid("decision must be release, reject or quarantine, not %.40q", a.Decision)
	case a.Revision < 1 || a.Revision > maxRevision:
		return invalid("revision must be 1 or more")
	case a.VerdictRevision < 0 || a.VerdictRevision > maxRevision:
		return invalid("verdict_revision must be the newest of verdict_by's, or 0 when there is none")
	case (a.VerdictRevision == 0) != (a.VerdictBy == ""):
		return invalid("verdict_by and verdict_revision name a verdict together, or neither is given")
	case a.Decision == Release && a.VerdictRevision == 0:
		return invalid("a release names the verdict that it rests on: verdict_revision must be 1 or more")
	}
	return first(checkID("shipment", a.Shipment), checkSigned(a.Details, a.Kind, a.Meaning))
}

func checkSigned(details, kind, meaning string) error {
	switch {
	case !slices.Contains(Meanings, meaning):
		return invalid("meaning must be one of %v, not %.40q", Meanings, meaning)
	case kind != Person && kind != Machine:
		return invalid("kind of the signer must be person or machine, not %.40q", kind)
	}
	return checkHash("details", details)
}
