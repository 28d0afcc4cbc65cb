package mqtt_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	// mochi's tickers and paho's status goroutines end after their Close, and a paho client that was closed while it waited
	// to reconnect sleeps that wait out (doubling from 1 s, it has no way to be woken): longer than goleak waits by itself.
	leak := goleak.Find()
	for deadline := time.Now().Add(time.Minute); leak != nil && time.Now().Before(deadline); {
		leak = goleak.Find()
	}
	if leak != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines are left:", leak)
		code = 1
	}
	os.Exit(code)
}

const servicePassword = "service-secret"

// startBroker runs the embedded broker; trackers' password is "pw-" + id.
func startBroker(t *testing.T, patience time.Duration) (*broker.Broker, string) {
	t.Helper()
	return runBroker(t, broker.Config{Patience: patience})
}

func runBroker(t *testing.T, cfg broker.Config) (*broker.Broker, string) {
	t.Helper()
	cfg.Listen, cfg.Accounts = "127.0.0.1:0", []broker.Account{{Username: "ingest-x", Password: servicePassword}}
	cfg.Authenticate = func(tracker, password string) (time.Time, error) {
		if password != "pw-"+tracker {
			return time.Time{}, errors.New("wrong password")
		}
		return time.Time{}, nil
	}
	cfg.Log = slog.New(slog.DiscardHandler)
	b, err := broker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := b.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b, "tcp://" + addr.String()
}

