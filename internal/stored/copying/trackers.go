package copying

import (
	"context"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Trackers are the ledger's records, as they were asked for, with the profiles that they pinned. Safe for concurrent use.
type Trackers struct {
	ledger ledger.Evaluator
	now    func() time.Time

	mu       sync.Mutex
	known    map[string]known // by tracker and shipment
	profiles map[telemetry.Hash]*profile.Profile
}

type known struct {
	record *ledger.Tracker // nil: there is none for us
	at     time.Time
}

const (
	// trackerAge is how long an answer is good that would refuse a message.
	trackerAge = time.Second
	// trackerLife bounds how long any answer is good; changes are told by events.
	trackerLife = 10 * time.Minute
	maxTrackers = 20_000
)

// NewTrackers knows none yet.
func NewTrackers(l ledger.Evaluator, now func() time.Time) *Trackers {
	return &Trackers{ledger: l, now: now, known: map[string]known{}, profiles: map[telemetry.Hash]*profile.Profile{}}
}

// Get gives a tracker's record as a party of the shipment, or as its owner, may see it; fresh asks the ledger unless it has just been asked.
func (c *Trackers) Get(ctx context.Context, of Subject, tracker string, fresh bool) (*ledger.Tracker, error) {
	args := ledger.TrackerArgs{ID: tracker}
	if of.Kind == anchor.Shipment {
		args.Shipment = of.ID
	}
	key := args.ID + "\x00" + args.Shipment
	c.mu.Lock()
	k, ok := c.known[key]
	c.mu.Unlock()
	age := trackerLife
	if fresh {
		age = trackerAge
	}
	if ok && c.now().Sub(k.at) < age {
		return k.record, nil
	}
	record, err := ledger.TrackerGet.Ask(ctx, c.ledger, args)
	k = known{record: &record, at: c.now()}
	switch code := ledger.CodeOf(err); {
	case code == ledger.NotFound || code == ledger.Forbidden:
		k.record = nil
	case err != nil:
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxTrackers {
		clear(c.known)
	}
	c.known[key] = k
	return k.record, nil
}

// Changed forgets a tracker.
func (c *Trackers) Changed(tracker string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.known {
		if len(key) > len(tracker) && key[:len(tracker)] == tracker && key[len(tracker)] == 0 {
			delete(c.known, key)
		}
	}
}
