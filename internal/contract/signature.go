package contract

import "github.com/trackseal/trackseal/internal/ledger"

// signature is who signs this transaction, from its certificate, with the name and meaning that they gave.
func (t *transaction) signature(name, meaning string) (ledger.Signature, error) {
	if t.Cert == "" {
		return ledger.Signature{}, ledger.Refuse(ledger.Forbidden, "only a caller with a certificate can sign")
	}
	return ledger.Signature{
		Name: name, Meaning: meaning, MSP: t.MSP, Subject: t.Subject, Issuer: t.Issuer, Cert: t.Cert, TimeMS: t.TimeMS, Tx: t.Tx,
	}, nil
}

// acknowledge adds a signed note to an excursion, by any party.
func acknowledge(t *transaction, a ledger.AcknowledgeArgs) (*ledger.Acknowledgement, error) {
	if _, err := shipment(t, a.Shipment); err != nil {
		return nil, err
	}
	e, err := findExcursion(t, a.Shipment, a.Excursion)
	if err != nil {
		return nil, err
	}
	counter := ledger.AcknowledgedKey(a.Shipment, a.Excursion)
	last, err := number(t, counter)
	if err != nil {
		return nil, err
	}
	if a.N != 0 && a.N != last+1 {
		return nil, ledger.Refuse(ledger.Conflict, "excursion %s has %d acknowledgements, so the next is %d, not %d", a.Excursion, last, last+1, a.N)
	}
	signature, err := t.signature(a.Name, a.Meaning)
	if err != nil {
		return nil, err
	}
	r := &ledger.Acknowledgement{
		Shipment: a.Shipment, Excursion: a.Excursion, N: last + 1, Reason: a.Reason, Of: e.CloseTx, Signature: signature,
	}
	if r.Of == "" {
		r.Of = e.OpenTx
	}
	taken := ledger.Refuse(ledger.Exists, "acknowledgement %d of excursion %s exists already", r.N, a.Excursion)
	if err := t.create(ledger.AcknowledgementKey(a.Shipment, a.Excursion, r.N), r, taken); err != nil {
		return nil, err
	}
	return r, t.put(counter, r.N)
}
