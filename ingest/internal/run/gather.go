package run

import (
	"context"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/message"
)

// Bounds of a group.
const (
	maxGroup   = 2048
	groupBytes = 8 << 20
	busyGroup  = 16  // so many messages at once mean load
	fullGroup  = 512 // under load, a group waits for so many (Config.Group), or for linger
	linger     = 24 * time.Millisecond
	// Nothing new for so long means that a broker's window is exhausted: no more will come before these are acknowledged.
	quiet = 4 * time.Millisecond
)

// gather makes groups of what arrives, each to be verified and committed together, until ctx ends. It closes out.
func gather(ctx context.Context, full int, in <-chan *message.Item, out chan<- []*message.Item) error {
	defer close(out)
	for busy := false; ; {
		items := next(ctx, full, in, busy)
		if len(items) == 0 {
			return nil
		}
		busy = len(items) >= busyGroup
		select {
		case out <- items:
		case <-ctx.Done():
			return nil
		}
	}
}

// next takes what is there, at least one item; nothing means the end. Under load it waits a moment for more: each group costs
// a sync of the disk, the logs' states and an acknowledgement for each tracker, however many messages it holds, and a
// signature is the cheaper to check the more there are.
func next(ctx context.Context, full int, in <-chan *message.Item, busy bool) (items []*message.Item) {
	bytes, before, waited := 0, 0, time.Duration(0)
	var wait <-chan time.Time
	for len(items) < maxGroup && bytes < groupBytes {
		if len(items) > 0 {
			select {
			case it, ok := <-in:
				if !ok {
					return items
				}
				items, bytes = append(items, it), bytes+len(it.Raw)
				continue
			default:
			}
			if !busy || len(items) >= full {
				return items
			}
			if wait == nil {
				before, wait = len(items), time.After(quiet)
			}
		}
		select {
		case it, ok := <-in:
			if !ok {
				return items
			}
			items, bytes = append(items, it), bytes+len(it.Raw)
		case <-wait:
			waited += quiet
			if len(items) == before || waited >= linger {
				return items
			}
			wait = nil
		case <-ctx.Done():
			return nil
		}
	}
	return items
}
