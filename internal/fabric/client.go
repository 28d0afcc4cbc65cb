// Package fabric is the only importer of fabric-sdk-go: submit with a typed error per stage, evaluate, events with a
// checkpoint, blocks by transaction, health of the network.
//
// The SDK supplies the profile, the identity, signing and the shapes of proposals and transactions. Which peer or orderer
// is asked, for how long, and what is done when it does not answer is decided here, because that is where a ledger client
// loses or doubles a transaction: every node may die or freeze at any moment, and service discovery is one more of them.
package fabric

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	contextapi "github.com/hyperledger/fabric-sdk-go/pkg/common/providers/context"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk"
)

// Client speaks as one user of one organisation. Safe for concurrent use.
type Client struct {
	cfg      Config
	log      *slog.Logger
	sdk      *fabsdk.FabricSDK
	identity contextapi.Client
	msp      string
	peers    []*node // own organisation's first
	orderers []*node // own organisation's first
	health   *health
	commits  *commits
	// seen is the greatest height that a peer was seen to hold by a stream or a lookup: a peer below it lags.
	seen    atomic.Uint64
	channel *channel

	// ctx ends with Close; tasks are the goroutines that Close waits for.
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
	tasks  sync.WaitGroup
}

// Close ends every call, stream and connection and waits for the client's goroutines.
func (c *Client) Close() {
	c.mu.Lock()
	was := c.closed
	c.closed = true
	c.mu.Unlock()
	if was {
		return
	}
	c.cancel()
	c.tasks.Wait()
	for _, n := range c.nodes() {
		n.close()
	}
	c.sdk.Close()
}

// spawn runs a task that Close waits for; false when the client is closed.
func (c *Client) spawn(task func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.tasks.Go(task)
	return true
}

// with is a caller's context that ends with the client as well.
func (c *Client) with(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { cancel(errClosed) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// MSP is the caller's MSP id.
func (c *Client) MSP() string { return c.msp }

// Certificate is the caller's, PEM.
func (c *Client) Certificate() []byte { return c.identity.EnrollmentCertificate() }

// within is with and a time limit.
func (c *Client) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, end := c.with(ctx)
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, func() {
		cancel()
		end()
	}
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c *Client) nodes() []*node { return slices.Concat(c.peers, c.orderers) }

// saw remembers that block number exists.
func (c *Client) saw(number uint64) { raise(&c.seen, number+1) }
