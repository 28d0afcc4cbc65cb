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
	return pageOf(t, a, item, ledger.Key(object, attributes...), "")
}

// pageOf is page over the keys below prefix of which the next part begins with name.
func pageOf[R any](t *transaction, a ledger.ListArgs, item func(key string, value []byte) (R, error), prefix, name string) (*ledger.Page[R], error) {
	within := prefix + name
	limit := a.Limit
	if limit == 0 {
		limit = ledger.DefaultLimit
	}
	start, err := base64.RawURLEncoding.DecodeString(a.Bookmark)
	if err != nil || len(start) > 0 && !strings.HasPrefix(string(start), within) || !utf8.Valid(start) {
		return nil, ledger.Refuse(ledger.Invalid, "bookmark is not one that this listing gave")
	}
	if len(start) == 0 && name != "" {
		start = []byte(within)
	}
	records, next, err := t.state.Page(prefix, string(start), limit)
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	if !strings.HasPrefix(next, within) {
		next = ""
	}
	p := &ledger.Page[R]{Items: []R{}, Bookmark: base64.RawURLEncoding.EncodeToString([]byte(next))}
	for _, record := range records {
		if !strings.HasPrefix(record.Key, within) {
			break
		}
		r, err := item(record.Key, record.Value)
		if err != nil {
			return nil, err
		}
		p.Items = append(p.Items, r)
	}
	return p, nil
}

// list is a transaction that pages. id says which ids the listing takes.
func list[R any](fn ledger.Listing[R], id func(id string) error, look func(*transaction, ledger.ListArgs) (*ledger.Page[R], error)) function {
	return read(ledger.Query[ledger.ListArgs, ledger.Page[R]](fn), func(t *transaction, a ledger.ListArgs) (*ledger.Page[R], error) {
		if err := id(a.ID); err != nil {
			return nil, err
		}
		return look(t, a)
	})
}

// records lists the records of one kind, with an id those below it.
func records[R any](object string) func(*transaction, ledger.ListArgs) (*ledger.Page[R], error) {
	return func(t *transaction, a ledger.ListArgs) (*ledger.Page[R], error) {
		return page(t, a, stored[R], object, below(a.ID)...)
	}
}

// below are the attributes of the keys that a listing with this id goes through.
func below(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

// ofShipment lists the records of one kind that a shipment has.
func ofShipment[R any](object string) func(*transaction, ledger.ListArgs) (*ledger.Page[R], error) {
	return func(t *transaction, a ledger.ListArgs) (*ledger.Page[R], error) {
		if _, err := shipment(t, a.ID); err != nil {
			return nil, err
		}
		return page(t, a, stored[R], object, a.ID)
	}
}

// stored is the item of a listing whose keys hold the records themselves.
func stored[R any](key string, value []byte) (R, error) {
	var r R
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("state %q is damaged: %w", key, err)
	}
	return r, nil
}

func noID(id string) error {
	if id != "" {
		return ledger.Refuse(ledger.Invalid, "this listing takes no id")
	}
	return nil
}

func withID(id string) error { return ledger.IDArgs{ID: id}.Validate() }

func maybeID(id string) error {
	if id == "" {
		return nil
	}
	return withID(id)
}

func headsID(id string) error {
	if !ledger.IsHash(id) {
		return ledger.Refuse(ledger.Invalid, "id must be a heads-log id: 64 lower-case hex digits")
	}
	return nil
}
