package run

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// acker sends the acknowledgements of committed messages: to the broker at once, to trackers coalesced: of signed messages the
// newest one says it all, plain ones are named one by one. It runs beside the sequencer so that a slow connection does not slow
// the commits.
type acker struct {
	source    Source
	commits   chan commit
	beacon    atomic.Pointer[sequence.Anchored]
	published atomic.Uint64
	notices   notices
}

type commit struct {
	items []*message.Item
	acks  []sequence.Ack
}

// ackEvery bounds the acknowledgements to one tracker.
const ackEvery = 100 * time.Millisecond

func newAcker(source Source) *acker { return &acker{source: source, commits: make(chan commit, 16)} }

// setBeacon: acknowledgements carry the newest anchor until the tracker has heard it.
func (a *acker) setBeacon(b sequence.Anchored) { a.beacon.Store(&b) }

// committed hands over a commit. It blocks when 16 commits wait, and returns false when ctx ends.
func (a *acker) committed(ctx context.Context, items []*message.Item, acks []sequence.Ack) bool {
	select {
	case a.commits <- commit{items, acks}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *acker) run(ctx context.Context) error {
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	signed := map[string]sequence.Ack{}
	plain := map[string][]uint64{}
	told := map[string]uint64{} // tracker -> block of the newest beacon it was sent
	var buf []byte
	for ticks := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case c := <-a.commits:
			for _, it := range c.items {
				if it.Ack != nil {
					it.Ack(it.Reject)
				}
			}
			for _, ack := range c.acks {
				if ack.JSONSeq != nil {
					plain[ack.Tracker] = append(plain[ack.Tracker], *ack.JSONSeq)
				} else {
					signed[ack.Tracker] = ack
				}
			}
		case <-tick.C:
			if ticks++; ticks%noticeTicks == 0 {
				a.notices.each(a.publish)
			}
			beacon := a.beacon.Load()
			for tracker, ack := range signed {
				buf = appendAck(buf[:0], ack)
				if beacon != nil && told[tracker] != beacon.Block {
					buf = appendBeacon(buf, beacon)
					if len(told) >= maxTold {
						clear(told) // some trackers hear the same beacon twice
					}
					told[tracker] = beacon.Block
				}
				a.publish(tracker, append(buf, '}'))
			}
			clear(signed)
			for tracker, seqs := range plain {
				slices.Sort(seqs)
				for _, seq := range slices.Compact(seqs) {
					buf = strconv.AppendUint(append(buf[:0], `{"type":"ack","json_seq":`...), seq, 10)
					a.publish(tracker, append(buf, '}'))
				}
			}
			clear(plain)
		}
	}
}

const maxTold = 200_000

func (a *acker) publish(tracker string, payload []byte) {
	a.published.Add(1)
	// The client keeps the payload until its PUBACK.
	a.source.Publish(telemetry.Topic(tracker, telemetry.Down), append([]byte(nil), payload...))
}

func appendAck(b []byte, a sequence.Ack) []byte {
	b = append(b, `{"type":"ack","boot":`...)
	b = strconv.AppendUint(b, a.Boot, 10)
	b = append(b, `,"seq":`...)
	return strconv.AppendUint(b, a.Seq, 10)
}

func appendBeacon(b []byte, a *sequence.Anchored) []byte {
	b = append(b, `,"beacon":{"block":`...)
	b = strconv.AppendUint(b, a.Block, 10)
	b = append(b, `,"root":"`...)
	b = append(b, a.Root...)
	b = append(b, `","time_ms":`...)
	b = strconv.AppendInt(b, a.TimeMS, 10)
	return append(b, '}')
}
