package fabric

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/peer"
)

// A transaction that lost a race is endorsed anew: it had no effect, and the contract's own answer now says what became of it. That
// is usual: the beat that it reads is renewed every half a minute, and ingest keeps writing the verdict that a handover copies. The
// waits are about 25, 50, 100, 200 and 400 ms, some blocks' time together.
const (
	maxRepeats = 5
	firstWait  = 25 * time.Millisecond
)

// Submit endorses by as many organisations as the channel asks for, orders, and waits until the own peer has committed the transaction as valid. One that lost a
// race is submitted again, as often as maxRepeats. Errors: *ledger.Error (refused by chaincode; nothing was ordered), *StageError otherwise. A StageError at StageCommit wraps
// ErrCommitUnknown or ErrInvalid; at StageEndorse and StageSubmit it wraps ErrUnavailable when trying again can help.
func (c *Client) Submit(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	ctx, cancel := c.with(ctx)
	defer cancel()
	wait := firstWait
	for n := 0; ; n++ {
		result, err := c.submitOnce(ctx, fn, arg)
		// Two that lost against each other must not meet again.
		if !ledger.LostRace(err) && !c.otherPolicy(ctx, err) || n == maxRepeats || !pause(ctx, wait/2+rand.N(wait)) {
			return result, err
		}
		c.log.Debug("lost a race, submitting again", "fn", fn, "err", err)
		wait *= 2
	}
}

// otherPolicy reports whether a transaction had too few endorsements because the channel has come to ask for more: it had no effect.
func (c *Client) otherPolicy(ctx context.Context, err error) bool {
	var stage *ledger.StageError
	if !errors.As(err, &stage) || stage.Stage != ledger.StageCommit || stage.Code != int32(peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE) {
		return false
	}
	before := c.channel.endorsers.Load()
	return c.learnWithin(ctx) == nil && c.channel.endorsers.Load() > before
}

func (c *Client) submitOnce(ctx context.Context, fn string, arg any) (ledger.Result, error) {
	e, err := c.Endorse(ctx, fn, arg, 0)
	if err != nil {
		return ledger.Result{}, err
	}
	return c.Order(ctx, e)
}

// Endorsed is a transaction that enough organisations have endorsed. Nothing comes of it before it is ordered.
type Endorsed struct {
	TxID     string
	envelope *common.Envelope
	payload  []byte
}

// Endorse is the first half of one attempt of Submit, for who tests what a network lets through: the transaction says that it was made
// so much later than now, and may be ordered at any time or never.
func (c *Client) Endorse(ctx context.Context, fn string, arg any, ahead time.Duration) (*Endorsed, error) {
	p, err := c.propose(fn, arg)
	if err == nil && ahead != 0 {
		err = c.shift(p, ahead)
	}
	if err != nil {
		return nil, err
	}
	endorsed, err := c.endorse(ctx, p)
	if err != nil {
		return nil, endorseError(p.txID, err)
	}
	envelope, err := c.envelope(p, endorsed)
	if err != nil {
		return nil, &ledger.StageError{Stage: ledger.StageEndorse, TxID: p.txID, Err: err}
	}
	return &Endorsed{p.txID, envelope, endorsed[0].Response.Payload}, nil
}

// Order is the other half.
func (c *Client) Order(ctx context.Context, e *Endorsed) (ledger.Result, error) {
	status, err := c.order(ctx, e.TxID, e.envelope)
	if err != nil {
		return ledger.Result{}, err
	}
	return ledger.Result{TxID: e.TxID, Block: status.block, Payload: e.payload}, nil
}

// order has a transaction ordered and waits for the verdict on it. Once an orderer may have it there are three ends only:
// valid, invalid, unknown.
func (c *Client) order(ctx context.Context, txID string, envelope *common.Envelope) (txStatus, error) {
	// Before it is sent, or the verdict may pass unseen.
	w := c.commits.expect(txID)
	defer c.commits.forget(txID)

	// A transaction from before it is known that all BFT orderers must have it goes to one, and to the others when it is.
	learned := c.channel.bft
	if c.channel.isBFT() {
		learned = nil
	}
	sent, err := c.broadcast(ctx, envelope, 0)
	if sent == notSent {
		if isNodeError(err) || ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
		}
		return txStatus{}, &ledger.StageError{Stage: ledger.StageSubmit, TxID: txID, Err: err}
	}

	status, err := c.await(ctx, txID, envelope, w, learned)
	if err != nil {
		return txStatus{}, &ledger.StageError{Stage: ledger.StageCommit, TxID: txID, Err: fmt.Errorf("%w: %w", ledger.ErrCommitUnknown, err)}
	}
	if status.code != int32(peer.TxValidationCode_VALID) {
		return txStatus{}, &ledger.StageError{
			Stage: ledger.StageCommit, TxID: txID, Code: status.code,
			Err: fmt.Errorf("%w: %s", ledger.ErrInvalid, peer.TxValidationCode(status.code)),
		}
	}
	return status, nil
}

const lookMax = 5 * time.Second

