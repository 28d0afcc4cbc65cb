package fabric

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
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

	bft bool // orderers know what is ordered already, and say that they are BFT

	mu      sync.Mutex
	blocks  []*common.Block
	changed chan struct{}
	once    sync.Mutex

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
	asked    atomic.Int64 // chaincode calls, or transactions received
	badHands atomic.Int64 // failed TLS handshakes

	mu     sync.Mutex
	frozen chan struct{} // not nil: calls wait until it is closed
	noCC   bool          // the chaincode process is away
	lag    int           // blocks that this peer does not hold yet
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
	go server.Serve(listener)
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

// The chain.

func (f *fakeNetwork) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// rwset is what the fake chaincode's transactions say in ChaincodeAction.Results.
type rwset struct {
	Key     string
	Version int // as read
	Value   string
}

// cut makes a block of one transaction and judges it as a committing peer does.
func (f *fakeNetwork) cut(envelope []byte, code peer.TxValidationCode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	block := &common.Block{
		Header:   &common.BlockHeader{Number: uint64(len(f.blocks))},
		Data:     &common.BlockData{},
		Metadata: &common.BlockMetadata{Metadata: make([][]byte, 5)},
	}
	if envelope != nil {
		if code == 0 {
			code = judge(f.blocks, envelope)
		}
		block.Data.Data = [][]byte{envelope}
		block.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{byte(code)}
	}
	f.blocks = append(f.blocks, block)
	close(f.changed)
	f.changed = make(chan struct{})
}

// cutOnce is what BFT orderers do with a transaction that reaches several of them; false when it is ordered already.
func (f *fakeNetwork) cutOnce(envelope []byte) bool {
	f.once.Lock()
	defer f.once.Unlock()
	id, _ := readEnvelope(envelope)
	f.mu.Lock()
	known := findTx(f.blocks, id) != nil
	f.mu.Unlock()
	if !known {
		f.cut(envelope, 0)
	}
	return !known
}

func judge(blocks []*common.Block, envelope []byte) peer.TxValidationCode {
	id, set := readEnvelope(envelope)
	if findTx(blocks, id) != nil {
		return peer.TxValidationCode_DUPLICATE_TXID
	}
	if version, _ := state(blocks, set.Key); version != set.Version {
		return peer.TxValidationCode_MVCC_READ_CONFLICT
	}
	return peer.TxValidationCode_VALID
}

func readEnvelope(raw []byte) (string, rwset) {
	var tx transaction
	must(tx.read(raw))
	body, payload, response, action := &peer.Transaction{}, &peer.ChaincodeActionPayload{}, &peer.ProposalResponsePayload{}, &peer.ChaincodeAction{}
	must(proto.Unmarshal(tx.body, body))
	must(proto.Unmarshal(body.Actions[0].Payload, payload))
	must(proto.Unmarshal(payload.Action.ProposalResponsePayload, response))
	must(proto.Unmarshal(response.Extension, action))
	var set rwset
	must(json.Unmarshal(action.Results, &set))
	return tx.id, set
}

func findTx(blocks []*common.Block, id string) *common.Block {
	for _, b := range blocks {
		for _, raw := range b.Data.Data {
			if got, _ := readEnvelope(raw); got == id {
				return b
			}
		}
	}
	return nil
}

func state(blocks []*common.Block, key string) (version int, value string) {
	for _, b := range blocks {
		for i, raw := range b.Data.Data {
			if _, set := readEnvelope(raw); set.Key == key && b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER][i] == 0 {
				version, value = version+1, set.Value
			}
		}
	}
	return version, value
}

// visible are the blocks that a peer holds.
func (n *fakeNode) visible() ([]*common.Block, <-chan struct{}) {
	n.mu.Lock()
	lag := n.lag
	n.mu.Unlock()
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	return slices.Clone(n.net.blocks[:max(1, len(n.net.blocks)-lag)]), n.net.changed
}

// valid counts the valid transactions that wrote a key.
func (f *fakeNetwork) valid(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	version, _ := state(f.blocks, key)
	return version
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
	return &peer.ProposalResponse{Response: &peer.Response{Status: 200, Payload: payload}}
}

func (n *fakeNode) cscc() *peer.ProposalResponse {
	kind := "etcdraft"
	if n.net.bft {
		kind = "BFT"
	}
	config := &common.ConfigEnvelope{Config: &common.Config{ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{
		"Orderer": {Values: map[string]*common.ConfigValue{"ConsensusType": {Value: bytesOf(&orderer.ConsensusType{Type: kind})}}},
	}}}}
	envelope := &common.Envelope{Payload: bytesOf(&common.Payload{Data: bytesOf(config)})}
	block := &common.Block{Data: &common.BlockData{Data: [][]byte{bytesOf(envelope)}}}
	return &peer.ProposalResponse{Response: &peer.Response{Status: 200, Payload: bytesOf(block)}}
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

func (o fakeOrderer) Deliver(orderer.AtomicBroadcast_DeliverServer) error {
	return status.Error(codes.Unimplemented, "not here")
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

// Files: one authority for everything, one user per organisation, the profile.

type authority struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	pem    []byte
	server tls.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	a := &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	certPEM, keyPEM := a.issue("node")
	a.server, err = tls.X509KeyPair(certPEM, keyPEM)
	must(err)
	return a
}

func (a *authority) issue(name string) (certPEM, keyPEM []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.cert, key.Public(), a.key)
	must(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func (f *fakeNetwork) writeProfile() {
	file := func(name string, content []byte) string {
		path := filepath.Join(f.dir, name)
		must(os.WriteFile(path, content, 0o600))
		return path
	}
	root := file("root.pem", f.ca.pem)
	var b bytes.Buffer
	fmt.Fprintf(&b, "version: 1.0.0\nclient:\n  organization: carrier\n  logging: {level: warning}\n  cryptoconfig: {path: %s}\n", f.dir)
	fmt.Fprint(&b, "  BCCSP: {security: {enabled: true, default: {provider: SW}, hashAlgorithm: SHA2, softVerify: true, level: 256}}\n")
	fmt.Fprint(&b, "organizations:\n")
	for _, org := range fakeOrgs {
		certPEM, keyPEM := f.ca.issue("api@" + org)
		fmt.Fprintf(&b, "  %s:\n    mspid: %sMSP\n    cryptoPath: none\n    peers: [peer-%s]\n    users: {api: {cert: {path: %s}, key: {path: %s}}}\n",
			org, org, org, file(org+".pem", certPEM), file(org+".key", keyPEM))
	}
	for _, role := range []string{"peer", "orderer"} {
		fmt.Fprintf(&b, "%ss:\n", role)
		for _, org := range fakeOrgs {
			n := map[string]map[string]*fakeNode{"peer": f.peers, "orderer": f.orderers}[role][org]
			fmt.Fprintf(&b, "  %s-%s: {url: \"grpcs://%s\", grpcOptions: {allow-insecure: false}, tlsCACerts: {path: %s}}\n", role, org, n.address, root)
		}
	}
	f.profile = file("profile.yaml", b.Bytes())
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
