package bundle

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// stay is one assignment with the first and the last of the tracker's messages that the shipment's logs hold of it. Without
// any (seen is false) both stand at the ends of the assignment.
type stay struct {
	tracker     string
	fromMS      int64
	toMS        int64 // 0 = open
	first, last stored.MessageInfo
	seen        bool
}

// around finds, for every assignment, the message before its first and the one after its last: they show that nothing is
// missing at the ends. Such a message stands in the tracker's own log, or in the log of the shipment that the tracker was
// on before or next. Only its signed part goes into the bundle: where it belongs is not this shipment's business, and what
// it measured is not its parties'.
func (c *collector) around(ctx context.Context, b *Bundle) error {
	stays := map[string][]*stay{}
	for _, a := range c.request.Shipment.Assignments {
		s := &stay{tracker: a.Tracker, fromMS: a.FromMS, toMS: a.ToMS}
		s.first.TimeMS, s.first.ReceivedMS = a.FromMS, a.FromMS
		s.last.TimeMS, s.last.ReceivedMS = a.ToMS, a.ToMS
		stays[a.Tracker] = append(stays[a.Tracker], s)
	}
	for i, log := range b.logs {
		if b.sizes[i] == 0 {
			continue
		}
		err := c.Store.MessageInfos(ctx, stored.MessageInfoQuery{Log: log, Leaves: b.sizes[i]}, func(p stored.MessageInfo) error {
			for _, s := range stays[p.Tracker] {
				s.add(p)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(stays)) {
		slices.SortFunc(stays[id], func(a, b *stay) int { return cmp.Compare(a.fromMS, b.fromMS) })
		if err := c.neighbours(ctx, id, stays[id]); err != nil {
			return err
		}
	}
	return nil
}

// add takes a message of the shipment's logs into its assignment: a message's own time decides, as it did in ingest.
func (s *stay) add(p stored.MessageInfo) {
	if p.TimeMS < s.fromMS || s.toMS != 0 && p.TimeMS >= s.toMS {
		return
	}
	if !s.seen || positionOf(p).Less(positionOf(s.first)) {
		s.first = p
	}
	if !s.seen || positionOf(s.last).Less(positionOf(p)) {
		s.last = p
	}
	s.seen = true
}

func positionOf(p stored.MessageInfo) telemetry.Position {
	return telemetry.Position{Boot: p.Boot, Seq: p.Seq}
}

// neighbours adds the messages around a tracker's stays, each once.
func (c *collector) neighbours(ctx context.Context, id string, stays []*stay) error {
	enrolTx, err := c.enrolTx(id)
	if err != nil {
		return err
	}
	var own []string
	for _, ingest := range c.instances() {
		own = append(own, hexHash(anchor.LogID(c.Channel, anchor.Tracker, id, enrolTx, ingest)))
	}
	var found []*telemetry.Message
	for i, s := range stays {
		for _, after := range []bool{false, true} {
			if !after && i > 0 && adjoin(stays[i-1], s) || after && i+1 < len(stays) && adjoin(s, stays[i+1]) {
				continue // the neighbour is the shipment's own
			}
			m, err := (&search{collector: c, stay: s, own: own, after: after}).run(ctx)
			if err != nil {
				return err
			}
			if m != nil && !slices.ContainsFunc(found, func(o *telemetry.Message) bool { return o.COSEHash == m.COSEHash }) {
				found = append(found, m)
			}
		}
	}
	for _, m := range found {
		c.manifest.Outside = append(c.manifest.Outside, m.COSE)
	}
	return nil
}

// adjoin reports whether the second stay's first message is the one after the first stay's last.
func adjoin(a, b *stay) bool {
	return a.seen && b.seen && a.last.Boot == b.first.Boot && a.last.Seq+1 == b.first.Seq
}

// search looks for one neighbour of a stay.
type search struct {
	*collector
	*stay
	own   []string // the tracker's own logs
	after bool
}

// widths are how far around an end of the stay a search looks, in milliseconds, one after the other; then it looks at
// everything on its side. A neighbour is usually minutes away, so an old tracker's history is not read; an outage or a long
// time on the shelf puts it further.
var widths = []int64{
	time.Hour.Milliseconds(), (24 * time.Hour).Milliseconds(), (30 * 24 * time.Hour).Milliseconds(),
}

// run returns the neighbour, nil when there is none.
func (s *search) run(ctx context.Context) (*telemetry.Message, error) {
	end := s.first
	if s.after {
		end = s.last
	}
	if end.ReceivedMS == 0 {
		return nil, nil // an assignment that is open and without a message has no end yet
	}
	var edge *telemetry.Message
	if s.seen {
		var err error
		if edge, err = s.read(ctx, end); err != nil {
			return nil, err
		}
		if !s.after && edge != nil && edge.Prev == (telemetry.Hash{}) {
			return nil, nil // the tracker's first message ever
		}
	}
	var best *telemetry.Message
	last := widths[len(widths)-1]
	for i := range len(widths) + 1 {
		from, to := func(ms int64) int64 { return 0 }, func(ms int64) int64 { return 0 }
		switch {
		case i < len(widths):
			from, to = func(ms int64) int64 { return max(0, ms-widths[i]) }, func(ms int64) int64 { return ms + widths[i] }
		case s.after:
			from = func(ms int64) int64 { return max(0, ms-last) }
		default:
			to = func(ms int64) int64 { return ms + last }
		}
		place, err := s.nearest(ctx, end, from, to)
		if err != nil {
			return nil, err
		}
		if place == nil {
			continue
		}
		if best, err = s.read(ctx, *place); err != nil {
			return nil, err
		}
		// A link settles it. Without one (a loss, a restart) a nearer message may have come much later.
		if best != nil && (edge == nil || s.after && best.Prev == edge.COSEHash || !s.after && edge.Prev == best.COSEHash) {
			return best, nil
		}
	}
	return best, nil
}

// nearest finds the message next to the end among those received in a time range, in the tracker's own logs and in those
// that have readings of it in that range.
func (s *search) nearest(ctx context.Context, end stored.MessageInfo, from, to func(ms int64) int64) (*stored.MessageInfo, error) {
	logs, err := s.Store.LogsOf(ctx, s.tracker, from(end.TimeMS), to(end.TimeMS))
	if err != nil {
		return nil, err
	}
	logs = append(logs, s.own...)
	slices.Sort(logs)
	var best *stored.MessageInfo
	for _, log := range slices.Compact(logs) {
		if slices.ContainsFunc(s.request.Logs, func(l Log) bool { return l.ID == log }) {
			continue
		}
		q := stored.MessageInfoQuery{Log: log, Tracker: s.tracker, FromMS: from(end.ReceivedMS), ToMS: to(end.ReceivedMS)}
		err := s.Store.MessageInfos(ctx, q, func(p stored.MessageInfo) error {
			if s.beyond(p) && (best == nil || s.after == positionOf(p).Less(positionOf(*best))) {
				best = &p
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return best, nil
}

// beyond reports whether a message lies on the side that is searched.
func (s *search) beyond(p stored.MessageInfo) bool {
	switch {
	case s.seen && s.after:
		return positionOf(s.last).Less(positionOf(p))
	case s.seen:
		return positionOf(p).Less(positionOf(s.first))
	case s.after:
		return p.TimeMS >= s.toMS
	}
	return p.TimeMS < s.fromMS
}

// read answers nil for a point that is damaged: it proves nothing, so it stays out.
func (s *search) read(ctx context.Context, p stored.MessageInfo) (*telemetry.Message, error) {
	m, ok, err := s.Store.Message(ctx, p)
	if err != nil || !ok {
		return nil, err
	}
	o, err := m.Open()
	if err != nil || o.Signed == nil || o.Signed.Tracker != s.tracker {
		return nil, nil
	}
	return o.Signed, nil
}
