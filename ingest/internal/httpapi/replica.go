package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/outside"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Store is the operator's own, which ingest writes. Members' nodes have stores of their own and copy from here.
type Store interface {
	outside.Store
	transfer.Store
	Heads(ctx context.Context, log string) ([]stored.Head, error)
	// HeadsFrom gives the heads in a heads log from an index on that are not older than sinceMS, in their order.
	HeadsFrom(ctx context.Context, heads string, index uint64, sinceMS int64) ([]stored.Head, error)
	RejectedOf(ctx context.Context, q stored.RejectedQuery, fn func(stored.Rejected, time.Time) error) error
}

// encoded is an answer in the forms of package transfer.
type encoded []byte

func noLog(known bool) error {
	return &problem{status: http.StatusNotFound, code: "not_found", detail: "no log of this id is known here that the caller may read", refused: known}
}

// readable reports whether a member may read a log: a party its shipment's, the owner its tracker's.
func (s *server) readable(ctx context.Context, l sequence.LogInfo, msp string) bool {
	switch l.Kind {
	case anchor.Shipment:
		r, ok := s.p.Shipment(l.Subject)
		return ok && r.IsParty(msp)
	case anchor.Tracker:
		t, ok := s.p.Tracker(ctx, l.Subject)
		return ok && t.Owner == msp
	}
	return false
}

// logOf is the log that the path names, for one who may read it. To all others it does not exist.
func (s *server) logOf(c call) (sequence.LogInfo, error) {
	id, err := hex.DecodeString(c.PathValue("log"))
	if err != nil || len(id) != 32 || hex.EncodeToString(id) != c.PathValue("log") {
		return sequence.LogInfo{}, badRequest("%q is not a log id", c.PathValue("log"))
	}
	l, ok, err := s.p.Sequencer().Log([32]byte(id))
	if err != nil {
		return l, err
	}
	if !ok || !s.readable(c.Context(), l, c.MSP) {
		return l, noLog(ok)
	}
	return l, nil
}

// number reads a parameter; absent is what counts without it.
func number(r *http.Request, name string, absent uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseUint(text, 10, 62)
	if err != nil {
		return 0, badRequest("?%s= must be a number", name)
	}
	return n, nil
}

// logHeads gives the heads of one log from an index on.
func (s *server) logHeads(c call) (any, error) {
	from, err := number(c.Request, "from", 0)
	if err != nil {
		return nil, err
	}
	l, err := s.logOf(c)
	if err != nil {
		return nil, err
	}
	// How far the store is comes first: what is written meanwhile is beyond it.
	end, err := s.end(from)
	if err != nil {
		return nil, err
	}
	heads, err := s.store.Heads(c.Context(), l.Log)
	if err != nil {
		return nil, away(err)
	}
	// Those of earlier lives are in other heads logs, and in this one again.
	ours := s.p.Sequencer().HeadsID()
	return encoded(transfer.PageOfHeads(heads, from, end, func(h *stored.Head) bool { return h.Heads == ours }).Encode()), nil
}

// newHeads gives the heads of all logs that the caller may read, from an index on.
func (s *server) newHeads(c call) (any, error) {
	from, err := number(c.Request, "from", 0)
	if err != nil {
		return nil, err
	}
	since, err := number(c.Request, "since_ms", 0)
	if err != nil {
		return nil, err
	}
	end, err := s.end(from)
	if err != nil {
		return nil, err
	}
	if end > from+maxNewHeads {
		return nil, &problem{status: http.StatusConflict, code: "too_far_behind", detail: fmt.Sprintf("%d heads came since: ask for each log", end-from)}
	}
	if end == from {
		return encoded(transfer.Heads{Items: []transfer.Head{}, Next: from}.Encode()), nil
	}
	heads, err := s.store.HeadsFrom(c.Context(), s.p.Sequencer().HeadsID(), from, int64(since))
	if err != nil {
		return nil, away(err)
	}
	may := map[string]bool{}
	var failed error
	page := transfer.PageOfHeads(heads, from, end, func(h *stored.Head) bool {
		ok, known := may[h.Log]
		if !known {
			var id [32]byte
			_, _ = hex.Decode(id[:], []byte(h.Log)) // another id is no log's
			l, found, err := s.p.Sequencer().Log(id)
			failed = errors.Join(failed, err)
			ok = found && s.readable(c.Context(), l, c.MSP)
			may[h.Log] = ok
		}
		return ok
	})
	return encoded(page.Encode()), failed
}

