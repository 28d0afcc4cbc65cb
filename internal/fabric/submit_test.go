package fabric

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"

	"github.com/golang/protobuf/proto"
	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/peer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// go-metrics or the SDK may leave nothing behind: what a client starts ends with it.
	goleak.VerifyTestMain(m)
}

func TestSubmitAndLookUp(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	if c.MSP() != "carrierMSP" {
		t.Fatalf("MSP %q", c.MSP())
	}
	result, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if result.Block != 1 || len(result.TxID) != 64 {
		t.Fatalf("result %+v", result)
	}
	value, err := c.Evaluate(t.Context(), "kv:Get", rwset{Key: "a"})
	if err != nil || string(value) != "1" {
		t.Fatalf("evaluate: %q %v", value, err)
	}
	found, code, block, err := c.TxStatus(t.Context(), result.TxID)
	if !found || code != 0 || block != 1 || err != nil {
		t.Fatalf("status: %v %d %d %v", found, code, block, err)
	}
	if found, _, _, err = c.TxStatus(t.Context(), "none"); found || err != nil {
		t.Fatalf("status of no transaction: %v %v", found, err)
	}
	raw, err := c.BlockByTx(t.Context(), result.TxID)
	if err != nil {
		t.Fatal(err)
	}
	got := &common.Block{}
	if err := proto.Unmarshal(raw, got); err != nil || got.Header.Number != 1 || len(got.Metadata.Metadata) == 0 {
		t.Fatalf("block %v %v", got.Header, err)
	}
	if _, err = c.BlockByTx(t.Context(), "none"); ledger.CodeOf(err) != ledger.NotFound {
		t.Fatalf("block of no transaction: %v", err)
	}
	for _, org := range fakeOrgs {
		if where, err := c.EvaluateAt(t.Context(), org, "kv:Where", rwset{}); err != nil || string(where) != org {
			t.Fatalf("at %s: %q %v", org, where, err)
		}
	}
	if _, err := c.EvaluateAt(t.Context(), "nobody", "kv:Where", rwset{}); err == nil {
		t.Fatal("an organisation without a peer answered")
	}
}

// Every single fault must leave Submit with a valid transaction, once.
func TestSubmitSurvivesOneFault(t *testing.T) {
	for name, inject := range map[string]func(*fakeNetwork){
		"own peer dead":            func(f *fakeNetwork) { f.peers["carrier"].kill() },
		"own peer frozen":          func(f *fakeNetwork) { f.peers["carrier"].freeze() },
		"own chaincode away":       func(f *fakeNetwork) { f.peers["carrier"].set(func(n *fakeNode) { n.noCC = true }) },
		"own peer behind":          func(f *fakeNetwork) { f.peers["carrier"].set(func(n *fakeNode) { n.lag = 1 }) },
		"partner dead":             func(f *fakeNetwork) { f.peers["consignee"].kill() },
		"partner frozen":           func(f *fakeNetwork) { f.peers["consignee"].freeze() },
		"partner's chaincode away": func(f *fakeNetwork) { f.peers["consignee"].set(func(n *fakeNode) { n.noCC = true }) },
		"partner behind":           func(f *fakeNetwork) { f.peers["consignee"].set(func(n *fakeNode) { n.lag = 1 }) },
		"orderer dead":             func(f *fakeNetwork) { f.orderers["carrier"].kill() },
		"orderer frozen":           func(f *fakeNetwork) { f.orderers["carrier"].freeze() },
		"orderer busy":             func(f *fakeNetwork) { f.orderers["carrier"].set(func(n *fakeNode) { n.busy = true }) },
		"orderer refuses":          func(f *fakeNetwork) { f.orderers["carrier"].set(func(n *fakeNode) { n.refuse = true }) },
		"orderer loses it":         func(f *fakeNetwork) { f.orderers["carrier"].set(func(n *fakeNode) { n.lose = 1 }) },
		"orderer orders it twice":  func(f *fakeNetwork) { f.orderers["carrier"].set(func(n *fakeNode) { n.twice = true }) },
		"two peers and three orderers": func(f *fakeNetwork) {
			f.peers["carrier"].kill()
			f.peers["shipper"].freeze()
			f.orderers["carrier"].kill()
			f.orderers["consignee"].freeze()
			f.orderers["shipper"].kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range 4 {
				warm := i%2 == 0
				f := newFakeNetwork(t)
				f.bft = i/2 == 0
				c := f.open("carrier")
				want := 0
				if warm {
					if _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "0"}); err != nil {
						t.Fatal(err)
					}
					want++
					wait(t, "consensus type", func() error {
						if c.channel.isBFT() != f.bft {
							return errors.New("not known yet")
						}
						return nil
					})
				}
				inject(f)
				for i := range 3 {
					result, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: fmt.Sprint(i)})
					if err != nil {
						t.Fatalf("warm %v, submit %d: %v", warm, i, err)
					}
					want++
					if found, code, block, err := c.TxStatus(t.Context(), result.TxID); !found || code != 0 || block != result.Block || err != nil {
						t.Fatalf("status: %v %d %d %v", found, code, block, err)
					}
				}
				if got := f.valid("a"); got != want {
					t.Fatalf("warm %v: %d valid transactions for %d submits", warm, got, want)
				}
				if value, err := c.Evaluate(t.Context(), "kv:Get", rwset{Key: "a"}); err != nil || len(value) == 0 {
					t.Fatalf("evaluate: %q %v", value, err)
				}
			}
		})
	}
}

