package mqtt_test

import (
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// refusals collects what a broker refused.
type refusals struct {
	mu  sync.Mutex
	all []broker.Refusal
}

func (r *refusals) add(x broker.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, x)
}

// take waits for one, and forgets all.
func (r *refusals) take(t *testing.T) broker.Refusal {
	t.Helper()
	testkit.WaitFor(t, 60*time.Second, "the broker tells of a refusal", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.all) > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.all[0]
	if len(r.all) > 1 {
		t.Errorf("told %d times: %+v", len(r.all), r.all)
	}
	r.all = nil
	return first
}

func (r *refusals) none(t *testing.T, what string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) > 0 {
		t.Errorf("%s: the broker tells of %+v", what, r.all)
	}
	r.all = nil
}

func startTold(t *testing.T) (*broker.Broker, string, *refusals) {
	t.Helper()
	told := &refusals{}
	b, url := runBroker(t, broker.Config{Local: func(string) bool { return true }, Refused: told.add})
	testkit.WaitFor(t, 60*time.Second, "the broker runs", func() bool { return b.Ready(t.Context()) == nil })
	return b, url, told
}

// mosquitto is a client that others wrote, in all versions of the protocol.
func mosquitto(t *testing.T, url string, args ...string) *exec.Cmd {
	t.Helper()
	path := testkit.MosquittoPub(t)
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "tcp://"))
	return exec.Command(path, append([]string{"-h", host, "-p", port, "-u", "T-1"}, args...)...)
}

// Ensure that devices with fixed habits are served: any client id or none, a last will of their own, retained messages, each QoS and
// version. Each message comes once.
func TestWhatDevicesAreUsedTo(t *testing.T) {
	b, url, told := startTold(t)
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		for _, qos := range []string{"0", "1", "2"} {
			for what, args := range map[string][]string{
				"retained":      {"-i", "T-1", "-r"},
				"own client id": {"-i", "ESP32-ABCDEF"},
				"no client id":  nil,
				"foreign will":  {"-i", "T-1", "--will-topic", "tele/x/LWT", "--will-payload", "Offline", "--will-qos", qos},
			} {
				name := strings.Join([]string{version, qos, what}, " ")
				cmd := mosquitto(t, url, append(args, "-V", version, "-q", qos, "-P", "pw-T-1", "-t", telemetry.Topic("T-1", telemetry.JSON), "-m", name)...)
				done := make(chan string, 1)
				go func() { out, err := cmd.CombinedOutput(); done <- fmt.Sprint(string(out), err) }()
				m := next(t, b)
				m.ack(nil)
				if string(m.payload) != name {
					t.Errorf("%s: got %q", name, m.payload)
				}
				if out := <-done; out != "<nil>" {
					t.Errorf("%s: %s", name, out)
				}
				if what == "foreign will" {
					if r := told.take(t); r.Reason != telemetry.WillIgnored || r.Tracker != "T-1" || r.Topic != "tele/x/LWT" {
						t.Errorf("%s: told %+v", name, r)
					}
				}
				told.none(t, name)
			}
		}
	}
	nothing(t, b)
	// Nothing of it is retained, and no foreign will was published.
	service := dialV5(t, url, "ingest-x-reader")
	service.send(0x82, []byte{0, 1, 0}, text(telemetry.TopicPrefix+"#"), []byte{1})
	if kind, _ := service.receive(); kind != 0x90 {
		t.Fatalf("packet %x instead of a SUBACK", kind)
	}
	service.send(0xc0)
	if kind, body := service.receive(); kind != 0xd0 {
		t.Errorf("a message was retained: %x %q", kind, body)
	}
}

