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
	PlaceOf(size uint64, root string) (sequence.Place, error)
}

// Partitions tell the epoch that an anchor names; see package partition.
type Partitions interface {
	Look(ctx context.Context) (epoch uint64, err error)
}

// Config of the anchorer.
type Config struct {
	Ledger     Ledger
	Heads      Heads
	Partitions Partitions
	Ingest     string
	Every      time.Duration // at most this long between a leaf and its anchor's submit; 0 = 10 s
	Leaves     uint64        // or after so many leaves since the last anchor; 0 = 4,096
	Now        func() time.Time
	Log        *slog.Logger
	// OnAnchored, if set, is called after an anchor is complete.
	OnAnchored func(sequence.Anchored)
}

// Anchorer is the only submitter of one heads log.
type Anchorer struct {
	cfg   Config
	kick  chan struct{}
	grown chan struct{}

	mu       sync.Mutex
	done     chan struct{} // closed and replaced after each round
	err      error         // of the last round
	disagree error         // what the ledger's head said when it was asked last
	asked    bool          // whether the ledger was, since the start; it need not have answered
	compared bool          // the ledger answered since the start, and fits
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

var (
	// ErrDisagree: the ledger's head is neither what we had nor what we want. What this journal takes can never be anchored, so nothing more
	// may be acknowledged until an operator has looked.
	ErrDisagree = errors.New("journal and ledger disagree: the ledger's head does not fit this journal (an old copy of its data, or another ingest with the same id); " +
		"put the newest journal back, or run `ingest recover`")
	// ErrBehind: the ledger's head is one that this journal had before. Whoever answered lags, or was put back to an older state.
	ErrBehind = errors.New("the peer is behind: it answers an older head than the one that is known to be valid")

	errNotAsked = errors.New("the ledger has not been asked yet whether it fits this journal")
)

// Ready says why nothing is anchored, or nil.
func (a *Anchorer) Ready(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.disagree != nil {
		return a.disagree
	}
	return a.err
}

// Fits says why nothing more may be acknowledged: an error that wraps ErrDisagree, or that the ledger was not asked since the start. A
// ledger that is away, or behind, is no reason.
func (a *Anchorer) Fits(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.asked {
		return errNotAsked
	}
	return a.disagree
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
	// firstAnswer is how long the ledger has to say whether it fits the journal. At the start nothing is acknowledged meanwhile.
	firstAnswer = 3 * time.Second
)

func (a *Anchorer) report(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.err == nil && a.disagree == nil {
		a.cfg.Log.Warn("anchor not accepted yet, trying again", "err", err)
	}
	a.err = err
	close(a.done)
	a.done = make(chan struct{})
}

// round brings one anchor to the ledger, if there is something to anchor. Once after the start, and after a head that did not fit, the
// ledger is asked even if there is nothing: an idle instance says as well that its journal is not the one it was.
func (a *Anchorer) round(ctx context.Context) error {
	if !a.compared {
		if err := a.compare(ctx); err != nil {
			return err
		}
	}
	p, err := a.cfg.Heads.PrepareAnchor()
	if err != nil {
		return err
	}
	// Also when there is nothing to anchor: an instance whose partitions were taken says so, although it hears no more of them.
	epoch, err := a.cfg.Partitions.Look(ctx)
	if p == nil {
		return nil
	}
	if err != nil {
		return err
	}
	anchored, err := a.settle(ctx, p, epoch)
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
//
// A CONFLICT may mean that partitions were claimed since the epoch was read: the next round reads it again.
func (a *Anchorer) settle(ctx context.Context, p *sequence.Pending, epoch uint64) (sequence.Anchored, error) {
	head, place, err := a.place(ctx)
	if err != nil {
		return sequence.Anchored{}, err
	}
	if place == sequence.Awaited {
		return a.anchored(ctx, head)
	}
	head, result, err := ledger.AnchorExtend.Do(ctx, a.cfg.Ledger, p.Args(a.cfg.Heads.HeadsID(), a.cfg.Ingest, epoch, a.cfg.Now().UnixMilli()))
	if err != nil {
		// Commit unknown, invalidated by a race with our own earlier submit, refused: in every case the head says what
		// counts. The next round begins with it.
		return sequence.Anchored{}, err
	}
	if head.Size != p.NewSize || head.Root != p.NewRoot {
		err := fmt.Errorf("%w: it answered size %d", ErrDisagree, head.Size)
		a.answered(err)
		return sequence.Anchored{}, err
	}
	if head.Tx == result.TxID {
		return sequence.Anchored{Size: head.Size, Root: head.Root, Tx: head.Tx, Block: result.Block, TimeMS: head.TimeMS, N: head.N}, nil
	}
	// It had been there already: the block is that of the transaction that wrote it.
	return a.anchored(ctx, head)
}

// compare asks the ledger whether its head fits the journal.
func (a *Anchorer) compare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	_, _, err := a.place(ctx)
	return err
}

// place asks the ledger for its head, and the journal where that lies. The place is Newest or Awaited, or there is an error.
func (a *Anchorer) place(ctx context.Context) (head ledger.Head, place sequence.Place, err error) {
	defer func() { a.answered(err) }()
	if head, err = a.head(ctx); err != nil {
		return head, place, err
	}
	place, err = a.cfg.Heads.PlaceOf(head.Size, head.Root)
	switch {
	case err != nil:
	case place == sequence.Older:
		err = fmt.Errorf("%w: size %d", ErrBehind, head.Size)
	case place == sequence.Foreign:
		err = fmt.Errorf("%w: size %d on the ledger", ErrDisagree, head.Size)
	}
	return head, place, err
}

// answered notes what the ledger said of the journal. One that is away or behind says nothing.
func (a *Anchorer) answered(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = true
	switch {
	case errors.Is(err, ErrDisagree):
		if a.disagree == nil {
			a.cfg.Log.Error("anchoring stopped, and nothing more is acknowledged", "err", err)
		}
		a.disagree, a.compared = err, false
	case err == nil:
		if a.disagree != nil {
			a.cfg.Log.Info("journal and ledger fit again")
		}
		a.disagree, a.compared = nil, true
	}
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
