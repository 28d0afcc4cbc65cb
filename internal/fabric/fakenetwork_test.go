package fabric

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/orderer"
	"github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// fakeNetwork is four organisations' peers and orderers that speak Fabric's protocols over TLS, with a chaincode of one
// key-value map and one block per transaction. Every node fails on demand.
type fakeNetwork struct {
	t       *testing.T
	dir     string
	profile string
	ca      *authority

	bft    bool        // orderers know what is ordered already, and peers say that they are BFT
	secret atomic.Bool // peers do not say what the orderers are
	// endorsers is of how many organisations the channel's policy asks for endorsements; 0 = the policy is of another kind.
	endorsers atomic.Int64

	mu      sync.Mutex
	blocks  []*common.Block
	changed chan struct{}
	// conflicts is how many of the next transactions lose a race.
	conflicts int
	once      sync.Mutex

	peers    map[string]*fakeNode
	orderers map[string]*fakeNode
}

var fakeOrgs = []string{"auditor", "carrier", "consignee", "shipper"}

// fakeNode is one server. Its switches may be turned at any time.
type fakeNode struct {
	net      *fakeNetwork
	org      string
	role     string
	address  string
	server   *grpc.Server
	wires    *wires
	asked    atomic.Int64 // chaincode calls, or transactions received
	badHands atomic.Int64 // failed TLS handshakes

	mu     sync.Mutex
	frozen chan struct{} // not nil: calls wait until it is closed
	noCC   bool          // the chaincode process is away
	lag    int           // blocks that this node does not hold yet
	lose   int           // transactions that an orderer accepts and forgets
	busy   bool          // the orderer answers 503
	refuse bool          // the orderer answers 403
	twice  bool          // the orderer orders each transaction twice
	late   chan struct{} // not nil: transactions are ordered only when it is closed, and no receipt is given before
}

func (n *fakeNode) set(change func(*fakeNode)) {
	n.mu.Lock()
	change(n)
	n.mu.Unlock()
	n.net.wake()
}

func (n *fakeNode) freeze() { n.set(func(n *fakeNode) { n.frozen = make(chan struct{}) }) }
func (n *fakeNode) thaw()   { n.set(func(n *fakeNode) { close(n.frozen); n.frozen = nil }) }

