package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Details are what people write and who they are: the goods, places, notes, reasons, names. They stay off the ledger, which every
// member reads, and travel between the nodes of the parties. The record holds their hash. The salt keeps those who know the few
// values that a text can have from trying which one it is.
type Details struct {
	Salt string `json:"salt"` // 16 bytes by chance, hex

	// Of a shipment, by its creator.
	Description string `json:"description,omitempty"`
	Origin      string `json:"origin,omitempty"`
	Destination string `json:"destination,omitempty"`
	Lot         string `json:"lot,omitempty"`        // production lot whose stability budget it draws on; the traceability lot code
	LotSource   string `json:"lot_source,omitempty"` // who gave the lot its code, and where: a location or a reference to one
	Quantity    string `json:"quantity,omitempty"`   // of the goods, a decimal above zero
	Unit        string `json:"unit,omitempty"`       // of the quantity

	ReferenceType   string `json:"reference_type,omitempty"` // document that goes with the goods, such as a bill of lading
	ReferenceNumber string `json:"reference_number,omitempty"`

	Note   string `json:"note,omitempty"`   // of a handover, by who proposed it
	Reason string `json:"reason,omitempty"` // of a rejection or withdrawal, by who ended the handover; of what is signed
	Signer Signer `json:"signer,omitzero"`  // of what is signed
}

// Signer is who signed, by the account that an issuer vouches for.
type Signer struct {
	Name    string `json:"name"`    // printed name of a person; a machine's is its client
	Subject string `json:"subject"` // of the access token; one account at its issuer
	Issuer  string `json:"issuer"`  // who vouches for the subject, a URL
	Client  string `json:"client"`  // program that the signer used
}

// SaltSize is how many bytes the salt has.
const SaltSize = 16

// maxDetails holds the longest texts, each character of them escaped.
const maxDetails = 12 << 10

// Seal gives the bytes that travel and are kept, with the given salt, and their hash, which the record holds.
func (d Details) Seal(salt [SaltSize]byte) (raw []byte, hash string, err error) {
	d.Salt = hex.EncodeToString(salt[:])
	if err := d.validate(); err != nil {
		return nil, "", err
	}
	if raw, err = Encode(d); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(raw)
	return raw, hex.EncodeToString(sum[:]), nil
}

// OpenDetails reads details that come from anywhere: they must have the hash and be in the form that Seal writes.
func OpenDetails(raw []byte, hash string) (d Details, err error) {
	if len(raw) > maxDetails {
		return d, fmt.Errorf("details larger than %d bytes", maxDetails)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != hash {
		return d, fmt.Errorf("details with the hash %x instead of %s", sum, hash)
	}
	if err := Decode(raw, &d); err != nil {
		return Details{}, fmt.Errorf("details: %w", err)
	}
	if err := d.validate(); err != nil {
		return Details{}, err
	}
	if again, err := Encode(d); err != nil || !bytes.Equal(again, raw) {
		return Details{}, errors.New("details that are not in their one form")
	}
	return d, nil
}

// Same reports whether two details say the same; each has its own salt.
func (d Details) Same(o Details) bool {
	d.Salt = o.Salt
	return d == o
}

// Written is what details are of, and who wrote them.
type Written struct {
	Of string `json:"of"` // shipment, handover 0, answer to handover 0
	By string `json:"by"` // MSP id
}

// Written are the hashes of details that the shipment's record and its ended handovers name.
func (s *Shipment) Written(handovers []Handover) map[string]Written {
	named := map[string]Written{s.Details: {"shipment", s.Creator}}
	if s.Pending != nil {
		handovers = append(handovers[:len(handovers):len(handovers)], *s.Pending)
	}
	for _, h := range handovers {
		of := fmt.Sprintf("handover %d", h.N)
		named[h.Details], named[h.AnswerDetails] = Written{of, h.From}, Written{"answer to " + of, h.AnsweredBy()}
	}
	delete(named, "")
	return named
}

func (d Details) validate() error {
	err := first(checkHex("salt", d.Salt, SaltSize, SaltSize), checkText("description", d.Description, 0, 512), checkText("origin", d.Origin, 0, 512),
		checkText("destination", d.Destination, 0, 512), checkText("lot", d.Lot, 0, 128), checkText("lot_source", d.LotSource, 0, 512), checkQuantity(d.Quantity), checkText("unit", d.Unit, 0, 32),
		checkText("reference_type", d.ReferenceType, 0, 64), checkText("reference_number", d.ReferenceNumber, 0, 128), checkText("note", d.Note, 0, 1024), checkText("reason", d.Reason, 0, 1024))
	if err != nil || d.Signer == (Signer{}) {
		return err
	}
	return first(checkText("signer.name", d.Signer.Name, 1, 128), checkText("signer.subject", d.Signer.Subject, 1, 256),
		checkText("signer.issuer", d.Signer.Issuer, 1, 256), checkText("signer.client", d.Signer.Client, 1, 128))
}

func checkQuantity(s string) error {
	if s == "" || len(s) <= 20 && decimal.MatchString(s) && s[0] != '-' && strings.Trim(s, "0.") != "" {
		return nil
	}
	return invalid("quantity must be a decimal above zero of at most 20 digits, such as 40 or 12.5")
}

// checkDetails checks the hash in an argument; "" says that there are none.
func checkDetails(hash string) error {
	if hash == "" {
		return nil
	}
	return checkHash("details", hash)
}
