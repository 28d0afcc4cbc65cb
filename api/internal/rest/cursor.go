package rest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/trackseal/trackseal/api/internal/problem"
)

const (
	macLen    = 16
	maxCursor = 2048
)

// Cursors makes and reads the opaque cursors of listings. It is the key that seals them.
type Cursors []byte

// Seal makes the cursor of a page's end: a MAC, bound to the route and its filters, and the position.
func (k Cursors) Seal(route string, position any) string {
	payload, err := json.Marshal(position)
	if err != nil {
		panic(err) // positions are our own structs
	}
	return base64.RawURLEncoding.EncodeToString(append(k.mac(route, payload), payload...))
}

// Open accepts only what Seal made for the same route and filters. An empty cursor leaves position alone.
func (k Cursors) Open(route, cursor string, position any) error {
	if cursor == "" {
		return nil
	}
	bad := problem.New(http.StatusBadRequest, problem.InvalidCursor, "cursor is not one that this listing gave out; start again without it")
	if len(cursor) > maxCursor {
		return bad
	}
	// The decoder skips line ends wherever they stand, so that one cursor would have many spellings.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if strings.ContainsAny(cursor, "\r\n") || err != nil || len(raw) < macLen || !hmac.Equal(raw[:macLen], k.mac(route, raw[macLen:])) {
		return bad
	}
	if err := json.Unmarshal(raw[macLen:], position); err != nil {
		return bad
	}
	return nil
}

func (k Cursors) mac(route string, payload []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write([]byte("cursor\x00" + route + "\x00"))
	h.Write(payload)
	return h.Sum(nil)[:macLen]
}
