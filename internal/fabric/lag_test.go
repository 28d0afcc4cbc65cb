package fabric

import (
	"errors"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// Whatever the peers do, a caller whose write was committed is never told that there is no such thing.
func TestOwnWritesAreRead(t *testing.T) {
	others := []string{"auditor", "consignee", "shipper"}
	lag := func(f *fakeNetwork, blocks int, orgs ...string) {
		for _, org := range orgs {
			f.peers[org].set(func(n *fakeNode) { n.lag = blocks })
		}
	}
	for _, tc := range []struct {
		name   string
		inject func(*fakeNetwork)
		answer bool // somebody who holds the write can answer; otherwise the call fails until the fault is over
	}{
		{"no fault", func(f *fakeNetwork) {}, true},
		{"others behind", func(f *fakeNetwork) { lag(f, 1, others...) }, true},
		{"own peer frozen", func(f *fakeNetwork) { f.peers["carrier"].freeze() }, true},
		{"own peer frozen and two behind", func(f *fakeNetwork) {
			f.peers["carrier"].freeze()
			lag(f, 1, "consignee", "shipper")
		}, true},
		{"own peer frozen and all others behind", func(f *fakeNetwork) {
			f.peers["carrier"].freeze()
			lag(f, 1, others...)
		}, false},
		{"own chaincode away and all others behind", func(f *fakeNetwork) {
			f.peers["carrier"].set(func(n *fakeNode) { n.noCC = true })
			lag(f, 1, others...)
		}, false},
		{"own peer dead and all others behind", func(f *fakeNetwork) {
			f.peers["carrier"].kill()
			lag(f, 1, others...)
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeNetwork(t)
			c := f.open("carrier")
			if _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "1"}); err != nil {
				t.Fatal(err)
			}
			tc.inject(f)
			for range 3 {
				value, err := c.Evaluate(t.Context(), "kv:Get", rwset{Key: "a"})
				if tc.answer && (err != nil || string(value) != "1") || !tc.answer && !errors.Is(err, ledger.ErrUnavailable) {
					t.Fatalf("evaluate: %q %v", value, err)
				}
			}
			lag(f, 0, others...)
			wait(t, "answer after the fault", func() error {
				value, err := c.Evaluate(t.Context(), "kv:Get", rwset{Key: "a"})
				if ledger.CodeOf(err) != "" || err == nil && string(value) != "1" {
					t.Fatalf("evaluate: %q %v", value, err)
				}
				return err
			})
		})
	}
}

// Two peers that refuse what they have not heard of yet do not outvote the one that has.
func TestRefusalsOfLaggingPeersDoNotCount(t *testing.T) {
	others := []string{"auditor", "consignee", "shipper"}
	f := newFakeNetwork(t)
	c := f.open("carrier")
	if _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "1"}); err != nil {
		t.Fatal(err)
	}
	for _, org := range others {
		f.peers[org].set(func(n *fakeNode) { n.lag = 1 })
	}
	over := time.AfterFunc(time.Second, func() { // longer than strict rounds take
		for _, org := range others {
			f.peers[org].set(func(n *fakeNode) { n.lag = 0 })
		}
	})
	defer over.Stop()
	// A transaction that needs the key.
	if _, err := c.Submit(t.Context(), "kv:Get", rwset{Key: "a"}); err != nil && !errors.Is(err, ledger.ErrUnavailable) {
		t.Fatalf("while all others are behind: %v", err)
	}
	wait(t, "submit after the fault", func() error {
		_, err := c.Submit(t.Context(), "kv:Get", rwset{Key: "a"})
		if ledger.CodeOf(err) != "" {
			t.Fatal(err)
		}
		return err
	})
}

// Evidence asks every organisation's peer for the newest blocks: one that is a block behind answers a moment later, and is
// not left out.
func TestAnswerOfALaggingPeer(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	res, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "1"})
	if err != nil {
		t.Fatal(err)
	}
	f.peers["auditor"].set(func(n *fakeNode) { n.lag = 1 })
	over := time.AfterFunc(50*time.Millisecond, func() { f.peers["auditor"].set(func(n *fakeNode) { n.lag = 0 }) })
	defer over.Stop()
	if answer, err := c.SignedBlockByTx(t.Context(), "auditor", res.TxID, []byte("nonce")); err != nil || answer.Org != "auditor" {
		t.Errorf("a peer that catches up: %q %v, want its answer", answer.Org, err)
	}
	if _, err := c.SignedBlockByTx(t.Context(), "auditor", "no such transaction", []byte("nonce")); ledger.CodeOf(err) != ledger.NotFound {
		t.Errorf("a transaction that does not exist: %v, want NOT_FOUND", err)
	}
}
