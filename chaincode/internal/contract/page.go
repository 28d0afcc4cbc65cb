package contract

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/trackseal/trackseal/internal/ledger"
)

// page lists the records whose composite key starts with object and attributes, in the order of the keys. Only evaluate
// transactions page: Fabric does not check a paged scan again when it commits, so nothing may be decided by one.
//
// A bookmark is the state key where the next page starts. It comes back from the caller, so it must lie inside the very
// listing that is asked for: any other key would open other listings.
func page[R any](t *transaction, a ledger.ListArgs, item func(key string, value []byte) (R, error), object string, attributes ...string) (*ledger.Page[R], error) {
	limit := a.Limit
	if limit == 0 {
		limit = ledger.DefaultLimit
	}
	prefix := ledger.Key(object, attributes...)
	start, err := base64.RawURLEncoding.DecodeString(a.Bookmark)
	if err != nil || len(start) > 0 && !strings.HasPrefix(string(start), prefix) || !utf8.Valid(start) {
		return nil, ledger.Refuse(ledger.Invalid, "bookmark is not one that this listing gave")
	}
	it, meta, err := t.stub.GetStateByPartialCompositeKeyWithPagination(object, attributes, int32(limit), string(start))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", object, err)
	}
	defer it.Close()
	p := &ledger.Page[R]{Items: []R{}}
	for it.HasNext() {
		kv, err := it.Next()
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", object, err)
		}
		r, err := item(kv.Key, kv.Value)
		if err != nil {
			return nil, err
		}
		p.Items = append(p.Items, r)
	}
	p.Bookmark = base64.RawURLEncoding.EncodeToString([]byte(meta.GetBookmark()))
	return p, nil
}

// stored is the item of a listing whose keys hold the records themselves.
func stored[R any](key string, value []byte) (R, error) {
	var r R
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("state %q is damaged: %w", key, err)
	}
	return r, nil
}

// noID refuses a listing that takes no id.
func noID(a ledger.ListArgs) error {
	if a.ID != "" {
		return ledger.Refuse(ledger.Invalid, "this listing takes no id")
	}
	return a.Validate()
}

// withID checks a listing below one shipment.
func withID(a ledger.ListArgs) error {
	if err := (ledger.IDArgs{ID: a.ID}).Validate(); err != nil {
		return err
	}
	return a.Validate()
}
