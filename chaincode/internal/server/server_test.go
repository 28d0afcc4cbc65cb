package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
)

// authority issues certificates for one organisation.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) issue(t *testing.T) (certPEM, keyPEM []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
}

// contract is a chaincode that does what its test says.
type contract func(shim.ChaincodeStubInterface) *peer.Response

func (c contract) Init(shim.ChaincodeStubInterface) *peer.Response     { return shim.Success(nil) }
func (c contract) Invoke(s shim.ChaincodeStubInterface) *peer.Response { return c(s) }

// syncBuffer is a log that a test may read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type running struct {
	addr   string
	root   *authority
	cancel context.CancelFunc
	done   chan error
	log    *syncBuffer
}

func start(t *testing.T, cc shim.Chaincode) *running {
	t.Helper()
	root := newAuthority(t)
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := root.issue(t)
	cfg := Config{Listen: "127.0.0.1:0", ID: "trackseal:abc", TLSCert: write("cert", cert), TLSKey: write("key", key), ClientCA: write("ca", root.pem())}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{root: root, cancel: cancel, done: make(chan error, 1), log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ready := make(chan net.Addr, 1)
	go func() { r.done <- Run(ctx, cfg, cc, log, func(a net.Addr) { ready <- a }) }()
	select {
	case a := <-ready:
		r.addr = a.String()
	case err := <-r.done:
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return r
}

func (r *running) waitForLog(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(r.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log never says %q", text)
		}
	}
}

// connect plays a peer whose certificate the authority from issued (nil: none).
func (r *running) connect(t *testing.T, from *authority) (peer.Chaincode_ConnectClient, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return r.connectContext(t, ctx, from)
}

func (r *running) connectContext(t *testing.T, ctx context.Context, from *authority) (peer.Chaincode_ConnectClient, error) {
	t.Helper()
	cfg := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	cfg.RootCAs.AddCert(r.root.cert)
	if from != nil {
		cert, key := from.issue(t)
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	conn, err := grpc.NewClient(r.addr, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return peer.NewChaincodeClient(conn).Connect(ctx)
}

// register answers the chaincode's registration, as a peer does.
func register(t *testing.T, s peer.Chaincode_ConnectClient) {
	t.Helper()
	m := receive(t, s)
	id := &peer.ChaincodeID{}
	if err := proto.Unmarshal(m.Payload, id); err != nil || m.Type != peer.ChaincodeMessage_REGISTER || id.Name != "trackseal:abc" {
		t.Fatalf("%v %q %v", m.Type, id.GetName(), err)
	}
	for _, typ := range []peer.ChaincodeMessage_Type{peer.ChaincodeMessage_REGISTERED, peer.ChaincodeMessage_READY} {
		if err := s.Send(&peer.ChaincodeMessage{Type: typ}); err != nil {
			t.Fatal(err)
		}
	}
}

func invoke(t *testing.T, s peer.Chaincode_ConnectClient, tx string) {
	t.Helper()
	payload, err := proto.Marshal(&peer.ChaincodeInput{Args: [][]byte{[]byte("a:B"), []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_TRANSACTION, Payload: payload, Txid: tx, ChannelId: "ch"}); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, s peer.Chaincode_ConnectClient) *peer.ChaincodeMessage {
	t.Helper()
	m, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func response(t *testing.T, m *peer.ChaincodeMessage) *peer.Response {
	t.Helper()
	r := &peer.Response{}
	if err := proto.Unmarshal(m.Payload, r); err != nil || m.Type != peer.ChaincodeMessage_COMPLETED {
		t.Fatalf("%v %v", m.Type, err)
	}
	return r
}

func TestPeersNeedACertificateOfTheirRoot(t *testing.T) {
	r := start(t, contract(func(shim.ChaincodeStubInterface) *peer.Response { return shim.Success([]byte("hello")) }))
	for name, from := range map[string]*authority{"no certificate": nil, "another root": newAuthority(t)} {
		s, err := r.connect(t, from)
		if err == nil {
			_, err = s.Recv()
		}
		if err == nil {
			t.Errorf("%s: served", name)
		}
	}
	s, err := r.connect(t, r.root)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	invoke(t, s, "tx1")
	if got := response(t, receive(t, s)); string(got.Payload) != "hello" {
		t.Errorf("got %v", got)
	}
}

func TestAPanicFailsOneCall(t *testing.T) {
	r := start(t, contract(func(s shim.ChaincodeStubInterface) *peer.Response {
		if s.GetTxID() == "bad" {
			panic("secret detail")
		}
		return shim.Success([]byte("fine"))
	}))
	s, err := r.connect(t, r.root)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	invoke(t, s, "bad")
	if got := response(t, receive(t, s)); got.Status != shim.ERROR || strings.Contains(got.Message, "secret") {
		t.Errorf("got %v", got)
	}
	if !strings.Contains(r.log.String(), "secret detail") {
		t.Error("the panic is not in the log")
	}
	invoke(t, s, "good")
	if got := response(t, receive(t, s)); string(got.Payload) != "fine" {
		t.Errorf("got %v", got)
	}
}

func TestStopLetsCallsFinish(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, contract(func(s shim.ChaincodeStubInterface) *peer.Response {
		close(entered)
		<-release
		return shim.Success([]byte("done"))
	}))
	s, err := r.connect(t, r.root)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	invoke(t, s, "slow")
	<-entered
	r.cancel()
	r.waitForLog(t, "stopping")
	// A call after the stop is not taken; entering the contract again would show as an answer before "done".
	invoke(t, s, "late")
	select {
	case err := <-r.done:
		t.Fatalf("stopped with a call under way: %v", err)
	default:
	}
	close(release)
	if got := response(t, receive(t, s)); string(got.Payload) != "done" {
		t.Errorf("got %v", got)
	}
	if m, err := s.Recv(); err == nil {
		t.Errorf("after the last answer came %v", m)
	}
	select {
	case err := <-r.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("does not stop")
	}
}

// A peer that goes away in the middle of a call does not hold up the stop.
func TestStopDoesNotWaitForThePeersThatLeft(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, contract(func(s shim.ChaincodeStubInterface) *peer.Response {
		close(entered)
		<-release
		return shim.Success(nil)
	}))
	ctx, leave := context.WithCancel(t.Context())
	s, err := r.connectContext(t, ctx, r.root)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	invoke(t, s, "slow")
	<-entered
	leave()
	if _, err := s.Recv(); err == nil {
		t.Fatal("still connected")
	}
	r.cancel()
	select {
	case err := <-r.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(drain - time.Second):
		t.Error("waits for a call whose peer has left")
	}
	close(release)
}

func TestConfigTellsAllProblemsAtOnce(t *testing.T) {
	err := Config{Listen: "nonsense", ID: "x"}.Validate()
	for _, want := range []string{"--listen", "--id", "--tls-cert", "--tls-key", "--client-ca"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
}
