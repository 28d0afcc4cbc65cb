package fabric

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trackseal/trackseal/internal/ledger"
)

// part of a node that can fail on its own.
type part int

const (
	chaincodePart part = iota // a peer's chaincode: endorse, evaluate
	ledgerPart                // a peer's ledger: blocks, heights, streams
	orderPart                 // an orderer
)

func (p part) String() string { return [...]string{"chaincode", "ledger", "ordering"}[p] }

// errBehind: a peer that answers, but not of what others hold already.
var errBehind = errors.New("is behind the other peers")

const (
	probeFirst = 250 * time.Millisecond
	probeMax   = 3 * time.Second
)

// health remembers what does not work. A failed part goes to the end of every order, so that it costs no caller another
// timeout, and is probed in the background until it works again; it is never left out altogether.
type health struct {
	client *Client
	mu     sync.Mutex
	down   map[healthKey]error
	news   chan struct{} // closed and replaced at each new failure
}

type healthKey struct {
	node *node
	part part
}

func newHealth(c *Client) *health {
	return &health{client: c, down: map[healthKey]error{}, news: make(chan struct{})}
}

// order lists nodes as to be tried: the working ones first, otherwise as configured.
func (h *health) order(nodes []*node, p part) []*node {
	h.mu.Lock()
	defer h.mu.Unlock()
	ordered := make([]*node, 0, len(nodes))
	for _, wantDown := range []bool{false, true} {
		for _, n := range nodes {
			if _, isDown := h.down[healthKey{n, p}]; isDown == wantDown {
				ordered = append(ordered, n)
			}
		}
	}
	return ordered
}

// changed is closed at the next new failure.
func (h *health) changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.news
}

func (h *health) isDown(n *node, p part) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, down := h.down[healthKey{n, p}]
	return down
}

// failed notes a failure that was the node's own; a call that we gave up is none.
func (h *health) failed(n *node, p part, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, errClosed) || h.client.ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := healthKey{n, p}
	if _, known := h.down[key]; known {
		return
	}
	h.down[key] = err
	close(h.news)
	h.news = make(chan struct{})
	h.client.log.Warn("node does not work, using others", "node", n.String(), "part", p.String(), "err", err)
	h.client.spawn(func() { h.probe(key, silence(err)) })
}

// silence tells whether a failure was that nothing came back.
func silence(err error) bool {
	return errors.Is(err, errSlow) || errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
}

// probe waits until the part works again. After a silence it may be the connection that is dead and not the node: nobody is told when
// a firewall or a router forgets one, and the keepalive, which Fabric allows once a minute, takes two.
func (h *health) probe(key healthKey, silent bool) {
	for wait := probeFirst; pause(h.client.ctx, wait); wait = min(2*wait, probeMax) {
		err := h.client.works(h.client.ctx, key.node, key.part)
		// What tells whether an orderer works is a connection of its own, which says nothing of the one that was silent.
		if silent && (key.part == orderPart || silence(err)) && h.client.knocks(key.node) {
			h.client.giveUp(key.node)
			silent = false
			err = h.client.works(h.client.ctx, key.node, key.part)
		}
		if err == nil {
			h.mu.Lock()
			delete(h.down, key)
			h.mu.Unlock()
			h.client.log.Info("node works again", "node", key.node.String(), "part", key.part.String())
			return
		}
	}
}

// farewell is how long a connection stays open that no new call takes: a node that is only slow answers what it was asked there.
const farewell = 10 * time.Second

// giveUp has the next calls to a node make a new connection. What hangs on the old one fails when that is closed.
func (c *Client) giveUp(n *node) {
	old := n.replace()
	if old == nil {
		return
	}
	c.log.Warn("connection is silent and given up, a new one is answered", "node", n.String())
	c.spawn(func() {
		pause(c.ctx, farewell)
		_ = old.Close()
	})
}

// knocks tells whether a node answers a new connection.
func (c *Client) knocks(n *node) bool {
	ctx, cancel := context.WithTimeout(c.ctx, 2*c.cfg.Timeouts.Hedge)
	defer cancel()
	return n.knock(ctx) == nil
}

// works asks a part for something small.
func (c *Client) works(ctx context.Context, n *node, p part) error {
	ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Timeouts.Hedge)
	defer cancel()
	if p == orderPart {
		return n.knock(ctx)
	}
	height, err := c.height(ctx, n)
	if err != nil {
		return err
	}
	// A peer that catches up answers with what was true a while ago: not yet.
	if seen := c.seen.Load(); height < seen {
		return fmt.Errorf("%w: height %d of %d", errBehind, height, seen)
	}
	if p == ledgerPart {
		return nil
	}
	ping, err := c.propose(ledger.AnchorHeads.Name(), ledger.ListArgs{Limit: 1})
	if err != nil {
		return err
	}
	// Any answer of the chaincode is a sign of life, a refusal as well.
	if _, err := c.send(ctx, n, ping); isNodeError(err) {
		return err
	}
	return nil
}

// Network asks every peer and orderer for its height. A node that does not answer is an entry with its error, not an error of
// the call. One that answers may yet have stopped working, as SmartBFT's orderers can: its height tells.
func (c *Client) Network(ctx context.Context) ([]ledger.Node, error) {
	ctx, cancel := c.with(ctx)
	defer cancel()
	nodes := c.nodes()
	answers := make([]ledger.Node, len(nodes))
	var group sync.WaitGroup
	for i, n := range nodes {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.Timeouts.Hedge)
			defer cancel()
			answer := ledger.Node{Org: n.org, Role: n.role, Address: n.address}
			var err error
			if n.role == "peer" {
				answer.Height, err = c.height(ctx, n)
			} else {
				answer.Height, err = c.ordererHeight(ctx, n)
			}
			if answer.Up = err == nil; err != nil {
				answer.Error = err.Error()
			}
			answers[i] = answer
		})
	}
	group.Wait()
	return answers, ctx.Err()
}

// ordererHeight is one more than the number of the newest block that the orderer delivers.
func (c *Client) ordererHeight(ctx context.Context, n *node) (uint64, error) {
	block, err := c.ordererBlock(ctx, n, newest)
	if err != nil {
		return 0, err
	}
	return block.Header.Number + 1, nil
}
