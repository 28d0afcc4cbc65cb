package run

import (
	"sync"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// notices is what trackers are told besides acknowledgements: what was refused and why, and that they are slowed down. Each is told
// once in noticeTicks of the acker, with a count: a flood is not answered by another one. Safe for concurrent use.
type notices struct {
	mu  sync.Mutex
	all map[string]map[notice]*told // by tracker
}

// notice is one kind of thing to tell, as in docs/formats.md.
type notice struct {
	Type   string           `json:"type"` // nack or slow
	Reason telemetry.Reason `json:"reason"`
}

type told struct {
	notice
	Count uint64 `json:"count"` // since the last notice of this kind
	// Of the newest: what was wrong, how many bytes it has, and their SHA-256.
	Detail string `json:"detail,omitempty"`
	Bytes  int    `json:"bytes,omitempty"`
	Hash   string `json:"hash,omitempty"`
}

const (
	noticeTicks = 10
	maxNoticed  = 10_000 // trackers at a time
)

// add takes of newest what is not kind and count.
func (n *notices) add(tracker string, kind notice, newest told) {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := n.all[tracker]
	if of == nil {
		if len(n.all) >= maxNoticed {
			return
		}
		if n.all == nil {
			n.all = map[string]map[notice]*told{}
		}
		of = map[notice]*told{}
		n.all[tracker] = of
	}
	newest.notice, newest.Count = kind, 1
	if t := of[kind]; t != nil {
		newest.Count += t.Count
	}
	of[kind] = &newest
}

// each takes all notices.
func (n *notices) each(publish func(tracker string, payload []byte)) {
	n.mu.Lock()
	all := n.all
	n.all = nil
	n.mu.Unlock()
	for tracker, of := range all {
		for _, t := range of {
			publish(tracker, journal.JSON(t))
		}
	}
}

// onceIn10s is what a device has to know whose measurement was taken for a delivery that came twice.
const onceIn10s = "the same bytes within 10 s are one message: give each reading its time, or the message a seq"

// told counts what was not kept, and tells its tracker.
func (p *Pipeline) told(it *message.Item) {
	kind, newest := notice{Type: "nack"}, told{}
	switch {
	case it.Outcome == message.Rejected:
		kind.Reason, newest = it.Reject.Reason, about(it)
		p.rejects.add(it.Reject.Reason)
	case it.Repeated:
		kind.Reason, newest.Detail = telemetry.Duplicate, onceIn10s
		p.repeated.Add(1)
	default:
		return
	}
	tracker, _, err := telemetry.ParseTopic(it.Topic)
	if err == nil {
		p.acker.notices.add(tracker, kind, newest)
	}
	if it.Via != "" && it.Via != tracker { // its device may have no ear of its own
		p.acker.notices.add(it.Via, kind, newest)
	}
}