func startConsumer(t *testing.T, url string, inFlight int) *mqtt.Consumer {
	t.Helper()
	parts, err := mqtt.ParsePartitions("00-ff")
	if err != nil {
		t.Fatal(err)
	}
	c, err := mqtt.NewConsumer(mqtt.ConsumerConfig{URL: url, ClientID: "ingest-x", Username: "ingest-x",
		Password: func() string { return servicePassword }, Partitions: parts, InFlight: inFlight, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	run(t, c)
	return c
}

// run lets a consumer run until the test ends, and waits until it has subscribed.
func run(t *testing.T, c *mqtt.Consumer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	testkit.WaitFor(t, 10*time.Second, "consumer subscribes", func() bool { return c.Ready(t.Context()) == nil })
}

func dial(t *testing.T, url, tracker string) *mqtt.Device {
	t.Helper()
	d, err := mqtt.Dial(t.Context(), mqtt.DeviceConfig{URL: url, Tracker: tracker, Password: func() string { return "pw-" + tracker }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestUnacknowledgedMessageIsDeliveredAgain(t *testing.T) {
	_, url := startBroker(t, 0)
	parts, _ := mqtt.ParsePartitions("00-ff")
	cfg := mqtt.ConsumerConfig{URL: url, ClientID: "ingest-x", Username: "ingest-x", Password: func() string { return servicePassword }, Partitions: parts, Log: slog.New(slog.DiscardHandler)}
	run := func() (*mqtt.Consumer, func()) {
		c, err := mqtt.NewConsumer(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		testkit.WaitFor(t, 10*time.Second, "consumer subscribes", func() bool { return c.Ready(t.Context()) == nil })
		return c, func() { cancel(); <-done }
	}
	c, stop := run()
	d := dial(t, url, "T-1")
	for i := range 3 {
		if err := d.Publish(t.Context(), telemetry.Topic("T-1", telemetry.Up), []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		m := next(t, c)
		if i == 0 {
			m.ack(nil)
		}
	}
	stop()
	c, stop = run()
	defer stop()
	got := map[byte]bool{}
	for range 2 {
		m := next(t, c)
		got[m.payload[0]] = true
		m.ack(nil)
	}
	if !got[1] || !got[2] {
		t.Fatalf("delivered again: %v, want 1 and 2", got)
	}
}

// Ensure a message is not acknowledged by the broker while no ingest listens.
func TestNoConsumerNoPuback(t *testing.T) {
	_, url := startBroker(t, 300*time.Millisecond)
	d := dial(t, url, "T-1")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := d.Publish(ctx, telemetry.Topic("T-1", telemetry.Up), []byte("x")); err == nil {
		t.Fatal("acknowledged a message that nobody received")
	}
}

func TestDevicesUseTheirOwnTopicsOnly(t *testing.T) {
	b, url := startBroker(t, 0)
	startConsumer(t, url, 0)
	for name, cfg := range map[string]mqtt.DeviceConfig{
		"wrong password":        {Tracker: "T-1", Password: func() string { return "no" }},
		"invalid id":            {Tracker: "T/1", Password: func() string { return "pw-T/1" }},
		"the service's session": {Tracker: "ingest-x-out", Password: func() string { return "pw-ingest-x-out" }},
		"the service":           {Tracker: "ingest-x", Password: func() string { return "pw-ingest-x" }},
	} {
		cfg.URL = url
		if d, err := mqtt.Dial(t.Context(), cfg); err == nil {
			d.Close()
			t.Errorf("%s: accepted", name)
		}
	}
	before := b.Stats().Refused
	d := dial(t, url, "T-1")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := d.Publish(ctx, telemetry.Topic("T-2", telemetry.Up), []byte("x")); err == nil {
		t.Error("published as another tracker")
	}
	if b.Stats().Refused == before {
		t.Error("not counted")
	}
}

func TestPassword(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := telemetry.Public(key)
	if err != nil {
		t.Fatal(err)
	}
	_, other, _ := ed25519.GenerateKey(nil)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name                string
		key                 ed25519.PrivateKey
		tracker, deployment string
		made                time.Time
		good                time.Duration
		ok                  bool
	}{
		{"good", key, "T-1", "d", now, time.Hour, true},
		{"24 hours", key, "T-1", "d", now, 24 * time.Hour, true},
		{"too long", key, "T-1", "d", now, 25 * time.Hour, false},
		{"expired", key, "T-1", "d", now.Add(-2 * time.Hour), time.Hour, false},
		{"other tracker", key, "T-2", "d", now, time.Hour, false},
		{"other deployment", key, "T-1", "e", now, time.Hour, false},
		{"other key", other, "T-1", "d", now, time.Hour, false},
	} {
		p, err := mqtt.NewPassword(c.key, c.tracker, c.deployment, c.made, c.good)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mqtt.CheckPassword(p, public, "T-1", "d", now); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, p := range []string{"", "..", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJULTEifQ.", "secret"} {
		if _, err := mqtt.CheckPassword(p, public, "T-1", "d", now); err == nil {
			t.Errorf("%q accepted", p)
		}
	}
}

func TestPartitions(t *testing.T) {
	for _, s := range []string{"", "0-ff", "ff-00", "00-100", "zz", "00-"} {
		if _, err := mqtt.ParsePartitions(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
	p, err := mqtt.ParsePartitions("00-0f, a0")
	if err != nil || p.All() || !p[0] || !p[15] || p[16] || !p[0xa0] {
		t.Fatalf("%v %v", p, err)
	}
	for topic, want := range map[string]bool{
		"trackseal/v1/0f/T-1/up": true, "trackseal/v1/a0/T-1/json": true, "trackseal/v1/10/T-1/up": false, "trackseal/v1/0f/T-1/status": false,
		"trackseal/v1/0f/T-1/in/v1/devices/me/telemetry": true, "trackseal/v1/0f/T-1/in": false, "trackseal/v1/10/T-1/in/x": false, "trackseal/v1/0f/T-1/inn/x": false,
		"trackseal/v1/0f/T-1/up/x": false, "trackseal/v1/f/T-1/up": false, "trackseal/v1/00f/T-1/up": false, "other/v1/0f/T-1/up": false, "": false,
	} {
		if p.Has(topic) != want {
			t.Errorf("%q: %v", topic, !want)
		}
	}
}

// Ensure the same client code works with a broker that is not ours.
func TestMosquitto(t *testing.T) {
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Skip("needs the mosquitto broker in PATH")
		}
	}
	addr := testkit.FreeAddr(t)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	writeFile(t, conf, "listener "+port(addr)+" 127.0.0.1\nallow_anonymous true\n")
	cmd := exec.Command(path, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	url := "tcp://" + addr
	c := startConsumer(t, url, 0)
	d := dial(t, url, "T-1")
	for i := range 500 { // beyond mosquitto's window of 20
		if err := d.Send(t.Context(), telemetry.Topic("T-1", telemetry.JSON), fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 {
			for range 10 {
				m := next(t, c)
				m.ack(nil)
			}
		}
	}
}
