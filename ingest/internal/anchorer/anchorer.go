// Package anchorer brings the heads log to the ledger: one transaction for all logs that grew.
package anchorer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/sequence"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Ledger takes anchors. Errors are those of package ledger.
type Ledger interface {
	Submit(ctx context.Context, fn string, arg any) (ledger.Result, error)
	Evaluate(ctx context.Context, fn string, arg any) ([]byte, error)
	TxStatus(ctx context.Context, txID string) (found bool, code int32, block uint64, err error)
}

// Heads prepares and completes anchors durably; see sequence.Sequencer.
type Heads interface {
	PrepareAnchor() (*sequence.Pending, error)
	CompleteAnchor(*sequence.Pending, sequence.Anchored) error
	HeadsID() string
	Growth() uint64
}

// Config of the anchorer.
type Config struct {
	Ledger Ledger
	Heads  Heads
	Ingest string
	Every  time.Duration // at most this long between a leaf and its anchor's submit; 0 = 10 s
	Leaves uint64        // or after so many leaves since the last anchor; 0 = 4,096
	Now    func() time.Time
	Log    *slog.Logger
	// OnAnchored, if set, is called after an anchor is complete.
	OnAnchored func(sequence.Anchored)
}

// Anchorer is the only submitter of one heads log.
type Anchorer struct {
	cfg   Config
	kick  chan struct{}
	grown chan struct{}

	mu    sync.Mutex
	done  chan struct{} // closed and replaced after each round
	err   error
	fatal error
}

// New makes an anchorer; Run works.
func New(cfg Config) *Anchorer {
	cfg.Every, cfg.Leaves = cmp.Or(cfg.Every, 10*time.Second), cmp.Or(cfg.Leaves, 4096)
	return &Anchorer{cfg: cfg, kick: make(chan struct{}, 1), grown: make(chan struct{}, 1), done: make(chan struct{})}
}

// Grown tells that the logs grew; it starts an anchor early when there are enough leaves.
func (a *Anchorer) Grown() {
	if a.cfg.Heads.Growth() >= a.cfg.Leaves {
		signal(a.grown)
	}
}

// Kick starts an anchor now.
func (a *Anchorer) Kick() { signal(a.kick) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Round returns a channel that is closed when the next round, which may be under way, has ended.
func (a *Anchorer) Round() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done
}

// ErrDisagree: the ledger's head is neither what we had nor what we want. Another instance uses the same ingest id, or the
// journal was put back to an older state. Anchoring stops until an operator has looked.
var ErrDisagree = errors.New("the ledger's head does not fit this journal (another ingest with the same id, or an old copy of its data)")

// Ready says why nothing is anchored, or nil.
func (a *Anchorer) Ready(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fatal != nil {
		return a.fatal
	}
	return a.err
}

// Run anchors until ctx ends.
func (a *Anchorer) Run(ctx context.Context) error {
	due := time.NewTimer(a.cfg.Every) // counts from the last round, whatever brought that
	defer due.Stop()
	var last time.Time // end of the last round
	a.Kick()           // what a crash left
	retry := time.Duration(0)
	var again <-chan time.Time // set while an error waits; made once per error, or leaves would postpone it for ever
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
		case <-due.C:
			if again != nil {
				continue // the retry decides, and sets the next due time
			}
		case <-a.grown:
			if again != nil {
				continue
			}
			if wait := min(spacing, a.cfg.Every) - time.Since(last); wait > 0 {
				due.Reset(wait)
				continue
			}
		case <-a.kick:
		}
		err := a.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		a.report(err)
		last = time.Now()
		due.Reset(a.cfg.Every)
		if err == nil {
			retry, again = 0, nil
			a.Grown() // there may be enough for the next
			continue
		}
		retry = min(max(2*retry, firstRetry), lastRetry)
		again = time.After(retry)
	}
}

const (
	// spacing is how long leaves, however many, wait for the last anchor to be so old. Each anchor is work for every peer and
	// orderer. What is asked for by Kick does not wait.
	spacing    = 2 * time.Second
	firstRetry = 200 * time.Millisecond
	lastRetry  = 15 * time.Second
)

