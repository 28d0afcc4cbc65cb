// Package browser is what the page calls: the same verification as on the command line, in and out as plain values.
package browser

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/trackseal/trackseal/internal/evidence"
)

// Verify answers a report as JSON, or {"error": "…"}. The report has the member "exit" of the program beside its own.
func Verify(bundle []byte, policy, nonce string, progress func(done, total uint64)) string {
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

func verify(bundle []byte, policy, nonce string, progress func(done, total uint64)) (*evidence.Report, error) {
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
	return evidence.Verify(bytes.NewReader(bundle), p, evidence.Options{Nonce: n, Progress: progress})
}
