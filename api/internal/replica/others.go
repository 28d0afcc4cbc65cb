package replica

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// others is what the other parties' nodes are asked for: logs that the operator does not give, or gives otherwise than they were anchored.
type others struct {
	at      time.Time // nobody is asked before
	cursor  uint64    // of the last time
	waiting map[string]*waiting
	lies    map[string]*lie
}

// waiting is how long a log rests of which nobody had more.
type waiting struct {
	until time.Time
	next  time.Duration
}

// lie is what was taken from another party after the operator gave it otherwise. It stays named until the operator gives it as it is.
type lie struct {
	found    []Finding
	from, to uint64 // leaves
	heads    []stored.Head
}

const (
	othersEvery = 5 * time.Second
	// silent is how long an operator may not answer before others are asked.
	silent     = 5 * time.Second
	maxAsked   = 200 // logs at once
	longestNap = 10 * time.Minute
)

// elsewhere asks the other parties' nodes for what the operator's does not give. It hands failed on, which is what a round with the
// operator ended with.
func (s *source) elsewhere(ctx context.Context, failed error) error {
	now := s.cfg.Now()
	if ctx.Err() != nil || now.Before(s.others.at) || len(s.wanted) == 0 {
		return failed
	}
	s.others.at = now.Add(othersEvery)
	logs := s.ungiven(failed)
	if len(logs) > 0 {
		newest, err := s.copier.Anchors.Newest(ctx)
		for i := 0; i < len(logs) && err == nil; i++ {
			err = s.fromOthers(ctx, logs[i], newest)
		}
		if err != nil {
			return errors.Join(failed, err)
		}
	}
	for log := range s.others.lies {
		if err := s.again(ctx, log); err != nil {
			return errors.Join(failed, err)
		}
	}
	return failed
}

// ungiven are the logs to ask others for: those with which something is wrong, and when the operator does not go on, all that are not at
// their end.
func (s *source) ungiven(failed error) (logs []string) {
	now := s.cfg.Now()
	s.mu.Lock()
	behind := s.behind
	s.mu.Unlock()
	stuck := s.cursor == s.others.cursor
	s.others.cursor = s.cursor
	all := !behind.IsZero() && (failed != nil && now.Sub(behind) >= silent || stuck && now.Sub(behind) >= patience)
	for log, w := range s.wanted {
		c := s.logs[log]
		wrong := c != nil && c.wait > 0
		if len(w.parties) == 0 || !wrong && (!all || c != nil && c.Closed) {
			continue
		}
		if nap := s.others.waiting[log]; nap != nil && now.Before(nap.until) {
			continue
		}
		if logs = append(logs, log); len(logs) == maxAsked {
			break
		}
	}
	return logs
}

// partiesOf a shipment that have nodes, without us.
func (r *Replica) partiesOf(shipment string) []Party {
	return r.nodesOf(r.subjects.partiesOf(anchor.Shipment, shipment))
}