// gate holds a call while the node is frozen.
func (n *fakeNode) gate(ctx context.Context) error {
	n.mu.Lock()
	frozen := n.frozen
	n.mu.Unlock()
	if frozen == nil {
		return nil
	}
	select {
	case <-frozen:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newFakeNetwork(t *testing.T) *fakeNetwork {
	t.Helper()
	f := &fakeNetwork{
		t: t, dir: t.TempDir(), ca: newAuthority(t), changed: make(chan struct{}),
		peers: map[string]*fakeNode{}, orderers: map[string]*fakeNode{},
	}
	f.cut(nil, 0) // genesis
	for _, org := range fakeOrgs {
		f.peers[org] = &fakeNode{net: f, org: org, role: "peer", address: "127.0.0.1:0"}
		f.orderers[org] = &fakeNode{net: f, org: org, role: "orderer", address: "127.0.0.1:0"}
		f.peers[org].start()
		f.orderers[org].start()
	}
	f.writeProfile()
	t.Cleanup(func() {
		for _, n := range f.nodes() {
			n.kill()
		}
	})
	return f
}

func (f *fakeNetwork) nodes() []*fakeNode {
	var all []*fakeNode
	for _, org := range fakeOrgs {
		all = append(all, f.peers[org], f.orderers[org])
	}
	return all
}

// open is a client with short timeouts, closed with the test.
func (f *fakeNetwork) open(org string) *Client {
	f.t.Helper()
	return f.openWith(org, Timeouts{
		Connect: time.Second, Endorse: 5 * time.Second, Evaluate: 3 * time.Second, Hedge: 100 * time.Millisecond,
		Broadcast: 300 * time.Millisecond, Resend: 300 * time.Millisecond, Commit: 3 * time.Second, Idle: 200 * time.Millisecond,
	})
}

func (f *fakeNetwork) openWith(org string, timeouts Timeouts) *Client {
	f.t.Helper()
	c, err := Open(f.t.Context(), Config{
		Profile: f.profile, Org: org, User: "api", Channel: "test", Chaincode: "kv", Timeouts: timeouts,
	}, slog.New(slog.NewTextHandler(testWriter{f.t}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Close)
	return c
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func (n *fakeNode) start() {
	n.net.t.Helper()
	var listener net.Listener
	wait(n.net.t, "port "+n.address, func() (err error) {
		listener, err = net.Listen("tcp", n.address)
		return err
	})
	n.address = listener.Addr().String()
	creds := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{n.net.ca.server}})
	server := grpc.NewServer(grpc.Creds(countingCreds{creds, n}), grpc.WaitForHandlers(true))
	if n.role == "peer" {
		peer.RegisterEndorserServer(server, n)
		peer.RegisterDeliverServer(server, n)
	} else {
		orderer.RegisterAtomicBroadcastServer(server, fakeOrderer{n})
	}
	n.server = server
	n.wires = &wires{Listener: listener}
	go server.Serve(n.wires)
}

func (n *fakeNode) kill() { n.server.Stop() }

type countingCreds struct {
	credentials.TransportCredentials
	node *fakeNode
}

func (c countingCreds) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if err := c.node.gate(c.node.net.t.Context()); err != nil {
		return nil, nil, err
	}
	out, info, err := c.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		c.node.badHands.Add(1)
	}
	return out, info, err
}

// The peer.

func (n *fakeNode) ProcessProposal(ctx context.Context, signed *peer.SignedProposal) (*peer.ProposalResponse, error) {
	if err := n.gate(ctx); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	proposal, header, channel := &peer.Proposal{}, &common.Header{}, &common.ChannelHeader{}
	payload, spec := &peer.ChaincodeProposalPayload{}, &peer.ChaincodeInvocationSpec{}
	must(proto.Unmarshal(signed.ProposalBytes, proposal))
	must(proto.Unmarshal(proposal.Header, header))
	must(proto.Unmarshal(header.ChannelHeader, channel))
	must(proto.Unmarshal(proposal.Payload, payload))
	must(proto.Unmarshal(payload.Input, spec))
	if channel.ChannelId != "test" {
		return nil, status.Error(codes.Unknown, "access denied: channel ["+channel.ChannelId+"]")
	}
	args := spec.ChaincodeSpec.Input.Args
	blocks, _ := n.visible()
	switch spec.ChaincodeSpec.ChaincodeId.Name {
	case qscc:
		return n.qscc(blocks, args), nil
	case cscc:
		return n.cscc(), nil
	}
	n.mu.Lock()
	noCC := n.noCC
	n.mu.Unlock()
	if noCC {
		return failed("error in simulation: failed to execute transaction: could not launch chaincode kv:1: connection refused"), nil
	}
	n.asked.Add(1)
	var set rwset
	must(json.Unmarshal(args[1], &set))
	event := &peer.ChaincodeEvent{}
	var answer string
	set.Version, answer = state(blocks, set.Key)
	switch string(args[0]) {
	case "kv:Set":
		event = &peer.ChaincodeEvent{ChaincodeId: "kv", TxId: channel.TxId, EventName: "set", Payload: args[1]}
	case "kv:Create":
		if set.Version > 0 {
			return failed(fmt.Sprintf("[EXISTS] key %s exists", set.Key)), nil
		}
	case "kv:Get":
		if set.Version == 0 {
			return failed(fmt.Sprintf("[NOT_FOUND] key %s", set.Key)), nil
		}
	case "kv:Where":
		answer = n.org
	default:
		return failed(fmt.Sprintf("Function %s not found", args[0])), nil
	}
	results, err := json.Marshal(set)
	must(err)
	events, err := proto.Marshal(event)
	must(err)
	response := &peer.Response{Status: 200, Payload: []byte(answer)}
	extension, err := proto.Marshal(&peer.ChaincodeAction{Results: results, Events: events, Response: response})
	must(err)
	hash := sha256.Sum256(signed.ProposalBytes)
	endorsed, err := proto.Marshal(&peer.ProposalResponsePayload{ProposalHash: hash[:], Extension: extension})
	must(err)
	return &peer.ProposalResponse{Response: response, Payload: endorsed, Endorsement: &peer.Endorsement{Endorser: []byte(n.org)}}, nil
}

func failed(message string) *peer.ProposalResponse {
	return &peer.ProposalResponse{Response: &peer.Response{Status: 500, Message: message}}
}

func (n *fakeNode) qscc(blocks []*common.Block, args [][]byte) *peer.ProposalResponse {
	var message proto.Message = &common.BlockchainInfo{Height: uint64(len(blocks))}
	if string(args[0]) == qsccBlockByTxID {
		block := findTx(blocks, string(args[2]))
		if block == nil {
			return failed(fmt.Sprintf("Failed to get block for txID %s, error no such transaction ID [%s] in index", args[2], args[2]))
		}
		message = block
	}
	payload, err := proto.Marshal(message)
	must(err)
	return &peer.ProposalResponse{Response: &peer.Response{Status: 200, Payload: payload}, Endorsement: &peer.Endorsement{Endorser: []byte(n.org)}}
}

func (n *fakeNode) cscc() *peer.ProposalResponse {
	if n.net.secret.Load() {
		return failed("access denied")
	}
	kind := "etcdraft"
	if n.net.bft {
		kind = "BFT"
	}
	config := &common.ConfigEnvelope{Config: &common.Config{ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{
		"Orderer":     {Values: map[string]*common.ConfigValue{"ConsensusType": {Value: bytesOf(&orderer.ConsensusType{Type: kind})}}},
		"Application": {Policies: map[string]*common.ConfigPolicy{"Endorsement": {Policy: n.net.policy()}}},
	}}}}
	envelope := &common.Envelope{Payload: bytesOf(&common.Payload{Data: bytesOf(config)})}
	block := &common.Block{Data: &common.BlockData{Data: [][]byte{bytesOf(envelope)}}}
	return &peer.ProposalResponse{Response: &peer.Response{Status: 200, Payload: bytesOf(block)}}
}

