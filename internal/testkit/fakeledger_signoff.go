package testkit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/trackseal/trackseal/internal/ledger"
)

// signature is that of a client whose certificate the fake makes up: one for each organisation.
func (t *tx) signature(name, meaning string) ledger.Signature {
	cert := sha256.Sum256([]byte(t.msp))
	return ledger.Signature{
		Name: name, Meaning: meaning, MSP: t.msp, Subject: "CN=api,OU=client", Issuer: "CN=ca." + ledger.OrgOf(t.msp),
		Cert: hex.EncodeToString(cert[:]), TimeMS: t.ms, Tx: t.id,
	}
}

func acknowledge(t *tx, a ledger.AcknowledgeArgs) (ledger.Acknowledgement, error) {
	r := ledger.Acknowledgement{Shipment: a.Shipment, Excursion: a.Excursion, Reason: a.Reason}
	if _, err := t.shipment(a.Shipment); err != nil {
		return r, err
	}
	var e ledger.Excursion
	if !t.get("excursion/"+a.Shipment+"/"+a.Excursion, &e) {
		return r, refuse(ledger.NotFound, "shipment %s has no excursion %s", a.Shipment, a.Excursion)
	}
	var last int
	counter := "acknowledged/" + a.Shipment + "/" + a.Excursion
	t.get(counter, &last)
	if a.N != 0 && a.N != last+1 {
		return r, refuse(ledger.Conflict, "excursion %s has %d acknowledgements, so the next is %d, not %d", a.Excursion, last, last+1, a.N)
	}
	r.N, r.Of, r.Signature = last+1, e.OpenTx, t.signature(a.Name, a.Meaning)
	if e.CloseTx != "" {
		r.Of = e.CloseTx
	}
	if err := t.put(counter, r.N); err != nil {
		return r, err
	}
	return r, t.put(fmt.Sprintf("acknowledgement/%s/%s/%010d", a.Shipment, a.Excursion, r.N), r)
}

func dispose(t *tx, a ledger.DisposeArgs) (ledger.Disposition, error) {
	r := ledger.Disposition{
		Shipment: a.Shipment, Revision: a.Revision, Decision: a.Decision, Reason: a.Reason, VerdictRevision: a.VerdictRevision, Signature: t.signature(a.Name, a.Meaning),
	}
	s, err := t.shipment(a.Shipment)
	if err != nil {
		return r, err
	}
	var last ledger.Disposition
	var v ledger.Verdict
	t.get("disposed/"+s.ID, &last)
	t.get("newest/"+s.ID, &v)
	switch {
	case a.Decision != ledger.Quarantine && !s.Has(ledger.Consignee, t.msp) && !s.Has(ledger.Shipper, t.msp):
		return r, refuse(ledger.Forbidden, "only the consignee or the shipper of shipment %s may %s it", s.ID, a.Decision)
	case a.Decision == ledger.Release && s.State != ledger.Delivered && s.State != ledger.Closed:
		return r, refuse(ledger.BadState, "shipment %s is %s; goods are released once they are delivered", s.ID, s.State)
	case a.Revision != last.Revision+1:
		return r, refuse(ledger.Conflict, "the newest disposition is %d, so the next is %d, not %d", last.Revision, last.Revision+1, a.Revision)
	case a.VerdictRevision != v.Revision:
		return r, refuse(ledger.Conflict, "the newest verdict is revision %d, not %d", v.Revision, a.VerdictRevision)
	}
	r.Result = v.Result
	if err := t.put("disposed/"+s.ID, r); err != nil {
		return r, err
	}
	return r, t.put(fmt.Sprintf("disposition/%s/%010d", s.ID, r.Revision), r)
}

func newestDisposition(t *tx, a ledger.IDArgs) (ledger.Disposition, error) {
	var d ledger.Disposition
	if _, err := t.shipment(a.ID); err != nil {
		return d, err
	}
	if !t.get("disposed/"+a.ID, &d) {
		return d, refuse(ledger.NotFound, "shipment %s has no disposition", a.ID)
	}
	return d, nil
}
