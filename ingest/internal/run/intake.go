package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Why a message is not taken in at all.
var (
	ErrOtherInstance = errors.New("another instance of this operator serves the tracker")
	ErrNotAccepting  = errors.New("nothing is acknowledged now; send it again")
)

// TooFast says after which time the sender may try again.
type TooFast struct{ After time.Duration }

func (e *TooFast) Error() string { return tooFast(e.After) }

// Intake takes a message that came over HTTP as if the tracker had published it, and returns when all that was accepted is durable. When ctx
// ends before, the message may be taken all the same: sent again, it is a duplicate.
func (p *Pipeline) Intake(ctx context.Context, m transfer.Intake) (transfer.Taken, error) {
	if !p.serving(m.Tracker) {
		return transfer.Taken{}, ErrOtherInstance
	}
	now := p.cfg.Now()
	if wait, ok := p.limiter.Take(m.Tracker, len(m.Payload), now, 0); !ok {
		p.slowed(m.Tracker, len(m.Payload), wait)
		return transfer.Taken{}, &TooFast{wait}
	}
	it := p.item(telemetry.InTopic(m.Tracker, m.Topic), m.Payload, now)
	settled := make(chan struct{})
	it.Ack = func(*telemetry.Reject) { close(settled) }
	select {
	case p.unsigned <- it:
	case <-ctx.Done():
		return transfer.Taken{}, ErrNotAccepting
	}
	select {
	case <-settled:
		return taken(it), nil
	case <-ctx.Done():
		return transfer.Taken{}, ErrNotAccepting
	}
}

// taken says what became of an item and its parts.
func taken(it *message.Item) transfer.Taken {
	t := transfer.Taken{Refused: []transfer.Refused{}}
	parts := it.Parts
	if parts == nil {
		parts = []*message.Item{it}
	}
	for _, part := range parts {
		switch {
		case part.Reject != nil:
			t.Refused = append(t.Refused, transfer.Refused{
				Tracker: part.Tracker, Device: part.Device, Reason: string(part.Reject.Reason), Detail: part.Reject.Detail, Again: part.Reject.Reason.Temporary(),
			})
		case part.Outcome == message.Logged:
			t.Accepted++
		case part.Outcome == message.Duplicate:
			t.Duplicates++
		case part.Outcome == message.Skipped:
			t.Skipped++
		}
	}
	return t
}

// serving reports whether a tracker's partition is one of this instance's; without any it takes all.
func (p *Pipeline) serving(tracker string) bool {
	var n int
	if _, err := fmt.Sscanf(telemetry.Partition(tracker), "%02x", &n); err != nil {
		return false
	}
	for _, r := range p.cfg.Partitions {
		if r.From <= n && n <= r.To {
			return true
		}
	}
	return len(p.cfg.Partitions) == 0
}

// Seconds is a wait as Retry-After has it.
func (e *TooFast) Seconds() int { return int(math.Ceil(max(e.After, time.Second).Seconds())) }
