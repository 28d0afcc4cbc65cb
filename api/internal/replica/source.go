package replica

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/stored/transfer"
)

// source is the copying of one instance's logs: from its operator's node, and where that fails from other parties' nodes. All but state,
// findings and wake belongs to run's goroutine.
type source struct {
	*Replica
	id     string // of the instance
	copier *copying.Copier
	found  *findings
	aside  *aside
	wake   chan struct{}
	leaves atomic.Uint64

	news   int                // of the subjects that logs has
	wanted map[string]wanted  // by log
	logs   map[string]*copied // opened so far
	list   map[string]bool    // logs whose heads are asked for one by one: new subjects, and what was not taken
	begun  bool
	cursor uint64         // heads below are looked through
	since  int64          // no head from there on is older
	wrong  *copying.Fault // with the newest answer about all logs
	others others

	mu       sync.Mutex
	operator Operator // nil: no address of it is known that can be used
	ended    bool     // it is retired, or its member is none any more: what is not here is asked of others, and not missed
	life     string   // the present life of the instance
	known    bool     // it was learnt how far ledger and copy are
	anchored uint64
	copied   uint64
	behind   time.Time // since when not all that is anchored is here
	trouble  string
}

func newSource(r *Replica, id string) *source {
	s := &source{Replica: r, id: id, wake: make(chan struct{}, 1), found: &findings{now: r.cfg.Now, all: map[string][]Finding{}}}
	s.aside = newAside(s)
	s.live(id)
	return s
}

// wanted is a log that is to be copied, and who else may have it.
type wanted struct {
	copying.Ref
	parties []string // MSP ids
}

// copied is one log as far as it is here.
type copied struct {
	*copying.Log
	retry time.Time // not before
	wait  time.Duration
}

const (
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
)

// errNoAddress: the instance's member has announced none, or one that cannot be used.
var errNoAddress = errors.New("its member has announced no address that can be used")

// at gives the operator's node, and sets it.
func (s *source) node() (Operator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.operator == nil {
		return nil, errNoAddress
	}
	return s.operator, nil
}

func (s *source) isEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *source) moved(to Operator, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = ended
	if s.operator != to {
		s.operator = to
		s.wakeUp()
	}
}

// live begins with a life of the instance: its heads log has the heads of all its logs, those of earlier lives too.
func (s *source) live(life string) {
	id := anchor.HeadsID(s.cfg.Channel, life)
	s.copier = &copying.Copier{Store: s.cfg.Store, Anchors: copying.AnchorsOf(s.cfg.Ledger, hex.EncodeToString(id[:])), Trackers: s.trackers, Codec: s.cfg.Codec, Now: s.cfg.Now,
		Measured: s.aside.measured, Copied: s.grew}
	s.others = others{}
	s.news, s.begun, s.since, s.wrong = -1, false, 0, nil
	s.wanted, s.logs, s.list = map[string]wanted{}, map[string]*copied{}, map[string]bool{}
	s.mu.Lock()
	s.life = life
	s.mu.Unlock()
}

// grew is told of each log that has grown.
func (s *source) grew(l *copying.Log, newest *stored.Head, by uint64) {
	s.leaves.Add(by)
	if s.cfg.Copied != nil && l.Kind == anchor.Shipment {
		s.cfg.Copied(l.ID, ledger.LogHead{Log: l.Ref.Log, Size: newest.Size, Root: newest.Root})
	}
}

func (s *source) present() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life
}

// follow goes on with a later life of the instance, once the ledger has an anchor of it.
func (s *source) follow(ctx context.Context) error {
	for {
		instance, life := ledger.LifeOf(s.present())
		next := ledger.LifeID(instance, life+1)
		id := anchor.HeadsID(s.cfg.Channel, next)
		_, err := ledger.AnchorHead.Ask(ctx, s.cfg.Ledger, ledger.IDArgs{ID: hex.EncodeToString(id[:])})
		switch {
		case ledger.CodeOf(err) == ledger.NotFound, life == ledger.MaxLives:
			return nil
		case err != nil:
			return err
		}
		s.cfg.Log.InfoContext(ctx, "an operator's instance goes on in a new life", "ingest", next)
		s.live(next)
	}
}

func (s *source) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

const (
	// soon is how long after an anchor its heads may need to be in the operator's own store.
	soon = 300 * time.Millisecond
	// patience is how long an operator may lag, or a record on the ledger may name more than it gives, before that is a finding.
	patience = 20 * time.Second
)

