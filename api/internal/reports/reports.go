// Package reports answers the routes of files for people and authorities.
package reports

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry is what the store holds of logs.
type Telemetry interface {
	Windows(ctx context.Context, q stored.ReadingsQuery, every time.Duration, fn func(stored.Window) error) error
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Judge     *judging.Judge
	Telemetry Telemetry
	Org       string
	PublicURL string // printed in reports, without a slash at its end
	Heavy     *rest.Queue
	Now       func() time.Time
}

// Media types of reports.
const (
	typePDF  = "application/pdf"
	typeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/report", ID: "get-report", Tag: "Reports", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Download the shipment's report", About: "Verdict, charts with limits and unknown time, excursions, custody, signatures, anchors, and how to check it without this server.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests}, Answers: rest.Files("The report, as a file", typePDF, typeXLSX, rest.TypeCSV)}, s.report)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/reports/fsma204", ID: "get-fsma204", Tag: "Reports", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Download the FSMA 204 sortable spreadsheet", About: "Shipping and receiving of traceability lots (21 CFR 1.1340, 1.1345), as custody moved on the ledger, of the shipments that this organisation takes part in. " +
			"What the ledger does not hold is left blank and named in the last column.",
		Errors: []int{http.StatusTooManyRequests}, Answers: rest.Files("The list, as a file", typeXLSX, rest.TypeCSV)}, s.fsma)
}

type reportInput struct {
	shapes.ShipmentPath
	Format string `query:"format" enum:"pdf,xlsx,csv" default:"pdf" doc:"Kind of file"`
}

func (s *Resource) report(ctx context.Context, in *reportInput) (*rest.File, error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	j, v, err := s.Judge.Pinned(ctx, r)
	if err != nil {
		return nil, err
	}
	model, err := s.model(ctx, r, j, &v)
	if err != nil {
		return nil, err
	}
	switch in.Format {
	case "csv":
		return render(rest.TypeCSV+"; charset=utf-8", r.ID+".csv", func(w io.Writer) error { return report.CSV(w, model) })
	case "xlsx":
		return render(typeXLSX, r.ID+".xlsx", func(w io.Writer) error { return report.XLSX(w, model) })
	}
	return render(typePDF, r.ID+".pdf", func(w io.Writer) error { return report.PDF(w, model) })
}

// render makes a file; its name is made of ids and so needs no quoting.
func render(contentType, name string, write func(io.Writer) error) (*rest.File, error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return nil, err
	}
	return &rest.File{ContentType: contentType, Disposition: `attachment; filename="` + name + `"`, Body: b.Bytes()}, nil
}

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
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	all, err := ledger.ShipmentList.All(ctx, s.Ledger, "", maxShipments)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r ledger.Shipment) bool {
		return !r.IsParty(s.MSP) || r.Handovers == 0
	})
	each := make([][]report.TrackingEvent, len(all))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(records.Parallel)
	for i, r := range all {
		g.Go(func() error {
			d, from := shapes.ReadDetails(gctx, s.Records, r.ID, r.Creator, r.Details)
			if in.Lot != "" && d.Lot != in.Lot && from.Value().Elsewhere() == "" { // of one that is not known, the last column says so
				return nil
			}
			handovers, err := ledger.ShipmentHandover.All(gctx, s.Ledger, r.ID, records.MaxHandovers)
			each[i] = trackingEvents(s.Members, r, d, handovers)
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
func trackingEvents(names *members.Directory, r ledger.Shipment, d ledger.Details, handovers []ledger.Handover) []report.TrackingEvent {
	taken := slices.DeleteFunc(slices.Clone(handovers), func(h ledger.Handover) bool { return h.State != ledger.Accepted })
	slices.SortFunc(taken, func(a, b ledger.Handover) int { return a.N - b.N })
	var out []report.TrackingEvent
	for i, h := range taken {
		from, to := names.Name(h.From), names.Name(h.To)
		if i == 0 && d.Origin != "" {
			from += ", " + d.Origin
		}
		if i == len(taken)-1 && r.Has(ledger.Consignee, h.To) && d.Destination != "" {
			to += ", " + d.Destination
		}
		e := report.TrackingEvent{Lot: d.Lot, Product: d.Description, FromLocation: from, ToLocation: to, Shipment: r.ID, Document: "Trackseal shipment"}
		e.Kind, e.TimeMS, e.Tx = "shipping", h.ProposeMS, h.ProposeTx
		out = append(out, e)
		e.Kind, e.TimeMS, e.Tx = "receiving", h.AnswerMS, h.AnswerTx
		out = append(out, e)
	}
	return out
}
