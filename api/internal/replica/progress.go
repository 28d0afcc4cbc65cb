package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/copying"
)

// How far the copy of one instance is, and what is amiss with it.

// troubled notes why nothing comes, and says so when that changes.
func (s *source) troubled(ctx context.Context, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	s.mu.Lock()
	was := s.trouble
	s.trouble = text
	s.mu.Unlock()
	switch {
	case text != "" && was == "":
		s.cfg.Log.WarnContext(ctx, "an operator's logs are not copied; trying again", "ingest", s.id, "error", err)
	case text == "" && was != "":
		s.cfg.Log.InfoContext(ctx, "an operator's logs are copied again", "ingest", s.id)
	}
}

func (s *source) isBehind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.behind.IsZero()
}

// reached notes how far the ledger and the copy are.
func (s *source) reached(newest ledger.Head) {
	s.mu.Lock()
	s.known, s.anchored, s.copied = true, newest.Size, s.cursor
	switch {
	case s.cursor >= newest.Size:
		s.behind = time.Time{}
	case s.behind.IsZero():
		s.behind = s.cfg.Now()
	}
	behind, ended := s.behind, s.ended
	s.mu.Unlock()
	var found []Finding
	if s.wrong != nil {
		found = append(found, Finding{By: s.id, What: s.wrong.What, Detail: s.wrong.Detail})
	}
	if !behind.IsZero() && !ended && s.cfg.Now().Sub(behind) >= patience {
		found = append(found, Finding{By: s.id, What: copying.Lagging, Detail: fmt.Sprintf("the ledger has %d heads anchored, the operator gives them up to %d", newest.Size, s.cursor)})
	}
	s.report("", found)
}

func (s *source) report(log string, found []Finding) {
	for _, f := range s.found.set(log, found) {
		s.cfg.Log.Warn("a copy of an operator's log does not verify", "ingest", s.id, "by", f.By, "log", f.Log, "subject", f.Subject, "leaf", f.Leaf, "what", f.What, "detail", f.Detail)
	}
}

func (s *source) state() State {
	s.mu.Lock()
	st := State{Operator: s.id, Known: s.known, Anchored: s.anchored, Copied: s.copied, Trouble: s.trouble}
	if !s.behind.IsZero() && !s.ended {
		st.Behind = s.cfg.Now().Sub(s.behind)
	}
	s.mu.Unlock()
	st.Findings, st.More = s.found.list()
	return st
}
