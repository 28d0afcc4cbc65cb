package codec

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// maxScripts bounds what the pool remembers of scripts that are in order.
const maxScripts = 1024

// Pool runs calls in a few children. A child starts with the first call that needs it.
type Pool struct {
	cfg   Config
	seats chan *seat

	mu      sync.Mutex
	scripts map[[32]byte]*standing
	closed  bool
	told    bool // that children are not confined
}

// standing is how a script behaved so far.
type standing struct {
	turns    chan struct{} // one for each call at once
	users    int
	failing  int
	disabled string
}

// seat is a place for a child.
type seat struct{ child *child }

// New starts no child yet.
func New(cfg Config) *Pool {
	if cfg.Children <= 0 {
		cfg.Children = 2
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{cfg: cfg, seats: make(chan *seat, cfg.Children), scripts: map[[32]byte]*standing{}}
	for range cfg.Children {
		p.seats <- &seat{}
	}
	return p
}

// Run decodes bytes by a script. What it answers is one JSON object of at most MaxOutput bytes, its members sorted: data, normalized
// (a list, when the script has normalizeUplink), warnings (when there are). Errors: ErrScript, ErrLimit, ErrDisabled, ErrUnavailable, ctx's.
func (p *Pool) Run(ctx context.Context, kind string, script []byte, in Input) ([]byte, error) {
	if len(script) > MaxScript {
		return nil, fmt.Errorf("%w: a script of %d bytes; at most %d", ErrLimit, len(script), MaxScript)
	}
	if len(in.Bytes) > MaxInput {
		return nil, fmt.Errorf("%w: %d bytes to decode; at most %d", ErrLimit, len(in.Bytes), MaxInput)
	}
	hash := sha256.Sum256(script)
	st, err := p.enter(hash)
	if err != nil {
		return nil, err
	}
	defer p.leave(hash, st)
	select {
	case st.turns <- struct{}{}:
		defer func() { <-st.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := p.disabled(st); err != nil { // those that were waiting, too
		return nil, err
	}
	var s *seat
	select {
	case s = <-p.seats:
		defer func() { p.seats <- s }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	decoded, err := p.call(ctx, s, hash, kind, script, in)
	p.judge(st, err)
	return decoded, err
}

// call asks the child of a seat. A child that dies under a call may have been filled by calls before: only a fresh one says that it was
// this call.
func (p *Pool) call(ctx context.Context, s *seat, hash [32]byte, kind string, script []byte, in Input) ([]byte, error) {
	for {
		if s.child == nil {
			if err := p.start(ctx, s); err != nil {
				return nil, err
			}
		}
		c := s.child
		fresh := c.calls == 0
		r, err := c.call(ctx, hash, kind, script, in)
		if err != nil || r.Tired {
			s.child = nil
			c.end()
		}
		if err == nil {
			return r.result()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, errSlow) || fresh {
			return nil, fmt.Errorf("%w: %s", ErrLimit, c.lastWords(err))
		}
	}
}

// start puts a child into a seat.
func (p *Pool) start(ctx context.Context, s *seat) error {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return fmt.Errorf("%w: %w", ErrUnavailable, errClosed)
	}
	c, err := startChild(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if c.unconfined != "" {
		if !p.cfg.Unconfined {
			c.end()
			return fmt.Errorf("%w: the system does not confine their process: %s", ErrUnavailable, c.unconfined)
		}
		p.mu.Lock()
		told := p.told
		p.told = true
		p.mu.Unlock()
		if !told {
			p.cfg.Log.Warn("codecs run without the system's confinement, as configured", "refused", c.unconfined)
		}
	}
	s.child = c
	return nil
}

// enter finds what is known of a script.
func (p *Pool) enter(hash [32]byte) (*standing, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errClosed)
	}
	st := p.scripts[hash]
	if st == nil {
		st = &standing{turns: make(chan struct{}, max(1, p.cfg.Children/2))}
		p.scripts[hash] = st
	}
	if st.disabled != "" {
		return nil, fmt.Errorf("%w: %s", ErrDisabled, st.disabled)
	}
	st.users++
	return st, nil
}

// leave forgets scripts that are in order when there are many.
func (p *Pool) leave(hash [32]byte, st *standing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st.users--; st.users == 0 && st.failing == 0 && len(p.scripts) > maxScripts {
		delete(p.scripts, hash)
	}
}

func (p *Pool) disabled(st *standing) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st.disabled != "" {
		return fmt.Errorf("%w: %s", ErrDisabled, st.disabled)
	}
	return nil
}

// judge counts the calls in a row that broke a limit.
func (p *Pool) judge(st *standing, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, ErrLimit):
		if st.failing++; st.failing >= MaxFailing {
			st.disabled = fmt.Sprintf("%d calls in a row failed, the last one: %v", st.failing, err)
		}
	case err == nil, errors.Is(err, ErrScript):
		st.failing = 0
	}
}

// Close ends the children, after the calls that are running.
func (p *Pool) Close() {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if closed {
		return
	}
	for range p.cfg.Children {
		s := <-p.seats
		if s.child != nil {
			s.child.end()
			s.child = nil
		}
		defer func() { p.seats <- s }() // for those that were waiting: they are told that the pool is closed
	}
}
