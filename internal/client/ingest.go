package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Ingest is the status endpoint of one ingest instance.
type Ingest struct {
	ID, URL, Token string
	Transport      *http.Transport // nil = Go's own
}

// IngestStatus is what an instance has done since its start.
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

// Status asks the instance.
func (i Ingest) Status(ctx context.Context) (st IngestStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+"/v1/status", nil)
	if err != nil {
		return st, err
	}
	req.Header.Set("Authorization", "Bearer "+i.Token)
	through := http.DefaultClient
	if i.Transport != nil {
		through = &http.Client{Transport: i.Transport}
	}
	resp, err := through.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("ingest %s: status answers %s", i.ID, resp.Status)
	}
	return st, json.NewDecoder(resp.Body).Decode(&st)
}
