package mqtt_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// startPaced is a broker in the process whose Pace is made by test.
func startPaced(t *testing.T, pace func(tracker string, bytes int, patience time.Duration) (time.Duration, bool)) (*broker.Broker, string) {
	t.Helper()
	b, url := runBroker(t, broker.Config{Patience: time.Minute, Pace: pace, Local: func(string) bool { return true }})
	testkit.WaitFor(t, 60*time.Second, "the broker runs", func() bool { return b.Ready(t.Context()) == nil })
	return b, url
}

// Who sends too fast waits, in its order, and nobody else does.
func TestPaceHoldsOneTrackerBack(t *testing.T) {
	const n = 20
	var mu sync.Mutex
	asked := 0
	released := make(chan struct{})
	b, url := startPaced(t, func(tracker string, bytes int, patience time.Duration) (time.Duration, bool) {
		if tracker != "T-fast" {
			return 0, true
		}
		mu.Lock()
		defer mu.Unlock()
		if bytes != 2 { // the connection's status
			return 0, true
		}
		asked++
		if patience != time.Minute {
			t.Errorf("asked for %s", patience)
		}
		select {
		case <-released:
			return 0, true
		default:
			return 5 * time.Millisecond, true
		}
	})
	fast, other := dial(t, url, "T-fast"), dial(t, url, "T-other")
	for i := range n {
		if err := fast.Send(t.Context(), telemetry.Topic("T-fast", telemetry.Up), fmt.Appendf(nil, "%02d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Send(t.Context(), telemetry.Topic("T-other", telemetry.Up), []byte("x")); err != nil {
		t.Fatal(err)
	}
	close(released)
	var got []string
	others := 0
	for range n + 1 {
		m := next(t, b)
		m.ack(nil)
		if strings.Contains(m.topic, "T-other") {
			others++
			continue
		}
		got = append(got, string(m.payload))
	}
	for i := range got {
		if got[i] != fmt.Sprintf("%02d", i) {
			t.Fatalf("received %v: not in order", got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if others != 1 || len(got) != n || asked != n {
		t.Errorf("%d of T-fast after %d questions, %d of T-other", len(got), asked, others)
	}
}

// v5 is a client of MQTT 5 that can do just what is needed: paho speaks MQTT 3.
type v5 struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func text(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }

func (c v5) send(kind byte, body ...[]byte) {
	c.t.Helper()
	var all []byte
	for _, b := range body {
		all = append(all, b...)
	}
	if len(all) > 127 {
		c.t.Fatal("packet too long for this client")
	}
	if _, err := c.conn.Write(append([]byte{kind, byte(len(all))}, all...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c v5) receive() (kind byte, body []byte) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	kind, err := c.in.ReadByte()
	if err != nil {
		c.t.Fatal(err)
	}
	n, err := c.in.ReadByte()
	if err != nil {
		c.t.Fatal(err)
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(c.in, body); err != nil {
		c.t.Fatal(err)
	}
	return kind, body
}

func (c v5) publish(topic string, id byte, payload string) {
	c.t.Helper()
	c.send(0x32, text(topic), []byte{0, id, 0}, []byte(payload))
}

func v5Of(t *testing.T, conn net.Conn) v5 { return v5{t, conn, bufio.NewReader(conn)} }

// dialV5 begins a session; a name that begins like the service's is the service's.
func dialV5(t *testing.T, url, client string, properties ...byte) v5 {
	t.Helper()
	return connectV5(t, url, client, 0xc2, properties)
}

// resumeV5 goes on with the session of T-1.
func resumeV5(t *testing.T, url, client string, properties ...byte) v5 {
	t.Helper()
	return connectV5(t, url, client, 0xc0, properties)
}

func connectV5(t *testing.T, url, client string, flags byte, properties []byte) v5 {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := v5Of(t, conn)
	user, password := client, "pw-"+client
	switch {
	case strings.HasPrefix(client, "ingest-x"):
		user, password = "ingest-x", servicePassword
	case flags == 0xc0:
		user, password = "T-1", "pw-T-1"
	}
	c.send(0x10, text("MQTT"), []byte{5, flags, 0, 60, byte(len(properties))}, properties, text(client), text(user), text(password))
	if kind, body := c.receive(); kind != 0x20 || body[1] != 0 {
		t.Fatalf("CONNACK %x %x", kind, body)
	}
	return c
}

// In MQTT 5 the PUBACK itself says that a message was not taken, and why.
func TestRefusedByPuback(t *testing.T) {
	_, url := startPaced(t, func(string, int, time.Duration) (time.Duration, bool) { return time.Hour, false })
	c := dialV5(t, url, "T-5")
	topic := telemetry.Topic("T-5", telemetry.Up)
	expect := func(c v5, what string, want string) {
		t.Helper()
		if kind, body := c.receive(); kind != 0x40 || string(body) != want {
			t.Fatalf("%s: packet %x %q, expected a PUBACK %q", what, kind, body, want)
		}
	}
	c.publish(topic, 7, "much too fast")
	expect(c, "too fast", "\x00\x07\x97\x24\x1f\x00\x21rate_limited: send it again later")
	quiet := dialV5(t, url, "T-6", 0x17, 0) // no problem information, please
	quiet.publish(telemetry.Topic("T-6", telemetry.Up), 8, "much too fast")
	expect(quiet, "without words", "\x00\x08\x97")
}

func TestPubackNamesTheReason(t *testing.T) {
	b, url := startLocal(t, "00-ff", time.Minute)
	c := dialV5(t, url, "T-5")
	for i, tc := range []struct {
		refused *telemetry.Reject
		want    string
	}{
		{nil, "\x00\x01"},
		{&telemetry.Reject{Reason: telemetry.BadSignature, Detail: "a"}, "\x00\x02\x87\x13\x1f\x00\x10bad_signature: a"},
		{&telemetry.Reject{Reason: telemetry.Malformed, Detail: "\x00\u00fc\xff"}, "\x00\x03\x99\x12\x1f\x00\x0fmalformed: ?\u00fc?"},
		{&telemetry.Reject{Reason: telemetry.Oversized, Detail: strings.Repeat("é", 100)}, "\x00\x04\x95\x7a\x1f\x00\x77oversized: " + strings.Repeat("é", 54)},
		{&telemetry.Reject{Reason: telemetry.TopicMismatch}, "\x00\x05\x90\x13\x1f\x00\x10topic_mismatch: "},
		{nil, "\x00\x06"},
	} {
		c.publish(telemetry.Topic("T-5", telemetry.Up), byte(i+1), "x")
		next(t, b).ack(tc.refused)
		if kind, body := c.receive(); kind != 0x40 || string(body) != tc.want {
			t.Errorf("%v: packet %x %q, expected a PUBACK %q", tc.refused, kind, body, tc.want)
		}
	}
	// MQTT 3 has no words for it.
	d := dial(t, url, "T-3")
	done := make(chan error, 1)
	go func() { done <- d.Publish(t.Context(), telemetry.Topic("T-3", telemetry.Up), []byte("x")) }()
	next(t, b).ack(&telemetry.Reject{Reason: telemetry.Malformed})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A client of MQTT 3 whose message is refused for its rate loses its connection, not its message: without a PUBACK it sends it again.
func TestRefusedRateEndsTheConnection(t *testing.T) {
	var mu sync.Mutex
	refuse := true
	b, url := startPaced(t, func(_ string, bytes int, _ time.Duration) (time.Duration, bool) {
		mu.Lock()
		defer mu.Unlock()
		return 0, !refuse || bytes != 5
	})
	d := dial(t, url, "T-3")
	if err := d.Publish(t.Context(), telemetry.Topic("T-3", telemetry.Up), []byte("12345")); err == nil {
		t.Fatal("a refused message has its PUBACK")
	}
	nothing(t, b)
	mu.Lock()
	refuse = false
	mu.Unlock()
	testkit.WaitFor(t, 60*time.Second, "it is sent again", func() bool {
		m := next(t, b)
		m.ack(nil)
		return string(m.payload) == "12345"
	})
}

// What ingest cannot take now has no PUBACK that a client of MQTT 3 would understand: its connection ends, and it sends again. One of MQTT 5
// hears why.
func TestWhatIsToBeSentAgain(t *testing.T) {
	b, url := startLocal(t, "00-ff", time.Minute)
	d := dial(t, url, "T-1")
	done := make(chan error, 1)
	go func() { done <- d.Publish(t.Context(), telemetry.InTopic("T-1", "x"), []byte("3")) }()
	m := next(t, b)
	m.ack(&telemetry.Reject{Reason: telemetry.Busy, Detail: "later"})
	select {
	case err := <-done:
		if err == nil {
			t.Error("a client of MQTT 3 is told that its message is taken")
		}
	case m := <-again(t, b): // or its library sends it again on the next connection, before it says so
		m.ack(nil)
	}
	b, url = startLocal(t, "00-ff", time.Minute)
	c := dialV5(t, url, "T-5")
	for reason, code := range map[telemetry.Reason]byte{telemetry.Busy: 0x89, telemetry.RateLimited: 0x97, telemetry.UnknownDevice: 0x87, telemetry.CodecFailed: 0x99} {
		c.publish(telemetry.InTopic("T-5", "x"), 9, "5")
		next(t, b).ack(&telemetry.Reject{Reason: reason, Detail: "no"})
		if kind, body := c.receive(); kind != 0x40 || body[2] != code || !strings.HasSuffix(string(body), string(reason)+": no") {
			t.Errorf("%s: packet %x %x %q, expected a PUBACK with code %x", reason, kind, body, body, code)
		}
	}
}

// again waits for the next message beside the test.
func again(t *testing.T, s source) <-chan message {
	t.Helper()
	out := make(chan message, 1)
	go func() {
		if topic, payload, ack, err := s.Receive(t.Context()); err == nil {
			out <- message{topic, payload, ack}
		}
	}()
	return out
}
