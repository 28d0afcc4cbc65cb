package mqtt_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// startLocal runs a broker that keeps the messages of some partitions in its process.
func startLocal(t *testing.T, partitions string, patience time.Duration) (*broker.Broker, string) {
	t.Helper()
	parts, err := mqtt.ParsePartitions(partitions)
	if err != nil {
		t.Fatal(err)
	}
	b, url := runBroker(t, broker.Config{Patience: patience, Local: parts.Has})
	testkit.WaitFor(t, 10*time.Second, "the broker runs", func() bool { return b.Ready(t.Context()) == nil })
	return b, url
}

// source is what ingest needs of either: a client of a broker, or the broker in its own process.
type source interface {
	Receive(ctx context.Context) (topic string, payload []byte, ack func(*telemetry.Reject), err error)
	Publish(topic string, payload []byte)
	Ready(ctx context.Context) error
}

var (
	_ source = (*mqtt.Consumer)(nil)
	_ source = (*broker.Broker)(nil)
)

// sources runs a test on both.
func sources(t *testing.T, test func(t *testing.T, s source, b *broker.Broker, url string)) {
	t.Run("over MQTT", func(t *testing.T) {
		b, url := startBroker(t, time.Minute)
		test(t, startConsumer(t, url, 16), b, url)
	})
	t.Run("in the process", func(t *testing.T) {
		b, url := startLocal(t, "00-ff", time.Minute)
		test(t, b, b, url)
	})
}

type message struct {
	topic   string
	payload []byte
	ack     func(*telemetry.Reject)
}

func next(t *testing.T, s source) message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	topic, payload, ack, err := s.Receive(ctx)
	if err != nil {
		t.Fatalf("no message within 10 s: %v", err)
	}
	return message{topic, payload, ack}
}

func nothing(t *testing.T, s source) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if topic, _, _, err := s.Receive(ctx); err == nil {
		t.Fatalf("a message on %s", topic)
	}
}

func TestSourceCarriesMessagesAndAcks(t *testing.T) {
	sources(t, func(t *testing.T, s source, _ *broker.Broker, url string) {
		d := dial(t, url, "T-1")
		for _, channel := range []string{telemetry.Up, telemetry.JSON} {
			if err := d.Send(t.Context(), telemetry.Topic("T-1", channel), []byte("hello "+channel)); err != nil {
				t.Fatal(err)
			}
			m := next(t, s)
			if m.topic != telemetry.Topic("T-1", channel) || string(m.payload) != "hello "+channel {
				t.Fatalf("got %q %q", m.topic, m.payload)
			}
			m.ack(nil)
		}
		testkit.WaitFor(t, 10*time.Second, "ack comes down", func() bool {
			s.Publish(telemetry.Topic("T-1", telemetry.Down), []byte(`{"type":"ack","boot":3,"seq":41}`))
			select {
			case down := <-d.Down():
				return down.Type == "ack" && down.Boot == 3 && down.Seq == 41
			case <-time.After(100 * time.Millisecond):
				return false
			}
		})
	})
}

// Ensure that publishers wait while nothing is acknowledged, and that nothing is lost and each tracker's order kept.
func TestSourceHoldsPublishersBack(t *testing.T) {
	sources(t, func(t *testing.T, s source, b *broker.Broker, url string) {
		const devices, each = 8, 400 // far beyond what may be under way
		pad := ""
		if s == source(b) { // there it is counted in bytes
			pad = strings.Repeat(" ", 15<<10)
		}
		var sent atomic.Int64
		var wg sync.WaitGroup
		for i := range devices {
			d := dial(t, url, fmt.Sprintf("T-%d", i))
			wg.Go(func() {
				for n := range each {
					if err := d.Send(t.Context(), telemetry.Topic(fmt.Sprintf("T-%d", i), telemetry.Up), fmt.Appendf(nil, "%d %d%s", i, n, pad)); err != nil {
						t.Error(err)
						return
					}
					sent.Add(1)
				}
			})
		}
		testkit.WaitFor(t, 20*time.Second, "publishers wait", func() bool { return b.Stats().Waiting > 0 })
		seen, last := map[string]int{}, map[int]int{}
		for len(seen) < devices*each {
			m := next(t, s)
			key := strings.TrimSpace(string(m.payload))
			seen[key]++
			var i, n int
			if _, err := fmt.Sscan(key, &i, &n); err != nil {
				t.Fatal(err)
			}
			if n < last[i] && seen[key] == 1 {
				t.Fatalf("device %d: message %d after %d", i, n, last[i])
			}
			last[i] = n
			m.ack(nil)
		}
		wg.Wait()
		if n := b.Stats().Dropped; n != 0 || sent.Load() != devices*each {
			t.Fatalf("dropped %d, sent %d", n, sent.Load())
		}
	})
}

