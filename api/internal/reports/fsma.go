package reports

import (
	"cmp"
	"slices"
	"strings"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/internal/ledger"
)

// trackingEvents are the shipping and the receiving of the goods between those who are no transporters: the rule asks for the recipient and the
// source other than a transporter, and transporters keep no such records. What is still on its way has been shipped to the consignees.
// Origin and destination of the shipment locate the ends of the journey; between, the organisations do.
func trackingEvents(names *members.Directory, r ledger.Shipment, d ledger.Details, handovers []ledger.Handover) []report.TrackingEvent {
	taken := slices.DeleteFunc(slices.Clone(handovers), func(h ledger.Handover) bool { return h.State != ledger.Accepted })
	slices.SortFunc(taken, func(a, b ledger.Handover) int { return a.N - b.N })
	if len(taken) == 0 {
		return nil
	}
	event := report.TrackingEvent{Lot: d.Lot, Product: d.Description, Quantity: d.Quantity, Unit: d.Unit, LotSource: d.LotSource, Document: "Trackseal shipment", DocumentNumber: r.ID, Shipment: r.ID}
	if d.ReferenceNumber != "" {
		event.Document, event.DocumentNumber = d.ReferenceType, d.ReferenceNumber
	}
	consignees := located(names, d.Destination, r.Parties[ledger.Consignee]...)
	source := located(names, d.Origin, r.Parties[ledger.Shipper]...) // where a transporter has had the goods from the beginning
	if first := taken[0].From; !transports(r, first) {
		source = located(names, d.Origin, first)
	}
	var out []report.TrackingEvent
	var given *ledger.Handover // by the source
	shipping := func(to string, orderMS int64) {
		e := event
		e.Kind, e.FromLocation, e.ToLocation, e.OrderMS = "shipping", source, to, orderMS
		if given != nil {
			e.TimeMS, e.Tx = cmp.Or(given.AgreedMS, given.StatedMS, given.ProposeMS), given.ProposeTx
			e.OrderMS = e.TimeMS
		}
		out = append(out, e)
	}
	for i := range taken {
		h := &taken[i]
		if !transports(r, h.From) {
			given = h
		}
		if transports(r, h.To) {
			continue
		}
		if given != nil && given.From == h.To { // it came back
			given = nil
			continue
		}
		to := located(names, "", h.To)
		if r.Has(ledger.Consignee, h.To) {
			to = located(names, d.Destination, h.To)
		}
		took := cmp.Or(h.AgreedMS, h.AnswerMS)
		shipping(to, took)
		e := event
		e.Kind, e.FromLocation, e.ToLocation, e.TimeMS, e.OrderMS, e.Tx = "receiving", source, to, took, took, h.AnswerTx
		out = append(out, e)
		source, given = to, nil
	}
	if given != nil {
		shipping(consignees, 0)
	}
	return out
}

// transports tells a member that only carries the goods.
func transports(r ledger.Shipment, msp string) bool {
	return r.Has(ledger.Carrier, msp) && !r.Has(ledger.Shipper, msp) && !r.Has(ledger.Consignee, msp)
}

// located describes where members are: their names and a place.
func located(names *members.Directory, place string, msps ...string) string {
	var parts []string
	for _, msp := range msps {
		parts = append(parts, names.Name(msp))
	}
	if place != "" {
		parts = append(parts, place)
	}
	return strings.Join(parts, ", ")
}
