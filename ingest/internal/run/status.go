package run

import (
	"context"
	"errors"

	"github.com/trackseal/trackseal/ingest/internal/anchorer"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Status is the answer of /v1/status.
type Status struct {
	ID           string             `json:"id"`
	Life         int                `json:"life"` // 1, and one more each time that its journal was lost
	Heads        string             `json:"heads"`
	Received     uint64             `json:"received"`
	Stored       uint64             `json:"stored"`
	Logged       uint64             `json:"logged"`
	Anchored     uint64             `json:"anchored"`
	Duplicates   uint64             `json:"duplicates"`
	Repeated     uint64             `json:"repeated"` // of the duplicates: only the bytes were equal, within 10 s
	Rejected     map[string]uint64  `json:"rejected"`
	HeldBack     uint64             `json:"held_back"` // messages that had to wait, for their tracker sends faster than it may
	JournalBytes int64              `json:"journal_bytes"`
	Quarantine   Quarantine         `json:"quarantine"`
	PendingStore uint64             `json:"pending_store"`
	StoreLagS    float64            `json:"store_lag_s"` // age of the oldest of them; 0 when there is none
	PendingLog   uint64             `json:"pending_anchor"`
	AnchorLagS   float64            `json:"anchor_lag_s"`       // age of the oldest of them; 0 when there is none
	Disagrees    bool               `json:"disagrees"`          // journal and ledger; nothing is acknowledged
	Judging      int                `json:"pending_compliance"` // shipments to judge, or whose judgement is not on the ledger
	LastAnchor   *sequence.Anchored `json:"last_anchor"`
	Trackers     int                `json:"trackers"`
	Shipments    int                `json:"shipments"`
	Problems     map[string]string  `json:"problems"` // why it does not do what it is there for: receives, logs, stores, anchors; empty when all is well
}

// Quarantine is what was refused and is not in InfluxDB yet. Dropped had to go since the start, for there were too many.
type Quarantine struct {
	Waiting int64  `json:"waiting"`
	Bytes   int64  `json:"bytes"`
	Dropped uint64 `json:"dropped"`
}

// Status returns the counters since the start and what is behind now.
func (p *Pipeline) Status(ctx context.Context) Status {
	c, j := p.seq.Counts(), p.db.Metrics()
	s := Status{
		ID: p.cfg.ID, Heads: p.seq.HeadsID(), Received: p.received.Load(), Stored: p.writer.Stored(), Logged: c.Logged, Anchored: c.Anchored,
		Duplicates: c.Duplicates, Repeated: p.repeated.Load(), Rejected: p.rejects.all(), HeldBack: p.heldBack.Load(),
		JournalBytes: j.QueueBytes, PendingStore: j.Queue, PendingLog: p.seq.Unanchored(),
		StoreLagS: p.storeLag().Seconds(), AnchorLagS: p.anchorLag().Seconds(), Disagrees: errors.Is(p.anchorer.Fits(ctx), anchorer.ErrDisagree),
		Quarantine: Quarantine{j.Quarantine, j.QuarantineBytes, j.QuarantineDropped}, Judging: p.judge.Depth(), Problems: map[string]string{},
	}
	_, s.Life = ledger.LifeOf(p.id)
	s.Trackers, s.Shipments = p.registry.Size()
	if last := p.seq.Last(); last.Size > 0 {
		s.LastAnchor = &last
	}
	for _, part := range p.parts() {
		if err := part.check(ctx); err != nil {
			s.Problems[part.name] = err.Error()
		}
	}
	return s
}
