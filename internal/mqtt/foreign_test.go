package mqtt_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// startForeign is a broker for the devices of other platforms: T-1 has the secret "token-1" and is the gateway of T-2, which has none.
func startForeign(t *testing.T, local func(string) bool) (*broker.Broker, string, *refusals) {
	t.Helper()
	told := &refusals{}
	b, url := runBroker(t, broker.Config{
		Local: local, Refused: told.add,
		Token:     func(secret string) (string, bool) { return "T-1", secret == "token-1" },
		SpeaksFor: func(client, tracker string) bool { return client == "T-1" && tracker == "T-2" },
	})
	if local != nil {
		testkit.WaitFor(t, 60*time.Second, "the broker runs", func() bool { return b.Ready(t.Context()) == nil })
	}
	return b, url, told
}

func all(string) bool { return true }

// aliases are where devices of other platforms publish.
var aliases = []string{"v1/devices/me/telemetry", "v2/t", "v1/gateway/telemetry", "tele/x/SENSOR", "zigbee2mqtt/Pallet 7", "/ruuvi/aa:bb", "dévice/é"}

// Ensure that clients that others wrote publish where they always did, by id and password or by the secret alone, and that it arrives in
// the tracker's channel in.
func TestAnyTopicArrivesInTheChannel(t *testing.T) {
	b, url, told := startForeign(t, all)
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		for _, topic := range aliases {
			for login, args := range map[string][]string{"password": {"-P", "pw-T-1"}, "token": {"-u", "token-1"}} {
				name := strings.Join([]string{version, topic, login}, " ")
				cmd := mosquitto(t, url, append(args, "-V", version, "-q", "1", "-t", topic, "-m", name)...)
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				m := next(t, b)
				m.ack(nil)
				tracker, rest, ok := telemetry.InRest(m.topic)
				if !ok || tracker != "T-1" || rest != topic || string(m.payload) != name {
					t.Errorf("%s: got %q on %q, which is %q of %q", name, m.payload, m.topic, rest, tracker)
				}
				if err := cmd.Wait(); err != nil {
					t.Errorf("%s: %v: %s", name, err, out.String())
				}
				told.none(t, name)
			}
		}
	}
	nothing(t, b)
}

