// Package copies gives other members' nodes what this node holds of logs, in the form in which an ingest instance gives it: so that an operator
// who lost everything is made again from a party, and a party asks another one when the operator does not give. Who may have a log is
// what the ledger says: a shipment's parties, a tracker's owner, and the operator whose log it is. To all others it does not exist.
package copies

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Store is this member's own.
type Store interface {
	transfer.Store
	Heads(ctx context.Context, log string) ([]stored.Head, error)
}

// Server answers members' nodes. All members must be set.
type Server struct {
	Channel string
	Callers *node.Callers
	Ledger  ledger.Evaluator // as this organisation
	Store   Store
	Outside func(shipment string) [][]byte // the signed messages around a shipment that are kept here
	Log     *slog.Logger

	refusals *rate.Limiter
}

// Paths of the routes, as rest.API takes them.
var Paths = []string{node.APICopies + "/logs/:log/heads", node.APICopies + "/logs/:log/messages", node.APICopies + "/trackers/:id/quality", node.APICopies + "/shipments/:id/outside"}

// Handler serves the Paths.
func (s *Server) Handler() http.Handler {
	s.refusals = rate.NewLimiter(1, 100)
	mux := http.NewServeMux()
	for path, handle := range map[string]func(request) ([]byte, error){
		"/logs/{log}/heads":       s.heads,
		"/logs/{log}/messages":    s.messages,
		"/trackers/{id}/quality":  s.quality,
		"/shipments/{id}/outside": s.outside,
	} {
		mux.HandleFunc("GET "+node.APICopies+path, func(w http.ResponseWriter, r *http.Request) {
			who, err := s.enter(r)
			var raw []byte
			if err == nil {
				raw, err = handle(request{r, who})
			}
			if err != nil {
				s.fail(w, r, who, err)
				return
			}
			w.Header().Set("Content-Type", transfer.MediaType)
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write(raw) // the caller is gone: nobody to tell
		})
	}
	return mux
}

// request of a member's node.
type request struct {
	*http.Request
	node.Caller
}

func (s *Server) enter(r *http.Request) (node.Caller, error) {
	who, err := s.Callers.Who(r)
	switch {
	case errors.Is(err, node.ErrUnavailable):
		return who, ledger.ErrUnavailable
	case err != nil:
		return who, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s", err).With("WWW-Authenticate", node.Scheme)
	}
	return who, nil
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, who node.Caller, err error) {
	p, internal := problem.Of(err)
	switch {
	case internal:
		s.Log.ErrorContext(r.Context(), "copies were not given", "error", err)
	case (p.Status == http.StatusNotFound || p.Status == http.StatusUnauthorized) && s.refusals.Allow(): // a flood must not fill the log
		s.Log.WarnContext(r.Context(), "a node was refused", "member", who.Member, "msp", who.MSP, "role", who.Role, "subject", who.Subject, "path", r.URL.Path, "status", p.Status, "remote", r.RemoteAddr)
	}
	p.Write(w, r)
}

func none() error {
	return problem.New(http.StatusNotFound, problem.NotFound, "no such thing is known here that the caller may read")
}

func invalid(format string, args ...any) error {
	return problem.New(http.StatusBadRequest, problem.BadRequest, format, args...)
}

// number reads a parameter; absent is what counts without it.
func (r request) number(name string, absent uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseUint(text, 10, 62)
	if err != nil {
		return 0, invalid("?%s= must be a number", name)
	}
	return n, nil
}

// log is the one that the request names, for a caller who may read it.
func (s *Server) log(r request) (copying.Ref, error) {
	q := r.URL.Query()
	of, ingest := copying.Subject{Kind: anchor.Shipment, ID: q.Get("shipment")}, q.Get("ingest")
	if of.ID == "" {
		of = copying.Subject{Kind: anchor.Tracker, ID: q.Get("tracker")}
	}
	if of.ID == "" || ingest == "" {
		return copying.Ref{}, invalid("give ?shipment= or ?tracker=, and ?ingest=: whose log it is, and who wrote it")
	}
	operator := ledger.MemberOf(ingest) == r.Member
	may := operator
	switch of.Kind {
	case anchor.Shipment:
		record, err := ledger.ShipmentGet.Ask(r.Context(), s.Ledger, ledger.IDArgs{ID: of.ID})
		if err != nil {
			return copying.Ref{}, unknown(err)
		}
		of.OpenTx, may = record.CreateTx, operator || record.IsParty(r.MSP)
	case anchor.Tracker:
		record, err := ledger.TrackerGet.Ask(r.Context(), s.Ledger, ledger.TrackerArgs{ID: of.ID})
		if err != nil {
			return copying.Ref{}, unknown(err)
		}
		of.OpenTx, may = record.EnrolTx, operator || record.Owner == r.MSP
	}
	// What ingest's identity may fetch is what its own instances wrote.
	if r.Role != contract.Operator {
		may = may && operator
	}
	ref := copying.RefOf(s.Channel, of, ingest, ingest)
	if ref.Heads = q.Get("heads"); !may || ref.Log != r.PathValue("log") {
		return ref, none()
	}
	return ref, nil
}

