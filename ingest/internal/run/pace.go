package run

import (
	"fmt"
	"strings"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Pace is for a source that can let one tracker wait without the others (Config.SourcePaces): how long a message has to, and
// whether it may be sent at all.
func (p *Pipeline) Pace(tracker string, bytes int, patience time.Duration) (wait time.Duration, ok bool) {
	wait, ok = p.limiter.Take(tracker, bytes, p.cfg.Now(), patience)
	switch {
	case !ok:
		p.slowed(tracker, bytes, wait)
	case wait > 0:
		p.heldBack.Add(1)
		p.acker.notices.add(tracker, notice{"slow", telemetry.RateLimited}, told{})
	}
	return wait, ok
}

// slowed tells of a message that was not taken because it came too fast.
func (p *Pipeline) slowed(tracker string, bytes int, wait time.Duration) {
	p.received.Add(1)
	p.rejects.add(telemetry.RateLimited)
	p.acker.notices.add(tracker, notice{"nack", telemetry.RateLimited}, told{Detail: tooFast(wait)})
	lines, _ := p.refusals.weigh(tracker, telemetry.RateLimited, false, p.cfg.Now())
	p.logRefusal(lines, tracker, "", &telemetry.Reject{Reason: telemetry.RateLimited, Detail: tooFast(wait)}, "bytes", bytes)
}

// limit refuses a message that comes too fast from a source that cannot hold one tracker back.
func (p *Pipeline) limit(it *message.Item, now time.Time) {
	tracker := it.Topic // of a topic that is none of ours
	if rest, ok := strings.CutPrefix(it.Topic, telemetry.TopicPrefix); ok {
		_, rest, _ = strings.Cut(rest, "/")
		tracker, _, _ = strings.Cut(rest, "/")
	}
	if wait, ok := p.limiter.Take(tracker, len(it.Raw), now, 0); !ok {
		it.Reject = &telemetry.Reject{Reason: telemetry.RateLimited, Detail: tooFast(wait)}
	}
}

func tooFast(wait time.Duration) string {
	return fmt.Sprintf("not kept, send it again in %d ms or later", wait.Milliseconds()+1)
}
