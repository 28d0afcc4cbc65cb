package httpapi

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// maxRejected is a page of the API, and one more that tells whether there is a next one: with their bytes 10 MB at most.
const maxRejected = 201

// rejected lists what was refused here of one of the caller's trackers, newest first. To all others the tracker does not exist.
func (s *server) rejected(c call) (any, error) {
	id, q := c.PathValue("id"), c.URL.Query()
	if !telemetry.ValidID(id) {
		return nil, badRequest("%q is not a tracker id", id)
	}
	limit, errLimit := strconv.Atoi(cmp.Or(q.Get("limit"), "50"))
	before, errBefore := strconv.ParseInt(cmp.Or(q.Get("before_ns"), "0"), 10, 64)
	if errLimit != nil || limit < 1 || limit > maxRejected || errBefore != nil || before < 0 {
		return nil, badRequest("give ?limit= as 1 to %d, and ?before_ns= as the at_ns of an item", maxRejected)
	}
	if t, ok := s.p.Tracker(c.Context(), id); !ok || t.Owner != c.MSP {
		return nil, &problem{status: http.StatusNotFound, code: "not_found", detail: "the caller has no tracker of this id", refused: ok}
	}
	ask := stored.RejectedQuery{Tracker: id, Limit: limit, Raw: q.Get("include") == "raw"}
	if before > 0 {
		ask.Before = time.Unix(0, before)
	}
	items := []transfer.Rejected{}
	err := s.store.RejectedOf(c.Context(), ask, func(r stored.Rejected, at time.Time) error {
		items = append(items, transfer.Rejected{AtNS: at.UnixNano(), ReceivedMS: r.ReceivedMS, Reason: r.Reason, Detail: r.Detail, Topic: r.Topic, Count: r.Count, Bytes: r.Bytes, Hash: r.Hash, Raw: r.Raw})
		return nil
	})
	if err != nil {
		return nil, away(err)
	}
	return map[string]any{"items": items}, nil
}
