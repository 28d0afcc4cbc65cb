package testkit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
)

func (s *ledgerSuite) roles() {
	s.refused(s.ingest, ledger.TrackerEnrol, ledger.EnrolArgs{ID: s.id("role"), SecretHash: strings.Repeat("ef", 32)}, ledger.Forbidden)
	s.refused(s.clients["carrier"], ledger.AnchorExtend, ledger.ExtendArgs{}, ledger.Forbidden)
	if _, err := s.clients["carrier"].Submit(s.t.Context(), "tracker:None", ledger.IDArgs{}); err == nil || errors.Is(err, ledger.ErrUnavailable) {
		s.t.Errorf("a function that does not exist: %v", err)
	}
}

func (s *ledgerSuite) events() {
	carrier := s.clients["carrier"]
	tracker, id := s.tracker("heard"), s.id("heard")
	_, start := do[ledger.Tracker](s, carrier, ledger.TrackerRevoke, ledger.RevokeArgs{ID: tracker, Cause: "start"})
	s.create(id)
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	events, head := make(chan ledger.Event, 100), make(chan uint64, 1000)
	done := make(chan error, 1)
	go func() {
		done <- s.clients["shipper"].Events(ctx, start.Block, func(e ledger.Event) error {
			events <- e
			return nil
		}, func(height uint64) { head <- height })
	}()
	bound := time.After(30 * time.Second)
	select {
	case h := <-head:
		if h <= start.Block {
			s.t.Fatalf("caught up at %d, before block %d", h, start.Block)
		}
	case <-bound:
		s.t.Fatal("never caught up")
	}
	_, last := do[ledger.Shipment](s, carrier, ledger.ShipmentPropose, ledger.ProposeArgs{ID: id, To: "ConsigneeMSP"})
	var got []string
	block := start.Block
	for {
		var e ledger.Event
		select {
		case e = <-events:
		case <-bound:
			s.t.Fatalf("only got %v", got)
		}
		if e.Block < block {
			s.t.Fatalf("block %d after %d", e.Block, block)
		}
		block = e.Block
		if strings.Contains(string(e.Payload), s.run) { // others may use the ledger at the same time
			got = append(got, e.Name)
		}
		if e.TxID == last.TxID {
			if e.Block != last.Block || string(e.Payload) != string(last.Payload) {
				s.t.Fatalf("event %+v of %+v", e, last)
			}
			break
		}
	}
	if strings.Join(got, " ") != "tracker shipment shipment" {
		s.t.Fatalf("events %v", got)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		s.t.Fatalf("stream ended with %v", err)
	}
}

func (s *ledgerSuite) blocks() {
	_, result := do[ledger.Tracker](s, s.clients["carrier"], ledger.TrackerEnrol, ledger.EnrolArgs{ID: s.id("block"), SecretHash: strings.Repeat("ef", 32)})
	for _, c := range s.clients {
		WaitFor(s.t, 20*time.Second, c.MSP()+" finds the transaction", func() bool {
			found, code, block, err := c.TxStatus(s.t.Context(), result.TxID)
			return err == nil && found && code == 0 && block == result.Block
		})
	}
	if raw, err := s.clients["carrier"].BlockByTx(s.t.Context(), result.TxID); err != nil || !strings.Contains(string(raw), result.TxID) {
		s.t.Fatalf("block of %d bytes, %v", len(raw), err)
	}
	none := strings.Repeat("0", 64)
	if found, _, _, err := s.clients["carrier"].TxStatus(s.t.Context(), none); found || err != nil {
		s.t.Fatalf("status of no transaction: %v %v", found, err)
	}
	if _, err := s.clients["carrier"].BlockByTx(s.t.Context(), none); ledger.CodeOf(err) != ledger.NotFound {
		s.t.Fatalf("block of no transaction: %v", err)
	}
}

// ownWrites: what a client has submitted, it reads at once and builds on, without waiting for anybody.
func (s *ledgerSuite) ownWrites() {
	carrier, id := s.clients["carrier"], s.id("own")
	if _, err := carrier.Submit(s.t.Context(), ledger.TrackerEnrol.Name(), ledger.EnrolArgs{ID: id, SecretHash: strings.Repeat("ef", 32)}); err != nil {
		s.t.Fatal(err)
	}
	for i := range 10 {
		args := ledger.CalibrateArgs{ID: id, Ref: fmt.Sprint("cert ", i), Hash: strings.Repeat("cd", 32), ValidFromMS: 1, ValidToMS: 2}
		if _, err := carrier.Submit(s.t.Context(), ledger.TrackerCalibrate.Name(), args); err != nil {
			s.t.Fatalf("write %d: %v", i, err)
		}
		if got := ask[ledger.Tracker](s, carrier, ledger.TrackerGet, ledger.IDArgs{ID: id}); got.Calibration == nil || got.Calibration.Ref != args.Ref {
			s.t.Fatalf("after write %d: %+v", i, got)
		}
	}
}

// races: of submits that want the same key at once, one is accepted; each other is refused or invalid, and none is lost.
func (s *ledgerSuite) races() {
	id := s.id("raced")
	const n = 8
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			_, errs[i] = s.clients["carrier"].Submit(s.t.Context(), ledger.TrackerEnrol.Name(), ledger.EnrolArgs{ID: id, SecretHash: strings.Repeat("ef", 32), Model: fmt.Sprint(i)})
		})
	}
	group.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case err == nil:
			s.t.Errorf("%d and %d both won", won, i)
		case errors.Is(err, ledger.ErrInvalid), ledger.CodeOf(err) == ledger.Exists:
		default:
			s.t.Errorf("submit %d: %v", i, err)
		}
	}
	if won < 0 {
		s.t.Fatalf("nobody won: %v", errs)
	}
	if got := ask[ledger.Tracker](s, s.clients["carrier"], ledger.TrackerGet, ledger.IDArgs{ID: id}); got.Model != fmt.Sprint(won) {
		s.t.Fatalf("the ledger holds %s, but %d won", got.Model, won)
	}
}

func (s *ledgerSuite) network() {
	nodes, err := s.clients["carrier"].Network(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range Founders {
		for _, role := range []string{"peer", "orderer"} {
			i := slices.IndexFunc(nodes, func(n ledger.Node) bool { return n.Org == o.Name && n.Role == role })
			if i < 0 {
				s.t.Errorf("got %+v, want a %s of %s among them", nodes, role, o.Name)
			} else if n := nodes[i]; !n.Up || n.Error != "" || n.Address == "" || n.Height == 0 {
				s.t.Errorf("got %+v, want it up, with an address, a height and no error", n)
			}
		}
	}
}
