package run

import (
	"context"

	"github.com/trackseal/trackseal/ingest/internal/sequence"
)

// Status is the answer of /v1/status.
type Status struct {
	ID           string             `json:"id"`
	Heads        string             `json:"heads"`
	Received     uint64             `json:"received"`
	Stored       uint64             `json:"stored"`
	Logged       uint64             `json:"logged"`
	Anchored     uint64             `json:"anchored"`
	Duplicates   uint64             `json:"duplicates"`
	Rejected     map[string]uint64  `json:"rejected"`
	JournalBytes int64              `json:"journal_bytes"`
	PendingStore uint64             `json:"pending_store"`
	PendingLog   uint64             `json:"pending_anchor"`
	Judging      int                `json:"pending_compliance"` // shipments to judge, or whose judgement is not on the ledger
	LastAnchor   *sequence.Anchored `json:"last_anchor"`
	Trackers     int                `json:"trackers"`
	Shipments    int                `json:"shipments"`
	Problems     map[string]string  `json:"problems"` // by part; empty when all is well
}

// Status returns the counters since the start and what is behind now.
func (p *Pipeline) Status(ctx context.Context) Status {
	c, j := p.seq.Counts(), p.db.Metrics()
	s := Status{
		ID: p.cfg.ID, Heads: p.seq.HeadsID(), Received: p.received.Load(), Stored: p.writer.Stored(), Logged: c.Logged, Anchored: c.Anchored,
		Duplicates: c.Duplicates, Rejected: p.rejects.all(), JournalBytes: j.QueueBytes, PendingStore: j.Queue, PendingLog: p.seq.Unanchored(),
		Judging: p.judge.Depth(), Problems: map[string]string{},
	}
	s.Trackers, s.Shipments = p.registry.Size()
	if last := p.seq.Last(); last.Size > 0 {
		s.LastAnchor = &last
	}
	for name, check := range map[string]func(context.Context) error{
		"journal": p.db.Ready, "mqtt": p.cfg.Source.Ready, "registry": p.registry.Ready, "influxdb": p.writer.Ready, "anchor": p.anchorer.Ready,
	} {
		if err := check(ctx); err != nil {
			s.Problems[name] = err.Error()
		}
	}
	return s
}
