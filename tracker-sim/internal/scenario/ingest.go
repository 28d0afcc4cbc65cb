package scenario

import (
	"context"

	"github.com/trackseal/trackseal/internal/client"
)

// Ingest are the instances whose status can be read.
type Ingest []client.Ingest

// Status is the sum of what all instances have logged and refused.
func (in Ingest) Status(ctx context.Context) (client.IngestStatus, error) {
	sum := client.IngestStatus{Rejected: make(map[string]uint64)}
	for _, i := range in {
		one, err := i.Status(ctx)
		if err != nil {
			return sum, err
		}
		sum.Logged += one.Logged
		sum.Duplicates += one.Duplicates
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
