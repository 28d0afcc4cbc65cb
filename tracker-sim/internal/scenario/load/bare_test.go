package load

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/tracker-sim/internal/scenario"
)

// Without ingest behind it, everything that the broker acknowledged has reached a bare subscriber.
func TestBareBroker(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, err := broker.New(broker.Config{
		Listen: "127.0.0.1:0", Accounts: []broker.Account{{Username: "counter", Password: "x"}},
		Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := b.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sctx, stop := context.WithCancel(ctx)
	g := new(errgroup.Group)
	g.Go(func() error { return b.Run(sctx) })
	all, err := mqtt.ParsePartitions("00-ff")
	if err != nil {
		t.Fatal(err)
	}
	var counted atomic.Uint64
	g.Go(func() error {
		err := mqtt.CountMessages(sctx, mqtt.ConsumerConfig{
			URL: "tcp://" + addr.String(), ClientID: "counter", Username: "counter", Password: func() string { return "x" }, Partitions: all,
		}, &counted)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	sum, err := Run(ctx, Config{
		Plan:       Plan{Name: "bare", Seed: 1, Trackers: 20, Count: 2000, Readings: 10},
		Deployment: "trackseal", Dial: scenario.Link{URL: "tcp://" + addr.String(), Silent: true, Wait: true}.Dial,
		Sign: SignAuto, Drain: 30 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Verdict != VerdictOK || sum.Mode != "bare" || sum.Published != 2000 || sum.Rate == 0 {
		t.Errorf("%s in mode %s: %d published at %v/s, want 2000 in mode bare", sum.Verdict, sum.Mode, sum.Published, sum.Rate)
	}
	for deadline := time.Now().Add(10 * time.Second); counted.Load() < 2000 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if counted.Load() < 2000 {
		t.Errorf("the subscriber counted %d", counted.Load())
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