func (r *Replica) nodesOf(msps []string) (nodes []Party) {
	for _, msp := range msps {
		if msp == r.cfg.Ledger.MSP() {
			continue
		}
		if node := r.cfg.Nodes.Party(msp); node != nil {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// fromOthers takes a log from the first party that has more of it than is here. What a party gives wrong is named like an operator's.
func (s *source) fromOthers(ctx context.Context, log string, newest ledger.Head) error {
	c, err := s.opened(ctx, log)
	if err != nil {
		return err
	}
	was := s.found.of(log)
	var found []Finding
	last, size := c.Last, c.Size
	var taken []stored.Head
	for _, party := range s.nodesOf(s.wanted[log].parties) {
		wrong, heads, err := s.fromParty(ctx, party, c, newest)
		if errors.Is(err, stored.ErrUnavailable) || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		found = append(found, wrong...)
		if taken = append(taken, heads...); c.Last > last {
			s.cfg.Log.InfoContext(ctx, "taken from another party what the operator does not give", "ingest", s.id, "party", party.Name(), "subject", c.ID, "log", log, "leaves", c.Size-size)
			break
		}
	}
	if c.Last == last {
		s.rest(log)
		if len(found) > 0 {
			s.note(c, append(slices.DeleteFunc(was, func(f Finding) bool { return f.By != s.id }), found...))
		}
		return nil
	}
	delete(s.others.waiting, log)
	delete(s.list, log)
	c.wait = 0
	lies := slices.DeleteFunc(was, func(f Finding) bool { return f.By != s.id })
	if len(lies) > 0 {
		if s.others.lies == nil {
			s.others.lies = map[string]*lie{}
		}
		taken = slices.DeleteFunc(taken, func(h stored.Head) bool { return int64(h.Index) <= last || int64(h.Index) > c.Last })
		s.others.lies[log] = &lie{lies, size, c.Size, taken}
	}
	s.note(c, found)
	return nil
}

// rest lets a log rest.
func (s *source) rest(log string) {
	if s.others.waiting == nil || len(s.others.waiting) >= maxNamed {
		s.others.waiting = map[string]*waiting{}
	}
	nap := s.others.waiting[log]
	if nap == nil {
		nap = &waiting{next: othersEvery}
		s.others.waiting[log] = nap
	}
	nap.until, nap.next = s.cfg.Now().Add(nap.next), min(2*nap.next, longestNap)
}

// fromParty takes what one party has of a log beyond what is here. The error says that it, the ledger or the own store could not be asked.
func (s *source) fromParty(ctx context.Context, party Party, c *copied, newest ledger.Head) (found []Finding, taken []stored.Head, err error) {
	for {
		page, err := party.LogHeads(ctx, c.Ref, uint64(c.Last+1))
		if errors.Is(err, transfer.ErrNone) {
			return found, taken, nil
		}
		var heads []stored.Head
		var f *copying.Fault
		switch {
		case errors.Is(err, transfer.ErrForm):
			f = &copying.Fault{What: copying.Form, Detail: err.Error()}
		case err != nil:
			return found, taken, err
		default:
			heads, f = s.copier.Placed(page, newest.Size, c.Ref.Log)
		}
		if f != nil {
			found = append(found, Finding{By: party.Name(), Log: c.Ref.Log, Subject: c.ID, Leaf: c.Size, What: f.What, Detail: f.Detail})
		}
		before := c.Last
		wrong, err := s.copier.Extend(ctx, party, c.Log, heads)
		found, taken = append(found, wrong...), append(taken, heads...)
		if err != nil || len(found) > 0 || c.Last == before || len(page.Items) < transfer.MaxHeads {
			return found, taken, err
		}
	}
}

// lied are the findings about a log that was taken elsewhere.
func (o *others) lied(log string) []Finding {
	if l := o.lies[log]; l != nil {
		return l.found
	}
	return nil
}

// again asks the operator once more for what was taken elsewhere. When it gives all of it right, it is forgiven.
func (s *source) again(ctx context.Context, log string) error {
	c, l := s.logs[log], s.others.lies[log]
	node, err := s.node()
	if c == nil || err != nil {
		return nil
	}
	for _, h := range l.heads[:min(1, len(l.heads))] {
		page, err := node.LogHeads(ctx, c.Ref, h.Index)
		if err != nil || len(page.Items) == 0 || page.Items[0].Index != h.Index || !bytes.Equal(page.Items[0].Entry, h.Entry) {
			return nil
		}
		if again, f := s.copier.Placed(page, h.HeadsSize, log); f != nil || len(again) == 0 && page.Items[0].HeadsSize == h.HeadsSize {
			return nil
		}
	}
	for from := l.from; from < l.to; {
		page, err := node.Messages(ctx, c.Ref, from, min(l.to, from+transfer.MaxMessages), false)
		if err != nil || uint64(len(page.Items)) > l.to-from || len(page.Items) == 0 {
			return nil
		}
		n, same := 0, true
		err = s.cfg.Store.Messages(ctx, log, from, from+uint64(len(page.Items)), func(m stored.Message) error {
			same = same && n < len(page.Items) && bytes.Equal(page.Items[n].Entry, m.Entry) && bytes.Equal(page.Items[n].Raw, m.Raw)
			n++
			return nil
		})
		if err != nil || !same || n != len(page.Items) {
			return err
		}
		from += uint64(n)
	}
	delete(s.others.lies, log)
	s.note(c, nil)
	return nil
}
