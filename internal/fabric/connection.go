package fabric

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// node is one peer or orderer and the connection to it.
type node struct {
	org     string
	msp     string // peers only
	role    string // peer | orderer
	address string // host:port
	tls     *tls.Config

	reached atomic.Uint64 // peers only: the greatest height that it was known to hold

	mu     sync.Mutex
	conn   *grpc.ClientConn
	closed bool
}

func (n *node) String() string { return n.role + " " + n.org }

func (n *node) holds(height uint64) bool { return n.reached.Load() >= height }

// reach remembers that the peer holds a height.
func (n *node) reach(height uint64) { raise(&n.reached, height) }

// raise sets v to at least to.
func raise(v *atomic.Uint64, to uint64) {
	for {
		old := v.Load()
		if to <= old || v.CompareAndSwap(old, to) {
			return
		}
	}
}

// maxMessage is Fabric's own limit.
const maxMessage = 100 << 20

func (n *node) options() []grpc.DialOption {
	creds := insecure.NewCredentials()
	if n.tls != nil {
		creds = credentials.NewTLS(n.tls)
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		// Fabric closes connections that ping more often than once a minute.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 90 * time.Second, Timeout: 20 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 3 * time.Second,
		}),
		grpc.WithIdleTimeout(0),
	}
}

// dial returns a connection that is ready, or one that has just failed and whose next call says why; an error only when the
// node did not answer in time.
func (n *node) dial(ctx context.Context, timeout time.Duration) (*grpc.ClientConn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	renewed := false
	for {
		conn, err := n.get()
		if err != nil {
			return nil, err
		}
		state := conn.GetState()
		switch state {
		case connectivity.Ready:
			return conn, nil
		case connectivity.TransientFailure:
			if renewed {
				return conn, nil
			}
			// It may be waiting out a backoff from before the node came back: a new connection tries at once.
			n.renew(conn)
			renewed = true
			continue
		case connectivity.Idle:
			conn.Connect()
		case connectivity.Shutdown:
			n.renew(conn)
			continue
		}
		if !conn.WaitForStateChange(ctx, state) {
			return nil, fmt.Errorf("connect to %s at %s: %w", n, n.address, context.Cause(ctx))
		}
	}
}

func (n *node) get() (*grpc.ClientConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errClosed
	}
	if n.conn == nil {
		conn, err := grpc.NewClient("passthrough:///"+n.address, n.options()...)
		if err != nil {
			return nil, err
		}
		n.conn = conn
	}
	return n.conn, nil
}

// renew throws old away unless somebody did so already.
func (n *node) renew(old *grpc.ClientConn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn == old && !n.closed {
		_ = old.Close()
		n.conn = nil
	}
}

// replace has the next call make a new connection, and returns the old one for the caller to close; nil when there is none.
func (n *node) replace() *grpc.ClientConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	old := n.conn
	n.conn = nil
	return old
}

func (n *node) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.conn != nil {
		_ = n.conn.Close()
	}
}

// knock makes a connection of its own up to the TLS handshake, which a frozen process cannot answer.
func (n *node) knock(ctx context.Context) error {
	dialer := &net.Dialer{}
	if n.tls == nil {
		conn, err := dialer.DialContext(ctx, "tcp", n.address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	cfg := n.tls.Clone()
	cfg.NextProtos = []string{"h2"}
	conn, err := (&tls.Dialer{NetDialer: dialer, Config: cfg}).DialContext(ctx, "tcp", n.address)
	if err != nil {
		return err
	}
	return conn.Close()
}

var errClosed = errors.New("ledger client is closed")

// certHash binds a stream request to the client's TLS certificate, where there is one.
func (n *node) certHash() []byte {
	if n.tls == nil || len(n.tls.Certificates) == 0 || len(n.tls.Certificates[0].Certificate) == 0 {
		return nil
	}
	hash := sha256.Sum256(n.tls.Certificates[0].Certificate[0])
	return hash[:]
}
