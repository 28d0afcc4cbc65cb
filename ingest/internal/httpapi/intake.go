package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/run"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// intakeBound is how long a call waits until its message is durable. The caller may send it again.
const intakeBound = 15 * time.Second

// intake takes a message that came over HTTP to the API of the member that owns the tracker. To all others the tracker does not exist.
func (s *server) intake(c call) (any, error) {
	body, err := io.ReadAll(c.Body) // of the size that a call may have: it was read before
	if err != nil {
		return nil, badRequest("the body cannot be read: %v", err)
	}
	var m transfer.Intake
	if err := canon.UnmarshalJSON(body, &m); err != nil {
		if _, syntax := errors.AsType[*json.SyntaxError](err); syntax || len(body) == 0 {
			return nil, badRequest("the body must be JSON: tracker, topic and payload (base64)")
		}
		return nil, badRequest("%v", err)
	}
	switch {
	case !telemetry.ValidID(m.Tracker):
		return nil, badRequest("%q is not a tracker id", m.Tracker)
	case len(m.Topic) > telemetry.MaxTopic:
		return nil, badRequest("topic has %d bytes, at most %d", len(m.Topic), telemetry.MaxTopic)
	case len(m.Payload) == 0:
		return nil, badRequest("payload is empty")
	}
	if t, ok := s.p.Tracker(c.Context(), m.Tracker); !ok || t.Owner != c.MSP {
		return nil, &problem{status: http.StatusNotFound, code: "not_found", detail: "the caller has no tracker of this id", refused: ok}
	}
	ctx, cancel := context.WithTimeout(c.Context(), intakeBound)
	defer cancel()
	taken, err := s.p.Intake(ctx, m)
	tooFast, slow := errors.AsType[*run.TooFast](err)
	switch {
	case slow:
		return nil, &problem{status: http.StatusTooManyRequests, code: "rate_limited", detail: err.Error(), again: strconv.Itoa(tooFast.Seconds())}
	case errors.Is(err, run.ErrOtherInstance):
		return nil, &problem{status: http.StatusMisdirectedRequest, code: "other_instance", detail: err.Error()}
	case errors.Is(err, run.ErrNotAccepting):
		return nil, &problem{status: http.StatusServiceUnavailable, code: "not_accepting", detail: err.Error(), again: "5"}
	}
	return taken, err
}
