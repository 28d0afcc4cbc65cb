package rest

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Null is a T or null.
type Null[T any] struct{ V *T }

// Some is a value that is there.
func Some[T any](v T) Null[T] { return Null[T]{&v} }

// InstantOrNull is null for 0, which the ledger uses for "not yet".
func InstantOrNull(ms int64) Null[Instant] {
	if ms == 0 {
		return Null[Instant]{}
	}
	return Some(Instant(ms))
}

// TextOrNull is null for "".
func TextOrNull(s string) Null[string] {
	if s == "" {
		return Null[string]{}
	}
	return Some(s)
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
