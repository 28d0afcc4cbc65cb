package evidence

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/shipmentlogs"
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
	newest, err := ledger.AnchorHeads.All(ctx, s.Ledger, "", shipmentlogs.MaxInstances)
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
