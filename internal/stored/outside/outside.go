// Package outside finds the messages around a shipment, which show that nothing is missing at the ends of its assignments.
package outside

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Store is where messages are looked for: it must hold those of the trackers' own logs and of the shipments before and after.
type Store interface {
	MessageInfos(ctx context.Context, q stored.MessageInfoQuery, fn func(stored.MessageInfo) error) error
	Message(ctx context.Context, p stored.MessageInfo) (m stored.Message, ok bool, err error)
	LogsOf(ctx context.Context, tracker string, fromMS, toMS int64) ([]string, error)
}

// Log is one log of the shipment, as far as it counts.
type Log struct {
	ID     string
	Leaves uint64
}

// Shipment is whose surroundings are asked for.
type Shipment struct {
	Assignments []ledger.Assignment
	Logs        []Log
	// Own are the ids of a tracker's own logs.
	Own func(tracker string) ([]string, error)
	// Linked asks only for messages that are the very next: the store may lack those between.
	Linked bool
}

// stay is one assignment with the first and the last of the tracker's messages that the shipment's logs hold of it. Without
// any (seen is false) both stand at the ends of the assignment.
type stay struct {
	tracker     string
	fromMS      int64
	toMS        int64 // 0 = open
	first, last stored.MessageInfo
	seen        bool
}

// Find gives, for every assignment, the message before its first and the one after its last, each once. Such a message stands in the
// tracker's own log, or in the log of the shipment that the tracker was on before or next. Only its signed part may be shown: where it
// belongs is not this shipment's business, and what it measured is not its parties'.
func Find(ctx context.Context, store Store, of Shipment) ([]*telemetry.Message, error) {
	stays := map[string][]*stay{}
	for _, a := range of.Assignments {
		s := &stay{tracker: a.Tracker, fromMS: a.FromMS, toMS: a.ToMS}
		s.first.TimeMS, s.first.ReceivedMS = a.FromMS, a.FromMS
		s.last.TimeMS, s.last.ReceivedMS = a.ToMS, a.ToMS
		stays[a.Tracker] = append(stays[a.Tracker], s)
	}
	for _, list := range stays {
		slices.SortFunc(list, func(a, b *stay) int { return cmp.Compare(a.fromMS, b.fromMS) })
	}
	for _, log := range of.Logs {
		if log.Leaves == 0 {
			continue
		}
		err := store.MessageInfos(ctx, stored.MessageInfoQuery{Log: log.ID, Leaves: log.Leaves}, func(p stored.MessageInfo) error {
			if list := stays[p.Tracker]; len(list) > 0 {
				stayOf(list, p).add(p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var found []*telemetry.Message
	for _, id := range slices.Sorted(maps.Keys(stays)) {
		own, err := of.Own(id)
		if err != nil {
			return nil, err
		}
		around, err := neighbours(ctx, search{Store: store, logs: of.Logs, own: own, linked: of.Linked}, stays[id])
		if err != nil {
			return nil, err
		}
		found = append(found, around...)
	}
	return found, nil
}

// stayOf is the stay that a message of the shipment's logs belongs to: the one that had begun by its own time, or by its receipt when its own
// says nothing. One that was signed after the end of a stay is there for its earlier readings.
func stayOf(list []*stay, p stored.MessageInfo) *stay {
	at := p.TimeMS
	if telemetry.Undated(at, p.ReceivedMS) != "" {
		at = p.ReceivedMS
	}
	i := 0
	for i+1 < len(list) && list[i+1].fromMS <= at {
		i++
	}
	return list[i]
}

func (s *stay) add(p stored.MessageInfo) {
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

// neighbours are the messages around a tracker's stays, each once.
func neighbours(ctx context.Context, of search, stays []*stay) ([]*telemetry.Message, error) {
	var found []*telemetry.Message
	for i, s := range stays {
		for _, after := range []bool{false, true} {
			if !after && i > 0 && adjoin(stays[i-1], s) || after && i+1 < len(stays) && adjoin(s, stays[i+1]) {
				continue // the neighbour is the shipment's own
			}
			of.stay, of.after = s, after
			m, err := of.run(ctx)
			if err != nil {
				return nil, err
			}
			if m != nil && !slices.ContainsFunc(found, func(o *telemetry.Message) bool { return o.COSEHash == m.COSEHash }) {
				found = append(found, m)
			}
		}
	}
	return found, nil
}

// adjoin reports whether the second stay's first message is the one after the first stay's last.
func adjoin(a, b *stay) bool {
	return a.seen && b.seen && a.last.Boot == b.first.Boot && a.last.Seq+1 == b.first.Seq
}

// search looks for one neighbour of a stay.
type search struct {
	Store
	*stay
	logs   []Log    // the shipment's
	own    []string // the tracker's own logs
	linked bool
	after  bool
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
		if best != nil && (edge == nil && !s.linked || edge != nil && s.links(best, edge)) {
			return best, nil
		}
	}
	if s.linked {
		return nil, nil
	}
	return best, nil
}

// links reports whether a message is the one next to the end, on the side that is searched.
func (s *search) links(m, end *telemetry.Message) bool {
	return s.after && m.Prev == end.COSEHash || !s.after && end.Prev == m.COSEHash
}

// nearest finds the message next to the end among those received in a time range, in the tracker's own logs and in those
// that have readings of it in that range.
func (s *search) nearest(ctx context.Context, end stored.MessageInfo, from, to func(ms int64) int64) (*stored.MessageInfo, error) {
	logs, err := s.LogsOf(ctx, s.tracker, from(end.TimeMS), to(end.TimeMS))
	if err != nil {
		return nil, err
	}
	logs = append(logs, s.own...)
	slices.Sort(logs)
	var best *stored.MessageInfo
	for _, log := range slices.Compact(logs) {
		if slices.ContainsFunc(s.logs, func(l Log) bool { return l.ID == log }) {
			continue
		}
		q := stored.MessageInfoQuery{Log: log, Tracker: s.tracker, FromMS: from(end.ReceivedMS), ToMS: to(end.ReceivedMS)}
		err := s.MessageInfos(ctx, q, func(p stored.MessageInfo) error {
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
	m, ok, err := s.Message(ctx, p)
	if err != nil || !ok {
		return nil, err
	}
	o, err := m.Open()
	if err != nil || o.Signed == nil || o.Signed.Tracker != s.tracker {
		return nil, nil
	}
	return o.Signed, nil
}
