package fabric

import (
	"sync"

	"github.com/hyperledger/fabric-protos-go/peer"
)

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
	c.spawn(c.learnConsensus) // most transactions are to find it known
	next := uint64(newest)
	_ = c.keepFollowing(c.ctx, true, func() uint64 { return next }, func(*node) func(delivery) error {
		c.spawn(c.learnConsensus)
		// What was committed while there was no stream is before its first block when it starts at the newest.
		c.commits.nudgeAll()
		return func(d delivery) error {
			for _, tx := range d.filtered.FilteredTransactions {
				c.commits.tell(tx.Txid, txStatus{int32(tx.TxValidationCode), d.number})
			}
			next = d.number + 1
			return nil
		}
	}) // ends with the client only
}
