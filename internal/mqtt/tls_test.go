package mqtt_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// A tracker's message reaches ingest over TLS on both sides, with client certificates, and nobody without one gets in.
func TestTLS(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue("broker")
	served, err := secure.Server{Cert: cert, Key: key, ClientCA: a.CA}.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, plain := runBroker(t, broker.Config{TLS: served})
	url := strings.Replace(plain, "tcp://", "ssl://", 1)
	own, ownKey := a.Issue("client")
	trusted, err := secure.Client{CA: a.CA, Cert: own, Key: ownKey}.Each()
	if err != nil {
		t.Fatal(err)
	}
	parts, _ := mqtt.ParsePartitions("00-ff")
	consumer, err := mqtt.NewConsumer(mqtt.ConsumerConfig{URL: url, ClientID: "ingest-x", Username: "ingest-x", TLS: trusted,
		Password: func() string { return servicePassword }, Partitions: parts, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	run(t, consumer)
	device := mqtt.DeviceConfig{URL: url, Tracker: "T-1", TLS: trusted, Password: func() string { return "pw-T-1" }}
	d, err := mqtt.Dial(t.Context(), device)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	topic := telemetry.Topic("T-1", telemetry.Up)
	if err := d.Publish(t.Context(), topic, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	m := next(t, consumer)
	if m.topic != topic || string(m.payload) != "hello" {
		t.Fatalf("got %q on %s, want hello on %s", m.payload, m.topic, topic)
	}
	m.ack(nil)

	nobody, err := secure.Client{CA: a.CA}.Each()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := secure.Client{CA: testkit.NewAuthority(t).CA, Cert: own, Key: ownKey}.Each()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*mqtt.DeviceConfig){
		"plain text":                    func(c *mqtt.DeviceConfig) { c.URL = plain },
		"no certificate":                func(c *mqtt.DeviceConfig) { c.TLS = nobody },
		"the system's authorities":      func(c *mqtt.DeviceConfig) { c.TLS = nil },
		"a broker of another authority": func(c *mqtt.DeviceConfig) { c.TLS = stranger },
	} {
		other := device
		change(&other)
		if d, err := mqtt.Dial(t.Context(), other); err == nil {
			d.Close()
			t.Errorf("%s: connected, want an error", name)
		}
	}
}

// A connection that never shakes hands ends like one that never says CONNECT.
func TestSilentTLSConnectionsEnd(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue("broker")
	served, err := secure.Server{Cert: cert, Key: key}.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, url := runBroker(t, broker.Config{TLS: served})
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Fatalf("got %v, want that the broker closes it", err)
	}
}
