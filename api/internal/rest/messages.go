package rest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Answer has a JSON body and nothing else to say.
type Answer[T any] struct {
	Body T
}

// Reply answers with a body, unless making it failed.
func Reply[T any](body T, err error) (*Answer[T], error) {
	if err != nil {
		return nil, err
	}
	return &Answer[T]{Body: body}, nil
}

// File is an answer that is no JSON of ours.
type File struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// List is one page of a listing.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Give this as cursor to get the next page; absent on the last"`
}

// Paging is the query of every listing.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items of a page"`
	Cursor string `query:"cursor" maxLength:"2048" doc:"next of the page before"`
}

// Idempotent is the header of every write.
type Idempotent struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Chosen by the client, up to 255 visible ASCII characters: repeating a request with the same key has one effect, for 24 hours"`
}

// TypeCSV is the media type of what people upload and download.
const TypeCSV = "text/csv"

// Instant is milliseconds since 1970, on the wire RFC 3339 in UTC with milliseconds.
type Instant int64

const (
	layout    = "2006-01-02T15:04:05.000Z"
	maxTimeMS = 9_223_372_036_000 // 2262, beyond which the store's nanoseconds overflow
)

func (t Instant) String() string { return time.UnixMilli(int64(t)).UTC().Format(layout) }

// MarshalJSON writes RFC 3339.
func (t Instant) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// UnmarshalText reads any RFC 3339 time after the start of 1970, which stands for "no time" inside, and before 2262.
func (t *Instant) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return fmt.Errorf("must be RFC 3339, such as 2026-11-22T10:00:00.000Z")
	}
	ms := at.UnixMilli()
	if ms <= 0 || ms >= maxTimeMS {
		return fmt.Errorf("must lie after the start of 1970 and before 2262")
	}
	*t = Instant(ms)
	return nil
}

// UnmarshalJSON reads a JSON string.
func (t *Instant) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	return t.UnmarshalText([]byte(s))
}

// Schema is a date-time.
func (Instant) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-11-22T10:00:00.000Z"}}
}

// When is an Instant as a parameter: huma would read a number type as a number.
type When struct{ Instant }

// Null is a T or null.
type Null[T any] struct{ V *T }

// Some is a value that is there.
func Some[T any](v T) Null[T] { return Null[T]{&v} }

// OrNull is null for the zero value, which the ledger uses for "not yet" and "none".
func OrNull[T comparable](v T) Null[T] {
	var zero T
	if v == zero {
		return Null[T]{}
	}
	return Some(v)
}

// InstantOrNull is OrNull of milliseconds since 1970.
func InstantOrNull(ms int64) Null[Instant] { return OrNull(Instant(ms)) }

// Value is the value, the zero one for null.
func (n Null[T]) Value() T {
	if n.V == nil {
		var zero T
		return zero
	}
	return *n.V
}

// OrEmpty is the list: an empty one for nil, which JSON would show as null.
func OrEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// MarshalJSON writes the value or null.
func (n Null[T]) MarshalJSON() ([]byte, error) { return json.Marshal(n.V) }

// UnmarshalJSON reads the value or null.
func (n *Null[T]) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &n.V) }

// Schema is anyOf T and null.
func (Null[T]) Schema(r huma.Registry) *huma.Schema {
	t := reflect.TypeFor[T]()
	return &huma.Schema{AnyOf: []*huma.Schema{r.Schema(t, true, t.Name()), {Type: "null"}}}
}
