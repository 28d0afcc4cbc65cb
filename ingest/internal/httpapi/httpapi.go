// Package httpapi is ingest's HTTP interface: health and metrics for everybody, logs and what is stored of them, seals, proofs and status
// for the nodes of members.
// Who calls is what their ledger identity has signed, what they may is what the ledger says of the shipment. Errors are RFC 9457 problems.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/ingest/internal/run"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Pipeline is what is served.
type Pipeline interface {
	Sequencer() *sequence.Sequencer
	// Shipment is the ledger's record as far as its events have come here, of one of which this organisation is a party.
	Shipment(id string) (*ledger.Shipment, bool)
	// Seal for a member, by its MSP id.
	Seal(ctx context.Context, shipment, by string) (run.SealResult, error)
	Status(ctx context.Context) run.Status
	// Tracker is what the ledger says of one.
	Tracker(ctx context.Context, id string) (*registry.Tracker, bool)
	// Intake takes a message as if its tracker had published it, until it is durable.
	Intake(ctx context.Context, m transfer.Intake) (transfer.Taken, error)
}

// sealBound is how long a seal waits for its anchor. The caller may ask again.
const sealBound = 25 * time.Second

type server struct {
	p     Pipeline
	store Store
	own   string // MSP id
	who   *node.Callers
	log   *slog.Logger
	trail trail
}

// call is one request by a member's node.
type call struct {
	*http.Request
	node.Caller
}

// Routes adds /v1 to a mux that has the open routes already. own is the MSP id of the organisation that runs this instance.
func Routes(mux *http.ServeMux, p Pipeline, store Store, own string, who *node.Callers, log *slog.Logger) {
	s := &server{p: p, store: store, own: own, who: who, log: log, trail: newTrail(log)}
	for pattern, handle := range map[string]func(call) (any, error){
		"GET /v1/logs":                              s.logs,
		"POST /v1/shipments/{id}/seal":              s.seal,
		"GET /v1/proof/consistency":                 s.consistency,
		"GET /v1/status":                            s.status,
		"GET /v1/shipments/{id}/trackers/{tracker}": s.assigned,
		"GET /v1/heads":                             s.newHeads,
		"GET /v1/logs/{log}/heads":                  s.logHeads,
		"GET /v1/logs/{log}/messages":               s.messages,
		"GET /v1/trackers/{id}/quality":             s.quality,
		"GET /v1/shipments/{id}/outside":            s.outside,
		"GET /v1/trackers/{id}/rejected":            s.rejected,
		"POST /v1/intake":                           s.intake,
	} {
		mux.Handle(pattern, s.protect(handle))
	}
	mux.Handle("/v1/", s.protect(func(call) (any, error) {
		return nil, &problem{status: http.StatusNotFound, code: "not_found", detail: "no such resource"}
	}))
}

// problem is an error with its HTTP answer.
type problem struct {
	status       int
	code, detail string
	refused      bool   // a member asked for what is not its own; the answer itself may not say so
	again        string // Retry-After, s; "" = none
}

func (p *problem) Error() string { return p.detail }

func badRequest(format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, code: "invalid", detail: fmt.Sprintf(format, args...)}
}

func forbidden(detail string) error {
	return &problem{status: http.StatusForbidden, code: "forbidden", detail: detail, refused: true}
}

func unavailable(what string) error {
	return &problem{status: http.StatusServiceUnavailable, code: "ledger_unavailable", detail: "the ledger cannot be asked " + what + "; try again"}
}

func (s *server) protect(handle func(call) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := s.enter(r)
		var answer any
		if err == nil {
			answer, err = handle(call{r, who})
		}
		if err != nil {
			s.fail(w, r, who, err)
			return
		}
		if changes(r) {
			s.trail.changed(r, who, http.StatusOK)
		}
		if raw, ok := answer.(encoded); ok {
			s.head(w, http.StatusOK, transfer.MediaType)
			_, _ = w.Write(raw) // as below
			return
		}
		s.write(w, http.StatusOK, "application/json", answer)
	})
}

// changes reports whether a request gets a line of its own in the audit trail. A message does not: it is in the log of its shipment.
func changes(r *http.Request) bool { return r.Method != http.MethodGet && r.URL.Path != "/v1/intake" }

