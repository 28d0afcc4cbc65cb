package attach

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// What may wait for codecs. All of it together is a part of what the broker hands over before it lets publishers wait, so that codecs, however
// slow, never make others wait.
const (
	maxCalls, maxBytes       = 1024, 4 << 20
	maxOfProfile, maxOfBytes = 256, 1 << 20
)

// codecs keeps a queue for each profile that has a codec, and one goroutine for each queue that is not empty. How many scripts run at once is
// the runner's business.
type codecs struct {
	run Runner

	mu     sync.Mutex
	queues map[telemetry.Hash]*queue
	calls  int
	bytes  int
	wg     sync.WaitGroup

	called, failed, limited, turned atomic.Uint64
}

type queue struct {
	calls []*call // the first one is being decoded
	bytes int
}

// call is one message, or part of one, that a codec decodes.
type call struct {
	profile    *profile.Profile
	bytes      []byte
	port       int
	receivedMS int64
	size       int
	done       func(decoded []byte, err error) // not called when ctx ends first
}

func newCodecs(run Runner) *codecs {
	return &codecs{run: run, queues: map[telemetry.Hash]*queue{}}
}

var (
	errFull = &telemetry.Reject{Reason: telemetry.RateLimited, Detail: "more messages wait for this profile's codec than may; not kept, send it again"}
	errNone = &telemetry.Reject{Reason: telemetry.Busy, Detail: "this ingest runs no codecs; send it again"}
)

// add has a call made in its profile's turn.
func (c *codecs) add(ctx context.Context, call *call) {
	if c.run == nil {
		call.done(nil, errNone)
		return
	}
	if !c.enter(ctx, call) {
		c.turned.Add(1)
		call.done(nil, errFull)
	}
}

func (c *codecs) enter(ctx context.Context, call *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	hash := call.profile.Hash()
	q := c.queues[hash]
	if c.calls >= maxCalls || c.bytes+call.size > maxBytes || q != nil && (len(q.calls) >= maxOfProfile || q.bytes+call.size > maxOfBytes) {
		return false
	}
	c.calls, c.bytes = c.calls+1, c.bytes+call.size
	if q == nil {
		q = &queue{}
		c.queues[hash] = q
		c.wg.Go(func() { c.work(ctx, hash, q) })
	}
	q.calls, q.bytes = append(q.calls, call), q.bytes+call.size
	return true
}

// work makes the calls of one queue until it is empty.
func (c *codecs) work(ctx context.Context, hash telemetry.Hash, q *queue) {
	for {
		c.mu.Lock()
		if len(q.calls) == 0 || ctx.Err() != nil { // what is left is delivered again
			c.calls, c.bytes = c.calls-len(q.calls), c.bytes-q.bytes
			delete(c.queues, hash)
			c.mu.Unlock()
			return
		}
		next := q.calls[0]
		c.mu.Unlock()
		if decoded, err := c.decode(ctx, next); ctx.Err() == nil {
			next.done(decoded, err)
		}
		c.mu.Lock()
		q.calls, q.bytes = q.calls[1:], q.bytes-next.size
		c.calls, c.bytes = c.calls-1, c.bytes-next.size
		c.mu.Unlock()
	}
}

func (c *codecs) decode(ctx context.Context, call *call) ([]byte, error) {
	c.called.Add(1)
	decoded, err := c.run.Decode(ctx, call.profile, call.bytes, call.port, call.receivedMS)
	if err == nil || ctx.Err() != nil {
		return decoded, err
	}
	r, known := errors.AsType[*telemetry.Reject](err)
	switch {
	case !known:
		r = &telemetry.Reject{Reason: telemetry.Busy, Detail: "the codec cannot be run now: " + err.Error() + "; send it again"}
	case r.Reason == telemetry.CodecLimit:
		c.limited.Add(1)
	default:
		c.failed.Add(1)
	}
	return nil, r
}

func (c *codecs) wait() { c.wg.Wait() }

func (c *codecs) counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counts{Calls: c.called.Load(), Failed: c.failed.Load(), Limited: c.limited.Load(), TurnedAway: c.turned.Load(), Waiting: c.calls}
}
