package ledger

// TrustClass says what vouches for a tracker's messages, from nothing to its maker. Each class has what those before it have.
type TrustClass string

// The classes, the weakest first.
const (
	Unsigned      TrustClass = "unsigned"       // nobody signs: ingest's word that it received them
	GatewaySigned TrustClass = "gateway_signed" // a gateway holds the key, and signs for the device
	DeviceSigned  TrustClass = "device_signed"  // the device holds the key, as its owner says
	Attested      TrustClass = "attested"       // the key stands in a certificate of a maker that the members accepted
)

// TrustClasses in their order, the weakest first.
var TrustClasses = []TrustClass{Unsigned, GatewaySigned, DeviceSigned, Attested}

// Signed reports whether messages of this class are signed.
func (c TrustClass) Signed() bool { return c != Unsigned && c != "" }

// Trust is the class of the tracker's messages, by the key in force.
func (t *Tracker) Trust() TrustClass {
	switch {
	case len(t.Keys) == 0:
		return Unsigned
	case t.Gateway != "":
		return GatewaySigned
	case t.Attestation != nil && t.Attestation.KID == t.Keys[len(t.Keys)-1].KID:
		return Attested
	}
	return DeviceSigned
}

// Attestation says which maker's certificates the key in force stands in. The contract checked them, at the transaction's time; the
// transaction has them. A rotation without certificates takes it away, an end of the maker's acceptance does not.
type Attestation struct {
	KID     string `json:"kid"`     // of the key that stands in the certificate, hex
	Maker   string `json:"maker"`   // as the members accepted it
	Root    string `json:"root"`    // SHA-256 of the maker's root certificate, hex
	Subject string `json:"subject"` // of the device's certificate, RFC 2253
	Tx      string `json:"tx"`
}

// Maker is a maker of trackers whose root certificate the members accepted (proposal with act accept_maker). What leads to that root counts as attested.
type Maker struct {
	Name        string `json:"name"`
	Root        string `json:"root"`        // SHA-256 of Certificate, hex; a maker may have several roots
	Certificate []byte `json:"certificate"` // DER; base64 in the record
	Proposal    string `json:"proposal"`    // by which it was accepted
	AcceptedMS  int64  `json:"accepted_ms"`
	Tx          string `json:"tx"`
	// EndedMS is since when no new key is attested by it; 0 = in force.
	EndedMS int64  `json:"ended_ms,omitempty"`
	EndedTx string `json:"ended_tx,omitempty"`
}

// InForce reports whether keys are attested by this root.
func (m Maker) InForce() bool { return m.EndedMS == 0 }

// checkCertificates checks how many and how large they are; what they say the contract checks.
func checkCertificates(certs [][]byte) error {
	if n := len(certs); n == 1 || n > MaxCertificates {
		return invalid("certificates: %d given, 2 to %d are accepted, the device's first and its maker's root last", n, MaxCertificates)
	}
	for i, c := range certs {
		if len(c) == 0 || len(c) > MaxCertificate {
			return invalid("certificates[%d] must be 1 to %d bytes of DER, base64", i, MaxCertificate)
		}
	}
	return nil
}