// enter says who calls. What APIs ask, an API's identity asks.
func (s *server) enter(r *http.Request) (node.Caller, error) {
	who, err := s.who.Who(r)
	switch {
	case errors.Is(err, node.ErrUnavailable):
		return who, unavailable("who its members are")
	case err != nil:
		return who, &problem{status: http.StatusUnauthorized, code: "unauthorized", detail: err.Error(), refused: true}
	case who.Role != contract.Operator:
		return who, forbidden("the caller's certificate needs the attribute " + contract.RoleAttribute + "=" + contract.Operator)
	}
	return who, nil
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, who node.Caller, err error) {
	p, known := errors.AsType[*problem](err)
	if !known {
		s.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "err", err)
		p = &problem{status: http.StatusInternalServerError, code: "internal", detail: "the request could not be answered; ingest's log says why"}
	}
	switch {
	case p.refused:
		s.trail.refused(r, who, p)
	case changes(r):
		s.trail.changed(r, who, p.status)
	}
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", node.Scheme)
	}
	if p.again != "" {
		w.Header().Set("Retry-After", p.again)
	}
	s.write(w, p.status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(p.status), "status": p.status, "code": p.code, "detail": p.detail,
	})
}

func (s *server) head(w http.ResponseWriter, status int, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

func (s *server) write(w http.ResponseWriter, status int, contentType string, v any) {
	s.head(w, status, contentType)
	_ = json.NewEncoder(w).Encode(v) // the caller is gone: nobody to tell
}

// shipment is one of which the caller is a party. To all others it does not exist.
func (s *server) shipment(c call, id string) (*ledger.Shipment, error) {
	if !telemetry.ValidID(id) {
		return nil, badRequest("%q is not a shipment id", id)
	}
	r, ok := s.p.Shipment(id)
	if !ok || !r.IsParty(c.MSP) {
		return nil, &problem{status: http.StatusNotFound, code: "not_found", detail: "no shipment of this id is known here of which the caller is a party", refused: ok}
	}
	return r, nil
}

// assigned tells whether the event of an assignment has come here: from then on the tracker's messages go to the shipment.
func (s *server) assigned(c call) (any, error) {
	r, err := s.shipment(c, c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	known := slices.ContainsFunc(r.Assignments, func(a ledger.Assignment) bool {
		return a.Tracker == c.PathValue("tracker") && (a.ToMS == 0 || a.Recorded())
	})
	return map[string]any{"assigned": known}, nil
}

func (s *server) logs(c call) (any, error) {
	r, err := s.shipment(c, c.URL.Query().Get("shipment"))
	if err != nil {
		return nil, err
	}
	logs, err := s.p.Sequencer().StoredLogs(anchor.Shipment, r.ID)
	if err != nil {
		return nil, err
	}
	return map[string]any{"items": logs}, nil
}

func (s *server) seal(c call) (any, error) {
	id := c.PathValue("id")
	if !telemetry.ValidID(id) {
		return nil, badRequest("%q is not a shipment id", id)
	}
	ctx, cancel := context.WithTimeout(c.Context(), sealBound)
	defer cancel()
	result, err := s.p.Seal(ctx, id, c.MSP)
	switch {
	case errors.Is(err, run.ErrNoShipment):
		return nil, &problem{status: http.StatusNotFound, code: "not_found", detail: err.Error(), refused: true}
	case errors.Is(err, run.ErrNotTheirs):
		return nil, forbidden(err.Error())
	case errors.Is(err, run.ErrNotDelivered):
		return nil, &problem{status: http.StatusConflict, code: "not_delivered", detail: err.Error(), refused: true}
	case errors.Is(err, ledger.ErrUnavailable):
		return nil, unavailable("whether the shipment was delivered")
	}
	return result, err
}

func (s *server) consistency(c call) (any, error) {
	first, second, err := numbers(c.Request, "first", "second")
	if err != nil {
		return nil, err
	}
	if first > second {
		return nil, badRequest("first must not be greater than second")
	}
	if heads, of := s.p.Sequencer().HeadsID(), c.URL.Query().Get("heads"); of != "" && of != heads {
		return nil, badRequest("heads must be %s: this instance has no other heads log", heads)
	}
	hashes, err := s.p.Sequencer().HeadsConsistency(first, second)
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

// status says how the instance is. What its problems are in words is for its own organisation: they may quote what is stored. That
// nothing of what is sent can be anchored any more concerns every member.
func (s *server) status(c call) (any, error) {
	st := s.p.Status(c.Context())
	if c.MSP != s.own {
		for part := range st.Problems {
			st.Problems[part] = "see the log of this instance"
			if st.Disagrees && (part == "logs" || part == "anchors") {
				st.Problems[part] = "journal and ledger disagree; nothing is acknowledged until its operator has recovered it"
			}
		}
	}
	return st, nil
}