// Ensure that with the broker in the process a PUBACK says that the message was acknowledged, and to whom it belongs.
func TestInletAcknowledgesLast(t *testing.T) {
	b, url := startLocal(t, "00-ff", time.Minute)
	d := dial(t, url, "T-1")
	topic := telemetry.Topic("T-1", telemetry.Up)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- d.Publish(t.Context(), topic, []byte("a")) }()
	a := next(t, b)
	go func() { second <- d.Publish(t.Context(), topic, []byte("b")) }()
	c := next(t, b)
	select {
	case err := <-first:
		t.Fatalf("acknowledged before it was: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	c.ack(nil)
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-first:
		t.Fatalf("acknowledged with another message: %v", err)
	default:
	}
	a.ack(nil)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
}

// Ensure that what a lost connection had under way may still be acknowledged, and comes again on the next one.
func TestInletSurvivesItsClients(t *testing.T) {
	b, url := startLocal(t, "00-ff", time.Minute)
	d := dial(t, url, "T-1")
	if err := d.Send(t.Context(), telemetry.Topic("T-1", telemetry.Up), []byte("x")); err != nil {
		t.Fatal(err)
	}
	m := next(t, b)
	d.Cut()
	testkit.WaitFor(t, 10*time.Second, "the connection ends", func() bool { return b.Stats().Clients == 0 })
	m.ack(nil)
	again := dial(t, url, "T-1")
	done := make(chan error, 1)
	go func() { done <- again.Publish(t.Context(), telemetry.Topic("T-1", telemetry.Up), []byte("x")) }()
	next(t, b).ack(nil)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Ensure that a publisher for which there is no room in time is dropped without a PUBACK.
func TestInletLosesPatience(t *testing.T) {
	b, url := startLocal(t, "00-ff", 300*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	dropped := make(chan error, 8)
	for i := range cap(dropped) { // each leaves 4 MB unacknowledged
		id := fmt.Sprintf("T-%d", i)
		d := dial(t, url, id)
		go func() {
			for {
				if err := d.Send(ctx, telemetry.Topic(id, telemetry.Up), make([]byte, 15<<10)); err != nil {
					dropped <- err
					return
				}
			}
		}()
	}
	if err := <-dropped; ctx.Err() != nil {
		t.Fatalf("nobody was dropped: %v", err)
	}
	cancel()
	for range cap(dropped) - 1 {
		<-dropped
	}
	next(t, b).ack(nil) // goes nowhere
}

// Ensure that partitions of other instances go to their subscribers, and that another subscriber gets copies of the local
// ones without being able to hold anybody back.
func TestInletLeavesOthersTheirs(t *testing.T) {
	local, foreign := "", ""
	for i := 0; local == "" || foreign == ""; i++ {
		id := fmt.Sprintf("T-%d", i)
		if telemetry.Partition(id) < "80" {
			local = id
		} else {
			foreign = id
		}
	}
	b, url := startLocal(t, "00-7f", time.Minute)
	c := startConsumer(t, url, 0) // subscribes to all
	d, e := dial(t, url, local), dial(t, url, foreign)
	if err := e.Publish(t.Context(), telemetry.Topic(foreign, telemetry.Up), []byte("foreign")); err != nil {
		t.Fatal(err)
	}
	m := next(t, c)
	m.ack(nil)
	if string(m.payload) != "foreign" {
		t.Fatalf("%q", m.payload)
	}
	nothing(t, b)
	if err := d.Send(t.Context(), telemetry.Topic(local, telemetry.Up), []byte("local")); err != nil {
		t.Fatal(err)
	}
	if m := next(t, c); string(m.payload) != "local" { // never acknowledged
		t.Fatalf("%q", m.payload)
	}
	if m := next(t, b); string(m.payload) != "local" {
		t.Fatalf("%q", m.payload)
	}
	nothing(t, b)
}

// Ensure that clients that are not ours, of both protocol versions, get a PUBACK they understand.
func TestInletWithMosquittoClients(t *testing.T) {
	path := testkit.MosquittoPub(t)
	b, url := startLocal(t, "00-ff", time.Minute)
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "tcp://"))
	for _, version := range []string{"mqttv311", "mqttv5"} {
		for _, qos := range []string{"0", "1"} {
			cmd := exec.Command(path, "-V", version, "-h", host, "-p", port, "-i", "T-1", "-u", "T-1", "-P", "pw-T-1", "-q", qos,
				"-t", telemetry.Topic("T-1", telemetry.JSON), "-m", version+qos)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			m := next(t, b)
			if string(m.payload) != version+qos {
				t.Errorf("got %q", m.payload)
			}
			m.ack(nil)
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s, QoS %s: %v", version, qos, err)
			}
		}
	}
}

// Ensure that acknowledging after the broker's end does nothing, since the stages behind it end later.
func TestInletEnds(t *testing.T) {
	parts, _ := mqtt.ParsePartitions("00-ff")
	b, err := broker.New(broker.Config{
		Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Local: parts.Has,
		Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Ready(t.Context()); err == nil {
		t.Error("ready before it runs")
	}
	addr, err := b.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	d := dial(t, "tcp://"+addr.String(), "T-1")
	if err := d.Send(t.Context(), telemetry.Topic("T-1", telemetry.Up), []byte("x")); err != nil {
		t.Fatal(err)
	}
	m := next(t, b)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	m.ack(nil)
	if err := b.Ready(t.Context()); err == nil {
		t.Error("ready after its end")
	}
}
