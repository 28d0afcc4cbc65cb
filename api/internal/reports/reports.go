package reports

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
)

// Media types of reports.
const (
	typePDF  = "application/pdf"
	typeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

func (s *Resource) reportRoutes(api *rest.API) {
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
	done, err := s.Heavy.Take()
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
