package fabric

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go/peer"

	"github.com/trackseal/trackseal/internal/ledger"
)

// What the channel asks for changes while the client lives, as organisations join and leave.
func TestEndorsementsFollowTheChannel(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	submit := func(value string) error {
		_, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: value})
		return err
	}
	for i, asked := range []int64{0, 3, 4, 2, 3} {
		f.endorsers.Store(asked)
		if err := submit(fmt.Sprint(i)); err != nil {
			t.Fatalf("%d organisations must endorse: %v", asked, err)
		}
		if got := f.valid("a"); got != i+1 {
			t.Fatalf("%d organisations must endorse: %d valid transactions of %d", asked, got, i+1)
		}
	}
	// Fewer are asked for: the client learns it by the configuration block.
	f.endorsers.Store(4)
	if err := submit("4"); err != nil {
		t.Fatal(err)
	}
	f.endorsers.Store(3)
	f.cut(nil, 0)
	wait(t, "the new policy", func() error {
		if n := c.channel.endorsers.Load(); n != 3 {
			return fmt.Errorf("%d organisations are asked, want 3", n)
		}
		return nil
	})
	// A dead peer leaves enough; with two, too few answer, and trying again can help.
	f.peers["shipper"].kill()
	if err := submit("x"); err != nil {
		t.Fatalf("three of four peers, three must endorse: %v", err)
	}
	f.peers["auditor"].kill()
	if err := submit("y"); !errors.Is(err, ledger.ErrUnavailable) {
		t.Fatalf("two of four peers, three must endorse: %v, want %v", err, ledger.ErrUnavailable)
	}
	// A refusal by two is one all the same: nothing would be ordered.
	if _, err := c.Submit(t.Context(), "kv:Create", rwset{Key: "a", Value: "z"}); ledger.CodeOf(err) != ledger.Exists {
		t.Fatalf("a refusal by both that are left: %v, want %s", err, ledger.Exists)
	}
}

// A policy failure for another reason is no reason to try again.
func TestPolicyFailureThatNothingExplains(t *testing.T) {
	f := newFakeNetwork(t)
	f.endorsers.Store(2)
	c := f.open("carrier")
	if _, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: "1"}); err != nil {
		t.Fatal(err)
	}
	err := &ledger.StageError{Stage: ledger.StageCommit, Code: int32(peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE), Err: ledger.ErrInvalid}
	if c.otherPolicy(t.Context(), err) {
		t.Error("it is taken for one of another policy, want not: the channel asks for as many as before")
	}
	f.endorsers.Store(3)
	if !c.otherPolicy(t.Context(), err) {
		t.Error("it is not taken for one of another policy, want so: the channel asks for more now")
	}
}
