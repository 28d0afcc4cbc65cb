// Package browser is what a page calls: the same verification as on the command line, in and out as plain values.
package browser

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"

	"github.com/trackseal/trackseal/internal/evidence"
)

// Verify reads a bundle, a policy (JSON) and a nonce (hex, "" when none was given) and answers the report as JSON, with the
// member "exit" of the program verify beside its own: 0 all that the policy requires passed, 1 something failed, 2 something
// is unknown. What cannot be read is {"error": "…"}.
func Verify(bundle io.Reader, policy, nonce string, progress func(done, total uint64)) string {
	r, err := verify(bundle, policy, nonce, progress)
	var out []byte
	if err == nil {
		out, err = json.Marshal(struct {
			*evidence.Report
			Exit int `json:"exit"`
		}{r, r.Exit()})
	}
	if err != nil {
		out, _ = json.Marshal(map[string]string{"error": err.Error()}) // a text always has a JSON form
	}
	return string(out)
}

func verify(bundle io.Reader, policy, nonce string, progress func(done, total uint64)) (*evidence.Report, error) {
	p, err := evidence.ParsePolicy([]byte(policy))
	if err != nil {
		return nil, err
	}
	n, err := hex.DecodeString(nonce)
	if err != nil {
		return nil, errors.New("nonce: must be hex")
	}
	if len(n) == 0 {
		n = nil
	}
	return evidence.Verify(bundle, p, evidence.Options{Nonce: n, Progress: progress})
}

// chunk is how much is asked of a file at once: few calls across the border to JavaScript, little memory.
const chunk = 1 << 20

// Chunks makes a reader of a function that answers length bytes from offset on, and fewer only at the end of the file. The
// bundle then never lies in memory as a whole.
func Chunks(read func(offset int64, length int) ([]byte, error)) io.Reader {
	return &chunks{read: read}
}

type chunks struct {
	read   func(offset int64, length int) ([]byte, error)
	offset int64
	rest   []byte
	ended  bool
}

func (c *chunks) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		part, err := c.read(c.offset, chunk)
		if err != nil {
			return 0, err
		}
		c.rest, c.offset, c.ended = part, c.offset+int64(len(part)), len(part) < chunk
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
