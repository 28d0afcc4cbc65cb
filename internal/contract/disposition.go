package contract

import "github.com/trackseal/trackseal/internal/ledger"

// dispose decides what becomes of the goods. Any party may call for quarantine: whoever knows of a danger is heard. Release and
// reject are for who answers for the goods as such, the consignees who take them and the shippers whose they were; not for
// a carrier, whose own work is judged, nor the auditor.
func dispose(t *transaction, a ledger.DisposeArgs) (*ledger.Disposition, error) {
	s, err := shipment(t, a.Shipment)
	switch {
	case err != nil:
		return nil, err
	case a.Decision != ledger.Quarantine && !s.Has(ledger.Consignee, t.MSP) && !s.Has(ledger.Shipper, t.MSP):
		return nil, ledger.Refuse(ledger.Forbidden, "only a consignee or shipper of shipment %s may %s it", s.ID, a.Decision)
	case a.Decision == ledger.Release && s.State != ledger.Delivered && s.State != ledger.Closed:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is %s; goods are released once they are delivered", s.ID, s.State)
	}
	last, err := number(t, ledger.DisposedKey(s.ID))
	if err != nil {
		return nil, err
	}
	if a.Revision != last+1 {
		return nil, ledger.Refuse(ledger.Conflict, "the newest disposition is %d, so the next is %d, not %d", last, last+1, a.Revision)
	}
	v, err := newest(t, s.ID)
	if err != nil {
		return nil, err
	}
	if v == nil {
		v = new(ledger.Verdict)
	}
	if a.VerdictRevision != v.Revision {
		return nil, ledger.Refuse(ledger.Conflict, "the newest verdict is revision %d, not %d", v.Revision, a.VerdictRevision)
	}
	signature, err := t.signature(a.Name, a.Meaning)
	if err != nil {
		return nil, err
	}
	d := &ledger.Disposition{
		Shipment: s.ID, Revision: a.Revision, Decision: a.Decision, Reason: a.Reason, VerdictRevision: v.Revision, Result: v.Result, Signature: signature,
	}
	taken := ledger.Refuse(ledger.Exists, "disposition %d of shipment %s exists already", d.Revision, s.ID)
	if err := t.create(ledger.DispositionKey(s.ID, d.Revision), d, taken); err != nil {
		return nil, err
	}
	return d, t.put(ledger.DisposedKey(s.ID), d.Revision)
}
