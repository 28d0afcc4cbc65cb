package client

import (
	"context"
	"encoding/json"
	"fmt"
)

// IngestStatus is what ingest has done since its start.
type IngestStatus struct {
	Received   uint64            `json:"received"`
	Stored     uint64            `json:"stored"`
	Logged     uint64            `json:"logged"`
	Duplicates uint64            `json:"duplicates"`
	Rejected   map[string]uint64 `json:"rejected"` // by reason
	LastAnchor *struct {
		Size uint64 `json:"size"`
	} `json:"last_anchor"` // nil before the first one
}

// IngestStatus is the sum over all instances that the API asks; LastAnchor is of the last one. The client needs the scope network:read.
func (c *Client) IngestStatus(ctx context.Context) (IngestStatus, error) {
	sum := IngestStatus{Rejected: map[string]uint64{}}
	n, err := c.GetNetwork(ctx)
	if err != nil {
		return sum, err
	}
	for _, i := range n.Ingest {
		if !i.Ok {
			return sum, fmt.Errorf("ingest %s: %s", i.ID, i.Error)
		}
		var one IngestStatus
		raw, err := json.Marshal(i.Status)
		if err == nil {
			err = json.Unmarshal(raw, &one)
		}
		if err != nil {
			return sum, fmt.Errorf("ingest %s: status: %w", i.ID, err)
		}
		sum.Received, sum.Stored, sum.Logged, sum.Duplicates = sum.Received+one.Received, sum.Stored+one.Stored, sum.Logged+one.Logged, sum.Duplicates+one.Duplicates
		for reason, n := range one.Rejected {
			sum.Rejected[reason] += n
		}
		sum.LastAnchor = one.LastAnchor
	}
	return sum, nil
}
