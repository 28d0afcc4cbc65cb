package evidence

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/stored"
)

// bundleType is the media type of an evidence bundle (docs/evidence-format.md).
const bundleType = "application/vnd.trackseal.evidence"

// Who reads a bundle may keep silent for a while, and must read at some pace on the whole: a place of the queue hangs on it.
const (
	evidenceSilence = 30 * time.Second
	evidencePace    = 16 << 10 // bytes a second
)

func (s *Resource) evidenceRoutes(api *rest.API) {
	if s.Evidence == nil {
		return
	}
	about := "Collects what an auditor needs to check the shipment offline with the program verify, trusting no server: configuration and anchor blocks with " +
		"the orderers' signatures, peers' signed answers that carry the nonce, heads, and every leaf with its message. Nothing is verified here."
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/evidence", ID: "get-evidence", Tag: "Evidence", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Stream the evidence bundle of a shipment", About: about, Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests}, Answers: rest.Files("Evidence bundle", bundleType)}, func(ctx context.Context, in *evidenceInput) (*huma.StreamResponse, error) {
		return s.evidence(ctx, in.ID, in.Nonce, in.Withhold, in.ID+".tsb", func(ctx context.Context, b *bundle.Bundle, w io.Writer) error { return b.Write(ctx, w) })
	})
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/messages/{log}/{leaf}/proof", ID: "get-message-proof", Tag: "Evidence", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Prove one message", About: "A bundle with one leaf and its inclusion proof, for `verify message`.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests}, Answers: rest.Files("Proof of one message", bundleType)}, func(ctx context.Context, in *proofInput) (*huma.StreamResponse, error) {
		shipment, err := s.shipmentOf(ctx, in.Log, in.Leaf)
		if err != nil {
			return nil, err
		}
		return s.evidence(ctx, shipment, in.Nonce, in.Withhold, in.Log[:16]+".tsb", func(ctx context.Context, b *bundle.Bundle, w io.Writer) error {
			return b.WriteProof(ctx, w, in.Log, in.Leaf)
		})
	})
}

// NonceInput is what both bundles can be asked for.
type NonceInput struct {
	Nonce    string `query:"nonce" pattern:"^([0-9a-f]{2}){0,64}$" patternDescription:"up to 64 bytes in lower-case hex" maxLength:"128" doc:"Your own random bytes, hex; the peers sign them along, so their answers cannot be old"`
	Withhold string `query:"withhold" enum:"all,location" doc:"Leave readings out: all, or those of messages with a position; and all details, which name places. Signatures and logs stay checkable"`
}

type evidenceInput struct {
	shapes.ShipmentPath
	NonceInput
}

type proofInput struct {
	Log  string `path:"log" pattern:"^[0-9a-f]{64}$" doc:"Log id"`
	Leaf uint64 `path:"leaf" maximum:"9007199254740991" doc:"Leaf number"`
	NonceInput
}

// evidence collects first, so that what fails is a problem and not half a file; then it streams.
func (s *Resource) evidence(ctx context.Context, id, nonce, withhold, name string, write func(context.Context, *bundle.Bundle, io.Writer) error) (*huma.StreamResponse, error) {
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	streams := false
	defer func() {
		if !streams { // refused, or a panic
			done()
		}
	}()
	b, err := s.collect(ctx, id, nonce, withhold)
	if err != nil {
		return nil, err
	}
	streams = true
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer done()
		g := humagin.Unwrap(c)
		c.SetHeader("Content-Type", bundleType)
		c.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		c.SetHeader("Cache-Control", "no-store")
		c.SetStatus(http.StatusOK)
		out := http.NewResponseController(g.Writer)
		if err := write(g.Request.Context(), b, &patient{Writer: g.Writer, out: out, left: evidenceSilence}); err != nil {
			s.Log.WarnContext(ctx, "evidence was cut off", "shipment", id, "error", err)
			// The client must not take half a bundle for a whole one: without an end the transfer fails.
			_ = out.SetWriteDeadline(time.Unix(1, 0))
		}
	}}, nil
}

// patient gives a reader time by what they have read: a bundle may take longer than the server's limit for an answer. Time
// that passes between the writes is not theirs.
type patient struct {
	io.Writer
	out  *http.ResponseController
	left time.Duration // for the writes to come, beside what their bytes give
}

func (p *patient) Write(b []byte) (int, error) {
	p.left = min(evidenceSilence, p.left) + time.Duration(len(b))*time.Second/evidencePace
	began := time.Now()
	_ = p.out.SetWriteDeadline(began.Add(p.left)) // recorders in tests have no deadline and need none
	n, err := p.Writer.Write(b)
	p.left -= time.Since(began)
	return n, err
}

func (s *Resource) collect(ctx context.Context, id, nonce, withhold string) (*bundle.Bundle, error) {
	r, err := s.Shipment(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(nonce)
	if err != nil {
		return nil, err
	}
	request := bundle.Request{Shipment: r, Nonce: raw, Withhold: withhold}
	if withhold == "" {
		request.Details = func(ctx context.Context, by, hash string) ([]byte, error) {
			s.Details.Read(ctx, r.ID, by, hash) // so that it is here, if it can be
			return s.Details.Raw(r.ID, hash)
		}
	}
	if rules, err := s.Rules.Pinned(ctx, r); err == nil {
		request.RuleSet = rules.Canonical()
	} else if ledger.CodeOf(err) != ledger.Conflict { // rules that this version does not know: the verifier may
		return nil, err
	}
	if request.Trackers, err = s.Assigned(ctx, r); err != nil {
		return nil, err
	}
	request.Document = s.document
	refs, err := s.Logs.Of(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		request.Logs = append(request.Logs, bundle.Log{ID: ref.ID, Ingest: ref.Ingest})
	}
	if request.Close, err = s.Close(ctx, r); err != nil {
		return nil, err
	}
	b, err := s.Evidence.Collect(ctx, request)
	if errors.Is(err, bundle.ErrNotReady) {
		return nil, problem.New(http.StatusConflict, "bad_state", "%v; try again after the next anchor", err)
	}
	return b, err
}

// document of a profile that a tracker pinned: ready, or published.
func (s *Resource) document(ctx context.Context, pin ledger.ProfilePin) ([]byte, error) {
	if p, ok := profile.Find(pin.Ref); ok {
		return p.Canonical(), nil
	}
	p, err := ledger.ProfileGet.Ask(ctx, s.Ledger, ledger.RefArgs{Ref: pin.Ref})
	if ledger.CodeOf(err) != "" {
		return nil, nil
	}
	return p.Document, err
}

// shipmentOf finds the shipment of a stored message. One that is not ours does not exist; s.shipment decides.
func (s *Resource) shipmentOf(ctx context.Context, log string, leaf uint64) (string, error) {
	id := ""
	err := s.Telemetry.Messages(ctx, log, leaf, leaf+1, func(m stored.Message) error {
		id = m.Shipment
		return nil
	})
	if err == nil && id == "" {
		err = rest.NotFound("message", log)
	}
	return id, err
}
