package network

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Member is an organisation of the network.
type Member struct {
	Name        string               `json:"name" doc:"What requests and answers call it"`
	MSP         string               `json:"msp" doc:"Its MSP id, which is in its certificates"`
	DisplayName string               `json:"display_name" doc:"For people"`
	Kind        string               `json:"kind" enum:"node,client" doc:"node: it runs a peer; client: it has keys, and uses others' peers"`
	Operator    bool                 `json:"operator" doc:"It runs ingest, so trackers may be served by it"`
	JoinedAt    rest.Instant         `json:"joined_at"`
	Tx          string               `json:"tx" doc:"By which it became a member"`
	Endpoints   rest.Null[Endpoints] `json:"endpoints" doc:"Where its nodes are reached, by its own word; null when it has not said"`
	Ended       rest.Null[Ended]     `json:"ended" doc:"null while it is a member"`
}

// Endpoints of a member.
type Endpoints struct {
	API         string       `json:"api" doc:"Of its REST API; empty: none"`
	Ingest      []Endpoint   `json:"ingest"`
	MQTT        string       `json:"mqtt" doc:"Where trackers publish that it serves; empty: not said"`
	AnnouncedAt rest.Instant `json:"announced_at"`
}

// Endpoint of an ingest instance.
type Endpoint struct {
	ID  string `json:"id"`
	URL string `json:"url"`
}

// Ended is the end of a membership.
type Ended struct {
	Why string       `json:"why" enum:"left,evicted"`
	At  rest.Instant `json:"at"`
	Tx  string       `json:"tx"`
}

// Proposal is one that members vote on.
type Proposal struct {
	ID       string       `json:"id"`
	Act      string       `json:"act" enum:"admit,evict,accept_maker,end_maker"`
	Member   string       `json:"member" doc:"Name of whom it is about: a member, or the maker to accept"`
	Root     string       `json:"root" doc:"SHA-256 of the maker's root certificate, hex; empty when it is about a member"`
	Display  string       `json:"display_name" doc:"Of whom to admit, for people; empty for an eviction"`
	Request  string       `json:"request" doc:"SHA-256 of the file in which it asked to be admitted; empty for an eviction"`
	By       string       `json:"by" doc:"Member that proposed it"`
	At       rest.Instant `json:"at"`
	LapsesAt rest.Instant `json:"lapses_at"`
	State    string       `json:"state" enum:"open,executed,withdrawn,lapsed"`
	Votes    []Vote       `json:"votes"`
	Yes      int          `json:"yes" doc:"Members in force now that said yes"`
	Needs    int          `json:"needs" doc:"How many must have, as many as there are members now"`
	Tx       string       `json:"tx"`
}

// Vote of one member.
type Vote struct {
	By  string       `json:"by"`
	Yes bool         `json:"yes"`
	At  rest.Instant `json:"at"`
	Tx  string       `json:"tx"`
}

func (s *Resource) memberRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/members", ID: "list-members", Tag: "Network", Scope: access.ShipmentsRead,
		Summary: "List the members of the network, by name", About: "Those that have left or were evicted as well: `ended` says so."}, s.listMembers)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/member-proposals", ID: "list-member-proposals", Tag: "Network", Scope: access.NetworkRead,
		Summary: "List what members propose about members and makers, with the votes", About: "A vote about a member goes with a signature of the organisation's administrator on the channel's configuration, so it is given with `network member approve`.",
		Errors: []int{http.StatusBadRequest}}, s.listProposals)
	s.makerRoutes(api)
}

// listMembers shows the directory as it is in memory: it is some seconds old.
func (s *Resource) listMembers(context.Context, *struct{}) (*rest.Answer[rest.List[Member]], error) {
	out := rest.List[Member]{Items: []Member{}}
	for _, m := range s.Members.All() {
		out.Items = append(out.Items, showMember(m))
	}
	return &rest.Answer[rest.List[Member]]{Body: out}, nil
}

func showMember(m ledger.Member) Member {
	out := Member{Name: m.Name, MSP: m.MSP, DisplayName: m.DisplayName, Kind: ledger.ClientMember, Operator: m.Operator, JoinedAt: rest.Instant(m.JoinedMS), Tx: m.Tx}
	if m.HasPeer() {
		out.Kind = ledger.NodeMember
	}
	if e := m.Endpoints; e != nil {
		shown := Endpoints{API: e.API, Ingest: []Endpoint{}, MQTT: e.MQTT, AnnouncedAt: rest.Instant(e.TimeMS)}
		for _, i := range e.Ingest {
			shown.Ingest = append(shown.Ingest, Endpoint(i))
		}
		out.Endpoints = rest.Some(shown)
	}
	if e := m.Ended; e != nil {
		out.Ended = rest.Some(Ended{Why: e.Why, At: rest.Instant(e.TimeMS), Tx: e.Tx})
	}
	return out
}

func (s *Resource) listProposals(ctx context.Context, in *struct{ rest.Paging }) (*rest.Answer[rest.List[Proposal]], error) {
	const route = "member-proposals"
	var at records.Bookmark
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	page, err := ledger.MemberProposals.Page(ctx, s.Ledger, ledger.ListArgs{Limit: in.Limit, Bookmark: at.B})
	if err != nil {
		return nil, err
	}
	var electors []string
	for _, m := range s.Members.All() {
		if m.InForce() {
			electors = append(electors, m.MSP)
		}
	}
	out := rest.List[Proposal]{Items: []Proposal{}}
	for _, p := range page.Items {
		shown := Proposal{
			ID: p.ID, Act: p.Act, Member: p.Name, Root: p.Root, Request: p.Request, By: s.Members.Name(p.By), At: rest.Instant(p.TimeMS), LapsesAt: rest.Instant(p.TimeMS + ledger.ProposalLivesMS),
			State: p.State, Votes: []Vote{}, Yes: p.Yes(electors), Needs: ledger.Majority(len(electors)), Tx: p.Tx,
		}
		if len(p.Certificate) > 0 {
			sum := sha256.Sum256(p.Certificate)
			shown.Root = hex.EncodeToString(sum[:])
		}
		if p.Member != nil {
			shown.Member, shown.Display = p.Member.Name, p.Member.DisplayName
		}
		for _, v := range p.Votes {
			shown.Votes = append(shown.Votes, Vote{By: s.Members.Name(v.By), Yes: v.Yes, At: rest.Instant(v.TimeMS), Tx: v.Tx})
		}
		out.Items = append(out.Items, shown)
	}
	if page.Bookmark != "" {
		out.Next = s.Cursors.Seal(route, records.Bookmark{B: page.Bookmark})
	}
	return &rest.Answer[rest.List[Proposal]]{Body: out}, nil
}