func TestSubmitErrors(t *testing.T) {
	set := rwset{Key: "a", Value: "1"}
	stage := func(want ledger.Stage, code int32, kind error) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			t.Helper()
			var e *ledger.StageError
			if !errors.As(err, &e) || e.Stage != want || e.Code != code || (kind != nil) != (errors.Is(err, ledger.ErrUnavailable) || errors.Is(err, ledger.ErrInvalid) || errors.Is(err, ledger.ErrCommitUnknown)) || (kind != nil && !errors.Is(err, kind)) {
				t.Fatalf("got %v, want %s, code %d, %v", err, want, code, kind)
			}
		}
	}
	refusal := func(want ledger.Code) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			t.Helper()
			if ledger.CodeOf(err) != want || errors.Is(err, ledger.ErrUnavailable) {
				t.Fatalf("got %v, want %s", err, want)
			}
		}
	}
	allPeers := func(f *fakeNetwork, change func(*fakeNode)) {
		for _, p := range f.peers {
			p.set(change)
		}
	}
	allOrderers := func(f *fakeNetwork, change func(*fakeNode)) {
		for _, o := range f.orderers {
			o.set(change)
		}
	}
	for _, tc := range []struct {
		name   string
		inject func(*fakeNetwork)
		fn     string
		want   func(*testing.T, error)
	}{
		{"refused", func(f *fakeNetwork) { f.put("a") }, "kv:Create", refusal(ledger.Exists)},
		{"refused by the only peer", func(f *fakeNetwork) {
			f.put("a")
			for _, org := range []string{"auditor", "consignee", "shipper"} {
				f.peers[org].kill()
			}
		}, "kv:Create", refusal(ledger.Exists)},
		{"no such function", nil, "kv:None", stage(ledger.StageEndorse, 0, nil)},
		{"one organisation left", func(f *fakeNetwork) {
			for _, org := range []string{"auditor", "consignee", "shipper"} {
				f.peers[org].kill()
			}
		}, "kv:Set", stage(ledger.StageEndorse, 0, ledger.ErrUnavailable)},
		{"no peer", func(f *fakeNetwork) {
			for _, p := range f.peers {
				p.kill()
			}
		}, "kv:Set", stage(ledger.StageEndorse, 0, ledger.ErrUnavailable)},
		{"no chaincode", func(f *fakeNetwork) { allPeers(f, func(n *fakeNode) { n.noCC = true }) }, "kv:Set", stage(ledger.StageEndorse, 0, ledger.ErrUnavailable)},
		{"frozen peers", func(f *fakeNetwork) { allPeers(f, func(n *fakeNode) { n.frozen = make(chan struct{}) }) }, "kv:Set", stage(ledger.StageEndorse, 0, ledger.ErrUnavailable)},
		{"dead orderers", func(f *fakeNetwork) {
			for _, o := range f.orderers {
				o.kill()
			}
		}, "kv:Set", stage(ledger.StageSubmit, 0, ledger.ErrUnavailable)},
		{"busy orderers", func(f *fakeNetwork) { allOrderers(f, func(n *fakeNode) { n.busy = true }) }, "kv:Set", stage(ledger.StageSubmit, 0, ledger.ErrUnavailable)},
		{"refusing orderers", func(f *fakeNetwork) { allOrderers(f, func(n *fakeNode) { n.refuse = true }) }, "kv:Set", stage(ledger.StageSubmit, 0, nil)},
		{"frozen orderers", func(f *fakeNetwork) { allOrderers(f, func(n *fakeNode) { n.frozen = make(chan struct{}) }) }, "kv:Set", stage(ledger.StageSubmit, 0, ledger.ErrUnavailable)},
		{"forgetful orderers", func(f *fakeNetwork) { allOrderers(f, func(n *fakeNode) { n.lose = 100 }) }, "kv:Set", stage(ledger.StageCommit, 0, ledger.ErrCommitUnknown)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeNetwork(t)
			if tc.inject != nil {
				tc.inject(f)
			}
			before := f.valid("a")
			_, err := f.open("carrier").Submit(t.Context(), tc.fn, set)
			if err == nil {
				t.Fatal("no error")
			}
			tc.want(t, err)
			if f.valid("a") != before {
				t.Fatal("a failed submit was applied")
			}
		})
	}
}

