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
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

// Telemetry is what the store holds of logs.
type Telemetry interface {
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
	Style     report.Style
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
		Summary: "Download the shipment's report", About: "Verdict, a summary of each tracker, charts with limits and unknown time, the way, excursions and allowed stays, custody, signatures, what the ledger holds, and how to check it without this server. " +
			"Times, days and durations are those of GET /v1/shipments/{id}/compliance.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests}, Answers: rest.Files("The report, as a file", typePDF, typeXLSX, rest.TypeCSV)}, s.report)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/reports/fsma204", ID: "get-fsma204", Tag: "Reports", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Download the FSMA 204 sortable spreadsheet", About: "Shipping and receiving of traceability lots (21 CFR 1.1340, 1.1345) between those who are no transporters, as custody moved on the ledger, of the shipments that this organisation takes part in. " +
			"Quantity, unit, lot code source and reference document are those of the shipment. What nobody gave is left blank and named in the last column.",
		Errors: []int{http.StatusTooManyRequests}, Answers: rest.Files("The list, as a file", typeXLSX, rest.TypeCSV)}, s.fsma)
}

type reportInput struct {
	shapes.ShipmentPath
	Zoned
	Format string `query:"format" enum:"pdf,xlsx,csv" default:"pdf" doc:"Kind of file"`
}

// Zoned asks for the reader's times.
type Zoned struct {
	TZ string `query:"tz" maxLength:"64" default:"UTC" example:"Europe/Vienna" doc:"Time zone of the reader, an IANA name. Times, days and their order on the page are of this zone, with the offset; UTC stands beside"`
}

func (z Zoned) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(z.TZ)
	if err != nil || z.TZ == "Local" { // the server's own zone is nobody's business
		return nil, rest.InvalidField("query.tz", "is no time zone's name, such as Europe/Vienna")
	}
	return zone, nil
}

func (s *Resource) report(ctx context.Context, in *reportInput) (*rest.File, error) {
	zone, err := in.zone()
	if err != nil {
		return nil, err
	}
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	rules, err := s.Judge.Rules.Pinned(ctx, r)
	if err != nil {
		return nil, err
	}
	seen := newSurvey(rules.RuleSet)
	j, v, err := s.Judge.Pinned(ctx, r, seen.take)
	if err != nil {
		return nil, err
	}
	model, err := s.model(ctx, r, j, &v, seen)
	if err != nil {
		return nil, err
	}
	model.Zone = zone
	switch in.Format {
	case "csv":
		return render(rest.TypeCSV+"; charset=utf-8", r.ID+".csv", func(w io.Writer) error { return report.CSV(w, model) })
	case "xlsx":
		return render(typeXLSX, r.ID+".xlsx", func(w io.Writer) error { return report.XLSX(w, model) })
	}
	return render(typePDF, r.ID+".pdf", func(w io.Writer) error { return report.PDF(w, model, s.Style) })
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
	Zoned
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
	zone, err := in.zone()
	if err != nil {
		return nil, err
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
		return e.OrderMS < int64(in.From.Instant) || in.To.Instant != 0 && e.OrderMS >= int64(in.To.Instant)
	})
	slices.SortFunc(events, func(a, b report.TrackingEvent) int {
		return cmp.Or(cmp.Compare(a.OrderMS, b.OrderMS), cmp.Compare(a.Shipment, b.Shipment), cmp.Compare(b.Kind, a.Kind)) // shipping before receiving
	})
	name := "fsma204-" + s.Org + "-" + s.Now().In(zone).Format(time.DateOnly)
	if in.Format == "csv" {
		return render(rest.TypeCSV+"; charset=utf-8", name+".csv", func(w io.Writer) error { return report.FSMACSV(w, events, zone) })
	}
	return render(typeXLSX, name+".xlsx", func(w io.Writer) error { return report.FSMAXLSX(w, events, zone) })
}
