package contract

import "github.com/trackseal/trackseal/internal/ledger"

// judgements: what an ingest instance found by the shipment's pinned rules, what trackers' own messages prove, and what people
// sign about it. Late data may arrive after the close, so a closed shipment still takes all of it.
var judgements = map[string]function{
	ledger.ComplianceOpen:   change(ingest, ledger.EventExcursion, ledger.Excursion.ValidateOpen, openExcursion),
	ledger.ComplianceClose:  change(ingest, ledger.EventExcursion, ledger.Excursion.ValidateClose, closeExcursion),
	ledger.ComplianceRevise: change(ingest, ledger.EventVerdict, ledger.Verdict.Validate, revise),
	// What signed messages show by themselves: any party may submit it, by an operator or an ingest.
	ledger.ComplianceBreach:      change([]string{Operator, Ingest}, ledger.EventExcursion, ledger.BreachArgs.Validate, breach),
	ledger.ComplianceAcknowledge: change(operator, ledger.EventAcknowledged, ledger.AcknowledgeArgs.Validate, acknowledge),
	ledger.ComplianceDispose:     change(operator, ledger.EventDisposition, ledger.DisposeArgs.Validate, dispose),

	ledger.ComplianceVerdict:          read(ledger.IDArgs.Validate, getVerdict),
	ledger.ComplianceVerdicts:         read(withID, ofShipment[ledger.Verdict](ledger.ObjVerdict)),                 // oldest first
	ledger.ComplianceList:             read(withID, ofShipment[ledger.Excursion](ledger.ObjExcursion)),             // by id
	ledger.ComplianceAcknowledgements: read(withID, ofShipment[ledger.Acknowledgement](ledger.ObjAcknowledgement)), // by excursion, oldest first
	ledger.ComplianceDisposition:      read(ledger.IDArgs.Validate, getDisposition),
	ledger.ComplianceDispositions:     read(withID, ofShipment[ledger.Disposition](ledger.ObjDisposition)), // oldest first
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