// run copies until ctx ends.
func (s *source) run(ctx context.Context) {
	retry, quick := time.Second, soon
	for {
		err := s.round(ctx)
		err = s.elsewhere(ctx, err)
		if ctx.Err() != nil {
			return
		}
		wait := s.cfg.Every
		switch {
		case err != nil:
			s.troubled(ctx, err)
			wait, retry = retry, min(2*retry, 30*time.Second)
		case s.isBehind():
			s.troubled(ctx, nil)
			wait, quick, retry = quick, min(2*quick, s.cfg.Every), time.Second
		default:
			s.troubled(ctx, nil)
			quick, retry = soon, time.Second
		}
		if err != nil {
			if !service.Pause(ctx, wait) {
				return
			}
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-s.wake:
			t.Stop()
		case <-t.C:
		}
	}
}

// round looks once for what is new. Errors: the operator, the ledger or the own store cannot be asked.
func (s *source) round(ctx context.Context) error {
	if err := s.follow(ctx); err != nil {
		return err
	}
	if !s.know() {
		return nil // the ledger was not listed yet
	}
	newest, err := s.copier.Anchors.Newest(ctx)
	if err != nil {
		return err
	}
	// Before anything is asked of the operator, so that one that does not answer lags.
	s.reached(newest)
	if !s.begun {
		s.begun, s.cursor = true, 0
	}
	if s.isEnded() {
		return nil
	}
	s.due()
	for log := range s.list {
		if c := s.logs[log]; c != nil && s.cfg.Now().Before(c.retry) {
			continue
		}
		if err := s.one(ctx, log, newest); err != nil {
			return err
		}
	}
	for s.cursor < newest.Size {
		more, err := s.feed(ctx, newest)
		if err != nil || !more {
			s.reached(newest)
			return err
		}
	}
	s.reached(newest)
	return nil
}

// know takes over which logs are wanted. It is false before that is known.
func (s *source) know() bool {
	all, news, listed := s.subjects.since(s.news)
	if !listed || news == s.news {
		return listed
	}
	first := !s.begun // then all heads are looked through
	s.news = news
	now := make(map[string]wanted, len(all))
	lives := ledger.Lives(s.present())
	for _, of := range all {
		for _, life := range lives {
			w := wanted{copying.RefOf(s.cfg.Channel, of.Subject, life, s.present()), of.parties}
			now[w.Log] = w
			if _, known := s.wanted[w.Log]; !known && !first {
				s.list[w.Log] = true // what was anchored of it before is behind the cursor
			}
		}
	}
	s.wanted = now
	for log := range s.logs {
		if _, wanted := now[log]; !wanted {
			delete(s.logs, log)
			delete(s.list, log)
			s.report(log, nil)
		}
	}
	return true
}

// due lists again the logs of which the ledger names more than is here for too long.
func (s *source) due() {
	for log, size := range s.subjects.overdue() {
		if _, wanted := s.wanted[log]; wanted && (s.logs[log] == nil || s.logs[log].Size < size) {
			s.list[log] = true
		}
	}
}

// opened is a log as far as it is copied.
func (s *source) opened(ctx context.Context, log string) (*copied, error) {
	if c := s.logs[log]; c != nil {
		return c, nil
	}
	l, err := s.copier.Open(ctx, s.wanted[log].Ref)
	if err != nil {
		return nil, err
	}
	if l.Damaged {
		s.cfg.Log.WarnContext(ctx, "the own copy of a log is damaged; copying it again", "log", log, "subject", l.ID)
	}
	c := &copied{Log: l}
	s.logs[log] = c
	return c, nil
}

// one asks for the heads of one log, and takes them.
func (s *source) one(ctx context.Context, log string, newest ledger.Head) error {
	node, err := s.node()
	if err != nil {
		return err
	}
	c, err := s.opened(ctx, log)
	if err != nil {
		return err
	}
	for {
		page, err := node.LogHeads(ctx, c.Ref, uint64(c.Last+1))
		if errors.Is(err, transfer.ErrNone) {
			page, err = transfer.Heads{}, nil // it has no such log, or has not heard of the shipment yet
		}
		var heads []stored.Head
		var f *copying.Fault
		if err == nil {
			heads, f = s.copier.Placed(page, newest.Size, log)
		}
		if errors.Is(err, transfer.ErrForm) {
			f, err = &copying.Fault{What: copying.Form, Detail: fmt.Sprintf("heads of the log: %v", err)}, nil
		}
		if err != nil {
			return err
		}
		before := c.Last
		if err := s.copy(ctx, node, c, heads, f); err != nil {
			return err
		}
		if c.Last == before || len(page.Items) < transfer.MaxHeads {
			return nil
		}
	}
}