// pahoClient is a device that logs in with its access token, and nothing else.
func pahoClient(t *testing.T, url, user string) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker(url).SetClientID("sensor").SetUsername(user).SetAutoReconnect(false).SetConnectTimeout(30 * time.Second))
	if token := c.Connect(); !token.WaitTimeout(60*time.Second) || token.Error() != nil {
		t.Fatalf("the login: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(50) })
	return c
}

// Ensure that the client of another platform comes through its whole start: login by token, subscriptions for attributes and commands,
// a request, telemetry. What it asks for is granted, and nothing of it is ever answered, nor what others publish there.
func TestDeviceOfAnotherPlatform(t *testing.T) {
	b, url, told := startForeign(t, all)
	c := pahoClient(t, url, "token-1")
	heard := make(chan string, 10)
	for _, filter := range []string{"v1/devices/me/rpc/request/+", "v1/devices/me/attributes", "#", "+/v1/#"} {
		s := c.Subscribe(filter, 2, func(_ paho.Client, m paho.Message) { heard <- m.Topic() })
		if !s.WaitTimeout(60*time.Second) || s.Error() != nil {
			t.Fatalf("subscription to %s: %v", filter, s.Error())
		}
		if qos := s.(*paho.SubscribeToken).Result()[filter]; qos > 2 {
			t.Errorf("subscription to %s: answered %#x, expected that it is granted", filter, qos)
		}
	}
	for i, topic := range []string{"v1/devices/me/attributes/request/1", "v1/devices/me/attributes", "v1/devices/me/telemetry"} {
		body := fmt.Sprintf(`{"temperature":%d}`, i)
		p := c.Publish(topic, 1, true, body)
		m := next(t, b)
		m.ack(nil)
		if m.topic != telemetry.InTopic("T-1", topic) || string(m.payload) != body {
			t.Errorf("got %q on %q, expected %q on %q", m.payload, m.topic, body, telemetry.InTopic("T-1", topic))
		}
		if !p.WaitTimeout(60*time.Second) || p.Error() != nil {
			t.Errorf("%s: %v", topic, p.Error())
		}
	}
	b.Publish(telemetry.Topic("T-1", telemetry.Down), []byte("{}")) // it asked for #, and not for this
	if u := c.Unsubscribe("#"); !u.WaitTimeout(60*time.Second) || u.Error() != nil {
		t.Errorf("unsubscribing: %v", u.Error())
	}
	select {
	case topic := <-heard:
		t.Errorf("a message on %s was distributed", topic)
	default:
	}
	told.none(t, "a device of another platform")
}

// Ensure that a secret opens its own tracker's door alone, and that what may be a secret is not told to anybody.
func TestTokenLoginRefused(t *testing.T) {
	_, url, told := startForeign(t, all)
	for _, user := range []string{"token-2", "T-1"} {
		out, err := mosquitto(t, url, "-u", user, "-q", "1", "-t", "v2/t", "-m", "x").CombinedOutput()
		if err == nil || !strings.Contains(strings.ToLower(string(out)), "not authorised") {
			t.Errorf("%s: the client says %q (%v), expected that it is not authorised", user, out, err)
		}
		got := told.take(t)
		if got.Tracker != "" || got.LoggedIn || got.Reason != telemetry.BadLogin || strings.Contains(fmt.Sprint(got), user) {
			t.Errorf("%s: told %+v, expected a bad_login without the name", user, got)
		}
	}
}

// Ensure that a gateway speaks for its devices, in their own topics, and for nobody else.
func TestGatewaySpeaksForItsDevices(t *testing.T) {
	b, url, told := startForeign(t, all)
	c := dialV5(t, url, "T-1")
	for _, channel := range []string{telemetry.Up, telemetry.JSON, telemetry.In + "/x"} {
		c.publish(telemetry.Topic("T-2", channel), 1, channel)
		m := next(t, b)
		if m.topic != telemetry.Topic("T-2", channel) || string(m.payload) != channel {
			t.Errorf("got %q on %q", m.payload, m.topic)
		}
		m.ack(nil)
		if kind, body := c.receive(); kind != 0x40 || body[1] != 1 {
			t.Fatalf("packet %x %x, expected a PUBACK", kind, body)
		}
	}
	c.send(0x82, []byte{0, 2, 0}, text(telemetry.Topic("T-2", telemetry.Down)), []byte{1})
	if kind, body := c.receive(); kind != 0x90 || body[3] != 1 {
		t.Fatalf("SUBACK %x %x", kind, body)
	}
	b.Publish(telemetry.Topic("T-2", telemetry.Down), []byte("for T-2"))
	if kind, body := c.receive(); kind&0xf0 != 0x30 || !strings.HasSuffix(string(body), "for T-2") {
		t.Errorf("packet %x %q, expected what its device is told", kind, body)
	}
	told.none(t, "a gateway")
	c.publish(telemetry.Topic("T-3", telemetry.JSON), 3, "x")
	if r := told.take(t); r.Tracker != "T-1" || r.Reason != telemetry.TopicMismatch {
		t.Errorf("for a tracker that is not behind it: told %+v", r)
	}
	device := dialV5(t, url, "T-2")
	device.publish(telemetry.Topic("T-1", telemetry.JSON), 3, "x")
	if r := told.take(t); r.Tracker != "T-2" || r.Reason != telemetry.TopicMismatch {
		t.Errorf("a device for its gateway: told %+v", r)
	}
	nothing(t, b)
}

// Ensure that the ingest of another partition, as a subscriber, gets such messages in the channel too, and nowhere else.
func TestChannelIsDistributed(t *testing.T) {
	b, url, _ := startForeign(t, nil)
	c := startConsumer(t, url, 0)
	d := pahoClient(t, url, "token-1")
	p := d.Publish("v2/t", 1, true, "x")
	m := next(t, c)
	m.ack(nil)
	if m.topic != telemetry.InTopic("T-1", "v2/t") || string(m.payload) != "x" {
		t.Errorf("got %q on %q", m.payload, m.topic)
	}
	if !p.WaitTimeout(60*time.Second) || p.Error() != nil {
		t.Errorf("published: %v", p.Error())
	}
	service := dialV5(t, url, "ingest-x-reader")
	service.send(0x82, []byte{0, 1, 0}, text(telemetry.TopicPrefix+"#"), []byte{1})
	if kind, _ := service.receive(); kind != 0x90 {
		t.Fatalf("packet %x instead of a SUBACK", kind)
	}
	service.send(0xc0)
	if kind, body := service.receive(); kind != 0xd0 {
		t.Errorf("a message was retained: %x %q", kind, body)
	}
	if n := b.Stats().Dropped; n != 0 {
		t.Errorf("%d messages dropped", n)
	}
}
