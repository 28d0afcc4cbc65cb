// Package auditlog answers the routes of this node's audit log.
package auditlog

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
)

// Resource is made of these parts.
type Resource struct {
	Log     *slog.Logger
	Audit   *audit.Log
	Cursors rest.Cursors
}

const (
	listPath = "/v1/audit"
	lineType = "application/x-ndjson"
	// writeTime is what a client has to take each line of an export.
	writeTime = time.Minute
)

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	const tag = "Audit"
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: listPath, ID: "list-audit", Tag: tag, Scope: access.AuditRead,
		Summary: "List who changed what at this node, and who was refused", Errors: []int{http.StatusBadRequest},
		About: "Oldest first. Reading is not recorded, nor are requests that were wrong in themselves."}, s.list)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: listPath + "/export", ID: "export-audit", Tag: tag, Scope: access.AuditRead, Limit: rest.LongTime,
		Summary: "The same as lines of JSON, byte for byte as they are kept", Answers: rest.Files("One record a line", lineType),
		About: "prev of a line is the SHA-256 of the line before, without its line end. Keep the last line: the next export, from its number on, must begin with it."}, s.export)
}

type from struct {
	From uint64 `query:"from" minimum:"1" maximum:"9007199254740991" default:"1" doc:"Number of the first record"`
}

type listInput struct {
	from
	rest.Paging
}

type position struct {
	N uint64 `json:"n"`
}

func (s *Resource) list(_ context.Context, in *listInput) (*rest.Answer[rest.List[audit.Record]], error) {
	at := position{in.From}
	if err := s.Cursors.Open(listPath, in.Cursor, &at); err != nil {
		return nil, err
	}
	page, err := s.Audit.Page(at.N, in.Limit)
	if err != nil {
		return nil, err
	}
	out := rest.List[audit.Record]{Items: page}
	if len(page) == in.Limit {
		out.Next = s.Cursors.Seal(listPath, position{page[len(page)-1].N + 1})
	}
	return &rest.Answer[rest.List[audit.Record]]{Body: out}, nil
}

func (s *Resource) export(ctx context.Context, in *from) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		g := humagin.Unwrap(c)
		c.SetHeader("Content-Type", lineType)
		c.SetHeader("Content-Disposition", `attachment; filename="audit.ndjson"`)
		c.SetStatus(http.StatusOK)
		out := http.NewResponseController(g.Writer)
		err := s.Audit.From(in.From, func(line []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			_ = out.SetWriteDeadline(time.Now().Add(writeTime)) // recorders in tests have no deadline and need none
			_, err := io.WriteString(g.Writer, string(line)+"\n")
			return err
		})
		if err != nil {
			s.Log.WarnContext(ctx, "an export of the audit log was cut off", "trace_id", problem.TraceID(ctx), "error", err)
			_ = out.SetWriteDeadline(time.Unix(1, 0)) // without an end the transfer fails
		}
	}}, nil
}
