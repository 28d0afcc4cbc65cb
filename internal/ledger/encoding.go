package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/trackseal/trackseal/internal/canon"
)

// MaxArg is the largest argument of a transaction, in bytes.
const MaxArg = 256 << 10

// Encode is the one JSON form of a record: members in the order of the struct, map members sorted, no HTML escapes, no
// space. Equal values give equal bytes on every peer.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads one JSON object into the struct that v points to. It refuses what encoding/json lets through and what two
// readers could understand differently: unknown, repeated or differently-cased members, bytes after the object, text that
// is not UTF-8.
func Decode(data []byte, v any) error {
	if len(data) > MaxArg {
		return fmt.Errorf("larger than %d bytes", MaxArg)
	}
	return canon.UnmarshalJSON(data, v)
}
