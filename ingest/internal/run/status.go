package run

import (
	"context"

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
	PendingLog   uint64             `json:"pending_anchor"`
	Judging      int                `json:"pending_compliance"` // shipments to judge, or whose judgement is not on the ledger
	LastAnchor   *sequence.Anchored `json:"last_anchor"`
	Trackers     int                `json:"trackers"`
	Shipments    int                `json:"shipments"`
	Problems     map[string]string  `json:"problems"` // by part; empty when all is well
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
		Quarantine: Quarantine{j.Quarantine, j.QuarantineBytes, j.QuarantineDropped}, Judging: p.judge.Depth(), Problems: map[string]string{},
	}
	_, s.Life = ledger.LifeOf(p.id)
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