// Ensure that what is refused is told: to the client as far as its protocol can, and to who runs the broker with the tracker's id.
func TestRefusedInWords(t *testing.T) {
	b, url, told := startTold(t)
	own, foreign := telemetry.Topic("T-1", telemetry.JSON), telemetry.Topic("T-2", telemetry.JSON)
	long := strings.Repeat("x", 1025)
	for _, tc := range []struct {
		what   string
		args   []string
		v3, v5 string // part of what the client says; "" = it notices nothing
		want   broker.Refusal
	}{
		{"wrong password", []string{"-P", "x", "-t", own, "-q", "1"}, "not authorised", "user name or password", broker.Refusal{Tracker: "T-1", Reject: telemetry.Reject{Reason: telemetry.BadLogin, Detail: "wrong password"}}},
		{"no tracker's name", []string{"-u", "T/1", "-P", "x", "-t", own, "-q", "1"}, "not authorised", "user name or password", broker.Refusal{Reject: telemetry.Reject{Reason: telemetry.BadLogin, Detail: "the user name is not a tracker's id"}}},
		{"foreign topic", []string{"-P", "pw-T-1", "-t", foreign, "-q", "1"}, "connection was lost", "Topic name invalid", publishRefused(foreign)},
		{"foreign topic, QoS 2", []string{"-P", "pw-T-1", "-t", foreign, "-q", "2"}, "connection was lost", "Topic name invalid", publishRefused(foreign)},
		{"foreign topic, QoS 0", []string{"-P", "pw-T-1", "-t", foreign, "-q", "0"}, "", "", publishRefused(foreign)},
		{"too long a topic", []string{"-P", "pw-T-1", "-t", long, "-q", "1"}, "connection was lost", "Topic name invalid", broker.Refusal{Tracker: "T-1", LoggedIn: true, Topic: long, Reject: telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: "the topic has 1025 bytes, at most 1024"}}},
		{"the broker's own topic", []string{"-P", "pw-T-1", "-t", "$SYS/broker", "-q", "0"}, "", "", broker.Refusal{Tracker: "T-1", LoggedIn: true, Topic: "$SYS/broker", Reject: telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: "not a topic to publish to"}}},
	} {
		for version, says := range map[string]string{"mqttv31": tc.v3, "mqttv311": tc.v3, "mqttv5": tc.v5} {
			name := version + ", " + tc.what
			out, err := mosquitto(t, url, append(slices.Clone(tc.args), "-i", "x", "-V", version, "-m", name)...).CombinedOutput()
			if !strings.Contains(strings.ToLower(string(out)), strings.ToLower(says)) || says == "" && err != nil {
				t.Errorf("%s: the client says %q (%v), expected %q", name, out, err, says)
			}
			got := told.take(t)
			if got.Tracker != tc.want.Tracker || got.LoggedIn != tc.want.LoggedIn || got.Topic != tc.want.Topic || got.Reject != tc.want.Reject || got.Remote == "" {
				t.Errorf("%s: told %+v, expected %+v", name, got, tc.want)
			}
			if got.LoggedIn != (string(got.Raw) == name) {
				t.Errorf("%s: bytes %q", name, got.Raw)
			}
		}
	}
	nothing(t, b)
}

func publishRefused(topic string) broker.Refusal {
	return broker.Refusal{Tracker: "T-1", LoggedIn: true, Topic: topic, Reject: telemetry.Reject{Reason: telemetry.TopicMismatch, Detail: "below trackseal/ a tracker may publish to its own up, json, in and status topics only, a gateway to those of its devices too"}}
}

