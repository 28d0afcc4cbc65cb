package server

import (
	"context"
	"io"
	"sync"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// service hands each peer's stream to the shim, and can end it: a stream never ends by itself, and cutting the connection
// would lose answers that are written but not yet sent.
type service struct {
	shim  *shim.ChaincodeServer
	calls *calls
	end   chan struct{} // closed when the streams shall end
}

// Connect is the gRPC method that a peer calls.
func (s *service) Connect(server peer.Chaincode_ConnectServer) error {
	st := &stream{Chaincode_ConnectServer: server, calls: s.calls, end: s.end, in: make(chan received)}
	// Ends with the stream, which gRPC cancels when Connect returns: Connect cannot wait for it.
	go st.pump()
	defer st.abandon()
	return s.shim.Connect(st)
}

type received struct {
	msg *peer.ChaincodeMessage
	err error
}

// stream counts the calls under way on one peer's stream and can be made to end.
type stream struct {
	peer.Chaincode_ConnectServer
	calls *calls
	end   <-chan struct{}
	in    chan received

	mu      sync.Mutex // guards the rest
	running int
	gone    bool // abandoned: what still runs no longer counts
}

// pump reads messages until the stream ends.
func (s *stream) pump() {
	for {
		m, err := s.Chaincode_ConnectServer.Recv()
		select {
		case s.in <- received{m, err}:
		case <-s.Context().Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Recv is the next message; io.EOF, which makes the shim leave, when the stream shall end. Calls that arrive after the stop
// are left unanswered: the peer learns from the stream's end that this process is gone, and its clients that another peer
// may do better, which no answer of ours could tell them.
func (s *stream) Recv() (*peer.ChaincodeMessage, error) {
	for {
		select {
		case <-s.end:
			return nil, io.EOF
		case <-s.Context().Done():
			return nil, context.Cause(s.Context())
		case r := <-s.in:
			if r.err == nil && isCall(r.msg.GetType()) && !s.enter() {
				continue
			}
			return r.msg, r.err
		}
	}
}

// Send writes a message; an answer ends its call.
func (s *stream) Send(m *peer.ChaincodeMessage) error {
	err := s.Chaincode_ConnectServer.Send(m)
	if t := m.GetType(); t == peer.ChaincodeMessage_COMPLETED || t == peer.ChaincodeMessage_ERROR {
		s.leave()
	}
	return err
}

func isCall(t peer.ChaincodeMessage_Type) bool {
	return t == peer.ChaincodeMessage_TRANSACTION || t == peer.ChaincodeMessage_INIT
}

func (s *stream) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.calls.enter() {
		return false
	}
	s.running++
	return true
}

func (s *stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone && s.running > 0 {
		s.running--
		s.calls.leave(1)
	}
}

// abandon forgets the calls whose answers have nowhere to go any more.
func (s *stream) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	s.calls.leave(s.running)
	s.running = 0
}
