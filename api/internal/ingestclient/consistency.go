package ingestclient

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
)

// Consistency is the RFC 9162 proof of the instance's heads log between two sizes.
func (c *Client) Consistency(ctx context.Context, first, second uint64) ([][32]byte, error) {
	var answer struct {
		Proof []string `json:"proof"`
	}
	path := fmt.Sprintf("/v1/proof/consistency?first=%d&second=%d", first, second)
	if err := c.call(ctx, readTime, http.MethodGet, path, &answer); err != nil {
		return nil, err
	}
	out := make([][32]byte, len(answer.Proof))
	for i, s := range answer.Proof {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 32 {
			return nil, fmt.Errorf("ingest %s answered %s with %q, which is no hash", c.id, path, s)
		}
		out[i] = [32]byte(b)
	}
	return out, nil
}
