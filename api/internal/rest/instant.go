package rest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

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
