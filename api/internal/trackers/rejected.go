package trackers

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// Rejected is a message that was refused, or something else that the tracker's device tried in vain.
type Rejected struct {
	Time   rest.Instant `json:"time" doc:"When ingest received it"`
	Reason string       `json:"reason" doc:"A code; docs/formats.md tells what each means" example:"malformed"`
	Detail string       `json:"detail" doc:"What was wrong, in words"`
	Topic  string       `json:"topic" doc:"Where it was published to; empty when it was no message"`
	Count  uint64       `json:"count" doc:"So many were refused for this reason since the entry before of it, with this one"`
	Bytes  int          `json:"bytes" doc:"Size of the message"`
	Hash   string       `json:"hash" doc:"SHA-256 of the message's bytes, hex; empty when it was no message"`
	Ingest string       `json:"ingest" doc:"Instance that refused it"`
	Raw    []byte       `json:"raw,omitempty" doc:"The first 48 KiB of the message, base64; with include=raw"`
}

func (s *Resource) rejectedRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/trackers/{id}/rejected", ID: "list-rejected", Tag: "Trackers", Scope: access.TrackersRead,
		Summary: "List what was refused of a tracker, newest first", Errors: []int{http.StatusBadRequest, http.StatusNotFound},
		About: "Messages, logins and all else that an operator's ingest refused, a second after it did. Each reason has 500 entries at once and then one every 10 s " +
			"(what is no message: 10, then one a minute); `count` says how many it stands for. `rate_limited` is not listed: such a message is to be sent again."}, s.rejected)
}

type rejectedInput struct {
	shapes.TrackerPath
	rest.Paging
	Include string `query:"include" enum:"raw" doc:"raw adds the bytes"`
}

// refusedAt is the last entry of a page. Entries are in the order of (time, instance), the newest first.
type refusedAt struct {
	NS     int64  `json:"t"`
	Ingest string `json:"i"`
}

func (s *Resource) rejected(ctx context.Context, in *rejectedInput) (*rest.Answer[rest.List[Rejected]], error) {
	route := "rejected/" + in.ID
	var at refusedAt
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	tracker, err := s.Tracker(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	type entry struct {
		transfer.Rejected
		ingest string
	}
	var all []entry
	for _, i := range s.Ingest.All() {
		before := at.NS
		if in.Cursor != "" && i.ID() > at.Ingest {
			before++ // what it has of that moment comes after the cursor
		}
		// One more tells whether there is a next page.
		some, err := i.Rejected(ctx, in.ID, before, in.Limit+1, in.Include == "raw")
		if err != nil && tracker.Operator != "" && s.Members.Name(tracker.Operator) != ledger.MemberOf(i.ID()) {
			continue // it does not serve the tracker: what it refused can wait until it answers
		}
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			all = append(all, entry{r, i.ID()})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Or(cmp.Compare(b.AtNS, a.AtNS), cmp.Compare(a.ingest, b.ingest)) })
	out := rest.List[Rejected]{Items: []Rejected{}}
	for _, r := range all {
		if len(out.Items) == in.Limit {
			out.Next = s.Cursors.Seal(route, at)
			break
		}
		at = refusedAt{r.AtNS, r.ingest}
		out.Items = append(out.Items, Rejected{Time: rest.Instant(r.ReceivedMS), Reason: r.Reason, Detail: r.Detail, Topic: r.Topic, Count: r.Count, Bytes: r.Bytes, Hash: r.Hash, Ingest: r.ingest, Raw: r.Raw})
	}
	return &rest.Answer[rest.List[Rejected]]{Body: out}, nil
}
