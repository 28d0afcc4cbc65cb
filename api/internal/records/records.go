// Package records reads and writes the ledger as this organisation, and shows a caller only what it takes part in and the
// caller is not narrowed away from.
package records

import (
	"context"
	"slices"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Records of the ledger.
type Records struct {
	Ledger  Ledger
	Members *members.Directory
	Details Details
	Org     string // this organisation's name
	MSP     string // and its MSP id
}

// OwnID is the id in full of what this organisation makes.
func (s *Records) OwnID(id string) string { return ledger.OwnID(s.Org, id) }

// Details are the texts that stay off the ledger, see package details.
type Details interface {
	// Keep writes down details of a shipment, before the transaction that names their hash.
	Keep(shipment string, d ledger.Details) (hash string, err error)
	// Read is false when nobody gives them now; by is the MSP id of who wrote them.
	Read(ctx context.Context, shipment, by, hash string) (ledger.Details, bool)
	// Raw are the bytes of those that are here, else nil.
	Raw(shipment, hash string) ([]byte, error)
}

const MaxHandovers = 1000

// Max bounds a listing that one answer needs whole.
const Max = 10_000

// maxScan bounds how many pages a filtered listing reads to fill one of its own; a shorter page with a cursor is fine.
const maxScan = 20

// Filtered reads pages until limit items pass keep. It never asks for more than it still needs, so the ledger's bookmark is
// exactly where the next page starts.
func Filtered[T any](ctx context.Context, l Ledger, fn ledger.Listing[T], bookmark string, limit int, keep func(*T) bool) (items []T, next string, err error) {
	items = []T{}
	for range maxScan {
		page, err := fn.Page(ctx, l, ledger.ListArgs{Limit: limit - len(items), Bookmark: bookmark})
		if err != nil {
			return nil, "", err
		}
		for i := range page.Items {
			if keep(&page.Items[i]) {
				items = append(items, page.Items[i])
			}
		}
		bookmark = page.Bookmark
		if bookmark == "" || len(items) == limit {
			break
		}
	}
	return items, bookmark, nil
}

// may asks the principal of the request, when it comes from one.
func may(ctx context.Context, kind access.Kind, id string) bool {
	p := access.PrincipalOf(ctx)
	return p == nil || p.May(kind, id)
}

// Shipment reads one that this organisation takes part in, and that the caller is not narrowed away from; any other does not exist.
func (s *Records) Shipment(ctx context.Context, id string) (ledger.Shipment, error) {
	if !may(ctx, access.Shipment, id) {
		return ledger.Shipment{}, rest.NotFound("shipment", id)
	}
	r, err := ledger.ShipmentGet.Ask(ctx, s.Ledger, ledger.IDArgs{ID: id})
	if code := ledger.CodeOf(err); code == ledger.Forbidden || code == ledger.NotFound || err == nil && !r.IsParty(s.MSP) {
		return r, rest.NotFound("shipment", id)
	}
	return r, err
}

// Tracker reads one that is ours, and that the caller is not narrowed away from; any other does not exist.
func (s *Records) Tracker(ctx context.Context, id string) (ledger.Tracker, error) {
	if !may(ctx, access.Tracker, id) {
		return ledger.Tracker{}, rest.NotFound("tracker", id)
	}
	r, err := ledger.TrackerGet.Ask(ctx, s.Ledger, ledger.TrackerArgs{ID: id})
	if code := ledger.CodeOf(err); code == ledger.Forbidden || code == ledger.NotFound || err == nil && r.Owner != s.MSP {
		return r, rest.NotFound("tracker", id)
	}
	return r, err
}

// Assigned are the trackers that are or were on a shipment, each once, as far as the ledger shows them to us.
func (s *Records) Assigned(ctx context.Context, r ledger.Shipment) (all []ledger.Tracker, err error) {
	for i, a := range r.Assignments {
		if slices.ContainsFunc(r.Assignments[:i], func(b ledger.Assignment) bool { return b.Tracker == a.Tracker }) {
			continue
		}
		t, err := ledger.TrackerGet.Ask(ctx, s.Ledger, ledger.TrackerArgs{ID: a.Tracker, Shipment: r.ID})
		switch {
		case ledger.CodeOf(err) != "":
			continue
		case err != nil:
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// Member is the MSP id of the member that a field of the body names.
func (s *Records) Member(ctx context.Context, field, name string) (string, error) {
	m, err := s.Members.Find(ctx, name)
	if code := ledger.CodeOf(err); code == ledger.NotFound || code == ledger.Invalid {
		return "", rest.InvalidField("body."+field, "is not a member of the network; /v1/members lists them")
	}
	return m.MSP, err
}

// Close is the closing record of a shipment, nil while it is open.
func (s *Records) Close(ctx context.Context, r ledger.Shipment) (*ledger.Close, error) {
	if r.State != ledger.Closed {
		return nil, nil
	}
	c, err := ledger.ShipmentGetClose.Ask(ctx, s.Ledger, ledger.IDArgs{ID: r.ID})
	return &c, err
}

// Said tells whether this organisation wrote details of a shipment that say the same.
func (s *Records) Said(ctx context.Context, shipment, hash string, d ledger.Details) bool {
	was, here := s.Details.Read(ctx, shipment, s.MSP, hash)
	return here && was.Same(d)
}

// Change submits what changes record r, unless an earlier attempt of the same request has done it already. tx is "" then.
func Change[A ledger.Argument, R any](ctx context.Context, l Ledger, fn ledger.Change[A, R], args A, r R, done func(R) bool) (now R, tx string, err error) {
	if rest.WriteOf(ctx).Again && done(r) {
		return r, "", nil
	}
	now, sent, err := fn.Do(ctx, l, args)
	return now, sent.TxID, err
}

// Ledger submits and reads as this api's organisation. Submit returns after the transaction is committed as valid; its
// errors are those of fabric.Client.Submit. Safe for concurrent use.
type Ledger interface {
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
}

// Parallel is how many lookups run at a time for one answer.
const Parallel = 8

type Bookmark struct {
	B string `json:"b"`
}

// Party reports of a member, by its name, whether it is a party of a shipment.
func (s *Records) Party(r ledger.Shipment) func(member string) bool {
	return func(member string) bool {
		return slices.ContainsFunc(s.Members.All(), func(m ledger.Member) bool { return m.Name == member && r.IsParty(m.MSP) })
	}
}