func (a *Anchorer) report(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := a.err == nil && a.fatal == nil
	a.err = err
	if errors.Is(err, ErrDisagree) {
		a.fatal = err
	} else if err == nil {
		a.fatal = nil
	}
	switch {
	case err != nil && first && errors.Is(err, ErrDisagree):
		a.cfg.Log.Error("anchoring stopped", "err", err)
	case err != nil && first:
		a.cfg.Log.Warn("anchor not accepted yet, trying again", "err", err)
	}
	close(a.done)
	a.done = make(chan struct{})
}

// round brings one anchor to the ledger, if there is something to anchor.
func (a *Anchorer) round(ctx context.Context) error {
	p, err := a.cfg.Heads.PrepareAnchor()
	if err != nil || p == nil {
		return err
	}
	anchored, err := a.settle(ctx, p)
	if err != nil {
		return err
	}
	if err := a.cfg.Heads.CompleteAnchor(p, anchored); err != nil {
		return err
	}
	a.cfg.Log.Info("anchored", "size", anchored.Size, "heads", len(p.Heads), "tx", anchored.Tx, "block", anchored.Block)
	if a.cfg.OnAnchored != nil {
		a.cfg.OnAnchored(anchored)
	}
	return nil
}

// settle brings one pending anchor to the ledger and returns how the ledger has it.
//
// The ledger is asked first: after a crash or an unknown outcome the anchor may be there already. Submitting the same size
// and root twice is harmless (the chaincode answers the stored head), so what is never done is to prepare another anchor
// before this one's fate is known.
func (a *Anchorer) settle(ctx context.Context, p *sequence.Pending) (sequence.Anchored, error) {
	head, err := a.head(ctx)
	if err != nil {
		return sequence.Anchored{}, err
	}
	if has(head, p) {
		return a.anchored(ctx, head)
	}
	if !fits(head, p) {
		return sequence.Anchored{}, fmt.Errorf("%w: it has size %d, the journal expects %d", ErrDisagree, head.Size, p.OldSize)
	}
	head, result, err := ledger.AnchorExtend.Do(ctx, a.cfg.Ledger, p.Args(a.cfg.Heads.HeadsID(), a.cfg.Ingest, a.cfg.Now().UnixMilli()))
	if err != nil {
		// Commit unknown, invalidated by a race with our own earlier submit, refused: in every case the head says what
		// counts. The next round begins with it.
		return sequence.Anchored{}, err
	}
	if !has(head, p) {
		return sequence.Anchored{}, fmt.Errorf("%w: it answered size %d", ErrDisagree, head.Size)
	}
	if head.Tx == result.TxID {
		return sequence.Anchored{Size: head.Size, Root: head.Root, Tx: head.Tx, Block: result.Block, TimeMS: head.TimeMS, N: head.N}, nil
	}
	// It had been there already: the block is that of the transaction that wrote it.
	return a.anchored(ctx, head)
}

func has(h ledger.Head, p *sequence.Pending) bool {
	return h.Size == p.NewSize && h.Root == p.NewRoot
}

func fits(h ledger.Head, p *sequence.Pending) bool {
	return h.Size == p.OldSize && (p.OldSize == 0 || h.Root == p.OldRoot)
}

// head is the ledger's newest head; the zero Head when there is none.
func (a *Anchorer) head(ctx context.Context) (ledger.Head, error) {
	h, err := ledger.AnchorHead.Ask(ctx, a.cfg.Ledger, ledger.IDArgs{ID: a.cfg.Heads.HeadsID()})
	if ledger.CodeOf(err) == ledger.NotFound {
		return h, nil
	}
	return h, err
}

func (a *Anchorer) anchored(ctx context.Context, h ledger.Head) (sequence.Anchored, error) {
	found, code, block, err := a.cfg.Ledger.TxStatus(ctx, h.Tx)
	if err != nil {
		return sequence.Anchored{}, err
	}
	if !found || code != 0 {
		return sequence.Anchored{}, fmt.Errorf("transaction %s of the ledger's head is not found as valid", h.Tx)
	}
	return sequence.Anchored{Size: h.Size, Root: h.Root, Tx: h.Tx, Block: block, TimeMS: h.TimeMS, N: h.N}, nil
}
