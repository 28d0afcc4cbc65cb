package contract

import "github.com/trackseal/trackseal/internal/ledger"

// judgements: what an ingest instance found by the shipment's pinned rules, what trackers' own messages prove, and what people
// sign about it. Late data may arrive after the close, so a closed shipment still takes all of it.
var judgements = []function{
	change(ledger.ComplianceOpen, ingest, ledger.EventExcursion, openExcursion),
	change(ledger.ComplianceClose, ingest, ledger.EventExcursion, closeExcursion),
	change(ledger.ComplianceRevise, ingest, ledger.EventVerdict, revise),
	// What signed messages show by themselves: any party may submit it, by an operator or an ingest.
	change(ledger.ComplianceBreach, []string{Operator, Ingest}, ledger.EventExcursion, breach),
	change(ledger.ComplianceAcknowledge, operator, ledger.EventAcknowledged, acknowledge),
	change(ledger.ComplianceDispose, operator, ledger.EventDisposition, dispose),

	read(ledger.ComplianceVerdict, getVerdict),
	list(ledger.ComplianceVerdicts, withID, ofShipment[ledger.Verdict](ledger.ObjVerdict)),                         // oldest first
	list(ledger.ComplianceList, withID, ofShipment[ledger.Excursion](ledger.ObjExcursion)),                         // by id
	list(ledger.ComplianceAcknowledgements, withID, ofShipment[ledger.Acknowledgement](ledger.ObjAcknowledgement)), // by excursion, oldest first
	read(ledger.ComplianceDisposition, getDisposition),
	list(ledger.ComplianceDispositions, withID, ofShipment[ledger.Disposition](ledger.ObjDisposition)), // oldest first
}

func getVerdict(t *transaction, a ledger.IDArgs) (*ledger.Verdict, error) {
	if _, err := shipment(t, a.ID); err != nil {
		return nil, err
	}
	v, err := newest(t, a.ID)
	if err == nil && v == nil {
		return nil, ledger.Refuse(ledger.NotFound, "shipment %s has no verdict", a.ID)
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
