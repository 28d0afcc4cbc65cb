package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

// collect runs Events in the background. It checks what must hold always: blocks rise, none comes twice.
type collect struct {
	values chan string
	heads  chan uint64
	done   chan error
}

func collectEvents(t *testing.T, c *Client, from uint64) *collect {
	t.Helper()
	k := &collect{values: make(chan string, 1000), heads: make(chan uint64, 1000), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	last := uint64(0)
	go func() {
		k.done <- c.Events(ctx, from, func(e ledger.Event) error {
			var set rwset
			if err := json.Unmarshal(e.Payload, &set); err != nil {
				return err
			}
			if e.Block <= last || e.Name != "set" || len(e.TxID) != 64 {
				return fmt.Errorf("event %+v after block %d", e, last)
			}
			last = e.Block
			k.values <- set.Value
			return nil
		}, func(height uint64) { k.heads <- height })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-k.done; !errors.Is(err, context.Canceled) {
			t.Errorf("stream ended with %v", err)
		}
	})
	return k
}

func (k *collect) expect(t *testing.T, values ...string) {
	t.Helper()
	for _, want := range values {
		select {
		case got := <-k.values:
			if got != want {
				t.Fatalf("event %q, want %q", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no event %q", want)
		}
	}
	select {
	case got := <-k.values:
		t.Fatalf("unexpected event %q", got)
	default:
	}
}

func (k *collect) expectHead(t *testing.T, atLeast uint64) {
	t.Helper()
	for {
		select {
		case h := <-k.heads:
			if h >= atLeast {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("never at head %d", atLeast)
		}
	}
}

func mustSet(t *testing.T, c *Client, value string) uint64 {
	t.Helper()
	r, err := c.Submit(t.Context(), "kv:Set", rwset{Key: "a", Value: value})
	if err != nil {
		t.Fatal(err)
	}
	return r.Block
}

func TestEventsInOrderFromABlock(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	for i := range 5 {
		mustSet(t, c, fmt.Sprint(i))
	}
	all := collectEvents(t, c, 0)
	all.expect(t, "0", "1", "2", "3", "4")
	all.expectHead(t, 6)
	rest := collectEvents(t, c, 4)
	rest.expect(t, "3", "4")
	future := collectEvents(t, c, 7)
	future.expectHead(t, 6) // nothing to catch up with
	mustSet(t, c, "5")
	mustSet(t, c, "6")
	all.expect(t, "5", "6")
	all.expectHead(t, 8)
	future.expect(t, "6")
}

// A transaction that was ordered twice, or lost a race, is in a block and yet no event.
func TestNoEventsOfInvalidTransactions(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	events := collectEvents(t, c, 0)
	f.orderers["carrier"].set(func(n *fakeNode) { n.twice = true })
	mustSet(t, c, "0")
	mustSet(t, c, "1")
	events.expect(t, "0", "1")
	events.expectHead(t, 5)
	if got := f.valid("a"); got != 2 {
		t.Fatalf("%d valid", got)
	}
}

func TestEventsGoOnElsewhereAndComeHome(t *testing.T) {
	for name, fail := range map[string]struct{ down, up func(*fakeNode) }{
		"dead":   {(*fakeNode).kill, (*fakeNode).start},
		"frozen": {(*fakeNode).freeze, (*fakeNode).thaw},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeNetwork(t)
			c := f.open("carrier")
			events := collectEvents(t, c, 0)
			mustSet(t, c, "0")
			events.expect(t, "0")

			fail.down(f.peers["carrier"])
			mustSet(t, c, "1")
			mustSet(t, c, "2")
			events.expect(t, "1", "2")

			fail.up(f.peers["carrier"])
			wait(t, "own peer in use", func() error {
				for _, p := range []part{chaincodePart, ledgerPart} {
					if c.health.isDown(c.peers[0], p) {
						return fmt.Errorf("%s is still down", p)
					}
				}
				return nil
			})
			if where, err := c.Evaluate(t.Context(), "kv:Where", rwset{}); err != nil || string(where) != "carrier" {
				t.Fatalf("asked %q %v", where, err)
			}
			mustSet(t, c, "3")
			events.expect(t, "3")
		})
	}
}

func TestEventsEndWithTheHandler(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	mustSet(t, c, "0")
	stop := errors.New("enough")
	if err := c.Events(t.Context(), 0, func(ledger.Event) error { return stop }, nil); err != stop {
		t.Fatalf("got %v", err)
	}
}

func TestNetwork(t *testing.T) {
	f := newFakeNetwork(t)
	c := f.open("carrier")
	mustSet(t, c, "0")
	f.peers["shipper"].kill()
	f.peers["auditor"].freeze()
	f.orderers["auditor"].freeze()
	f.orderers["consignee"].set(func(n *fakeNode) { n.lag = 1 }) // answers, and works no more
	nodes, err := c.Network(t.Context())
	if err != nil || len(nodes) != 8 {
		t.Fatalf("%v %v", nodes, err)
	}
	if nodes[0].Org != "carrier" || nodes[0].Role != "peer" || nodes[4].Org != "carrier" || nodes[4].Role != "orderer" {
		t.Fatalf("own organisation is not first: %+v", nodes)
	}
	for _, n := range nodes {
		down := n.Org == "auditor" || n.Org == "shipper" && n.Role == "peer"
		if n.Up == down || (n.Error == "") == down || n.Role == "peer" && !down && n.Height != 2 {
			t.Errorf("got %+v, want up = %v, an error only when it is not, and height 2 of a peer", n, !down)
		}
		if n.Role == "orderer" && n.Height != map[string]uint64{"carrier": 2, "shipper": 2, "consignee": 1, "auditor": 0}[n.Org] {
			t.Errorf("got %+v, want height 2 of carrier and shipper, 1 of consignee, 0 of auditor", n)
		}
	}
}
