package reports

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

type fsmaInput struct {
	From   rest.When `query:"from" doc:"First time, inclusive"`
	To     rest.When `query:"to" doc:"Last time, exclusive"`
	Lot    string    `query:"lot" maxLength:"128" doc:"Only this traceability lot code"`
	Format string    `query:"format" enum:"xlsx,csv" default:"xlsx" doc:"Kind of file"`
}

// maxShipments bounds how many shipments one list covers.
const maxShipments = 20_000

func (s *Resource) fsma(ctx context.Context, in *fsmaInput) (*rest.File, error) {
	if in.To.Instant != 0 && in.To.Instant <= in.From.Instant {
		return nil, rest.InvalidField("query.to", "must be after from")
	}
	done, err := s.Heavy.Take()
	if err != nil {
		return nil, err
	}
	defer done()
	all, err := ledger.ShipmentList.All(ctx, s.Ledger, "", maxShipments)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r ledger.Shipment) bool {
		return !r.IsParty(s.MSP) || in.Lot != "" && r.Lot != in.Lot || r.Handovers == 0
	})
	each := make([][]report.TrackingEvent, len(all))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(records.Parallel)
	for i, r := range all {
		g.Go(func() error {
			handovers, err := ledger.ShipmentHandover.All(gctx, s.Ledger, r.ID, records.MaxHandovers)
			each[i] = trackingEvents(s.Members, r, handovers)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	events := slices.DeleteFunc(slices.Concat(each...), func(e report.TrackingEvent) bool {
		return e.TimeMS < int64(in.From.Instant) || in.To.Instant != 0 && e.TimeMS >= int64(in.To.Instant)
	})
	slices.SortFunc(events, func(a, b report.TrackingEvent) int {
		return cmp.Or(cmp.Compare(a.TimeMS, b.TimeMS), cmp.Compare(a.Shipment, b.Shipment), cmp.Compare(b.Kind, a.Kind)) // shipping before receiving
	})
	name := "fsma204-" + s.Org + "-" + s.Now().UTC().Format(time.DateOnly)
	if in.Format == "csv" {
		return render(rest.TypeCSV+"; charset=utf-8", name+".csv", func(w io.Writer) error { return report.FSMACSV(w, events) })
	}
	return render(typeXLSX, name+".xlsx", func(w io.Writer) error { return report.FSMAXLSX(w, events) })
}

// trackingEvents are two of each accepted handover: custody was given when it was proposed, and taken when it was accepted.
// Origin and destination of the shipment locate the ends of the journey; between, the organisations do.
func trackingEvents(names *members.Directory, r ledger.Shipment, handovers []ledger.Handover) []report.TrackingEvent {
	taken := slices.DeleteFunc(slices.Clone(handovers), func(h ledger.Handover) bool { return h.State != ledger.Accepted })
	slices.SortFunc(taken, func(a, b ledger.Handover) int { return a.N - b.N })
	var out []report.TrackingEvent
	for i, h := range taken {
		from, to := names.Name(h.From), names.Name(h.To)
		if i == 0 && r.Origin != "" {
			from += ", " + r.Origin
		}
		if i == len(taken)-1 && r.Has(ledger.Consignee, h.To) && r.Destination != "" {
			to += ", " + r.Destination
		}
		e := report.TrackingEvent{Lot: r.Lot, Product: r.Description, FromLocation: from, ToLocation: to, Shipment: r.ID, Document: "Trackseal shipment"}
		e.Kind, e.TimeMS, e.Tx = "shipping", h.ProposeMS, h.ProposeTx
		out = append(out, e)
		e.Kind, e.TimeMS, e.Tx = "receiving", h.AnswerMS, h.AnswerTx
		out = append(out, e)
	}
	return out
}
