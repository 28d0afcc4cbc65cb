package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Ingest reads the status of ingest instances.
type Ingest []IngestAt

// IngestStatus is the sum over all instances.
type IngestStatus struct {
	Logged   uint64            `json:"logged"`
	Doubles  uint64            `json:"duplicates"`
	Rejected map[string]uint64 `json:"rejected"`
}

// Status asks every instance.
func (in Ingest) Status(ctx context.Context) (IngestStatus, error) {
	sum := IngestStatus{Rejected: make(map[string]uint64)}
	for _, i := range in {
		one, err := i.status(ctx)
		if err != nil {
			return sum, fmt.Errorf("ingest %s: %w", i.ID, err)
		}
		sum.Logged += one.Logged
		sum.Doubles += one.Doubles
		for reason, n := range one.Rejected {
			sum.Rejected[reason] += n
		}
	}
	return sum, nil
}

// Logged is how many messages all instances have logged.
func (in Ingest) Logged(ctx context.Context) (uint64, error) {
	st, err := in.Status(ctx)
	return st.Logged, err
}

func (i IngestAt) status(ctx context.Context) (st IngestStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+"/v1/status", nil)
	if err != nil {
		return st, err
	}
	req.Header.Set("Authorization", "Bearer "+i.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("status answers %s", resp.Status)
	}
	return st, json.NewDecoder(resp.Body).Decode(&st)
}
