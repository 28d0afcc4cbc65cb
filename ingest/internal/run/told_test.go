package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/fakeinflux"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

// lines is a log that tests read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.buf.Write(b) }

// refused are the lines about refusals of a tracker.
func (l *lines) refused(tracker string) (all []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			panic(line)
		}
		if m["msg"] == "refused" && m["tracker"] == tracker {
			all = append(all, m)
		}
	}
	return all
}

// inside is an ingest with its broker, and a tracker for each row of a table.
func inside(t *testing.T, change ...func(*Config)) (s *setup, url string, log *lines) {
	t.Helper()
	var p atomic.Pointer[Pipeline]
	b, err := broker.New(broker.Config{
		Listen: "127.0.0.1:0", Local: func(string) bool { return true },
		Authenticate: func(_, password string) (time.Time, error) {
			if password != "right" {
				return time.Time{}, errors.New("wrong secret")
			}
			return time.Time{}, nil
		},
		Refused: func(r broker.Refusal) { p.Load().Refused(Refusal(r)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := b.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log = &lines{}
	s = newSetup(t, append(change, func(c *Config) { c.Source, c.SourcePaces, c.Log = b, true, slog.New(slog.NewJSONHandler(log, nil)) })...)
	p.Store(s.Pipeline)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s, addr.String(), log
}

// What is sent, and what each sort of client, the operator and the tracker's owner hear of it.
func TestNothingIsRefusedInSilence(t *testing.T) {
	path := testkit.MosquittoPub(t)
	s, addr, log := inside(t)
	host, port, _ := net.SplitHostPort(addr)
	const closed, silent = "connection was lost", ""
	for i, tc := range []struct {
		what     string
		password string
		topic    func(tracker string) string
		payload  string
		v3, v5   string // part of what the client says; "" = it hears nothing
		reason   telemetry.Reason
		detail   string
		nack     bool
	}{
		{"not JSON", "right", own, "temperature=4", silent, "Payload format invalid", telemetry.Malformed, "", true},
		{"a topic of another", "right", func(string) string { return telemetry.Topic("carrier.T-1", telemetry.JSON) }, `{"temperature":4}`, closed, "Topic name invalid", telemetry.TopicMismatch, "its own up, json, in and status topics only", true},
		{"none of our topics", "right", func(string) string { return "trackseal/v2/x" }, `{"temperature":4}`, closed, "Topic name invalid", telemetry.TopicMismatch, "its own up, json, in and status topics only", true},
		{"200 kB", "right", own, `{"temperature":4` + strings.Repeat(" ", 200_000) + "}", silent, "Packet too large", telemetry.Oversized, "200017 bytes", true},
		{"plain bytes as a signed message", "right", func(tracker string) string { return up(tracker) }, "x", silent, "Payload format invalid", telemetry.Malformed, "", true},
		{"a wrong password", "wrong", own, `{"temperature":4}`, "not authorised", "user name or password", telemetry.BadLogin, "wrong secret", false},
	} {
		for _, version := range []string{"mqttv311", "mqttv5"} {
			tracker := fmt.Sprintf("carrier.P-%d-%s", i, version)
			enrolPlain(t, s.ledger, tracker)
			testkit.WaitFor(t, 60*time.Second, "the tracker is known", func() bool { return s.registry.Known(tracker) })
			before := s.rejects.all()[string(tc.reason)]
			says := map[string]string{"mqttv311": tc.v3, "mqttv5": tc.v5}[version]
			cmd := exec.CommandContext(t.Context(), path, "-h", host, "-p", port, "-V", version, "-i", tracker, "-u", tracker, "-P", tc.password, "-t", tc.topic(tracker), "-q", "1", "-s", "-d")
			cmd.Stdin = strings.NewReader(tc.payload)
			out, _ := cmd.CombinedOutput() // its exit code is 0 for a PUBACK that refuses
			if !strings.Contains(strings.ToLower(string(out)), strings.ToLower(says)) || says == silent && (strings.Contains(string(out), "Error") || !strings.Contains(string(out), "PUBACK")) {
				t.Errorf("%s, %s: the client says %q, expected %q", tc.what, version, out, says)
			}
			testkit.WaitFor(t, 60*time.Second, "it is counted and listed", func() bool {
				return s.rejects.all()[string(tc.reason)] == before+1 && len(entries(s.influx, tracker)) > 0
			})
			l := log.refused(tracker)
			if len(l) != 1 || l[0]["reason"] != string(tc.reason) || !strings.Contains(l[0]["detail"].(string), tc.detail) || l[0]["count"] != 1.0 {
				t.Errorf("%s, %s: log lines %v, expected one of %s: %s", tc.what, version, l, tc.reason, tc.detail)
			}
			e := entries(s.influx, tracker)
			wantBytes := fmt.Sprint(len(tc.payload))
			if !tc.nack {
				wantBytes = "0"
			}
			if len(e) != 1 || e[0].Tag("reason") != string(tc.reason) || e[0].Field("bytes") != wantBytes || !strings.Contains(e[0].Field("detail"), tc.detail) {
				t.Errorf("%s, %s: entries %+.300v, expected one of %s", tc.what, version, e, tc.reason)
			}
		}
		if tc.nack { // a device that listens hears it
			tracker := fmt.Sprintf("carrier.D-%d", i)
			enrolPlain(t, s.ledger, tracker)
			d, err := mqtt.Dial(t.Context(), mqtt.DeviceConfig{URL: "tcp://" + addr, Tracker: tracker, Silent: true, Password: func() string { return "right" }})
			if err != nil {
				t.Fatal(err)
			}
			_ = d.Send(t.Context(), tc.topic(tracker), []byte(tc.payload)) // its connection may end
			heard := hearNack(t, d)
			if heard.Reason != tc.reason || heard.Count < 1 || heard.Bytes != len(tc.payload) || len(heard.Hash) != 64 || !strings.Contains(heard.Detail, tc.detail) {
				t.Errorf("%s: heard %+v", tc.what, heard)
			}
			d.Close()
		}
	}
	if st := s.Status(t.Context()); st.Logged != 0 {
		t.Errorf("%d were logged", st.Logged)
	}
}

func own(tracker string) string { return telemetry.Topic(tracker, telemetry.JSON) }

func hearNack(t *testing.T, d *mqtt.Device) mqtt.DownMessage {
	t.Helper()
	for late := time.After(60 * time.Second); ; {
		select {
		case m := <-d.Down():
			if m.Type == "nack" {
				return m
			}
		case <-late:
			t.Fatal("no nack within 60 s")
		}
	}
}

func entries(f *fakeinflux.Server, tracker string) (all []fakeinflux.Point) {
	for _, p := range f.Points("rejected") {
		if p.Tag("tracker") == tracker {
			all = append(all, p)
		}
	}
	return all
}

// Attack: one tracker's garbage must not hide what was refused of another, neither in the log nor in the quarantine; how much there was is
// told all the same. Names that nobody enrolled make no series.
func TestOneTrackersRefusalsHideNoOthers(t *testing.T) {
	now := time.Now()
	var later atomic.Int64
	log := &lines{}
	s := newSetup(t, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(log, nil))
		c.Now = func() time.Time { return now.Add(time.Duration(later.Load())) }
	})
	for _, id := range []string{"carrier.T-noisy", "carrier.T-quiet"} {
		enrolPlain(t, s.ledger, id)
		testkit.WaitFor(t, 60*time.Second, "the tracker is known", func() bool { return s.registry.Known(id) })
	}
	const n = 2 * entriesAtOnce
	for i := range n {
		s.src.send(own("carrier.T-noisy"), fmt.Appendf(nil, "garbage %d", i))
		s.src.send(own(fmt.Sprintf("carrier.T-invented-%d", i)), []byte("x"))
	}
	s.src.send(own("carrier.T-quiet"), []byte("x"))
	testkit.WaitFor(t, 60*time.Second, "all is acknowledged", func() bool { return s.src.open() == 0 })
	later.Store(int64(2 * entryEvery))
	s.src.send(own("carrier.T-noisy"), []byte("garbage again"))
	s.settle(s.src)
	if got := len(entries(s.influx, "carrier.T-quiet")); got != 1 || len(log.refused("carrier.T-quiet")) != 1 {
		t.Errorf("of the quiet one %d entries and lines %v", got, log.refused("carrier.T-quiet"))
	}
	noisy := entries(s.influx, "carrier.T-noisy")
	counted := 0
	for _, e := range noisy {
		var c int
		fmt.Sscan(e.Field("count"), &c)
		counted += c
	}
	if len(noisy) != entriesAtOnce+1 || counted != n+1 {
		t.Errorf("%d entries stand for %d refused messages, expected %d for %d", len(noisy), counted, entriesAtOnce+1, n+1)
	}
	if l := log.refused("carrier.T-noisy"); len(l) != linesAtOnce+1 || l[linesAtOnce]["count"] != float64(n+1-linesAtOnce) {
		t.Errorf("%d lines, the last %v", len(l), l[len(l)-1])
	}
	for _, p := range s.influx.Points("rejected") {
		if strings.Contains(p.Tag("tracker"), "invented") {
			t.Fatalf("series %s of a tracker that nobody knows", p.Series)
		}
	}
	if st := s.Status(t.Context()); st.Rejected["malformed"] != n+2 || st.Rejected["unknown_tracker"] != n {
		t.Errorf("counted %v", st.Rejected)
	}
}