// Ensure that the same is so of what no ordinary client sends.
func TestRefusedAtTheDoor(t *testing.T) {
	_, url, told := startTold(t)
	raw := func(bytes ...[]byte) v5 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		for _, b := range bytes {
			if _, err := conn.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		return v5Of(t, conn)
	}
	expect := func(what, tracker string, reason telemetry.Reason, detail string) {
		t.Helper()
		if r := told.take(t); r.Tracker != tracker || r.Reason != reason || !strings.Contains(r.Detail, detail) {
			t.Errorf("%s: told %+v, expected %s of %q: %s", what, r, reason, tracker, detail)
		}
	}
	raw([]byte("GET / HTTP/1.1\r\n\r\n"))
	expect("HTTP", "", telemetry.ProtocolError, "malformed packet")
	v6 := raw()
	v6.send(0x10, text("MQTT"), []byte{6, 0xc2, 0, 60}, text("T-1"), text("T-1"), text("pw-T-1"))
	expect("version 6", "T-1", telemetry.ProtocolError, "protocol version")
	stays := raw() // 3.1.1 without a client id, and not a clean session
	stays.send(0x10, text("MQTT"), []byte{4, 0xc0, 0, 60}, text(""), text("T-1"), text("pw-T-1"))
	if kind, body := stays.receive(); kind != 0x20 || body[1] != 2 {
		t.Errorf("CONNACK %x %x, expected the code 2: identifier rejected", kind, body)
	}
	expect("no client id", "T-1", telemetry.ProtocolError, "the session must be clean")
	c := dialV5(t, url, "T-1")
	c.send(0x82, []byte{0, 1, 0}, text(telemetry.Topic("T-2", telemetry.Down)), []byte{1})
	if kind, body := c.receive(); kind != 0x90 || body[3] != 0x87 {
		t.Errorf("SUBACK %x %x", kind, body)
	}
	expect("subscription", "T-1", telemetry.TopicMismatch, "its own down topic only")
	c.send(0x32, text("a/#"), []byte{0, 9, 0}, []byte("x"))
	if kind, body := c.receive(); kind != 0xe0 || body[0] != 0x82 {
		t.Errorf("DISCONNECT %x %x", kind, body)
	}
	expect("wildcard", "T-1", telemetry.ProtocolError, "wildcards")
	huge := dialV5(t, url, "T-1")
	if _, err := huge.conn.Write([]byte{0x32, 0x80, 0x80, 0x80, 0x01}); err != nil { // says that 2 MiB follow
		t.Fatal(err)
	}
	expect("huge", "T-1", telemetry.Oversized, "more than 256 KiB")
}

// Ensure that a message of QoS 2 is taken once, however often it comes: its PUBREC says that it is durable, and the session knows it until
// the PUBREL.
func TestExactlyOnce(t *testing.T) {
	b, url, _ := startTold(t)
	topic := telemetry.Topic("T-1", telemetry.JSON)
	// A session of an hour.
	c := dialV5(t, url, "T-1", 0x11, 0, 0, 14, 16)
	publish := func(c v5, dup byte) { c.send(0x34|dup<<3, text(topic), []byte{0, 7, 0}, []byte("x")) }
	received := func(c v5) {
		t.Helper()
		if kind, body := c.receive(); kind != 0x50 || string(body) != "\x00\x07" {
			t.Fatalf("packet %x %x, expected a PUBREC", kind, body)
		}
	}
	publish(c, 0)
	next(t, b).ack(nil)
	received(c)
	publish(c, 1)
	received(c)
	c.conn.Close()
	testkit.WaitFor(t, 60*time.Second, "the connection ends", func() bool { return b.Stats().Clients == 0 })
	c = resumeV5(t, url, "T-1", 0x11, 0, 0, 14, 16)
	received(c) // what the session holds is said again
	publish(c, 1)
	received(c)
	c.send(0x62, []byte{0, 7})
	if kind, body := c.receive(); kind != 0x70 || body[1] != 7 {
		t.Fatalf("packet %x %x, expected a PUBCOMP", kind, body)
	}
	nothing(t, b)
	publish(c, 0) // the number is free again
	next(t, b).ack(&telemetry.Reject{Reason: telemetry.Malformed, Detail: "no"})
	if kind, body := c.receive(); kind != 0x50 || body[2] != 0x99 {
		t.Fatalf("packet %x %x, expected a PUBREC that refuses", kind, body)
	}
	publish(c, 0)
	next(t, b).ack(nil)
	received(c)
}

// Ensure that a session is its tracker's, whatever client id it was opened with.
func TestSessionIsTheTrackers(t *testing.T) {
	_, url, _ := startTold(t)
	first := resumeV5(t, url, "T-1", 0x11, 0, 0, 14, 16)
	resumeV5(t, url, "other-id", 0x11, 0, 0, 14, 16)
	if kind, body := first.receive(); kind != 0xe0 || body[0] != 0x8e {
		t.Errorf("packet %x %x, expected a DISCONNECT for the session is taken over", kind, body)
	}
}
