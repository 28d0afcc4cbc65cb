package details

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
)

// Path is where other members' nodes ask: GET with shipment and hash.
const Path = "/v1/node/details"

// Server answers the nodes of a shipment's parties.
type Server struct {
	*Book
	Callers *node.Callers
}

// ServeHTTP answers 404 alike for what is not kept, what is another shipment's, and to who is no party.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := s.serve(r)
	if err != nil {
		p, internal := problem.Of(err)
		if internal {
			s.Log.ErrorContext(r.Context(), "details were not given", "error", err)
		}
		p.Write(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(raw) // the caller is gone: nobody to tell
}

func (s *Server) serve(r *http.Request) ([]byte, error) {
	who, err := s.Callers.Who(r)
	switch {
	case errors.Is(err, node.ErrUnavailable):
		return nil, ledger.ErrUnavailable
	case err != nil:
		return nil, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s", err)
	}
	shipment, hash := r.URL.Query().Get("shipment"), r.URL.Query().Get("hash")
	none := problem.New(http.StatusNotFound, problem.NotFound, "there are no such details of a shipment of %s", who.Member)
	record, err := ledger.ShipmentGet.Ask(r.Context(), s.Ledger, ledger.IDArgs{ID: shipment})
	switch {
	case ledger.CodeOf(err) != "" || err == nil && !record.IsParty(who.MSP):
		return nil, none
	case err != nil:
		return nil, err
	}
	raw, err := s.Raw(shipment, hash)
	if err == nil && raw == nil {
		err = none
	}
	return raw, err
}

// Remote is another member's node at base, https://host:port or http on this machine; through signs and carries the requests.
func Remote(base string, through http.RoundTripper) Node {
	return &remote{strings.TrimSuffix(base, "/") + Path, &http.Client{Transport: through,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") }}}
}

type remote struct {
	url  string
	http *http.Client
}

// maxAnswer is more than any details have.
const maxAnswer = 64 << 10

func (n *remote) Details(ctx context.Context, shipment, hash string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"?"+url.Values{"shipment": {shipment}, "hash": {hash}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := n.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	case http.StatusNotFound:
		return nil, ErrNone
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
	return nil, fmt.Errorf("answered %s: %s", resp.Status, text)
}