// maxNewHeads bounds what one answer is chosen from.
const maxNewHeads = 50_000

// end is how far the stored heads are complete, never before from.
func (s *server) end(from uint64) (uint64, error) {
	n, known, err := s.p.Sequencer().StoredHeads()
	if !known {
		n = 0
	}
	return max(from, n), err
}

// messages gives the leaves [from, to) of a log as far as they fit, with entries=1 without what stands behind them. It ends before
// a leaf that the store does not hold.
func (s *server) messages(c call) (any, error) {
	from, err := number(c.Request, "from", 0)
	if err != nil {
		return nil, err
	}
	to, err := number(c.Request, "to", from+transfer.MaxMessages)
	if err != nil {
		return nil, err
	}
	if to <= from {
		return nil, badRequest("to must be after from")
	}
	l, err := s.logOf(c)
	if err != nil {
		return nil, err
	}
	page, err := transfer.PageOfMessages(c.Context(), s.store, l.Log, from, to, c.URL.Query().Get("entries") == "1")
	if err != nil {
		return nil, away(err)
	}
	return encoded(page.Encode()), nil
}

// quality gives a tracker's hours to its owner, and to a party the odd readings of its shipments' windows.
func (s *server) quality(c call) (any, error) {
	id := c.PathValue("id")
	if !telemetry.ValidID(id) {
		return nil, badRequest("%q is not a tracker id", id)
	}
	from, to, err := numbers(c.Request, "from", "to")
	if err != nil {
		return nil, err
	}
	if to <= from || to-from > transfer.MaxQualityMS {
		return nil, badRequest("to must be after from, by at most %d ms", transfer.MaxQualityMS)
	}
	t, ok := s.p.Tracker(c.Context(), id)
	mine := ok && t.Owner == c.MSP
	var of []string // shipments
	if ok {
		for _, w := range t.Windows {
			if r, known := s.p.Shipment(w.Shipment); known && r.IsParty(c.MSP) && !slices.Contains(of, w.Shipment) {
				of = append(of, w.Shipment)
			}
		}
	}
	if !mine && len(of) == 0 {
		return nil, &problem{status: http.StatusNotFound, code: "not_found", detail: "no tracker of this id is known here whose readings the caller may read", refused: ok}
	}
	q, err := transfer.PageOfQuality(c.Context(), s.store, id, int64(from), int64(to), mine, of)
	if err != nil {
		return nil, away(err)
	}
	return encoded(q.Encode()), nil
}

// outside gives the signed parts of the messages around the caller's shipment, whose log counts as far as size says.
func (s *server) outside(c call) (any, error) {
	size, err := number(c.Request, "size", 0)
	if err != nil {
		return nil, err
	}
	r, err := s.shipment(c, c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	of := outside.Shipment{Assignments: r.Assignments, Own: func(tracker string) ([]string, error) { return s.logIDs(anchor.Tracker, tracker) }}
	logs, err := s.p.Sequencer().Logs(anchor.Shipment, r.ID)
	if err != nil {
		return nil, err
	}
	for _, l := range logs {
		leaves := size
		if l.Ended {
			leaves = l.Size
		}
		of.Logs = append(of.Logs, outside.Log{ID: l.Log, Leaves: leaves})
	}
	found, err := outside.Find(c.Context(), s.store, of)
	if err != nil {
		return nil, away(err)
	}
	page := transfer.Outside{Items: [][]byte{}}
	for _, m := range found[:min(len(found), transfer.MaxOutside)] {
		page.Items = append(page.Items, m.COSE)
	}
	return encoded(page.Encode()), nil
}

func (s *server) logIDs(kind, subject string) ([]string, error) {
	logs, err := s.p.Sequencer().Logs(kind, subject)
	var ids []string
	for _, l := range logs {
		ids = append(ids, l.Log)
	}
	return ids, err
}

// away says that the store cannot be asked now.
func away(err error) error {
	if errors.Is(err, stored.ErrUnavailable) || errors.Is(err, ledger.ErrUnavailable) {
		return &problem{status: http.StatusServiceUnavailable, code: "store_unavailable", detail: "what is stored cannot be read now; try again"}
	}
	return err
}
