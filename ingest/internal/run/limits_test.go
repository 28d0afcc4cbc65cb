package run

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/limit"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// heard collects what a tracker is told besides acks: "type reason" to how many messages it is about.
func (s *memorySource) heard(tracker string) map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]uint64{}
	for _, text := range s.down[telemetry.Topic(tracker, telemetry.Down)] {
		var d mqtt.DownMessage
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			panic(text)
		}
		if d.Type != "ack" {
			n[d.Type+" "+string(d.Reason)] += d.Count
		}
	}
	return n
}

func enrolPlain(t *testing.T, l *testkit.Ledger, id string) {
	t.Helper()
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: hex.EncodeToString(make([]byte, 32))})
}

// Attack (research of 2026-11-30): a tracker that cannot sign sends garbage while InfluxDB is away. It fills its own room and nobody
// else's, the oldest of it goes, and that is told.
func TestGarbageStopsNobody(t *testing.T) {
	const room = 1 << 20
	s := newSetup(t, func(c *Config) { c.Journal.MaxBytes, c.Journal.QuarantineBytes = 2*room, room })
	enrolPlain(t, s.ledger, "carrier.T-garbage")
	s.send(t, 3)
	s.settle(s.src)
	s.influx.SetUnavailable(true)
	const n = 300
	garbage := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "garbage %03d ", i), 1300) } // 15 KB
	for i := range n {
		s.src.send(telemetry.Topic("carrier.T-garbage", telemetry.JSON), garbage(i))
	}
	s.send(t, 20)
	testkit.WaitFor(t, 60*time.Second, "all is acknowledged", func() bool { return s.src.open() == 0 })
	st := s.Status(t.Context())
	if err := s.db.Ready(t.Context()); err != nil || st.Quarantine.Bytes > room || st.Quarantine.Dropped == 0 || uint64(st.Quarantine.Waiting)+st.Quarantine.Dropped != n {
		t.Fatalf("ready: %v; of %d refused messages %+v", err, n, st.Quarantine)
	}
	if st.Rejected["malformed"] != n || st.JournalBytes >= room {
		t.Errorf("%v are told as refused; messages fill %d bytes", st.Rejected, st.JournalBytes)
	}
	s.stop()
	s.influx.SetUnavailable(false)
	s.running = start(t, s.cfg) // what waits outlives the process
	s.account(t)
	kept := map[string]int{}
	for _, p := range s.influx.Points("rejected") {
		kept[p.Field("hash")+" "+p.Tag("reason")]++
	}
	for i := n - int(st.Quarantine.Waiting); i < n; i++ { // older ones may be there, too: a write that was under way when the process ended
		sum := sha256.Sum256(garbage(i))
		if got := kept[hex.EncodeToString(sum[:])+" malformed"]; got != 1 {
			t.Fatalf("refused message %d is in InfluxDB %d times, expected once; of %d waited %d, and InfluxDB has %d", i, got, n, st.Quarantine.Waiting, len(kept))
		}
	}
}

// What is refused reaches its sender with the reason, and how often.
func TestSendersHearWhatWasRefused(t *testing.T) {
	s := newSetup(t)
	enrolPlain(t, s.ledger, "carrier.T-plain")
	topic := telemetry.Topic("carrier.T-plain", telemetry.JSON)
	for range 5 {
		s.src.send(topic, []byte(`{"temperatur":4}`))
	}
	s.src.send(topic, []byte(`{"temperature":2000,"light":5,"seq":9}`)) // one bad member: kept, and flagged
	for range 3 {
		s.src.send(topic, []byte(`{"temperature":4}`)) // neither time nor seq: two of them count as repeated deliveries
	}
	s.src.send(telemetry.Topic("carrier.T-plain", telemetry.Up), s.dev.message(t, 5))
	want := map[string]uint64{"nack malformed": 5, "nack duplicate": 2, "nack topic_mismatch": 1}
	testkit.WaitFor(t, 60*time.Second, "the tracker hears it", func() bool { return fmt.Sprint(s.src.heard("carrier.T-plain")) == fmt.Sprint(want) })
	st := s.Status(t.Context())
	if st.Repeated != 2 || st.Duplicates != 2 || st.Logged != 2 {
		t.Errorf("%d repeated of %d duplicates, %d logged", st.Repeated, st.Duplicates, st.Logged)
	}
	if got := s.src.heard("carrier.T-1"); len(got) != 0 {
		t.Errorf("another tracker hears %v", got)
	}
}

