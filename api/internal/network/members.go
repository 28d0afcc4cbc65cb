package network

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
)

// Member is an organisation of the network.
type Member struct {
	Name        string       `json:"name" doc:"What requests and answers call it"`
	MSP         string       `json:"msp" doc:"Its MSP id, which is in its certificates"`
	DisplayName string       `json:"display_name" doc:"For people"`
	JoinedAt    rest.Instant `json:"joined_at"`
	Tx          string       `json:"tx" doc:"By which it became a member"`
}

func (s *Resource) memberRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/members", ID: "list-members", Tag: "Network", Scope: access.ShipmentsRead,
		Summary: "List the members of the network, by name"}, s.listMembers)
}

// listMembers shows the directory as it is in memory: it is at most half a minute old.
func (s *Resource) listMembers(context.Context, *struct{}) (*rest.Answer[rest.List[Member]], error) {
	out := rest.List[Member]{Items: []Member{}}
	for _, m := range s.Members.All() {
		out.Items = append(out.Items, Member{Name: m.Name, MSP: m.MSP, DisplayName: m.DisplayName, JoinedAt: rest.Instant(m.JoinedMS), Tx: m.Tx})
	}
	return &rest.Answer[rest.List[Member]]{Body: out}, nil
}