// A fresh client's first transaction may be sent before it is known that the orderers are BFT, to one that never passes it on:
// as soon as it is known, the others get it, without waiting for a timeout.
func TestFirstSubmitReachesAllOrderers(t *testing.T) {
	f := newFakeNetwork(t)
	f.bft = true
	f.secret.Store(true)
	f.orderers["carrier"].set(func(n *fakeNode) { n.lose = 1 })
	c := f.openWith("carrier", Timeouts{Resend: time.Hour, Commit: time.Minute})
	done := make(chan error, 1)
	go func() { _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a"}); done <- err }()
	wait(t, "the transaction at the own orderer", func() error {
		if f.orderers["carrier"].asked.Load() == 0 {
			return errors.New("not there")
		}
		return nil
	})
	for _, org := range []string{"auditor", "consignee", "shipper"} {
		if f.orderers[org].asked.Load() != 0 {
			t.Errorf("orderer of %s has it before it is known that all must", org)
		}
	}
	f.secret.Store(false)
	if err := <-done; err != nil || f.valid("a") != 1 {
		t.Fatalf("%v, %d valid", err, f.valid("a"))
	}
}

// An orderer that was away when the others took a transaction and forgot it, as followers forget what they passed on to a
// leader that had died, gets it as soon as it is back.
func TestRestartedOrdererGetsTheTransaction(t *testing.T) {
	f := newFakeNetwork(t)
	f.bft = true
	c := f.openWith("carrier", Timeouts{Resend: time.Hour, Commit: time.Minute})
	wait(t, "consensus type", func() error {
		if !c.channel.isBFT() {
			return errors.New("not known yet")
		}
		return nil
	})
	for _, org := range []string{"carrier", "consignee", "auditor"} {
		f.orderers[org].set(func(n *fakeNode) { n.lose = 1 })
	}
	f.orderers["shipper"].kill()
	done := make(chan error, 1)
	go func() { _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a"}); done <- err }()
	wait(t, "the transaction at the others", func() error {
		for _, org := range []string{"carrier", "consignee", "auditor"} {
			if f.orderers[org].asked.Load() == 0 {
				return errors.New(org + " does not have it")
			}
		}
		return nil
	})
	f.orderers["shipper"].start()
	if err := <-done; err != nil || f.valid("a") != 1 {
		t.Fatalf("%v, %d valid", err, f.valid("a"))
	}
}

// put writes a key by a client of another organisation.
func (f *fakeNetwork) put(key string) {
	f.t.Helper()
	if _, err := f.open("shipper").Submit(f.t.Context(), "kv:Set", rwset{Key: key, Value: "x"}); err != nil {
		f.t.Fatal(err)
	}
}

// Two submits of one key at the same time: one is valid and the other, which has read what the first one wrote, is endorsed anew.
func TestReadConflictIsSubmittedAgain(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	release := make(chan struct{})
	f.orderers["carrier"].set(func(n *fakeNode) { n.late = release })
	c.cfg.Timeouts.Broadcast = 10 * time.Second
	errs := make([]error, 2)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			_, errs[i] = c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: fmt.Sprint(i)})
		})
	}
	wait(t, "both at the orderer", func() error {
		if n := f.orderers["carrier"].asked.Load(); n != 2 {
			return fmt.Errorf("%d transactions", n)
		}
		return nil
	})
	f.orderers["carrier"].set(func(n *fakeNode) { close(release) })
	group.Wait()
	if err := errors.Join(errs...); err != nil || f.valid("a") != 2 {
		t.Fatalf("errors %v, %d valid; want none and both", errs, f.valid("a"))
	}
	f.mu.Lock()
	conflicts := len(f.blocks) - 1 - 2
	f.mu.Unlock()
	if conflicts != 1 {
		t.Fatalf("%d transactions were invalid, want one", conflicts)
	}
}

