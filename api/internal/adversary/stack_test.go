package adversary

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/contract"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/ledger"
)

// network is the running stack's ledger, as all its organisations see it.
type network struct {
	*fabric.Client // of who collects
	clients        map[who]*fabric.Client
	auditors       evidence.Policy

	// Trips share blocks: what was fetched once is kept.
	mu      sync.Mutex
	blocks  map[string][]byte // by transaction
	answers map[string]ledger.SignedAnswer
}

func realNetwork(t *testing.T) *network {
	t.Helper()
	dir := os.Getenv("TRACKSEAL_STACK")
	if dir == "" {
		t.Skip("needs a running stack: TRACKSEAL_STACK is not set")
	}
	var stack struct {
		Orgs map[string]struct {
			Profile string `json:"profile"`
		} `json:"orgs"`
	}
	raw, err := os.ReadFile(filepath.Join(dir, "stack.json"))
	if err == nil {
		err = json.Unmarshal(raw, &stack)
	}
	if err != nil {
		t.Fatal(err)
	}
	program := os.Getenv("TRACKSEAL_NETWORK")
	if program == "" {
		program = filepath.Join(dir, "bin", "network")
	}
	out, err := exec.Command(program, "--dir", dir, "env", "--policy").Output()
	if err != nil {
		t.Fatal(err)
	}
	policy, err := evidence.ParsePolicy(out)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{clients: map[who]*fabric.Client{}, auditors: *policy, blocks: map[string][]byte{}, answers: map[string]ledger.SignedAnswer{}}
	for by, user := range map[who]string{
		{carrier, contract.Operator}: "api", ingestID: "ingest", {shipper, contract.Operator}: "api", {consignee, contract.Operator}: "api", {outsider, contract.Operator}: "api",
	} {
		c, err := fabric.Open(t.Context(), fabric.Config{Profile: stack.Orgs[by.org].Profile, Org: by.org, User: user}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		n.clients[by] = c
	}
	n.Client = n.clients[who{outsider, contract.Operator}]
	return n
}

func (n *network) nowMS() int64 { return time.Now().UnixMilli() }

func (n *network) until(ctx context.Context, ms int64) error {
	select {
	case <-time.After(time.Until(time.UnixMilli(ms))):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (n *network) policy() *evidence.Policy { p := n.auditors; return &p }

type kept struct{ *fabric.Endorsed }

func (k kept) id() string { return k.TxID }

func (n *network) client(by who) (*fabric.Client, error) {
	if c := n.clients[by]; c != nil {
		return c, nil
	}
	return nil, ledger.Refuse(ledger.Forbidden, "%s has no identity with the role %s", by.org, by.role)
}

func (n *network) endorse(ctx context.Context, by who, aheadMS int64, fn ledger.Function, arg any) (pending, error) {
	c, err := n.client(by)
	if err != nil {
		return nil, err
	}
	e, err := c.Endorse(ctx, fn.Name(), arg, time.Duration(aheadMS)*time.Millisecond)
	return kept{e}, err
}

// order goes through one client for all: whoever has the bytes can send them.
func (n *network) order(ctx context.Context, p pending) (ledger.Result, error) {
	return n.clients[who{carrier, contract.Operator}].Order(ctx, p.(kept).Endorsed)
}

func (n *network) ask(ctx context.Context, by who, fn ledger.Function, arg any) ([]byte, error) {
	c, err := n.client(by)
	if err != nil {
		return nil, err
	}
	return c.Evaluate(ctx, fn.Name(), arg)
}

// cached is what a key had, else what get gives, which is kept.
func cached[V any](n *network, m map[string]V, key string, get func() (V, error)) (V, error) {
	n.mu.Lock()
	v, ok := m[key]
	n.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := get()
	if err == nil {
		n.mu.Lock()
		m[key] = v
		n.mu.Unlock()
	}
	return v, err
}

// BlockByTx implements bundle.Ledger.
func (n *network) BlockByTx(ctx context.Context, tx string) ([]byte, error) {
	return cached(n, n.blocks, tx, func() ([]byte, error) { return n.Client.BlockByTx(ctx, tx) })
}

// SignedBlockByTx gives the same answer for all transactions of a block.
func (n *network) SignedBlockByTx(ctx context.Context, org, tx string, nonce []byte) (ledger.SignedAnswer, error) {
	raw, err := n.BlockByTx(ctx, tx)
	if err != nil {
		return ledger.SignedAnswer{}, err
	}
	b, err := fabricproof.DecodeBlock(raw)
	if err != nil {
		return ledger.SignedAnswer{}, err
	}
	return cached(n, n.answers, fmt.Sprint(org, b.Number), func() (ledger.SignedAnswer, error) { return n.Client.SignedBlockByTx(ctx, org, tx, nonce) })
}

// batch makes one anchor of the heads that came since the last.
func (h *headsLog) batch(ctx context.Context) {
	for ctx.Err() == nil {
		var waiting []request
		select {
		case r := <-h.batched:
			waiting = append(waiting, r)
		case <-ctx.Done():
			return
		}
		for pause := time.After(time.Second); pause != nil && len(waiting) < 500; {
			select {
			case r := <-h.batched:
				waiting = append(waiting, r)
			case <-pause:
				pause = nil
			}
		}
		heads := make([]anchor.HeadLeaf, len(waiting))
		for i, r := range waiting {
			heads[i] = r.head
		}
		out := h.extend(ctx, heads, 0)
		for try := 0; out[0].err != nil && try < 3 && ctx.Err() == nil; try++ {
			out = h.extend(ctx, heads, 0)
		}
		for i, r := range waiting {
			r.done <- out[i]
		}
	}
}

var inRealTime = pace{stepsMS: []int64{3000}, ticks: 10, roles: roles, delaysS: []int64{5, 25, 40}}

// TestStackAdversary plays 50 trips side by side on a real network, as long as TRACKSEAL_ADVERSARY_TIME says when it is set.
func TestStackAdversary(t *testing.T) {
	n := realNetwork(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	run := time.Now()
	h := &headsLog{chain: n, ingest: fmt.Sprintf("carrier.adversary-%x", run.Unix()), batched: make(chan request, 500)}
	anchors, stop := context.WithCancel(ctx)
	defer stop()
	go h.batch(anchors)
	defer func() { // or every node of the stack would miss the copies of what this instance has anchored
		stop()
		operator, err := n.client(who{carrier, contract.Operator})
		if err == nil {
			_, _, err = ledger.AnchorRetire.Do(t.Context(), operator, ledger.RetireArgs{Ingest: h.ingest})
		}
		if err != nil {
			t.Errorf("retire %s: %v", h.ingest, err)
		}
	}()

	first := uint64(1)
	if seed, ok := number("TRACKSEAL_ADVERSARY_SEED"); ok {
		first = seed
	}
	trips, limit := 50, time.Duration(0)
	if d, err := time.ParseDuration(os.Getenv("TRACKSEAL_ADVERSARY_TIME")); err == nil {
		limit = d
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	played, passed, broke, places := 0, 0, 0, make(chan struct{}, 120)
	for i := 0; (limit == 0 && i < trips || limit > 0 && time.Since(run) < limit) && !t.Failed() && ctx.Err() == nil; i++ {
		places <- struct{}{}
		time.Sleep(300 * time.Millisecond) // so that not all do the same at once
		wait.Go(func() {
			defer func() { <-places }()
			seed := first + uint64(i)
			p := newPlan(seed, inRealTime)
			p.clockMS = 10_000
			if p.role == nobody || p.role == outsider {
				p.clockMS = 120_000 // a machine under load
			}
			trip := newTrip(n, h, p, fmt.Sprintf("%x-%d-", run.Unix(), i))
			trip.retryMS = 300
			err := trip.play(ctx)
			machinery := err != nil
			if err == nil {
				err = trip.judged(ctx, 1)
			}
			mu.Lock()
			defer mu.Unlock()
			played++
			switch {
			case err != nil && !machinery:
				t.Error(tell(p, trip, err))
			case machinery:
				broke++
				t.Logf("seed %d: the suite itself: %v", seed, err)
			case trip.passed:
				passed++
			}
		})
	}
	wait.Wait()
	t.Logf("%d trips from seed %d on in %s: %d have an answer that passes all five questions, %d could not be played", played, first, time.Since(run).Round(time.Second), passed, broke)
	if passed == 0 || broke > played/10 {
		t.Errorf("of %d trips %d passed and %d could not be played: the suite says nothing", played, passed, broke)
	}
}
