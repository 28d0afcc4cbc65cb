package httpapi_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/rest"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/alarms"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/details"
	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/httpapi"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/recordings"
	"github.com/trackseal/trackseal/api/internal/state"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/node/nodetest"
	"github.com/trackseal/trackseal/internal/service"
	"github.com/trackseal/trackseal/internal/stored/transfer"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMain(m *testing.M) {
	codec.ChildMain()
	goleak.VerifyTestMain(m)
}

// world is one organisation's api over a fake ledger, store and ingest.
type world struct {
	t      *testing.T
	org    string
	ledger *testkit.Ledger
	peers  httpapi.Peers // the ledger unless a test sets it and opens again
	store  *fakestore.Store
	// telemetry is the store unless a test sets it and opens again.
	telemetry httpapi.Telemetry
	ingest    *ingest
	second    *ingest // another instance
	feed      *feed.Feed
	alarms    *alarms.Watch
	details   *details.Book
	codecs    *codec.Pool
	nodes     map[string]*nodeOf // by member, of all worlds with this ledger
	issuer    *access.Issuer
	api       *httpapi.Server
	dir       string
	state     *state.Store
	// evidence is nil, hence no evidence routes, unless a test sets it and opens again.
	evidence  *bundle.Source
	ruleSet   string // that ship pins; "" = general-2-8@1
	dashboard string
	log       *slog.Logger     // nil: nowhere
	trusted   []access.Trusted // beside the development issuer
	signIn    *access.Page
	dial      recordings.Dial
	noStore   bool          // reopen without a store
	lat       float64       // of ship's readings; 0 = they have no position
	noOps     bool          // reopen without /readyz and /metrics
	words     string        // of ship's details; "" = a description
	promise   uint64        // next_due_s of ship's messages
	later     time.Duration // how much later it is for alarms and health
	age       time.Duration // of ship's first message
	style     report.Style
	metrics   *prometheus.Registry // of the api as it is open
}

const secret = "a-secret"

func newWorld(t *testing.T) *world { return newWorldOf(t, "carrier", nil) }

