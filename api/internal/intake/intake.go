// Package intake takes trackers' messages over HTTP, as other platforms' webhooks send them, and gives them to ingest.
package intake

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/limits"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Ingest ingestclient.Instances
	Kept   Kept
	Key    []byte // seals and derives secrets
	Now    func() time.Time

	secrets *secrets
	known   *known
	wrong   limits.Buckets // refused requests, by address
	sent    limits.Buckets // messages, by tracker
}

// Rates, a second; each may come in a burst. Guessing secrets is hopeless whatever the rate; ingest has its own limit of a tracker's messages.
const (
	wrongRate, wrongBurst = 2, 50
	sentRate, sentBurst   = 50, 200
)

const (
	path = "/v1/intake/{profile}"
	// plain is the profile's name for a tracker that has none pinned: our own JSON.
	plain = "plain-json"
)

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	var err error
	if s.secrets, err = newSecrets(s.Kept, s.Key); err != nil {
		panic(err) // a hash is a key of AES
	}
	s.known = newKnown(s.Ledger, s.MSP, s.Now)
	s.wrong, s.sent = limits.Buckets{Rate: wrongRate, Burst: wrongBurst}, limits.Buckets{Rate: sentRate, Burst: sentBurst}
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: path, ID: "take-message", Tag: "Trackers", Status: http.StatusAccepted, Body: telemetry.MaxMessage, Own: true,
		Summary: "Take a message of a tracker or gateway, as its platform sends it",
		About: "Needs no access token but the tracker's secret: as the password of Basic with the tracker's id as user name, as a Bearer token, or in the header X-Trackseal-Secret; " +
			"or the HMAC-SHA256 of the body, in hex (with or without `sha256=`) or base64, in the header that was named when the intake secret was made, and with the query `tracker`. " +
			"The body is what the platform sends, of any media type; the tracker's pinned profile reads it. The answer comes when all that was accepted is durable. " +
			"The same message again is a duplicate, by the profile's message id or equal bytes, so send it again after a 5xx or when no answer came.",
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout}}, s.take)
	api.DescribeBody(path, "application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "JSON or any other bytes"}, `{"temperature":4.5}`)
	s.secretRoutes(api)
}

type input struct {
	Profile string `path:"profile" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(@[1-9][0-9]{0,8})?$" patternDescription:"a profile's id, with or without @version" doc:"The profile that reads the tracker's messages, with or without its version; plain-json for a tracker without one" example:"ttn-v3"`
	Tracker string `query:"tracker" maxLength:"64" doc:"Whose message it is; needed with an HMAC alone"`
	Topic   string `query:"topic" maxLength:"256" doc:"For profiles that read one: what the platform would publish to"`
	Event   string `query:"event" maxLength:"64" doc:"As ChirpStack adds it; what is not up is passed over"`
	RawBody []byte `contentType:"application/octet-stream"`

	header http.Header
	remote string
}

// Resolve notes what proves who sends.
func (in *input) Resolve(c huma.Context) []error {
	in.header, in.remote = http.Header{}, c.RemoteAddr()
	c.EachHeader(func(name, value string) { in.header.Add(name, value) })
	return nil
}

// IntakeTaken is what became of a message.
type IntakeTaken struct {
	Tracker    string                `json:"tracker" doc:"Whose secret it was: tracker or gateway"`
	Accepted   int                   `json:"accepted" doc:"Messages that are durable now"`
	Duplicates int                   `json:"duplicates" doc:"Messages that were held already"`
	Skipped    int                   `json:"skipped" doc:"Parts that the profile passes over"`
	Refused    []problem.RefusedPart `json:"refused" doc:"Parts that were not taken, for good"`
}

