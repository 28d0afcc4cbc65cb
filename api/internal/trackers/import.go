package trackers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Bounds of a list of trackers.
const (
	maxImport      = 2000    // rows
	maxImportBytes = 1 << 20 // of the file
	// importParallel enrolments are under way at once: each waits for its block.
	importParallel = 24
)

const (
	importPath    = "/v1/trackers/import"
	importExample = "id;model;profile;gateway;device;operator\nGATEWAY-3;rail gateway;thingsboard-gateway@1;;;\nFRIDGE-7;;;GATEWAY-3;Fridge 7;\nLOGGER-17;\"probe, long\";thingsboard-device@1;;;\n"
)

// Imported is what became of a list of trackers.
type Imported struct {
	Enrolled int           `json:"enrolled" doc:"With this request, or an earlier one with its Idempotency-Key"`
	There    int           `json:"there" doc:"Enrolled before, as the row says"`
	Refused  int           `json:"refused"`
	Rows     []ImportedRow `json:"rows" doc:"In the order of the file"`
}

// ImportedRow is what became of one row.
type ImportedRow struct {
	Line    int          `json:"line" doc:"In the file, from 1"`
	ID      string       `json:"id" doc:"In full; empty where it cannot be read"`
	Outcome string       `json:"outcome" enum:"enrolled,there,refused"`
	Secret  string       `json:"secret,omitempty" doc:"Of one that was enrolled: MQTT password or token, given here and never again"`
	Tx      string       `json:"tx,omitempty" doc:"By which it is enrolled"`
	Code    problem.Code `json:"code,omitempty" doc:"Why it was refused"`
	Detail  string       `json:"detail,omitempty" doc:"The same in words"`
}

// Outcomes of a row.
const (
	rowEnrolled = "enrolled"
	rowThere    = "there"
	rowRefused  = "refused"
)

func (s *Resource) importRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: importPath, ID: "import-trackers", Tag: "Trackers", Scope: access.TrackersWrite, Write: true,
		Limit: rest.LongTime, Body: maxImportBytes, Own: true,
		Summary: "Enrol the trackers of a list",
		About: fmt.Sprintf("For trackers that cannot sign: each gets a secret, which the answer has and nothing else ever does. The body is CSV in UTF-8, separated by commas, semicolons or tabs, of at most %d rows. "+
			"Its first line names the columns: id, and as wanted model, profile, gateway, device, operator. Gateways may stand in the same list. "+
			"Each row is enrolled or refused by itself. Send the same file again with the same Idempotency-Key when the answer was lost: the secrets are the same. A tracker that is enrolled as its row says is told as there.", maxImport)}, s.importTrackers)
	api.DescribeBody(importPath, rest.TypeCSV, &huma.Schema{Type: huma.TypeString}, importExample)
}

type importInput struct {
	rest.Idempotent
	ContentType string `header:"Content-Type" maxLength:"256" hidden:"true"`
	RawBody     []byte `contentType:"text/csv"`
}