// newWorldOf shares ledger and store with another organisation's world when it is given, and each is a node to the other.
func newWorldOf(t *testing.T, org string, with *world) *world {
	t.Helper()
	w := &world{t: t, org: org, dir: t.TempDir(), codecs: codec.New(codec.Config{Children: 1})}
	t.Cleanup(w.codecs.Close)
	msp := testkit.MSPOf(org)
	if with == nil {
		w.ledger, w.store = testkit.NewLedger(msp, nil), new(fakestore.Store)
		w.nodes = map[string]*nodeOf{}
	} else {
		w.ledger, w.store, w.nodes = with.ledger.As(msp), with.store, with.nodes
	}
	w.nodes[org] = &nodeOf{world: w}
	sum := sha256.Sum256([]byte(secret))
	clients := []access.Client{
		{ID: org + "-admin", SecretSHA256: hex.EncodeToString(sum[:]), Scopes: access.Scopes},
		{ID: org + "-other", SecretSHA256: hex.EncodeToString(sum[:]), Scopes: access.Scopes},
	}
	for _, s := range access.Scopes {
		clients = append(clients, access.Client{ID: "only-" + s, SecretSHA256: hex.EncodeToString(sum[:]), Scopes: []string{s}})
	}
	var err error
	if w.issuer, err = access.NewIssuer("http://issuer.test", "trackseal-api", org, clients, ed25519.NewKeyFromSeed(make([]byte, 32)), time.Now); err != nil {
		t.Fatal(err)
	}
	w.open()
	t.Cleanup(func() {
		w.api.Stop()
		if err := w.state.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// open is what a start of the program does; after a crash it is done again over the same folder.
func (w *world) open() {
	w.t.Helper()
	log := w.log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var err error
	if w.state, err = state.Open(w.dir); err != nil {
		w.t.Fatal(err)
	}
	if w.telemetry == nil {
		w.telemetry = w.store
	}
	w.feed = feed.New(testkit.MSPOf(w.org), w.ledger, w.store, log)
	w.metrics = service.NewMetrics()
	w.alarms = alarms.New(alarms.Config{MSP: testkit.MSPOf(w.org), Ledger: w.ledger, Store: w.store, Tell: w.feed.Tell, Metrics: w.metrics, Log: log, Now: func() time.Time { return time.Now().Add(w.later) }})
	trail, err := audit.Open(w.state.Tenant("audit"), time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	names := members.New(w.ledger, log)
	if err := names.Load(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.details = details.New(details.Config{MSP: testkit.MSPOf(w.org), Kept: w.state.Tenant("details"), Nodes: w.neighbours(), Members: names, Ledger: w.ledger, Log: log, Now: time.Now})
	cfg := httpapi.Config{Codecs: w.codecs, Org: w.org, MSP: testkit.MSPOf(w.org), Channel: ledger.Channel, MQTTURL: "tcp://mqtt.test:1883", PublicURL: "https://carrier.test", Style: w.style,
		Ledger: w.ledger, Peers: w.peers, Members: names, Details: w.details, Callers: channel().Callers(w.org), Telemetry: w.telemetry, Dial: w.dial, Feed: w.feed, Alarms: w.alarms, Issuer: w.issuer, Idempotency: idempotency.New(w.state.Tenant("idempotency"), time.Now, log), Audit: trail, Secrets: w.state.Tenant("intake"),
		Access: access.Chain{shareLink{}, access.NewVerifier(w.org, time.Now, append(w.trusted, w.issuer.Trusted())...)}, Key: bytes.Repeat([]byte{3}, 32),
		Evidence: w.evidence, DashboardDir: w.dashboard, Health: new(service.Health), Ops: !w.noOps, Metrics: w.metrics, Log: log, Now: func() time.Time { return time.Now().Add(w.later) }}
	if cfg.Peers == nil {
		cfg.Peers = w.ledger
	}
	if w.ingest == nil {
		w.ingest = &ingest{}
	}
	cfg.Ingest = ingestclient.These(w.ingest)
	if w.second != nil {
		cfg.Ingest = ingestclient.These(w.ingest, w.second)
	}
	if w.noStore {
		cfg.Telemetry = nil
	}
	if cfg.SignIn = w.signIn; cfg.SignIn != nil {
		cfg.SignIn.Tokens = access.NewVerifier(w.org, time.Now, w.trusted...)
	}
	w.api = httpapi.New(cfg)
}

// channel is whose authorities the nodes know each other by.
var channel = sync.OnceValue(nodetest.New)

// nodeOf is a world as the other organisations' nodes ask it, over HTTP and by the signature of who asks.
type nodeOf struct {
	*world
	down  bool
	asked int
}

// neighbours are the other members' nodes.
func (w *world) neighbours() func(string) details.Node {
	all := map[string]details.Node{}
	for _, m := range testkit.Founders {
		if m.Name != w.org {
			through := &node.Transport{Identity: channel().Identity(w.org, contract.Operator), Audience: m.Name, Now: nodetest.Now, Through: wires{w, m.Name}}
			all[m.Name] = details.Remote("http://"+m.Name+".test", through)
		}
	}
	return func(member string) details.Node { return all[member] }
}

// wires lead to the node of a member, if there is one.
type wires struct {
	*world
	to string
}

func (x wires) RoundTrip(r *http.Request) (*http.Response, error) {
	n := x.nodes[x.to]
	if n == nil {
		return nil, errors.New("nobody listens")
	}
	return n.RoundTrip(r)
}

// RoundTrip carries what another node asks.
func (n *nodeOf) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked++
	if n.down {
		return nil, errors.New("nobody listens")
	}
	r = r.Clone(r.Context())
	r.RequestURI = r.URL.RequestURI()
	rec := httptest.NewRecorder()
	n.api.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func (w *world) reopen() {
	w.t.Helper()
	w.api.Stop()
	if err := w.state.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *world) token(client string) string {
	w.t.Helper()
	token, _, err := w.issuer.Issue(client, secret, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

type response struct {
	Code   int
	Header http.Header
	Body   []byte
	t      *testing.T
}

func (r response) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		r.t.Fatalf("%v in %s", err, r.Body)
	}
}

func (r response) problem() problem.Problem {
	r.t.Helper()
	var p problem.Problem
	r.into(&p)
	if r.Header.Get("Content-Type") != "application/problem+json" || p.Status != r.Code || p.Code == "" || p.TraceID == "" || p.TraceID != r.Header.Get("Trace-Id") {
		r.t.Fatalf("not a problem: %d %s %s", r.Code, r.Header.Get("Content-Type"), r.Body)
	}
	return p
}

func (w *world) send(req *http.Request) response {
	rec := httptest.NewRecorder()
	method, path := req.Method, req.URL.EscapedPath()
	w.api.ServeHTTP(rec, req)
	r := response{rec.Code, rec.Header(), rec.Body.Bytes(), w.t}
	w.conforms(method, path, r)
	return r
}

// call sends JSON as the admin; headers are name, value pairs.
func (w *world) call(method, path, body string, headers ...string) response {
	w.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(w.t.Context(), method, path, r)
	req.Header.Set("Authorization", "Bearer "+w.token(w.org+"-admin"))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return w.send(req)
}

// must is call with one status that is right.
func (w *world) must(code int, method, path, body string, headers ...string) response {
	w.t.Helper()
	r := w.call(method, path, body, headers...)
	if r.Code != code {
		w.t.Fatalf("%s %s: %d instead of %d: %s", method, path, r.Code, code, r.Body)
	}
	return r
}

// withEvidence opens the api again with evidence routes over a ledger that has no blocks to show.
func (w *world) withEvidence() {
	w.t.Helper()
	w.evidence = &bundle.Source{Channel: ledger.Channel, Chaincode: ledger.Chaincode, Ledger: missingBlocks{}, Store: w.store, Log: slog.New(slog.DiscardHandler)}
	w.reopen()
}

// missingBlocks knows no transaction.
type missingBlocks struct{ bundle.Ledger }

func (missingBlocks) BlockByTx(_ context.Context, tx string) ([]byte, error) {
	return nil, &ledger.Error{Code: ledger.NotFound, Message: "no transaction " + tx}
}

// trackerKey is a tracker's key, made from its id.
func trackerKey(id string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(id))
	return ed25519.NewKeyFromSeed(seed[:])
}

func enrolBody(t *testing.T, org, id string) string {
	t.Helper()
	key := trackerKey(id)
	public, err := telemetry.Public(key)
	if err != nil {
		t.Fatal(err)
	}
	hexed := hex.EncodeToString(public.Raw)
	proof, err := telemetry.Sign(key, ledger.PossessionBytes(id, testkit.MSPOf(org), -19, hexed))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"id": id, "public_key": hexed, "alg": "Ed25519", "proof": hex.EncodeToString(proof), "model": "m1"})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const parties = `"parties":{"carrier":["carrier"],"shipper":["shipper"],"consignee":["consignee"],"auditor":["auditor"]}`

func shipmentBody(id string) string {
	return `{"id":"` + id + `",` + parties + `,"rule_set":"general-2-8@1","description":"vaccines"}`
}

// trackerOf is the id of the tracker that ship binds to a shipment.
func trackerOf(shipment string) string { return strings.Replace(shipment, ".", ".t-", 1) }

// ship makes a tracker and a shipment, assigned, with ten signed messages, eight of them anchored.
func (w *world) ship(id string) {
	w.t.Helper()
	w.must(http.StatusCreated, http.MethodPost, "/v1/trackers", enrolBody(w.t, w.org, trackerOf(id)))
	// The trip's ten minutes are over: no tracker measures ahead of the receipt.
	body, from := shipmentBody(id), `,"from":"`+rest.Instant(time.Now().Add(-max(w.age, 10*time.Minute)).UnixMilli()).String()+`"`
	if w.words != "" {
		body = strings.Replace(body, `"description":"vaccines"`, w.words, 1)
	}
	if w.ruleSet != "" {
		body = strings.Replace(body, "general-2-8@1", w.ruleSet, 1)
	}
	w.must(http.StatusCreated, http.MethodPost, "/v1/shipments", body)
	w.must(http.StatusCreated, http.MethodPost, "/v1/shipments/"+id+"/assignments", `{"tracker":"`+trackerOf(id)+`"`+from+`}`)
	raw, err := w.ledger.Evaluate(w.t.Context(), ledger.ShipmentGet.Name(), ledger.IDArgs{ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	var r ledger.Shipment
	if err := json.Unmarshal(raw, &r); err != nil {
		w.t.Fatal(err)
	}
	w.ingest.set(&fakestore.Ingest{Name: "carrier.ingest-1", Store: w.store, Ledger: w.ledger, Shipment: r, NowMS: func() int64 { return time.Now().UnixMilli() }})
	var prev telemetry.Hash
	start := r.Assignments[0].FromMS
	for seq := range uint64(10) {
		at := start + int64(seq)*60_000
		degrees := 4 + float64(seq)
		if seq == 9 {
			degrees = 26
		}
		values := map[string]float64{"temperature": degrees, "humidity": 50}
		if w.lat != 0 {
			values["lat"], values["lon"] = w.lat, 13.4
		}
		raw, err := telemetry.Encode(trackerKey(trackerOf(id)), telemetry.Claims{Tracker: trackerOf(id), Boot: 1, Seq: seq, Prev: prev, TimeMS: at, NextDueS: w.promise},
			[]telemetry.Reading{{TimeMS: at, Values: values}})
		if err != nil {
			w.t.Fatal(err)
		}
		m, err := telemetry.Decode(raw)
		if err != nil {
			w.t.Fatal(err)
		}
		prev = m.COSEHash
		if err := w.ingest.Ingest.Signed(raw); err != nil {
			w.t.Fatal(err)
		}
		if seq == 7 {
			if err := w.ingest.Ingest.Anchor(w.t.Context(), false); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// shareLink is a second way to prove who asks, which only tests know: whoever names a shipment in the header gets into that one.
type shareLink struct{}

func (shareLink) Authenticate(r *http.Request) (*access.Principal, error) {
	id := r.Header.Get("Share")
	if id == "" {
		return nil, nil
	}
	return &access.Principal{Org: "carrier", Issuer: "share", Subject: id, Client: "share", Scopes: access.Scopes, Only: []access.Resource{{Kind: access.Shipment, ID: id}},
		ExpMS: time.Now().Add(time.Minute).UnixMilli()}, nil
}

// ingest is the fake as httpapi sees it.
type ingest struct {
	mu sync.Mutex
	*fakestore.Ingest
	down   bool
	seals  int
	queue  uint64              // leaves that it has logged and not stored yet
	named  string              // "" = carrier.ingest-1
	turned []transfer.Rejected // newest first
	came   []transfer.Intake
	answer func(transfer.Intake) (transfer.Taken, error) // nil: it takes all
}

// Intake takes all.
func (i *ingest) Intake(_ context.Context, m transfer.Intake) (transfer.Taken, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return transfer.Taken{}, problem.ErrIngest
	}
	i.came = append(i.came, m)
	if i.answer != nil {
		return i.answer(m)
	}
	return transfer.Taken{Accepted: 1, Refused: []transfer.Refused{}}, nil
}

func (i *ingest) set(f *fakestore.Ingest) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Ingest = f
}

func (i *ingest) ID() string { return cmp.Or(i.named, "carrier.ingest-1") }

func (i *ingest) Rejected(_ context.Context, tracker string, beforeNS int64, limit int, raw bool) ([]transfer.Rejected, error) {
	if _, err := i.state(); err != nil || !strings.HasPrefix(tracker, "carrier.") {
		return nil, err
	}
	if limit > 201 { // as the real one does
		return nil, errors.New("give ?limit= as 1 to 201")
	}
	var some []transfer.Rejected
	for _, r := range i.turned {
		if (beforeNS == 0 || r.AtNS < beforeNS) && len(some) < limit {
			if !raw {
				r.Raw = nil
			}
			some = append(some, r)
		}
	}
	return some, nil
}

func (i *ingest) state() (*fakestore.Ingest, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return nil, problem.ErrIngest
	}
	return i.Ingest, nil
}

func (i *ingest) Logs(_ context.Context, shipment string) ([]ingestclient.Log, error) {
	f, err := i.state()
	if err != nil || f == nil || f.Shipment.ID != shipment {
		return nil, err
	}
	n, root := f.Size()
	stored := n - i.queue
	return []ingestclient.Log{{Log: f.LogID(), Size: n, Root: root, Stored: &stored}}, nil
}

func (i *ingest) Seal(ctx context.Context, shipment string) (ingestclient.Sealed, error) {
	f, err := i.state()
	if err != nil || f == nil || f.Shipment.ID != shipment {
		return ingestclient.Sealed{Anchored: err == nil}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.seals == 0 {
		if err := f.Seal(ctx); err != nil {
			return ingestclient.Sealed{}, err
		}
	}
	i.seals++
	return ingestclient.Sealed{Anchored: true}, nil
}

func (i *ingest) Assigned(context.Context, string, string) (bool, error) {
	_, err := i.state()
	return err == nil, err
}

func (i *ingest) Consistency(context.Context, string, uint64, uint64) ([][32]byte, error) {
	return nil, problem.ErrIngest
}

func (i *ingest) Status(ctx context.Context) (json.RawMessage, error) {
	if _, err := i.state(); err != nil {
		return nil, err
	}
	return json.RawMessage(`{"id":"carrier.ingest-1","problems":{}}`), nil
}