// copy takes heads of a log from the operator, and notes what came of it.
func (s *source) copy(ctx context.Context, node Operator, c *copied, heads []stored.Head, f *copying.Fault) error {
	found, err := s.copier.Extend(ctx, node, c.Log, heads)
	if f != nil {
		found = append(found, Finding{By: s.id, Log: c.Ref.Log, Subject: c.ID, Leaf: c.Size, What: f.What, Detail: f.Detail})
	}
	if err != nil {
		return err
	}
	n, named := s.subjects.nameOf(c.Ref.Log)
	waits := named && n.head.Size > c.Size
	if waits && len(found) == 0 && s.cfg.Now().Sub(n.at) >= patience {
		found = append(found, Finding{By: s.id, Log: c.Ref.Log, Subject: c.ID, Leaf: c.Size, What: copying.Missing,
			Detail: fmt.Sprintf("%s names %d leaves of the log, the operator gives %d", n.by, n.head.Size, c.Size)})
	}
	if len(found) == 0 {
		delete(s.list, c.Ref.Log)
		c.wait = 0
	} else {
		c.wait = min(max(2*c.wait, firstRetry), lastRetry)
		c.retry = s.cfg.Now().Add(c.wait)
		s.list[c.Ref.Log] = true
	}
	s.note(c, found)
	return nil
}

// note keeps what is found of a log, with what was found before and lasts.
func (s *source) note(c *copied, found []Finding) {
	for _, h := range append(slices.Clone(c.Hidden), s.others.lied(c.Ref.Log)...) {
		if !slices.ContainsFunc(found, h.Same) {
			found = append(found, h)
		}
	}
	s.report(c.Ref.Log, found)
}

// feed asks for heads of all logs from the cursor on, and takes them. more is false when the operator has no more for now.
func (s *source) feed(ctx context.Context, newest ledger.Head) (more bool, err error) {
	node, err := s.node()
	if err != nil {
		return false, err
	}
	page, err := node.NewHeads(ctx, s.cursor, s.since)
	switch {
	case errors.Is(err, transfer.ErrFar):
		// Too much came since: each log is asked for, and what comes from now on.
		s.cursor, s.since = newest.Size-min(newest.Size, recentHeads), 0
		for log := range s.wanted {
			s.list[log] = true
		}
		return false, nil
	case errors.Is(err, transfer.ErrForm):
		s.wrong = &copying.Fault{What: copying.Form, Detail: err.Error()}
		return false, nil
	case err != nil:
		return false, err
	}
	heads, f := s.copier.Placed(page, newest.Size, "")
	if s.wrong = f; f != nil && len(heads) == 0 {
		return false, nil
	}
	by := map[string][]stored.Head{}
	for _, h := range heads {
		if _, wanted := s.wanted[h.Log]; wanted { // else its subject comes, and then the log is asked for
			by[h.Log] = append(by[h.Log], h)
		}
		s.since = max(s.since, h.TimeMS)
	}
	for log, heads := range by {
		c, err := s.opened(ctx, log)
		if err != nil {
			return false, err
		}
		if s.list[log] || c.Last < int64(heads[len(heads)-1].Index) && !follows(c, heads) {
			s.list[log] = true
			if s.cfg.Now().Before(c.retry) {
				continue
			}
			if err := s.one(ctx, log, newest); err != nil {
				return false, err
			}
			continue
		}
		if err := s.copy(ctx, node, c, heads, nil); err != nil {
			return false, err
		}
	}
	next := min(page.Next, newest.Size)
	if len(heads) < len(page.Items) { // the rest has to come again
		next = min(next, page.Items[len(heads)].Index)
	}
	if next <= s.cursor {
		return false, nil
	}
	s.cursor = next
	return true, nil
}

// recentHeads is less than an operator chooses one answer from.
const recentHeads = 5_000

// follows reports whether the heads go on where the copy ends.
func follows(c *copied, heads []stored.Head) bool {
	for _, h := range heads {
		if int64(h.Index) > c.Last {
			return h.Prev == c.Last
		}
	}
	return true
}
