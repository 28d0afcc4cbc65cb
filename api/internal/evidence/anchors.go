package evidence

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
)

func (s *Resource) anchorRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/anchors", ID: "list-anchors", Tag: "Evidence", Scope: access.AnchorsRead,
		Summary: "List the anchors, newest first, one ingest instance after another", Errors: []int{http.StatusBadRequest}}, s.anchors)
}

// anchorPlace is where a listing goes on: which heads log, and the ledger's bookmark in it.
type anchorPlace struct {
	Heads string `json:"h"`
	B     string `json:"b"`
}

func (s *Resource) anchors(ctx context.Context, in *struct{ rest.Paging }) (*rest.Answer[rest.List[shapes.Anchor]], error) {
	const route = "anchors"
	var at anchorPlace
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	newest, err := ledger.AnchorHeads.All(ctx, s.Ledger, "", records.MaxInstances)
	if err != nil {
		return nil, err
	}
	out := rest.List[shapes.Anchor]{Items: []shapes.Anchor{}}
	passed := at.Heads == ""
	for _, h := range newest {
		b := ""
		if !passed {
			if h.Heads != at.Heads {
				continue
			}
			passed, b = true, at.B
		}
		if len(out.Items) == in.Limit {
			out.Next = s.Cursors.Seal(route, anchorPlace{h.Heads, ""})
			break
		}
		page, err := ledger.AnchorList.Page(ctx, s.Ledger, ledger.ListArgs{ID: h.Heads, Limit: in.Limit - len(out.Items), Bookmark: b})
		if err != nil {
			return nil, err
		}
		for _, x := range page.Items {
			out.Items = append(out.Items, shapes.ShowAnchor(s.Members, x))
		}
		if page.Bookmark != "" {
			out.Next = s.Cursors.Seal(route, anchorPlace{h.Heads, page.Bookmark})
			break
		}
	}
	return &rest.Answer[rest.List[shapes.Anchor]]{Body: out}, nil
}

// headsRoutes are what a monitor follows (verify monitor): the newest anchor of every heads log, and evidence for each step.
func (s *Resource) headsRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/heads", ID: "list-heads", Tag: "Evidence", Scope: access.AnchorsRead,
		Summary: "The newest anchor of every heads log"}, s.heads)
	if s.Evidence == nil {
		return
	}
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/heads/{heads}/evidence", ID: "get-heads-evidence", Tag: "Evidence", Scope: access.AnchorsRead, Limit: rest.LongTime,
		Summary: "Prove consecutive anchors of a heads log",
		About: fmt.Sprintf("A bundle of up to %d anchors from number `from` on, for `verify heads` and `verify monitor`: blocks with the orderers' signatures, each "+
			"anchor's transaction with its consistency proof, and the peers' signed answers, with the nonce, about the last one. Nothing is verified here.", evidence.MaxAnchors),
		Errors: []int{http.StatusNotFound, http.StatusTooManyRequests}, Answers: rest.Files("Evidence of anchors", bundleType)}, func(ctx context.Context, in *headsInput) (*headsBundle, error) {
		done, err := s.Heavy.Take(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
		body, err := s.headsEvidence(ctx, in)
		if err != nil {
			return nil, err
		}
		return &headsBundle{ContentType: bundleType, CacheControl: "no-store", Body: body}, nil
	})
}

func (s *Resource) heads(ctx context.Context, _ *struct{}) (*rest.Answer[rest.List[shapes.Anchor]], error) {
	newest, err := ledger.AnchorHeads.All(ctx, s.Ledger, "", records.MaxInstances)
	if err != nil {
		return nil, err
	}
	out := rest.List[shapes.Anchor]{Items: make([]shapes.Anchor, 0, len(newest))}
	for _, h := range newest {
		out.Items = append(out.Items, shapes.ShowAnchor(s.Members, h))
	}
	return &rest.Answer[rest.List[shapes.Anchor]]{Body: out}, nil
}

type headsInput struct {
	Heads string `path:"heads" pattern:"^[0-9a-f]{64}$" doc:"Heads-log id"`
	From  uint64 `query:"from" required:"true" doc:"Number of the first anchor"`
	Nonce string `query:"nonce" pattern:"^([0-9a-f]{2}){0,64}$" patternDescription:"up to 64 bytes in lower-case hex" maxLength:"128" doc:"Your own random bytes, hex; the peers sign them along, so their answers cannot be old"`
}

type headsBundle struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

func (s *Resource) headsEvidence(ctx context.Context, in *headsInput) ([]byte, error) {
	nonce, err := hex.DecodeString(in.Nonce)
	if err != nil {
		return nil, err
	}
	list, err := s.anchorsFrom(ctx, in.Heads, in.From)
	if err != nil {
		return nil, err
	}
	b, err := s.Evidence.CollectHeads(ctx, list, nonce)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = b.Write(&out)
	return out.Bytes(), err
}

// anchorsFrom lists anchors in ascending order. The ledger lists the newest first, so what lies above is read and dropped:
// a monitor that follows asks for the newest few.
func (s *Resource) anchorsFrom(ctx context.Context, heads string, from uint64) ([]ledger.Head, error) {
	var kept []ledger.Head // newest first, all at or above from
	for q := (ledger.ListArgs{ID: heads, Limit: ledger.MaxLimit}); ; {
		page, err := ledger.AnchorList.Page(ctx, s.Ledger, q)
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			if h.N >= from {
				kept = append(kept, h)
			}
		}
		kept = kept[max(0, len(kept)-evidence.MaxAnchors):]
		if n := len(page.Items); page.Bookmark == "" || n == 0 || page.Items[n-1].N <= from {
			break
		}
		q.Bookmark = page.Bookmark
	}
	if len(kept) == 0 || kept[len(kept)-1].N != from {
		return nil, rest.NotFound("anchor", fmt.Sprintf("%d of heads log %s", from, heads))
	}
	slices.Reverse(kept)
	return kept, nil
}
