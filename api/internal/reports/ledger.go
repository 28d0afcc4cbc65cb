package reports

import (
	"cmp"
	"context"
	"slices"

	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/internal/ledger"
)

// records are the acts on the ledger that made the shipment what it is, by time. Verdicts, excursions, signatures
// and the windows of trackers have their own lists.
func (s *Resource) records(ctx context.Context, m *report.Report, r ledger.Shipment, j *judging.Judged) error {
	add := func(ms, stated int64, by, tx, what string) {
		if ms != 0 {
			m.Records = append(m.Records, report.Record{TimeMS: ms, StatedMS: stated, By: s.Members.Name(by), Tx: tx, What: what})
		}
	}
	add(r.CreatedMS, 0, r.Creator, r.CreateTx, "shipment created")
	for _, d := range r.Declined {
		add(d.TimeMS, 0, d.Member, d.Tx, "declined to be a party")
	}
	handovers := slices.Clone(j.Handovers)
	if r.Pending != nil {
		handovers = append(handovers, *r.Pending)
	}
	for _, h := range handovers {
		to := s.Members.Name(h.To)
		add(h.ProposeMS, h.StatedMS, h.From, h.ProposeTx, "handover to "+to+" proposed")
		if h.AnswerMS != 0 {
			add(h.AnswerMS, h.AgreedMS, h.AnsweredBy(), h.AnswerTx, "handover to "+to+" "+h.State)
		}
	}
	add(r.DeliveredMS, r.StatedDeliveryMS, r.Custodian, "", "delivered")
	if r.State == ledger.Closed {
		c, err := ledger.ShipmentGetClose.Ask(ctx, s.Ledger, ledger.IDArgs{ID: r.ID})
		if err != nil && ledger.CodeOf(err) != ledger.NotFound {
			return err
		}
		add(r.ClosedMS, 0, c.By, c.Tx, "logs sealed, shipment closed")
	}
	slices.SortStableFunc(m.Records, func(a, b report.Record) int { return cmp.Compare(a.TimeMS, b.TimeMS) })
	return nil
}
