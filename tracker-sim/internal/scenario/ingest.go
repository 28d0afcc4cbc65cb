package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Ingest reads the status of ingest instances.
type Ingest struct {
	instances []IngestAt
	http      *http.Client
}

// NewIngest makes a reader; it does no I/O.
func NewIngest(instances []IngestAt) *Ingest {
	return &Ingest{instances: instances, http: &http.Client{Timeout: 10 * time.Second}}
}

// IngestStatus is the sum over all instances.
type IngestStatus struct {
	Received uint64            `json:"received"`
	Stored   uint64            `json:"stored"`
	Logged   uint64            `json:"logged"`
	Anchored uint64            `json:"anchored"`
	Pending  uint64            `json:"pending_store"`
	Doubles  uint64            `json:"duplicates"`
	Rejected map[string]uint64 `json:"rejected"`
}

// Status asks every instance.
func (in *Ingest) Status(ctx context.Context) (IngestStatus, error) {
	sum := IngestStatus{Rejected: make(map[string]uint64)}
	for _, i := range in.instances {
		one, err := in.one(ctx, i)
		if err != nil {
			return sum, err
		}
		sum.Received += one.Received
		sum.Stored += one.Stored
		sum.Logged += one.Logged
		sum.Anchored += one.Anchored
		sum.Pending += one.Pending
		sum.Doubles += one.Doubles
		for reason, n := range one.Rejected {
			sum.Rejected[reason] += n
		}
	}
	return sum, nil
}

// Logged is how many messages all instances have logged.
func (in *Ingest) Logged(ctx context.Context) (uint64, error) {
	st, err := in.Status(ctx)
	return st.Logged, err
}

func (in *Ingest) one(ctx context.Context, i IngestAt) (st IngestStatus, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+"/v1/status", nil)
	if err != nil {
		return st, err
	}
	req.Header.Set("Authorization", "Bearer "+i.Token)
	resp, err := in.http.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("ingest %s: status answers %s", i.ID, resp.Status)
	}
	return st, json.NewDecoder(resp.Body).Decode(&st)
}