func (s *Resource) take(ctx context.Context, in *input) (*rest.Answer[IntakeTaken], error) {
	t, err := s.sender(ctx, in)
	if errors.Is(err, errWho) {
		if !s.wrong.Allow(limits.Network(in.remote), s.Now()) {
			return nil, problem.New(http.StatusTooManyRequests, problem.RateLimited, "%s; and so were too many from this address, try again soon", wrongSecret).RetryAfter("1")
		}
		return nil, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s", wrongSecret).With("WWW-Authenticate", `Basic realm="trackseal", charset="UTF-8"`)
	}
	if err != nil {
		return nil, err
	}
	audit.NoteOf(ctx).With(func(r *audit.Record) { r.Client = t.ID })
	if pinned := pinnedBy(t); !names(in.Profile, pinned) {
		return nil, problem.New(http.StatusNotFound, problem.NotFound, "the messages of tracker %s are read by the profile %s; send them to /v1/intake/%[2]s, or pin %[3]s for it", t.ID, pinned, in.Profile)
	}
	if !s.sent.Allow(t.ID, s.Now()) {
		return nil, problem.New(http.StatusTooManyRequests, problem.RateLimited, "tracker %s sends more than %d messages a second; send this one again", t.ID, sentRate).RetryAfter("1")
	}
	out := IntakeTaken{Tracker: t.ID, Refused: []problem.RefusedPart{}}
	if in.Event != "" && in.Event != "up" {
		out.Skipped = 1
		return &rest.Answer[IntakeTaken]{Body: out}, nil
	}
	if len(in.RawBody) == 0 {
		return nil, rest.InvalidField("body", "is empty; send the message")
	}
	taken, err := s.pass(ctx, t, transfer.Intake{Tracker: t.ID, Topic: in.Topic, Payload: in.RawBody})
	if err != nil {
		return nil, err
	}
	again := false
	for _, r := range taken.Refused {
		out.Refused = append(out.Refused, problem.RefusedPart(r))
		again = again || r.Again
	}
	switch {
	case again:
		return nil, problem.New(http.StatusServiceUnavailable, problem.IngestDown, "not all of the message could be taken now; send all of it again, what was taken is a duplicate then").WithRefused(out.Refused).RetryAfter("5")
	case taken.Accepted+taken.Duplicates+taken.Skipped == 0 && len(out.Refused) > 0:
		first := out.Refused[0]
		return nil, problem.New(http.StatusUnprocessableEntity, problem.Refuses, "the message is refused: %s (%s)", first.Detail, first.Reason).WithRefused(out.Refused)
	}
	out.Accepted, out.Duplicates, out.Skipped = taken.Accepted, taken.Duplicates, taken.Skipped
	return &rest.Answer[IntakeTaken]{Body: out}, nil
}

// pinnedBy is the profile in force.
func pinnedBy(t ledger.Tracker) string {
	if pin, ok := t.Profile(); ok {
		return pin.Ref
	}
	return plain
}

// names tells whether a path means a profile: by its reference, or by its id alone.
func names(asked, ref string) bool {
	id, _, _ := strings.Cut(ref, "@")
	return asked == ref || asked == id || ref == plain && asked == plain+"@1"
}

// pass gives the message to the instance that serves the tracker: of its operator, else of this organisation, else of any.
func (s *Resource) pass(ctx context.Context, t ledger.Tracker, m transfer.Intake) (transfer.Taken, error) {
	all := s.Ingest.All()
	of := func(member string) []ingestclient.Instance {
		return slices.DeleteFunc(slices.Clone(all), func(i ingestclient.Instance) bool { return ledger.MemberOf(i.ID()) != member })
	}
	if t.Operator != "" {
		all = of(s.Members.Name(t.Operator))
	} else if own := of(s.Org); len(own) > 0 {
		all = own
	}
	down := problem.New(http.StatusServiceUnavailable, problem.IngestDown, "no ingest instance takes the messages of tracker %s now; send this one again", t.ID).RetryAfter("5")
	var last error = down
	for _, i := range all {
		taken, err := i.Intake(ctx, m)
		var fast *ingestclient.TooFast
		switch {
		case err == nil:
			return taken, nil
		case errors.As(err, &fast):
			return taken, problem.New(http.StatusTooManyRequests, problem.RateLimited, "tracker %s sends faster than ingest takes its messages; send this one again", t.ID).
				RetryAfter(strconv.Itoa(int((fast.After + time.Second - 1) / time.Second)))
		case errors.Is(err, ingestclient.ErrElsewhere), errors.Is(err, problem.ErrIngest), ingestclient.IsUnknown(err): // not yet, of a tracker that is new
		case ctx.Err() != nil:
			return taken, ctx.Err()
		default:
			last = err
		}
	}
	return transfer.Taken{}, last
}