func (s *Resource) importTrackers(ctx context.Context, in *importInput) (*rest.Answer[Imported], error) {
	if kind, _, err := mime.ParseMediaType(in.ContentType); err != nil || kind != rest.TypeCSV {
		return nil, problem.New(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "send text/csv")
	}
	list, err := readList(in.RawBody)
	if err != nil {
		return nil, err
	}
	rest.WriteOf(ctx).Secret = true
	rows := make([]ImportedRow, len(list))
	args, secrets := make([]ledger.EnrolArgs, len(list)), make([]string, len(list))
	first := map[string]int{} // line of an id
	var alone, behind []int   // rows without a gateway, and with one, which may stand further down
	for i, l := range list {
		rows[i].Line = l.line
		if l.err == nil {
			rows[i].ID = s.OwnID(l.id)
			if at, twice := first[rows[i].ID]; twice {
				l.err = rest.InvalidField("csv.id", fmt.Sprintf("stands in line %d already", at))
			} else {
				first[rows[i].ID] = l.line
			}
		}
		if l.err == nil {
			args[i], secrets[i], l.err = s.enrolment(ctx, l)
		}
		switch {
		case l.err != nil:
			s.refuse(ctx, &rows[i], l.err)
		case args[i].Gateway == "":
			alone = append(alone, i)
		default:
			behind = append(behind, i)
		}
	}
	var down atomic.Bool // so that not every row waits for a ledger that does not answer
	for _, part := range [][]int{alone, behind} {
		g := new(errgroup.Group)
		g.SetLimit(importParallel)
		for _, i := range part {
			g.Go(func() error {
				err := ledger.ErrUnavailable
				if !down.Load() {
					err = s.enrolRow(ctx, &rows[i], args[i], secrets[i])
				}
				if err != nil {
					down.CompareAndSwap(false, errors.Is(err, ledger.ErrUnavailable))
					s.refuse(ctx, &rows[i], err)
				}
				return nil
			})
		}
		_ = g.Wait() // each row tells for itself
	}
	out := Imported{Rows: rows}
	for _, r := range rows {
		switch r.Outcome {
		case rowEnrolled:
			out.Enrolled++
		case rowThere:
			out.There++
		default:
			out.Refused++
		}
	}
	return rest.Reply(out, nil)
}

// enrolment is what the ledger is asked for a row.
func (s *Resource) enrolment(ctx context.Context, l line) (a ledger.EnrolArgs, secret string, err error) {
	a = ledger.EnrolArgs{ID: s.OwnID(l.id), Model: l.model, Profile: l.profile, Device: l.device}
	if l.gateway != "" {
		a.Gateway = s.OwnID(l.gateway)
	}
	if a.Operator, err = s.operatorMSP(ctx, l.operator); err != nil {
		return a, "", err
	}
	secret, a.SecretHash = s.trackerSecret(ctx, "tracker-secret", a.ID)
	return a, secret, a.Validate()
}

// enrolRow enrols one tracker, unless it is enrolled.
func (s *Resource) enrolRow(ctx context.Context, row *ImportedRow, a ledger.EnrolArgs, secret string) error {
	_, sent, err := ledger.TrackerEnrol.Do(ctx, s.Ledger, a)
	if err == nil {
		row.Outcome, row.Secret, row.Tx = rowEnrolled, secret, sent.TxID
		return nil
	}
	if ledger.CodeOf(err) == ledger.Exists {
		if was, gerr := s.Tracker(ctx, a.ID); gerr == nil {
			same := a
			same.SecretHash = was.SecretHash
			switch {
			case enrolledAs(was, a): // an attempt before this one did
				row.Outcome, row.Secret, row.Tx = rowEnrolled, secret, was.EnrolTx
				return nil
			case len(was.Keys) == 0 && was.RevokedMS == 0 && enrolledAs(was, same):
				row.Outcome, row.Tx = rowThere, was.EnrolTx
				return nil
			}
			err = ledger.Refuse(ledger.Exists, "tracker %s is enrolled already, and not as this row says", a.ID)
		}
	}
	return err
}

// refuse writes into the row why nothing came of it.
func (s *Resource) refuse(ctx context.Context, row *ImportedRow, err error) {
	p, internal := problem.Of(err)
	if internal {
		s.Log.ErrorContext(ctx, "enrolling a tracker of a list failed", slog.String("tracker", row.ID), slog.String("trace_id", problem.TraceID(ctx)), slog.Any("error", err))
	}
	row.Outcome, row.Code, row.Detail = rowRefused, p.Code, p.Detail
	if len(p.Errors) > 0 {
		_, column, _ := strings.Cut(p.Errors[0].Field, ".")
		row.Detail = strings.TrimSpace(column + " " + p.Errors[0].Detail)
	}
	if errors.Is(err, ledger.ErrCommitUnknown) {
		row.Detail += "; send the file again with the same Idempotency-Key"
	}
}
