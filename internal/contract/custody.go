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
	if err := t.free(ledger.EndedKey(a.To), ledger.Refuse(ledger.BadState, "to: %s is not a member of this network any more", a.To)); err != nil {
		return nil, err
	}
	held, err := complianceState(t, s)
	if err != nil {
		return nil, err
	}
	now := t.now(s)
	if a.StatedMS != 0 {
		since, err := heldSince(t, s)
		switch {
		case err != nil:
			return nil, err
		case a.StatedMS > now:
			return nil, ledger.Refuse(ledger.Invalid, "stated_ms lies in the future")
		case a.StatedMS < since:
			return nil, ledger.Refuse(ledger.Invalid, "stated_ms lies before %s had the goods, %d", s.Custodian, since)
		}
	}
	s.Pending = &ledger.Handover{
		N: s.Handovers, From: t.MSP, To: a.To, State: ledger.Proposed, Heads: listOf(a.Heads), Details: a.Details,
		ProposeMS: now, ProposeTx: t.Tx, StatedMS: a.StatedMS, AtProposal: held,
	}
	return s, t.put(ledger.ShipmentKey(s.ID), s)
}

// heldSince is when the custodian's time with the goods began: as both sides stated it, else as the ledger has it.
func heldSince(t *transaction, s *ledger.Shipment) (int64, error) {
	h, err := newestAccepted(t, s)
	switch {
	case err != nil:
		return 0, err
	case h == nil:
		return ledger.Legs(*s, nil)[0].FromMS, nil
	case h.AgreedMS != 0:
		return h.AgreedMS, nil
	}
	return h.AnswerMS, nil
}

// newestAccepted is the handover that brought the goods to who has them, nil when they never changed hands.
func newestAccepted(t *transaction, s *ledger.Shipment) (*ledger.Handover, error) {
	for n := s.Handovers - 1; n >= 0; n-- {
		h, err := get[ledger.Handover](t, ledger.HandoverKey(s.ID, n))
		if err != nil || h != nil && h.State == ledger.Accepted {
			return h, err
		}
	}
	return nil, nil
}

func accept(t *transaction, a ledger.StatedArgs) (*ledger.Shipment, error) {
	return end(t, a.ID, receiver, func(s *ledger.Shipment, h *ledger.Handover) error {
		if a.StatedMS != 0 && a.StatedMS != h.StatedMS {
			return ledger.Refuse(ledger.Invalid, "stated_ms: the proposer stated %d, not %d; accept the same or state nothing", h.StatedMS, a.StatedMS)
		}
		h.State = ledger.Accepted
		h.AgreedMS = a.StatedMS
		s.Custodian = h.To
		s.State = ledger.InTransit
		return nil
	})
}

func reject(t *transaction, a ledger.RejectArgs) (*ledger.Shipment, error) {
	return end(t, a.ID, receiver, func(_ *ledger.Shipment, h *ledger.Handover) error {
		h.State = ledger.Rejected
		h.AnswerDetails = a.Details
		return nil
	})
}

// withdraw takes a proposal back before it is answered: a receiver who never answers would hold the goods where they are.
func withdraw(t *transaction, a ledger.RejectArgs) (*ledger.Shipment, error) {
	return end(t, a.ID, proposer, func(_ *ledger.Shipment, h *ledger.Handover) error {
		h.State = ledger.Withdrawn
		h.AnswerDetails = a.Details
		return nil
	})
}

func receiver(h *ledger.Handover) string { return h.To }
func proposer(h *ledger.Handover) string { return h.From }

// end ends the pending proposal, by the party that may, and keeps it as a record of its own.
func end(t *transaction, id string, by func(*ledger.Handover) string, decide func(*ledger.Shipment, *ledger.Handover) error) (*ledger.Shipment, error) {
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
	if h.AtAnswer, err = complianceState(t, s); err != nil {
		return nil, err
	}
	if err := decide(s, h); err != nil {
		return nil, err
	}
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
func deliver(t *transaction, a ledger.StatedArgs) (*ledger.Shipment, error) {
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
	if a.StatedMS != 0 {
		h, err := newestAccepted(t, s)
		switch {
		case err != nil:
			return nil, err
		case h == nil || h.AgreedMS != a.StatedMS:
			return nil, ledger.Refuse(ledger.Invalid, "stated_ms: both sides of the handover to %s must have stated %d; one side alone does not count", t.MSP, a.StatedMS)
		}
		s.StatedDeliveryMS = a.StatedMS
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
