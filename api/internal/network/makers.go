package network

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Maker is a maker of trackers with one of its roots, as the members accepted it.
type Maker struct {
	Name        string                  `json:"name"`
	Root        string                  `json:"root" doc:"SHA-256 of the certificate, hex"`
	Certificate []byte                  `json:"certificate" doc:"Of the root: DER, base64"`
	Proposal    string                  `json:"proposal" doc:"By which it was accepted"`
	AcceptedAt  rest.Instant            `json:"accepted_at"`
	EndedAt     rest.Null[rest.Instant] `json:"ended_at" doc:"Since when it attests no new key; null while it is accepted. Keys that it attested before stay attested until they are replaced"`
	Tx          string                  `json:"tx"`
}

func (s *Resource) makerRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/makers", ID: "list-makers", Tag: "Network", Scope: access.ShipmentsRead,
		Summary: "List the makers of trackers whose certificates count", About: "Members accept a maker, and end that, by their votes: `network maker`. A tracker whose key stands in a certificate that leads to one of these roots is attested.",
		Errors: []int{http.StatusBadRequest}}, s.listMakers)
}

func (s *Resource) listMakers(ctx context.Context, in *struct{ rest.Paging }) (*rest.Answer[rest.List[Maker]], error) {
	const route = "makers"
	var at records.Bookmark
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	page, err := ledger.MemberMakers.Page(ctx, s.Ledger, ledger.ListArgs{Limit: in.Limit, Bookmark: at.B})
	if err != nil {
		return nil, err
	}
	out := rest.List[Maker]{Items: []Maker{}}
	for _, m := range page.Items {
		out.Items = append(out.Items, Maker{Name: m.Name, Root: m.Root, Certificate: m.Certificate, Proposal: m.Proposal, AcceptedAt: rest.Instant(m.AcceptedMS), EndedAt: rest.InstantOrNull(m.EndedMS), Tx: m.Tx})
	}
	if page.Bookmark != "" {
		out.Next = s.Cursors.Seal(route, records.Bookmark{B: page.Bookmark})
	}
	return &rest.Answer[rest.List[Maker]]{Body: out}, nil
}
