package verification

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
)

// peersHeads is what each organisation's peer holds of a heads log, newest first.
type peersHeads map[string][]ledger.Head

func (p peersHeads) EvaluateAt(_ context.Context, org, _ string, _ any) ([]byte, error) {
	return json.Marshal(ledger.Page[ledger.Head]{Items: p[org]})
}

// Ensure that a peer which is behind is not taken for one with another past.
func TestPeersAnchor(t *testing.T) {
	b := newAnchorBook(nil, peersHeads{
		"right":   {{Size: 9, Root: "i"}, {Size: 7, Root: "g"}, {Size: 5, Root: "e"}},
		"other":   {{Size: 9, Root: "i"}, {Size: 7, Root: "x"}, {Size: 5, Root: "e"}},
		"without": {{Size: 9, Root: "i"}, {Size: 5, Root: "e"}},
		"behind":  {{Size: 5, Root: "e"}},
		"empty":   {},
	}, nil)
	for org, want := range map[string]Peer{
		"right": {OK: true}, "other": {Detail: otherRoot}, "without": {Detail: otherRoot}, "behind": {Detail: "does not hold it"}, "empty": {Detail: "does not hold it"},
	} {
		want.Org = org
		if got := b.at(t.Context(), org, "heads", 7, "g"); got != want {
			t.Errorf("%s: %+v, expected %+v", org, got, want)
		}
	}
}
