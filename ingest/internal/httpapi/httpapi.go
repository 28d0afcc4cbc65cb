// Package httpapi is ingest's HTTP interface: health and metrics for everybody, logs, seals, proofs and status for the APIs
// that hold the read token. Errors are RFC 9457 problems.
package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/run"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Pipeline is what is served.
type Pipeline interface {
	Sequencer() *sequence.Sequencer
	Seal(ctx context.Context, shipment string) (run.SealResult, error)
	Status(ctx context.Context) run.Status
	// Assigned tells whether the instance knows that the tracker is on the shipment, now or for a recorded trip: from then on its
	// messages go there.
	Assigned(shipment, tracker string) bool
}

// sealBound is how long a seal waits for its anchor. The caller may ask again.
const sealBound = 25 * time.Second

type server struct {
	p     Pipeline
	token [32]byte
	log   *slog.Logger
}

// Routes adds /v1 to a mux that has the open routes already.
func Routes(mux *http.ServeMux, p Pipeline, token string, log *slog.Logger) {
	s := &server{p: p, token: sha256.Sum256([]byte(token)), log: log}
	for pattern, handle := range map[string]func(*http.Request) (any, error){
		"GET /v1/logs":                              s.logs,
		"POST /v1/shipments/{id}/seal":              s.seal,
		"GET /v1/proof/inclusion":                   s.inclusion,
		"GET /v1/proof/consistency":                 s.consistency,
		"GET /v1/status":                            s.status,
		"GET /v1/shipments/{id}/trackers/{tracker}": s.assigned,
	} {
		mux.Handle(pattern, s.protect(handle))
	}
	mux.Handle("/v1/", s.protect(func(*http.Request) (any, error) {
		return nil, &problem{http.StatusNotFound, "not_found", "no such resource"}
	}))
}

// problem is an error with its HTTP answer.
type problem struct {
	status       int
	code, detail string
}

func (p *problem) Error() string { return p.detail }

func badRequest(format string, args ...any) error {
	return &problem{http.StatusBadRequest, "invalid", fmt.Sprintf(format, args...)}
}

func (s *server) protect(handle func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(token))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], s.token[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.fail(w, r, &problem{http.StatusUnauthorized, "unauthorized", "needs Authorization: Bearer <read token of this ingest>"})
			return
		}
		answer, err := handle(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, http.StatusOK, "application/json", answer)
	})
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, known := errors.AsType[*problem](err)
	if !known {
		s.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "err", err)
		p = &problem{http.StatusInternalServerError, "internal", "the request could not be answered; ingest's log says why"}
	}
	s.write(w, p.status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(p.status), "status": p.status, "code": p.code, "detail": p.detail,
	})
}

func (s *server) write(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller is gone: nobody to tell
}

func (s *server) assigned(r *http.Request) (any, error) {
	shipment, tracker := r.PathValue("id"), r.PathValue("tracker")
	if !telemetry.ValidID(shipment) || !telemetry.ValidID(tracker) {
		return nil, badRequest("give the ids of a shipment and of a tracker")
	}
	return map[string]any{"assigned": s.p.Assigned(shipment, tracker)}, nil
}

func (s *server) logs(r *http.Request) (any, error) {
	q := r.URL.Query()
	kind, id := anchor.Shipment, q.Get("shipment")
	if id == "" {
		kind, id = anchor.Tracker, q.Get("tracker")
	}
	if !telemetry.ValidID(id) {
		return nil, badRequest("give ?shipment=ID or ?tracker=ID")
	}
	logs, err := s.p.Sequencer().StoredLogs(kind, id)
	if err != nil {
		return nil, err
	}
	return map[string]any{"items": logs}, nil
}

func (s *server) seal(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if !telemetry.ValidID(id) {
		return nil, badRequest("%q is not a shipment id", id)
	}
	ctx, cancel := context.WithTimeout(r.Context(), sealBound)
	defer cancel()
	result, err := s.p.Seal(ctx, id)
	if err == nil {
		s.log.InfoContext(r.Context(), "sealed", "shipment", id, "anchored", result.Anchored, "asked_from", r.RemoteAddr)
		return result, nil
	}
	s.log.WarnContext(r.Context(), "not sealed", "shipment", id, "err", err, "asked_from", r.RemoteAddr)
	switch {
	case errors.Is(err, run.ErrNoShipment):
		return nil, &problem{http.StatusNotFound, "not_found", err.Error()}
	case errors.Is(err, run.ErrNotDelivered):
		return nil, &problem{http.StatusConflict, "not_delivered", err.Error()}
	case errors.Is(err, ledger.ErrUnavailable):
		return nil, &problem{http.StatusServiceUnavailable, "ledger_unavailable", "the ledger cannot be asked whether the shipment was delivered; try again"}
	}
	return nil, err
}

func (s *server) inclusion(r *http.Request) (any, error) {
	index, size, err := numbers(r, "index", "size")
	if err != nil {
		return nil, err
	}
	if index >= size {
		return nil, badRequest("index must be smaller than size")
	}
	return proof(s.p.Sequencer().HeadsInclusion(index, size))
}

func (s *server) consistency(r *http.Request) (any, error) {
	first, second, err := numbers(r, "first", "second")
	if err != nil {
		return nil, err
	}
	if first > second {
		return nil, badRequest("first must not be greater than second")
	}
	return proof(s.p.Sequencer().HeadsConsistency(first, second))
}

func proof(hashes []string, err error) (any, error) {
	if errors.Is(err, sequence.ErrSize) {
		return nil, badRequest("%v", err)
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"proof": hashes}, nil
}

func numbers(r *http.Request, a, b string) (x, y uint64, err error) {
	x, errA := strconv.ParseUint(r.URL.Query().Get(a), 10, 62)
	y, errB := strconv.ParseUint(r.URL.Query().Get(b), 10, 62)
	if errA != nil || errB != nil {
		return 0, 0, badRequest("give ?%s= and ?%s= as numbers", a, b)
	}
	return x, y, nil
}

func (s *server) status(r *http.Request) (any, error) { return s.p.Status(r.Context()), nil }
