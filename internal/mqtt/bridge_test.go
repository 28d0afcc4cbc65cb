package mqtt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

var bridgeBlock = regexp.MustCompile("(?s)<!-- run: mosquitto -->\n```\n(.*?)```")

// Ensure that the bridge of docs/operate/bridges.md brings a broker's topics into the channel of the gateway that it logs in as, in their
// order, and keeps what is published while ingest is away, also what devices published with QoS 0.
func TestMosquittoBridge(t *testing.T) {
	program, pub := testkit.Mosquitto(t), testkit.MosquittoPub(t)
	page, err := os.ReadFile("../../docs/operate/bridges.md")
	if err != nil {
		t.Fatal(err)
	}
	block := bridgeBlock.FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/operate/bridges.md has no configuration for Mosquitto")
	}
	ingest, own := testkit.FreeAddr(t), testkit.FreeAddr(t)
	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(own)
	conf := fmt.Sprintf("listener %s %s\nallow_anonymous true\n", port, host) + string(block[1])
	for old, with := range map[string]string{
		"mqtt.carrier.example:8883":                       ingest,
		"bridge_cafile /etc/mosquitto/trackseal-ca.pem\n": "",
		"/var/lib/mosquitto/":                             dir + "/",
		"THE-SECRET-OF-THE-ENROLMENT":                     "pw-carrier.GW-1",
		"restart_timeout 1 30":                            "restart_timeout 1 2",
	} {
		if !strings.Contains(conf, old) {
			t.Fatalf("the configuration does not have %q:\n%s", old, conf)
		}
		conf = strings.ReplaceAll(conf, old, with)
	}
	if os.Geteuid() == 0 {
		conf = "user root\n" + conf // it would drop to a user who may not write here
	}
	file := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}

	run := func() (b *broker.Broker, stop func()) {
		b, err := broker.New(broker.Config{
			Listen: ingest, Local: all, Log: slog.New(slog.DiscardHandler),
			Authenticate: func(tracker, password string) (time.Time, error) {
				if tracker != "carrier.GW-1" || password != "pw-carrier.GW-1" {
					return time.Time{}, errors.New("not the gateway")
				}
				return time.Time{}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Listen(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		return b, func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the broker: %v", err)
			}
		}
	}
	b, stop := run()
	var said bytes.Buffer
	bridge := exec.Command(program, "-c", file)
	bridge.Stdout, bridge.Stderr = &said, &said
	if err := bridge.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = bridge.Process.Kill()
		_ = bridge.Wait()
		if t.Failed() {
			t.Logf("mosquitto says:\n%s", said.String())
		}
	})
	publish := func(qos, topic, text string) {
		t.Helper()
		testkit.WaitFor(t, 60*time.Second, "the customer's broker takes a message", func() bool {
			return exec.CommandContext(t.Context(), pub, "-h", host, "-p", port, "-q", qos, "-t", topic, "-m", text).Run() == nil
		})
	}
	expect := func(topic, text string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var got string
		var payload []byte
		for again := true; again; again = text != "first" && string(payload) == "first" { // its PUBACK may have ended with the connection
			topic, raw, ack, err := b.Receive(ctx)
			if err != nil {
				t.Fatalf("%q did not come: %v", text, err)
			}
			ack(nil)
			got, payload = topic, raw
		}
		if got != telemetry.InTopic("carrier.GW-1", topic) || string(payload) != text {
			t.Fatalf("%q on %q, expected %q on %q", payload, got, text, telemetry.InTopic("carrier.GW-1", topic))
		}
	}
	publish("1", "elsewhere/x", "not bridged")
	publish("1", "zigbee2mqtt/Pallet 7", `{"temperature":4.5}`)
	expect("zigbee2mqtt/Pallet 7", `{"temperature":4.5}`)
	publish("0", "zigbee2mqtt/Pallet 8", "first")
	expect("zigbee2mqtt/Pallet 8", "first")
	stop()
	for i := range 20 {
		publish(fmt.Sprint(i%2), "zigbee2mqtt/Pallet 7", fmt.Sprint("while ingest is away ", i))
	}
	b, stop = run()
	defer stop()
	for i := range 20 {
		expect("zigbee2mqtt/Pallet 7", fmt.Sprint("while ingest is away ", i))
	}
	nothing(t, b)
}