// errNoVerdict: the commit time is over and no peer holds the transaction.
var errNoVerdict = errors.New("no verdict in time")

// await waits for the stream's verdict. When it stays away it looks the transaction up, and when nobody holds it sends it
// again to another orderer: the first may have died with it. learned, if not nil, is closed when all orderers must have it.
func (c *Client) await(ctx context.Context, txID string, envelope *common.Envelope, w *waiter, learned <-chan struct{}) (txStatus, error) {
	deadline := time.NewTimer(c.cfg.Timeouts.Commit)
	defer deadline.Stop()
	wait := c.cfg.Timeouts.Hedge
	poll := time.NewTimer(wait)
	defer poll.Stop()
	// Its own timer, since the looks are too far apart soon; less and less often as well.
	pause := c.cfg.Timeouts.Resend
	resend := time.NewTimer(pause)
	defer resend.Stop()
	resends, due := 0, false
	for {
		last := false
		select {
		case s := <-w.done:
			return s, nil
		case <-ctx.Done():
			return txStatus{}, context.Cause(ctx)
		case <-learned:
			learned = nil
			if _, err := c.broadcast(ctx, envelope, 0); err != nil {
				c.log.Debug("not all orderers may have the transaction", "tx", txID, "err", err)
			}
			continue
		case <-w.look:
		case <-poll.C:
			// Less and less often: under load a late verdict is the rule, and every look costs each peer a block.
			wait = min(2*wait, lookMax)
			poll.Reset(wait)
		case <-resend.C:
			due = true
		case <-deadline.C:
			last = true
		}
		_, s, err := c.lookup(ctx, txID)
		if err == nil {
			c.missed(ctx, txID)
			return s, nil
		}
		if last {
			if errors.Is(err, errNoTx) {
				err = errNoVerdict
			}
			return txStatus{}, err
		}
		if errors.Is(err, errNoTx) && due {
			resends, due = resends+1, false
			pause *= 2
			resend.Reset(pause)
			c.log.Debug("no verdict yet, sending the transaction again", "tx", txID, "times", resends)
			if _, err := c.broadcast(ctx, envelope, resends); err != nil {
				c.log.Debug("sending again failed", "tx", txID, "err", err)
			}
		}
	}
}

// missed is called when a verdict was found elsewhere before the stream brought it: the stream's peer may be frozen or behind,
// and then neither the next verdict nor the caller's next question should wait for it.
func (c *Client) missed(ctx context.Context, txID string) {
	n := c.health.order(c.peers, ledgerPart)[0]
	look := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Hedge)
		defer cancel()
		switch _, err := c.blockAt(ctx, n, txID); {
		case errors.Is(err, errNoTx):
			c.health.failed(n, ledgerPart, errBehind)
			c.health.failed(n, chaincodePart, errBehind)
		case isNodeError(err):
			c.health.failed(n, ledgerPart, err)
		}
	}
	if c.health.isDown(n, chaincodePart) {
		c.spawn(func() { look(c.ctx) }) // probably frozen: nobody should wait
		return
	}
	look(ctx)
}

// commits tells waiting submits what became of their transactions, from one stream of filtered blocks.
type commits struct {
	mu      sync.Mutex
	waiting map[string]*waiter
}

type waiter struct {
	done chan txStatus // buffered: the one verdict
	// look asks the waiter to look its transaction up, because the stream may have missed it.
	look chan struct{}
}

func newCommits() *commits { return &commits{waiting: map[string]*waiter{}} }

// expect must be called before the transaction is sent, or its block may pass unseen.
func (c *commits) expect(txID string) *waiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &waiter{done: make(chan txStatus, 1), look: make(chan struct{}, 1)}
	c.waiting[txID] = w
	return w
}

func (c *commits) forget(txID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, txID)
}

func (c *commits) tell(txID string, s txStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.waiting[txID]
	if !ok {
		return
	}
	if s.code == int32(peer.TxValidationCode_DUPLICATE_TXID) {
		// Sent twice and ordered twice: the first one counts, and it lies in an earlier block.
		w.nudge()
		return
	}
	select {
	case w.done <- s:
	default:
	}
}

func (w *waiter) nudge() {
	select {
	case w.look <- struct{}{}:
	default:
	}
}

func (c *commits) nudgeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.waiting {
		w.nudge()
	}
}

// watchCommits feeds commits for the life of the client.
func (c *Client) watchCommits() {
	c.spawn(c.learnChannel) // most transactions are to find it known
	next := uint64(newest)
	_ = c.keepFollowing(c.ctx, true, func() uint64 { return next }, func(*node) func(delivery) error {
		c.spawn(c.learnChannel)
		// What was committed while there was no stream is before its first block when it starts at the newest.
		c.commits.nudgeAll()
		return func(d delivery) error {
			for _, tx := range d.filtered.FilteredTransactions {
				c.commits.tell(tx.Txid, txStatus{int32(tx.TxValidationCode), d.number})
				if tx.Type == common.HeaderType_CONFIG {
					c.spawn(c.learnChannel)
				}
			}
			next = d.number + 1
			return nil
		}
	}) // ends with the client only
}
