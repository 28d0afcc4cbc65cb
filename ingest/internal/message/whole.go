package message

import (
	"sync/atomic"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Split makes of a gateway's message the items of its parts. The message is acknowledged when the last of them is: each is durable then, a
// duplicate, passed over, or refused with its reason.
//
// Its sender is told of a refusal by the acknowledgement when something is to be sent again, or when nothing was taken: who sent it cannot
// send a part alone.
func (it *Item) Split(parts []*Item) {
	it.Parts = parts
	left := new(atomic.Int64)
	left.Store(int64(len(parts)))
	for _, p := range parts {
		p.Ack = func(*telemetry.Reject) {
			if left.Add(-1) == 0 && it.Ack != nil {
				it.Ack(it.answer())
			}
		}
	}
}

func (it *Item) answer() *telemetry.Reject {
	var refused *telemetry.Reject
	taken := false
	for _, p := range it.Parts {
		switch {
		case p.Reject == nil:
			taken = true
		case p.Reject.Reason.Temporary():
			return p.Reject
		case refused == nil:
			refused = p.Reject
		}
	}
	if taken {
		return nil
	}
	return refused
}

// Pass ends the way of an item of which nothing is to be logged.
func (it *Item) Pass() {
	it.Outcome = Skipped
	if it.Ack != nil {
		it.Ack(nil)
	}
}