func (f *fakeNetwork) policy() *common.Policy {
	n := f.endorsers.Load()
	if n == 0 {
		return &common.Policy{Type: int32(common.Policy_IMPLICIT_META)}
	}
	rule := &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n)}}}
	return &common.Policy{Type: int32(common.Policy_SIGNATURE), Value: bytesOf(&common.SignaturePolicyEnvelope{Rule: rule})}
}

func bytesOf(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	must(err)
	return b
}

func (n *fakeNode) Deliver(stream peer.Deliver_DeliverServer) error {
	return n.deliver(stream, func(b *common.Block) *peer.DeliverResponse {
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_Block{Block: b}}
	})
}

func (n *fakeNode) DeliverFiltered(stream peer.Deliver_DeliverFilteredServer) error {
	return n.deliver(stream, func(b *common.Block) *peer.DeliverResponse {
		filtered := &peer.FilteredBlock{ChannelId: "test", Number: b.Header.Number}
		if len(b.Data.Data) == 0 {
			filtered.FilteredTransactions = []*peer.FilteredTransaction{{Type: common.HeaderType_CONFIG}}
		}
		for i, raw := range b.Data.Data {
			id, _ := readEnvelope(raw)
			code := peer.TxValidationCode(b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER][i])
			filtered.FilteredTransactions = append(filtered.FilteredTransactions, &peer.FilteredTransaction{Txid: id, TxValidationCode: code})
		}
		return &peer.DeliverResponse{Type: &peer.DeliverResponse_FilteredBlock{FilteredBlock: filtered}}
	})
}

func (n *fakeNode) DeliverWithPrivateData(peer.Deliver_DeliverWithPrivateDataServer) error {
	return status.Error(codes.Unimplemented, "not here")
}

type deliverServer interface {
	Recv() (*common.Envelope, error)
	Send(*peer.DeliverResponse) error
	Context() context.Context
}

func (n *fakeNode) deliver(stream deliverServer, response func(*common.Block) *peer.DeliverResponse) error {
	request, err := stream.Recv()
	if err != nil {
		return err
	}
	payload, seek := &common.Payload{}, &orderer.SeekInfo{}
	must(proto.Unmarshal(request.Payload, payload))
	must(proto.Unmarshal(payload.Data, seek))
	blocks, _ := n.visible()
	next := uint64(len(blocks) - 1)
	if s, ok := seek.Start.Type.(*orderer.SeekPosition_Specified); ok {
		next = s.Specified.Number
	}
	for {
		blocks, changed := n.visible()
		for next < uint64(len(blocks)) {
			if err := n.gate(stream.Context()); err != nil {
				return err
			}
			if err := stream.Send(response(blocks[next])); err != nil {
				return err
			}
			next++
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// The orderer.

type fakeOrderer struct{ *fakeNode }

// Deliver sends the newest block and waits for the end of the stream: the client under test asks for no more.
func (o fakeOrderer) Deliver(stream orderer.AtomicBroadcast_DeliverServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	if err := o.gate(stream.Context()); err != nil {
		return err
	}
	blocks, _ := o.visible()
	newest := blocks[len(blocks)-1]
	if err := stream.Send(&orderer.DeliverResponse{Type: &orderer.DeliverResponse_Block{Block: newest}}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

func (o fakeOrderer) Broadcast(stream orderer.AtomicBroadcast_BroadcastServer) error {
	for {
		envelope, err := stream.Recv()
		if err != nil {
			return nil
		}
		if err := o.gate(stream.Context()); err != nil {
			return err
		}
		o.asked.Add(1)
		raw, err := proto.Marshal(envelope)
		must(err)
		if err := stream.Send(o.take(stream.Context(), raw)); err != nil {
			return err
		}
	}
}

func (o fakeOrderer) take(ctx context.Context, raw []byte) *orderer.BroadcastResponse {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.busy:
		return &orderer.BroadcastResponse{Status: common.Status_SERVICE_UNAVAILABLE, Info: "no leader"}
	case o.refuse:
		return &orderer.BroadcastResponse{Status: common.Status_FORBIDDEN, Info: "policy not satisfied"}
	case o.lose > 0:
		o.lose--
	case o.late != nil:
		late := o.late
		o.mu.Unlock()
		// Ordered whatever becomes of the call, as by a process that was paused with the bytes in its socket.
		<-late
		if o.net.bft {
			o.net.cutOnce(raw)
		} else {
			o.net.cut(raw, 0)
		}
		o.mu.Lock()
	case o.twice:
		o.net.cut(raw, 0)
		o.net.cut(raw, 0)
	case o.net.bft && !o.net.cutOnce(raw):
		return &orderer.BroadcastResponse{Status: common.Status_SERVICE_UNAVAILABLE, Info: "failed to submit request: request already processed"}
	case !o.net.bft:
		o.net.cut(raw, 0)
	}
	return &orderer.BroadcastResponse{Status: common.Status_SUCCESS}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// wait tries until try answers nil.
func wait(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