// unknown is the error of a record that the ledger does not show us.
func unknown(err error) error {
	if ledger.CodeOf(err) != "" {
		return none()
	}
	return err
}

func (s *Server) heads(r request) ([]byte, error) {
	from, err := r.number("from", 0)
	if err != nil {
		return nil, err
	}
	of, err := s.log(r)
	if err != nil {
		return nil, err
	}
	if raw, err := hex.DecodeString(of.Heads); err != nil || len(raw) != 32 {
		return nil, invalid("?heads= must be the id of a heads log")
	}
	heads, err := s.Store.Heads(r.Context(), of.Log)
	if err != nil {
		return nil, err
	}
	heads = slices.DeleteFunc(heads, func(h stored.Head) bool { return h.Heads != of.Heads })
	slices.SortFunc(heads, func(a, b stored.Head) int { return int(a.Index) - int(b.Index) })
	end := from
	if n := len(heads); n > 0 {
		end = max(end, heads[n-1].Index+1)
	}
	return transfer.PageOfHeads(heads, from, end, func(*stored.Head) bool { return true }).Encode(), nil
}

func (s *Server) messages(r request) ([]byte, error) {
	from, err := r.number("from", 0)
	if err != nil {
		return nil, err
	}
	to, err := r.number("to", from+transfer.MaxMessages)
	if err != nil {
		return nil, err
	}
	if to <= from {
		return nil, invalid("to must be after from")
	}
	of, err := s.log(r)
	if err != nil {
		return nil, err
	}
	page, err := transfer.PageOfMessages(r.Context(), s.Store, of.Log, from, to, r.URL.Query().Get("entries") == "1")
	return page.Encode(), err
}

// quality gives a tracker's hours to its owner, and with ?shipment= the odd readings of that shipment to its parties.
func (s *Server) quality(r request) ([]byte, error) {
	from, errFrom := r.number("from", 0)
	to, errTo := r.number("to", 0)
	if err := errors.Join(errFrom, errTo); err != nil {
		return nil, err
	}
	if to <= from || to-from > transfer.MaxQualityMS {
		return nil, invalid("to must be after from, by at most %d ms", transfer.MaxQualityMS)
	}
	args := ledger.TrackerArgs{ID: r.PathValue("id"), Shipment: r.URL.Query().Get("shipment")}
	record, err := ledger.TrackerGet.Ask(r.Context(), s.Ledger, args)
	if err != nil {
		return nil, unknown(err)
	}
	mine, of := record.Owner == r.MSP, []string{}
	if args.Shipment != "" {
		shipment, err := ledger.ShipmentGet.Ask(r.Context(), s.Ledger, ledger.IDArgs{ID: args.Shipment})
		switch {
		case ledger.CodeOf(err) != "":
		case err != nil:
			return nil, err
		case shipment.IsParty(r.MSP) && slices.ContainsFunc(shipment.Assignments, func(a ledger.Assignment) bool { return a.Tracker == args.ID }):
			of = append(of, args.Shipment)
		}
	}
	if r.Role != contract.Operator || !mine && len(of) == 0 {
		return nil, none()
	}
	q, err := transfer.PageOfQuality(r.Context(), s.Store, args.ID, int64(from), int64(to), mine, of)
	return q.Encode(), err
}

func (s *Server) outside(r request) ([]byte, error) {
	id := r.PathValue("id")
	record, err := ledger.ShipmentGet.Ask(r.Context(), s.Ledger, ledger.IDArgs{ID: id})
	if err != nil {
		return nil, unknown(err)
	}
	if r.Role != contract.Operator || !record.IsParty(r.MSP) {
		return nil, none()
	}
	found := s.Outside(id)
	return transfer.Outside{Items: append([][]byte{}, found[:min(len(found), transfer.MaxOutside)]...)}.Encode(), nil
}