// A read conflict is repeated, and not for ever. What the other transaction made wrong is refused in the contract's words.
func TestReadConflictsAreBounded(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	arm := func(n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.conflicts = n
	}
	arm(maxRepeats)
	if _, err := c.Submit(t.Context(), "kv:Create", rwset{Key: "a", Value: "1"}); err != nil {
		t.Fatalf("after %d conflicts: %v, want it to be taken", maxRepeats, err)
	}
	arm(maxRepeats + 1)
	_, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "b", Value: "1"})
	var invalid *ledger.StageError
	if !errors.As(err, &invalid) || !errors.Is(err, ledger.ErrInvalid) || invalid.Code != int32(peer.TxValidationCode_MVCC_READ_CONFLICT) || f.valid("b") != 0 {
		t.Fatalf("after %d conflicts: %v, %d valid; want it invalid with Fabric's code", maxRepeats+1, err, f.valid("b"))
	}
	if found, code, _, err := c.TxStatus(t.Context(), invalid.TxID); !found || code != invalid.Code || err != nil {
		t.Fatalf("status of the invalid one: %v %d %v", found, code, err)
	}
	arm(1)
	if _, err := c.Submit(t.Context(), "kv:Create", rwset{Key: "a", Value: "2"}); ledger.CodeOf(err) != ledger.Exists || f.valid("a") != 1 {
		t.Fatalf("what exists: %v, %d valid; want %s", err, f.valid("a"), ledger.Exists)
	}
}

// An orderer that was frozen with the transaction in hand orders it later: the unknown one is found then, and counts once.
func TestCommitUnknownResolves(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	release := make(chan struct{})
	for _, o := range f.orderers {
		o.set(func(n *fakeNode) { n.late = release })
	}
	_, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "1"})
	var unknown *ledger.StageError
	if !errors.As(err, &unknown) || !errors.Is(err, ledger.ErrCommitUnknown) || unknown.TxID == "" {
		t.Fatalf("got %v", err)
	}
	if found, _, _, err := c.TxStatus(t.Context(), unknown.TxID); found || err != nil {
		t.Fatalf("before: %v %v", found, err)
	}
	close(release)
	wait(t, "the transaction", func() error {
		found, code, _, err := c.TxStatus(t.Context(), unknown.TxID)
		if err == nil && (!found || code != 0) {
			err = fmt.Errorf("found %v, code %d", found, code)
		}
		return err
	})
	if f.valid("a") != 1 {
		t.Fatalf("%d valid", f.valid("a"))
	}
}

func TestCancelledSubmitIsUnknownOnceSent(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	f.orderers["carrier"].set(func(n *fakeNode) { n.lose = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for f.orderers["carrier"].asked.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := c.Submit(ctx, "kv:Set", rwset{Key: "a"}); !errors.Is(err, ledger.ErrCommitUnknown) || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Submit(ctx, "kv:Set", rwset{Key: "a"}); !errors.Is(err, ledger.ErrUnavailable) {
		t.Fatalf("cancelled before: %v", err)
	}
	c.health.mu.Lock()
	defer c.health.mu.Unlock()
	if len(c.health.down) != 0 {
		t.Fatalf("a caller that gave up is blamed on %v", c.health.down)
	}
}

func TestCloseEndsCalls(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	for _, o := range f.orderers {
		o.set(func(n *fakeNode) { n.lose = 1000 })
	}
	done := make(chan error, 2)
	go func() { _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a"}); done <- err }()
	go func() { done <- c.Events(t.Context(), 0, func(ledger.Event) error { return nil }, nil) }()
	wait(t, "the transaction at an orderer", func() error {
		if f.orderers["carrier"].asked.Load() == 0 {
			return errors.New("not there")
		}
		return nil
	})
	c.Close()
	for range 2 {
		if err := <-done; !errors.Is(err, errClosed) {
			t.Fatalf("got %v", err)
		}
	}
	c.Close()
	if _, err := c.Evaluate(t.Context(), "kv:Where", rwset{}); err == nil {
		t.Fatal("a closed client answered")
	}
}

// The first call of a fresh client must not find a TLS pool without the node's root: no handshake may fail, ever.
func TestFirstCallsHaveEveryRoot(t *testing.T) {
	f := newFakeNetwork(t)
	var group sync.WaitGroup
	for i := range 20 {
		// Nothing is given up for being slow here, so a handshake can fail for lack of a root only.
		c := f.openWith(fakeOrgs[i%len(fakeOrgs)], Timeouts{Connect: time.Minute, Hedge: time.Minute, Endorse: time.Minute, Broadcast: time.Minute})
		group.Go(func() {
			if _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, n := range f.nodes() {
		if bad := n.badHands.Load(); bad != 0 {
			t.Errorf("%s of %s: %d failed handshakes", n.role, n.org, bad)
		}
	}
}
