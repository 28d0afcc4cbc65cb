package run

import (
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// A tracker that another operator serves is told who does and where, its messages get no leaf here, and once it is moved here they do: it
// has kept them.
func TestATrackerOfAnotherOperator(t *testing.T) {
	s := newSetup(t)
	s.ledger.Admit(t, ledger.Founder{Name: "fifth", MSP: "FifthMSP", DisplayName: "Fifth", Operator: true})
	move := func(msp string) {
		t.Helper()
		submit(t, s.ledger, ledger.TrackerServe, ledger.ServeArgs{ID: "carrier.T-1", Operator: msp})
		testkit.WaitFor(t, 10*time.Second, "ingest knows who serves the tracker", func() bool {
			tr, ok := s.registry.Tracker(t.Context(), "carrier.T-1")
			return ok && (tr.Elsewhere == msp || tr.Elsewhere == "" && msp == "CarrierMSP")
		})
	}
	told := func(detail string) {
		t.Helper()
		testkit.WaitFor(t, 30*time.Second, "the tracker is told "+detail, func() bool {
			down := s.src.lastDown("carrier.T-1")
			return strings.Contains(down, `"reason":"other_operator"`) && strings.Contains(down, detail)
		})
	}
	s.send(t, 3)
	s.settle(s.src)

	move("FifthMSP")
	first := s.dev.message(t, 5)
	s.src.send(up("carrier.T-1"), first)
	told(`"detail":"carrier.T-1 is served by fifth"`)
	submit(t, s.ledger.As("FifthMSP"), ledger.MemberAnnounce, ledger.AnnounceArgs{MQTT: "ssl://10.0.0.5:8883"})
	testkit.WaitFor(t, 10*time.Second, "ingest knows the address", func() bool { return s.registry.Operator("FifthMSP") == "fifth at ssl://10.0.0.5:8883" })
	s.src.send(up("carrier.T-1"), first)
	told("served by fifth at ssl://10.0.0.5:8883")
	if st := s.Status(t.Context()); st.Logged != 3 || st.Rejected["other_operator"] != 2 {
		t.Fatalf("%d messages have a leaf, refused %v; want 3, and 2 as other_operator", st.Logged, st.Rejected)
	}

	s.ledger.Evict(t, "fifth")
	testkit.WaitFor(t, 10*time.Second, "ingest knows that the operator is gone", func() bool {
		return strings.Contains(s.registry.Operator("FifthMSP"), "fifth, which is no member any more")
	})

	move("CarrierMSP")
	s.src.send(up("carrier.T-1"), first)
	s.sent++
	s.send(t, 2)
	s.account(t)
}

// The ingest of an operator that was evicted acknowledges nothing more: none of it could be anchored. Its trackers keep what they have.
func TestAnEvictedOperatorTakesNothing(t *testing.T) {
	s := newSetup(t, func(c *Config) { c.Partitions = whole })
	s.send(t, 3)
	s.settle(s.src)
	s.ledger.Evict(t, "carrier")
	testkit.WaitFor(t, 30*time.Second, "it says that it is evicted", func() bool {
		return strings.Contains(s.Status(t.Context()).Problems["logs"], "was evicted from the network")
	})
	s.src.send(up("carrier.T-1"), s.dev.message(t, 5))
	round := s.anchorer.Round()
	s.anchorer.Kick()
	<-round
	if st := s.Status(t.Context()); st.Logged != 3 || s.src.open() != 1 {
		t.Errorf("%d messages have a leaf, %d wait; want 3, and one that is not acknowledged", st.Logged, s.src.open())
	}
}
