package contract

import (
	"strings"

	"github.com/trackseal/trackseal/internal/ledger"
)

// propose offers custody to another party. The heads fix what the logs held when the goods changed hands, so that neither
// side can later move an excursion to the other's time.
func propose(t *transaction, a ledger.ProposeArgs) (*ledger.Shipment, error) {
	s, err := shipment(t, a.ID)
	switch {
	case err != nil:
		return nil, err
	case t.MSP != s.Custodian:
		return nil, ledger.Refuse(ledger.Forbidden, "only the custodian, %s, proposes a handover", s.Custodian)
	case s.State != ledger.Created && s.State != ledger.InTransit:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is %s", s.ID, s.State)
	case s.Pending != nil:
		return nil, ledger.Refuse(ledger.BadState, "a handover to %s waits for its answer", s.Pending.To)
	case a.To == t.MSP:
		return nil, ledger.Refuse(ledger.Invalid, "to: %s has custody already", a.To)
	case !s.IsParty(a.To):
		return nil, ledger.Refuse(ledger.Invalid, "to: %s is not a party of shipment %s", a.To, s.ID)
	}
	held, err := complianceState(t, s.ID)
	if err != nil {
		return nil, err
	}
	s.Pending = &ledger.Handover{
		N: s.Handovers, From: t.MSP, To: a.To, State: ledger.Proposed, Heads: listOf(a.Heads), Note: a.Note,
		ProposeMS: t.now(s), ProposeTx: t.Tx, AtProposal: held,
	}
	return s, t.put(ledger.ShipmentKey(s.ID), s)
}

func accept(t *transaction, a ledger.IDArgs) (*ledger.Shipment, error) {
	return end(t, a.ID, receiver, func(s *ledger.Shipment, h *ledger.Handover) {
		h.State = ledger.Accepted
		s.Custodian = h.To
		s.State = ledger.InTransit
	})
}

func reject(t *transaction, a ledger.RejectArgs) (*ledger.Shipment, error) {
	return end(t, a.ID, receiver, func(_ *ledger.Shipment, h *ledger.Handover) {
		h.State = ledger.Rejected
		h.Reason = a.Reason
	})
}

// withdraw takes a proposal back before it is answered: a receiver who never answers would hold the goods where they are.
func withdraw(t *transaction, a ledger.RejectArgs) (*ledger.Shipment, error) {
	return end(t, a.ID, proposer, func(_ *ledger.Shipment, h *ledger.Handover) {
		h.State = ledger.Withdrawn
		h.Reason = a.Reason
	})
}

func receiver(h *ledger.Handover) string { return h.To }
func proposer(h *ledger.Handover) string { return h.From }

// end ends the pending proposal, by the party that may, and keeps it as a record of its own.
func end(t *transaction, id string, by func(*ledger.Handover) string, decide func(*ledger.Shipment, *ledger.Handover)) (*ledger.Shipment, error) {
	s, err := shipment(t, id)
	switch {
	case err != nil:
		return nil, err
	case s.Pending == nil:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s has no open handover", s.ID)
	case t.MSP != by(s.Pending):
		return nil, ledger.Refuse(ledger.Forbidden, "only %s may do this with the open handover", by(s.Pending))
	}
	h := s.Pending
	if h.AtAnswer, err = complianceState(t, s.ID); err != nil {
		return nil, err
	}
	decide(s, h)
	h.AnswerMS, h.AnswerTx = t.now(s), t.Tx
	s.Pending = nil
	s.Handovers++
	taken := ledger.Refuse(ledger.Conflict, "handover %d of shipment %s has ended already", h.N, s.ID)
	if err := t.create(ledger.HandoverKey(s.ID, h.N), h, taken); err != nil {
		return nil, err
	}
	return s, t.put(ledger.ShipmentKey(s.ID), s)
}

// deliver is a consignee saying that the goods which it holds are where they should be. It must have accepted them first:
// custody moves only by the word of both sides, so that no party can end a journey that others still answer for.
func deliver(t *transaction, a ledger.IDArgs) (*ledger.Shipment, error) {
	s, err := shipment(t, a.ID)
	switch {
	case err != nil:
		return nil, err
	case !s.Has(ledger.Consignee, t.MSP):
		return nil, ledger.Refuse(ledger.Forbidden, "only a consignee takes delivery: %s", strings.Join(s.Parties[ledger.Consignee], " or "))
	case s.State != ledger.InTransit:
		return nil, ledger.Refuse(ledger.BadState, "shipment %s is %s, not in_transit", s.ID, s.State)
	case s.Pending != nil:
		return nil, ledger.Refuse(ledger.BadState, "a handover to %s waits for its answer", s.Pending.To)
	case t.MSP != s.Custodian:
		return nil, ledger.Refuse(ledger.BadState, "%s has custody; a consignee takes delivery of what it accepted", s.Custodian)
	}
	s.State = ledger.Delivered
	s.DeliveredMS = t.now(s)
	return s, t.put(ledger.ShipmentKey(s.ID), s)
}

// listOf makes an absent list an empty one, which is how records hold it.
func listOf[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
