package beat

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// clock is a time that moves on when somebody waits.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// run lets a keeper work for a while of the clock, and tells the waits between its looks.
func run(t *testing.T, c *clock, k *Keeper, while time.Duration) []time.Duration {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	until := c.now().Add(while)
	var waits []time.Duration
	k.Now, k.Jitter = c.now, func() time.Duration { return 0 }
	if k.Log == nil {
		k.Log = slog.New(slog.DiscardHandler)
	}
	k.Wait = func(_ context.Context, d time.Duration) bool {
		waits = append(waits, d)
		c.add(d)
		return c.now().Before(until)
	}
	if err := k.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return waits
}

func newLedger() (*testkit.Ledger, *clock) {
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l := testkit.NewLedger("CarrierMSP", c.now)
	l.StopBeat()
	return l, c
}

func TestANodeKeepsTheBeatGoing(t *testing.T) {
	l, c := newLedger()
	began := c.now()
	run(t, c, &Keeper{Ledger: l}, 5*time.Minute)
	if n := l.Count(ledger.BeatRenew); n != 10 {
		t.Errorf("%d renewals in 5 minutes, want 10", n)
	}
	b, err := ledger.BeatGet.Ask(t.Context(), l, ledger.NoArgs{})
	if age := c.now().UnixMilli() - b.TimeMS; err != nil || age > ledger.BeatEveryMS || b.TimeMS < began.UnixMilli() || b.By != "CarrierMSP" {
		t.Errorf("at the end %+v, %d ms old, %v; want a young one by the carrier", b, age, err)
	}
}

// Four nodes are no more than one: who comes second finds it renewed, or is refused, which is no error.
func TestNodesShareTheBeat(t *testing.T) {
	l, c := newLedger()
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	for _, msp := range []string{"CarrierMSP", "ShipperMSP", "ConsigneeMSP", "AuditorMSP"} {
		k := &Keeper{Ledger: l.As(msp), Log: log, Now: c.now}
		if left, err := k.renew(t.Context()); err != nil || left != every {
			t.Errorf("%s: look again in %s, %v; want %s", msp, left, err, every)
		}
	}
	if n := l.Count(ledger.BeatRenew); n != 1 {
		t.Errorf("%d renewals by four nodes at one time, want 1", n)
	}
	// Both have seen the old one.
	c.add(every)
	first, second := l.As("ShipperMSP"), l.As("AuditorMSP")
	l.Before(func(_ context.Context, msp, fn string) error {
		if msp == "AuditorMSP" {
			l.Before(nil)
			_, _, err := ledger.BeatRenew.Do(t.Context(), first, ledger.NoArgs{})
			return err
		}
		return nil
	})
	if left, err := (&Keeper{Ledger: second, Log: log, Now: c.now}).renew(t.Context()); err != nil || left != every || l.Count(ledger.BeatRenew) != 2 {
		t.Errorf("the second of two: %s, %v, %d renewals; want no error and two renewals in all", left, err, l.Count(ledger.BeatRenew))
	}
	if said.Len() > 0 {
		t.Errorf("the nodes said %s", said.String())
	}
}

// A ledger that is away is asked again soon, and one whose time is ahead of ours is no reason to wait for long.
func TestANodeGoesOnAfterTrouble(t *testing.T) {
	l, c := newLedger()
	l.FailBefore(ledger.BeatRenew, 3)
	waits := run(t, c, &Keeper{Ledger: l}, time.Minute)
	for i, want := range []time.Duration{again, again, again, every} {
		if i >= len(waits) || waits[i] != want {
			t.Fatalf("waits %v, want three of %s and then %s", waits, again, every)
		}
	}
	c.add(-time.Hour)
	if left, err := (&Keeper{Ledger: l, Now: c.now}).renew(t.Context()); left != every || err != nil {
		t.Errorf("with a beat ahead: look again in %s, %v; want %s", left, err, every)
	}
}
