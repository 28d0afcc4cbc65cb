package httpapi

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Anchor is a root of a heads log that the ledger has accepted.
type Anchor struct {
	Heads    string  `json:"heads" doc:"Heads-log id"`
	Ingest   string  `json:"ingest"`
	Owner    string  `json:"owner"`
	N        uint64  `json:"n"`
	Size     uint64  `json:"size"`
	Root     string  `json:"root"`
	PrevSize uint64  `json:"prev_size"`
	PrevRoot string  `json:"prev_root"`
	Time     Instant `json:"time"`
	Tx       string  `json:"tx"`
}

func showAnchor(names *members.Directory, h ledger.Head) Anchor {
	return Anchor{Heads: h.Heads, Ingest: h.Ingest, Owner: names.Name(h.Owner), N: h.N, Size: h.Size, Root: h.Root, PrevSize: h.PrevSize, PrevRoot: h.PrevRoot, Time: Instant(h.TxMS), Tx: h.Tx}
}

func (s *Server) anchorRoutes() {
	rest.Add(s.api, rest.Operation{Method: http.MethodGet, Path: "/v1/anchors", ID: "list-anchors", Tag: "Evidence", Scope: access.AnchorsRead,
		Summary: "List the anchors, newest first, one ingest instance after another", Errors: []int{http.StatusBadRequest}}, s.anchors)
}

// anchorPlace is where a listing goes on: which heads log, and the ledger's bookmark in it.
type anchorPlace struct {
	Heads string `json:"h"`
	B     string `json:"b"`
}

func (s *Server) anchors(ctx context.Context, in *struct{ Paging }) (*answer[List[Anchor]], error) {
	const route = "anchors"
	var at anchorPlace
	if err := s.cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	newest, err := ledger.AnchorHeads.All(ctx, s.Ledger, "", maxInstances)
	if err != nil {
		return nil, err
	}
	out := List[Anchor]{Items: []Anchor{}}
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
			out.Next = s.cursors.Seal(route, anchorPlace{h.Heads, ""})
			break
		}
		page, err := ledger.AnchorList.Page(ctx, s.Ledger, ledger.ListArgs{ID: h.Heads, Limit: in.Limit - len(out.Items), Bookmark: b})
		if err != nil {
			return nil, err
		}
		for _, x := range page.Items {
			out.Items = append(out.Items, showAnchor(s.Members, x))
		}
		if page.Bookmark != "" {
			out.Next = s.cursors.Seal(route, anchorPlace{h.Heads, page.Bookmark})
			break
		}
	}
	return &answer[List[Anchor]]{Body: out}, nil
}
