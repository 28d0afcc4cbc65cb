package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// brokerProcess is the broker that ingest embeds, in a process of its own, with the collector set as in ingest.
func brokerProcess(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("broker", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:0", "")
	account := fs.String("account", "", "user:password")
	if err := fs.Parse(args); err != nil {
		return err
	}
	debug.SetGCPercent(200)
	user, password, _ := strings.Cut(*account, ":")
	b, err := broker.New(broker.Config{Listen: *listen, Accounts: []broker.Account{{Username: user, Password: password}},
		Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil }})
	if err != nil {
		return err
	}
	addr, err := b.Listen(ctx)
	if err != nil {
		return err
	}
	fmt.Println("tcp://" + addr.String())
	return b.Run(ctx)
}

// countProcess is the bare paho subscriber. It prints "done NANOSECONDS" when it has counted -n messages.
func countProcess(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("count", flag.ContinueOnError)
	url := fs.String("url", "", "")
	account := fs.String("account", "", "user:password")
	n := fs.Uint64("n", 0, "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	user, password, _ := strings.Cut(*account, ":")
	all, err := mqtt.ParsePartitions("00-ff")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var count atomic.Uint64
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return mqtt.CountMessages(gctx, mqtt.ConsumerConfig{URL: *url, ClientID: user, Username: user, Password: func() string { return password }, Partitions: all, Log: slog.New(slog.DiscardHandler)}, &count)
	})
	g.Go(func() error {
		defer cancel()
		fmt.Println("ready")
		for count.Load() < *n {
			select {
			case <-gctx.Done():
				return gctx.Err()
			case <-time.After(2 * time.Millisecond):
			}
		}
		fmt.Println("done", time.Now().UnixNano())
		return nil
	})
	return g.Wait()
}

// publishProcess makes all messages first, connects, prints "ready", waits for a line on standard input, publishes as fast
// as the broker takes, and prints "start NANOSECONDS" when it begins.
func publishProcess(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("publish", flag.ContinueOnError)
	url := fs.String("url", "", "")
	run := fs.String("run", "", "")
	trackers := fs.Int("trackers", 1, "")
	each := fs.Int("each", 1, "messages of each tracker")
	every := fs.Duration("every", 0, "pause between two messages of one tracker; 0 = as fast as possible")
	login := fs.Bool("login", false, "log in with the tracker's own JWT, as a tracker does")
	if err := fs.Parse(args); err != nil {
		return err
	}
	devices := make([]*mqtt.Device, *trackers)
	messages := make([][][]byte, *trackers)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for i := range *trackers {
		g.Go(func() error {
			t := makeTracker(*run, i)
			if *every == 0 {
				var err error
				if messages[i], err = t.chain(*each, time.Now(), time.Second); err != nil {
					return err
				}
			}
			password := func() string { return "bench" }
			if *login {
				password = func() string {
					p, err := mqtt.NewPassword(t.key, t.id, "trackseal", time.Now(), time.Hour)
					if err != nil {
						return ""
					}
					return p
				}
			}
			d, err := mqtt.Dial(gctx, mqtt.DeviceConfig{URL: *url, Tracker: t.id, Silent: true, Password: password})
			devices[i] = d
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	fmt.Println("start", time.Now().UnixNano())
	g, gctx = errgroup.WithContext(ctx)
	for i := range *trackers {
		g.Go(func() error { return publish(gctx, devices[i], makeTracker(*run, i), messages[i], *each, *every) })
		g.Go(func() error { // acknowledgements are read, as a tracker does
			for {
				select {
				case <-gctx.Done():
					return nil
				case <-devices[i].Down():
				}
			}
		})
	}
	g.Go(func() error { // stays connected until it is told to end: messages may still be under way
		<-gctx.Done()
		return nil
	})
	return g.Wait()
}

func publish(ctx context.Context, d *mqtt.Device, t tracker, messages [][]byte, each int, every time.Duration) error {
	topic := telemetry.Topic(t.id, telemetry.Up)
	if every == 0 {
		for _, m := range messages {
			if err := d.Send(ctx, topic, m); err != nil {
				return err
			}
		}
		return nil
	}
	var prev telemetry.Hash
	for n := range each {
		raw, hash, err := t.message(uint64(n), prev, time.Now())
		if err != nil {
			return err
		}
		prev = hash
		if err := d.Send(ctx, topic, raw); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
	return nil
}

// chain makes n messages that follow each other, the last of them now.
func (t tracker) chain(n int, now time.Time, step time.Duration) ([][]byte, error) {
	out := make([][]byte, n)
	var prev telemetry.Hash
	for i := range out {
		var err error
		if out[i], prev, err = t.message(uint64(i), prev, now.Add(time.Duration(i)*time.Millisecond)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// message carries what a usual cold-chain tracker reports.
func (t tracker) message(seq uint64, prev telemetry.Hash, at time.Time) ([]byte, telemetry.Hash, error) {
	ms := at.UnixMilli()
	raw, err := telemetry.Encode(t.key, telemetry.Claims{Tracker: t.id, Boot: 1, Seq: seq, Prev: prev, TimeMS: ms, NextDueS: 60}, []telemetry.Reading{
		{TimeMS: ms, Values: map[string]float64{"temperature": 4 + float64(seq%40)/10, "humidity": 50 + float64(seq%10), "shock": float64(seq % 7), "battery": 90}},
	})
	if err != nil {
		return nil, prev, err
	}
	m, err := telemetry.Decode(raw)
	if err != nil {
		return nil, prev, err
	}
	return raw, m.COSEHash, nil
}

// child is this program run again, line by line.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	in    interface{ Write([]byte) (int, error) }
}

func start(ctx context.Context, name string, args ...string) (*child, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &child{cmd, bufio.NewScanner(out), in}, cmd.Start()
}

// expect reads lines until one begins with word and returns the rest of it.
func (c *child) expect(word string) (string, error) {
	for c.lines.Scan() {
		if rest, ok := strings.CutPrefix(c.lines.Text(), word); ok {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", fmt.Errorf("%s ended before it said %q", strings.Join(c.cmd.Args, " "), word)
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Wait()
}