// A source that cannot let one tracker wait has its messages refused. None is acknowledged by ingest, so the tracker sends them
// again, and all arrive once.
func TestTooFastIsRefused(t *testing.T) {
	began := time.Now()
	var later atomic.Int64 // 0: the clock stands still
	s := newSetup(t, func(c *Config) {
		c.Limit = limit.Config{MessagesPerSecond: 1, BurstSeconds: 10}
		c.Now = func() time.Time {
			if d := later.Load(); d > 0 {
				return time.Now().Add(time.Duration(d))
			}
			return began
		}
	})
	var raws [][]byte
	for range 25 {
		raws = append(raws, s.dev.message(t, 5))
	}
	enrolPlain(t, s.ledger, "carrier.T-2")
	for _, raw := range raws {
		s.src.send(up("carrier.T-1"), raw)
	}
	s.src.send(telemetry.Topic("carrier.T-2", telemetry.JSON), []byte(`{"temperature":4}`))
	testkit.WaitFor(t, 60*time.Second, "the tracker hears it", func() bool { return s.src.heard("carrier.T-1")["nack rate_limited"] == 15 })
	testkit.WaitFor(t, 60*time.Second, "the broker has its acknowledgements", func() bool { return s.src.open() == 0 })
	st := s.Status(t.Context())
	if st.Logged != 11 || st.Rejected["rate_limited"] != 15 || st.Quarantine.Waiting+int64(len(s.influx.Points("rejected"))) != 0 {
		t.Fatalf("%d logged, %v refused, in quarantine %+v", st.Logged, st.Rejected, st.Quarantine)
	}
	if last := s.src.lastAck("carrier.T-1"); !strings.Contains(last, `"seq":9`) {
		t.Fatalf("acknowledged: %s", last)
	}
	later.Add(int64(20 * time.Second)) // the ledger takes no anchor that is two minutes ahead
	for _, raw := range raws[5:15] {
		s.src.send(up("carrier.T-1"), raw)
	}
	s.settle(s.src)
	later.Add(int64(20 * time.Second))
	for _, raw := range raws[15:] {
		s.src.send(up("carrier.T-1"), raw)
	}
	s.sent = 25
	s.account(t)
}

func (s *memorySource) lastAck(tracker string) (last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.down[telemetry.Topic(tracker, telemetry.Down)] {
		if strings.Contains(text, `"ack"`) {
			last = text
		}
	}
	return last
}

// Attack: garbage as fast as the connection takes it, at the broker inside ingest. It is slowed down to what one tracker may
// send and told so; what the others send is not held back, and nothing that has a PUBACK is lost.
func TestFloodAtTheBrokerInside(t *testing.T) {
	parts, err := mqtt.ParsePartitions("00-ff")
	if err != nil {
		t.Fatal(err)
	}
	var p atomic.Pointer[Pipeline]
	b, err := broker.New(broker.Config{
		Listen: "127.0.0.1:0", Local: parts.Has, Authenticate: func(string, string) (time.Time, error) { return time.Time{}, nil },
		Pace: func(tracker string, n int, patience time.Duration) (time.Duration, bool) {
			return p.Load().Pace(tracker, n, patience)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := b.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const perSecond = 50
	s := newSetup(t, func(c *Config) {
		c.Source, c.SourcePaces, c.Limit = b, true, limit.Config{MessagesPerSecond: perSecond, BurstSeconds: 1}
	})
	p.Store(s.Pipeline)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	enrolPlain(t, s.ledger, "carrier.T-garbage")
	dial := func(tracker string) *mqtt.Device {
		d, err := mqtt.Dial(t.Context(), mqtt.DeviceConfig{URL: "tcp://" + addr.String(), Tracker: tracker, Silent: true, Password: func() string { return "x" }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	}
	garbage, good := dial("carrier.T-garbage"), dial("carrier.T-1")
	began := time.Now()
	flooding, flooded := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; flooding.Err() == nil; i++ {
			_ = garbage.Send(flooding, telemetry.Topic("carrier.T-garbage", telemetry.JSON), fmt.Appendf(nil, "garbage %d", i))
		}
	}()
	testkit.WaitFor(t, 60*time.Second, "the flood is felt", func() bool { return s.Status(t.Context()).HeldBack > 0 })
	for range 10 {
		if err := good.Publish(t.Context(), up("carrier.T-1"), s.dev.message(t, 5)); err != nil { // waits for the PUBACK
			t.Fatal(err)
		}
	}
	st := s.Status(t.Context())
	if most := perSecond * (2 + time.Since(began).Seconds()); float64(st.Rejected["malformed"]) > most {
		t.Errorf("%d messages of the flood were taken, at most %.0f may be", st.Rejected["malformed"], most)
	}
	testkit.WaitFor(t, 60*time.Second, "the tracker hears it", func() bool {
		select {
		case d := <-garbage.Down():
			return d.Type == "slow" && d.Reason == telemetry.RateLimited && d.Count > 0
		case <-time.After(10 * time.Millisecond):
			return false
		}
	})
	flooded()
	garbage.Close() // ends what waits in Send
	<-ended
	if logs, err := s.seq.Logs("shipment", "carrier.S-1"); err != nil || len(logs) != 1 || logs[0].Size != 10 {
		t.Errorf("10 good messages, logs %+v (%v)", logs, err)
	}
}
