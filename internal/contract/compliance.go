package contract

import (
	"slices"
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// judgements: the opinion of each party's node by the shipment's pinned rules, the excursions that an ingest instance found, what trackers' own messages prove, and what people
// sign about it. Late data may arrive after the close, so a closed shipment still takes all of it.
var judgements = []function{
	change(ledger.ComplianceOpen, ingest, ledger.EventExcursion, openExcursion),
	change(ledger.ComplianceClose, ingest, ledger.EventExcursion, closeExcursion),
	change(ledger.ComplianceRevise, either, ledger.EventVerdict, revise),
	// What signed messages show by themselves: any party may submit it.
	change(ledger.ComplianceBreach, either, ledger.EventExcursion, breach),
	timed(ledger.ComplianceAcknowledge, operator, ledger.EventAcknowledged, acknowledge),
	timed(ledger.ComplianceDispose, operator, ledger.EventDisposition, dispose),

	read(ledger.ComplianceVerdict, getVerdict),
	read(ledger.ComplianceNow, func(t *transaction, a ledger.IDArgs) (*ledger.ComplianceState, error) {
		s, err := shipment(t, a.ID)
		if err != nil {
			return nil, err
		}
		return complianceState(t, s)
	}),
	list(ledger.ComplianceVerdicts, withID, ofShipment[ledger.Verdict](ledger.ObjVerdict)),                         // by party, oldest first
	list(ledger.ComplianceList, withID, ofShipment[ledger.Excursion](ledger.ObjExcursion)),                         // by id
	list(ledger.ComplianceAcknowledgements, withID, ofShipment[ledger.Acknowledgement](ledger.ObjAcknowledgement)), // by excursion, oldest first
	read(ledger.ComplianceDisposition, getDisposition),
	list(ledger.ComplianceDispositions, withID, ofShipment[ledger.Disposition](ledger.ObjDisposition)), // oldest first
}

func getVerdict(t *transaction, a ledger.OpinionArgs) (*ledger.Verdict, error) {
	if _, err := shipment(t, a.ID); err != nil {
		return nil, err
	}
	v, err := newest(t, a.ID, a.By)
	if err == nil && v == nil {
		return nil, ledger.Refuse(ledger.NotFound, "shipment %s has no verdict of %s", a.ID, a.By)
	}
	return v, err
}

func getDisposition(t *transaction, a ledger.IDArgs) (*ledger.Disposition, error) {
	if _, err := shipment(t, a.ID); err != nil {
		return nil, err
	}
	last, err := number(t, ledger.DisposedKey(a.ID))
	if err != nil {
		return nil, err
	}
	if last == 0 {
		return nil, ledger.Refuse(ledger.NotFound, "shipment %s has no disposition", a.ID)
	}
	return get[ledger.Disposition](t, ledger.DispositionKey(a.ID, last))
}

// signature is who signs this transaction: the organisation by its certificate, for a person or a machine.
func (t *transaction) signature(kind, meaning string) (ledger.Signature, error) {
	if t.Cert == "" {
		return ledger.Signature{}, ledger.Refuse(ledger.Forbidden, "only a caller with a certificate can sign")
	}
	return ledger.Signature{
		Kind: kind, Meaning: meaning, MSP: t.MSP, Subject: t.Subject, Issuer: t.Issuer, Cert: t.Cert, TimeMS: t.TimeMS, Tx: t.Tx,
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
	signature, err := t.signature(a.Kind, a.Meaning)
	if err != nil {
		return nil, err
	}
	r := &ledger.Acknowledgement{
		Shipment: a.Shipment, Excursion: a.Excursion, N: last + 1, Details: a.Details, Of: e.CloseTx, Signature: signature,
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
	all, err := opinions(t, s)
	if err != nil {
		return nil, err
	}
	result := ""
	if a.VerdictBy == "" && len(all) > 0 {
		return nil, ledger.Refuse(ledger.Conflict, "there is a newest verdict, revision %d of %s: name whose the decision rests on", all[0].Revision, all[0].By)
	}
	if a.VerdictBy != "" {
		i := slices.IndexFunc(all, func(o ledger.Opinion) bool { return o.By == a.VerdictBy })
		switch {
		case i < 0:
			return nil, ledger.Refuse(ledger.Conflict, "%s is no party with a verdict of shipment %s", a.VerdictBy, s.ID)
		case all[i].Revision != a.VerdictRevision:
			return nil, ledger.Refuse(ledger.Conflict, "the newest verdict of %s is revision %d, not %d", a.VerdictBy, all[i].Revision, a.VerdictRevision)
		}
		result = all[i].Result
	}
	if a.Decision == ledger.Release && s.Release != nil {
		if err := confirmed(s, all, a.VerdictBy); err != nil {
			return nil, err
		}
	}
	signature, err := t.signature(a.Kind, a.Meaning)
	if err != nil {
		return nil, err
	}
	d := &ledger.Disposition{
		Shipment: s.ID, Revision: a.Revision, Decision: a.Decision, Details: a.Details, VerdictBy: a.VerdictBy, VerdictRevision: a.VerdictRevision, Result: result, Signature: signature,
	}
	taken := ledger.Refuse(ledger.Exists, "disposition %d of shipment %s exists already", d.Revision, s.ID)
	if err := t.create(ledger.DispositionKey(s.ID, d.Revision), d, taken); err != nil {
		return nil, err
	}
	return d, t.put(ledger.DisposedKey(s.ID), d.Revision)
}

// confirmed refuses a release that too few parties confirm: their newest opinions say what the verdict by says, from the same logs.
func confirmed(s *ledger.Shipment, all []ledger.Opinion, by string) error {
	parties := s.Parties.MSPs()
	need := min(s.Release.ConfirmedBy, len(parties))
	yes, no := ledger.Confirm(parties, all, by)
	if len(yes) >= need {
		return nil
	}
	return ledger.Refuse(ledger.BadState, "the release of shipment %s needs %d parties that confirm its verdict, from the same logs; they are: %s; not confirmed by: %s", s.ID, need, named(yes), named(no))
}

func named(msps []string) string {
	if len(msps) == 0 {
		return "nobody"
	}
	return strings.Join(msps, ", ")
}
