package server

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// calls stands before the chaincode: a panic fails one call and not the process, and a stop lets what is under way finish. A
// call is under way from the moment that its message arrives until its answer is on the stream.
type calls struct {
	cc  shim.Chaincode
	log *slog.Logger

	mu      sync.Mutex // guards the rest
	running int
	closed  bool
	idle    chan struct{} // closed once, when closed is set and running is 0
}

func newCalls(cc shim.Chaincode, log *slog.Logger) *calls {
	return &calls{cc: cc, log: log, idle: make(chan struct{})}
}

func (c *calls) Init(stub shim.ChaincodeStubInterface) *peer.Response {
	return c.call(stub, c.cc.Init)
}

func (c *calls) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	return c.call(stub, c.cc.Invoke)
}

func (c *calls) call(stub shim.ChaincodeStubInterface, f func(shim.ChaincodeStubInterface) *peer.Response) (r *peer.Response) {
	start := time.Now() // for the log only: no result depends on it
	fn, _ := stub.GetFunctionAndParameters()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("transaction panicked", slog.String("fn", fn), slog.String("tx", stub.GetTxID()),
				slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			r = shim.Error(fmt.Sprintf("internal error in %.100q", fn))
			return
		}
		c.log.Debug("transaction", slog.String("fn", fn), slog.String("tx", stub.GetTxID()),
			slog.Int("status", int(r.GetStatus())), slog.String("message", r.GetMessage()), slog.Duration("took", time.Since(start)))
	}()
	return f(stub)
}

// enter starts a call; false after stop.
func (c *calls) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running++
	return true
}

// leave ends n calls.
func (c *calls) leave(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running -= n
	c.settle()
}

// stop takes no further calls.
func (c *calls) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.settle()
}

// wait waits for the calls under way after a stop; it reports whether they ended in time.
func (c *calls) wait(limit time.Duration) bool {
	select {
	case <-c.idle:
		return true
	case <-time.After(limit):
		return false
	}
}

// settle needs mu.
func (c *calls) settle() {
	if !c.closed || c.running > 0 {
		return
	}
	select {
	case <-c.idle:
	default:
		close(c.idle)
	}
}
