// Package recordings takes the file of a logger that was read out at the end, and sends it as the logger's plain messages of a recorded trip.
package recordings

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"mime"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/shipmentview"
	"github.com/trackseal/trackseal/api/internal/upload"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/recording"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	View  *shipmentview.View
	Dial  Dial
	Key   []byte // derives the secrets of loggers, which only this node has
	Heavy *rest.Queue
}

const path = "/v1/shipments/{id}/recordings"

// Register adds the route.
func (s *Resource) Register(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: path, ID: "upload-recording", Tag: "Shipments", Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Limit: rest.LongTime, Body: upload.MaxBytes, Own: true,
		Summary: "Take the file of a logger that was read out as a recorded trip",
		About: "Needs the scope trackers:write as well. The body is the file as the logger wrote it; see /v1/rule-sets/simulate, which reads it in the same way and writes nothing. The logger is enrolled as a tracker that cannot sign, " +
			"assigned for the time from its first reading to its last, as a recorded trip, and its readings are sent as its messages. " +
			"They are unsigned: this organisation's node stands for the file. Sending the same file again has no further effect.",
		Errors: []int{http.StatusNotFound, http.StatusTooManyRequests}}, s.take)
	api.DescribeBody(path, rest.TypeCSV, &huma.Schema{Type: huma.TypeString}, upload.Example)
}

type input struct {
	shapes.ShipmentPath
	rest.Idempotent
	ContentType string `header:"Content-Type" maxLength:"256" hidden:"true"`
	Tracker     string `query:"tracker" required:"true" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" patternDescription:"1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit" doc:"Id of the logger, such as its serial number. Without a dot, the organisation's name and a dot are put before it"`
	Model       string `query:"model" maxLength:"128" doc:"Of a logger that is not enrolled yet"`
	recording.Options
	RawBody []byte `contentType:"text/csv"`
}

// Recording is what became of a file.
type Recording struct {
	Shipment string           `json:"shipment"`
	Tracker  string           `json:"tracker"`
	Trust    string           `json:"trust" enum:"unsigned" doc:"Of its messages: nobody signed them"`
	From     rest.Instant     `json:"from" doc:"First reading"`
	To       rest.Instant     `json:"to" doc:"End of the window: a millisecond after the last reading"`
	Messages int              `json:"messages" doc:"All of them durable at ingest"`
	SHA256   string           `json:"sha256" doc:"Of the file, hex"`
	File     recording.Report `json:"file" doc:"How it was read"`
}

func (s *Resource) take(ctx context.Context, in *input) (*rest.Answer[Recording], error) {
	if kind, _, err := mime.ParseMediaType(in.ContentType); err != nil || kind != rest.TypeCSV {
		return nil, problem.New(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "send text/csv")
	}
	if !access.PrincipalOf(ctx).Has(access.TrackersWrite) {
		return nil, problem.New(http.StatusForbidden, problem.MissingScope, "this needs the scope %s", access.TrackersWrite)
	}
	shipment, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	first, last, report, err := survey(in)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(in.RawBody)
	out := Recording{Shipment: shipment.ID, Tracker: s.OwnID(in.Tracker), Trust: stored.Unsigned, From: rest.Instant(first), To: rest.Instant(last + 1), SHA256: hex.EncodeToString(sum[:]), File: report}
	secret, err := s.enrolled(ctx, out.Tracker, cmp.Or(in.Model, "logger that was read out"))
	if err != nil {
		return nil, err
	}
	window := ledger.AssignArgs{Shipment: shipment.ID, Tracker: out.Tracker, FromMS: first, ToMS: last + 1}
	assigned := func(a ledger.Assignment) bool {
		return a.Tracker == window.Tracker && a.FromMS == window.FromMS && a.ToMS == window.ToMS
	}
	if !slices.ContainsFunc(shipment.Assignments, assigned) {
		if _, _, err := ledger.ShipmentAssign.Do(ctx, s.Ledger, window); err != nil {
			return nil, err
		}
	}
	isParty := func(member string) bool {
		return slices.ContainsFunc(shipment.Parties.MSPs(), func(msp string) bool { return s.View.Members.Name(msp) == member })
	}
	if !s.View.AwaitAssignment(ctx, shipment.ID, out.Tracker, isParty) {
		return nil, problem.New(http.StatusServiceUnavailable, problem.IngestDown, "ingest has not heard of the logger's assignment yet; send the file again").RetryAfter("2")
	}
	out.Messages, err = s.send(ctx, in, out.Tracker, secret, report)
	return rest.Reply(out, err)
}

// survey reads the file once, so that nothing is written for one that cannot be read to its end.
func survey(in *input) (first, last int64, report recording.Report, err error) {
	first, last = math.MaxInt64, math.MinInt64
	n, of := 0, ""
	report, err = recording.Read(bytes.NewReader(in.RawBody), in.Options, func(tracker string, r telemetry.Reading) error {
		if n > 0 && tracker != of {
			return rest.InvalidField("csv", fmt.Sprintf("the file names the trackers %s and %s; a recording is of one", of, tracker))
		}
		if n++; n > upload.MaxReadings {
			return rest.InvalidField("csv", fmt.Sprintf("more than %d readings", upload.MaxReadings))
		}
		of, first, last = tracker, min(first, r.TimeMS), max(last, r.TimeMS)
		return nil
	})
	return first, last, report, upload.Problem(err)
}

// enrolled makes the logger a tracker that cannot sign, unless it is one, and gives its secret. That follows from the node's own key: nobody
// else ever has it, so that nobody else speaks for a logger whose files this node takes.
func (s *Resource) enrolled(ctx context.Context, tracker, model string) (secret string, err error) {
	h := hmac.New(sha256.New, s.Key)
	h.Write([]byte("recording\x00" + tracker))
	secret = base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	sum := sha256.Sum256([]byte(secret))
	hash := hex.EncodeToString(sum[:])
	t, err := s.Tracker(ctx, tracker)
	if rest.IsNotFound(err) && access.PrincipalOf(ctx).May(access.Tracker, tracker) {
		t, _, err = ledger.TrackerEnrol.Do(ctx, s.Ledger, ledger.EnrolArgs{ID: tracker, Model: model, SecretHash: hash})
	}
	if err == nil && t.SecretHash != hash {
		return "", problem.New(http.StatusConflict, "conflict", "tracker %s is one that sends its messages itself; give the logger an id of its own", tracker)
	}
	return secret, err
}
