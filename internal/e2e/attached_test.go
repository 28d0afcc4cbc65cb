package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/testkit"
)

// attached is a trip of trackers that are not ours and do not sign: nothing but REST calls made them known.
type attached struct {
	*trip
	trackers []string
}

// enrolUnsigned enrols a tracker that cannot sign, with what else is said of it, and returns its secret.
func enrolUnsigned(a *api, id string, more map[string]any) string {
	a.t.Helper()
	body := map[string]any{"id": id, "unsigned": true}
	for k, v := range more {
		body[k] = v
	}
	var answer struct {
		Secret string `json:"secret"`
	}
	a.post("/v1/trackers", body, &answer)
	if answer.Secret == "" && more["gateway"] == nil {
		a.t.Fatalf("%s was given no secret", id)
	}
	return answer.Secret
}

// attach binds trackers to a new shipment.
func attach(t *testing.T, s *stack, a *api, prefix string, trackers ...string) *attached {
	t.Helper()
	own := begin(t, s, &ownTracker{t: t, a: a, id: trackers[0]}, name(prefix), "carrier", "shipper", "consignee", "auditor")
	for _, id := range trackers[1:] {
		a.post("/v1/shipments/"+own.id+"/assignments", map[string]any{"tracker": id}, nil)
	}
	return &attached{own, trackers}
}

// first repeats a message, one for each tracker, until one of each is in the shipment's log: ingest hears of trackers and assignments a moment
// after they are made. All that were taken are in a log when it returns.
func (p *attached) first(say func() bool) {
	p.t.Helper()
	eventually(p.t, 60*time.Second, "the first messages are in the shipment's log", func() (bool, string) {
		before := map[string]int{}
		for _, id := range p.trackers {
			before[id] = p.ever(id)
		}
		if !say() {
			return false, "not taken"
		}
		for _, id := range p.trackers {
			eventually(p.t, 60*time.Second, "a message of "+id+" is in a log", func() (bool, string) { return p.ever(id) > before[id], "none" })
		}
		for _, id := range p.trackers {
			if len(p.of(id)) == 0 {
				return false, "none of " + id
			}
		}
		return true, ""
	})
}

// ever counts a tracker's messages in all logs.
func (p *attached) ever(tracker string) int {
	return len(all[messageItem](p.tr.a, "/v1/trackers/"+tracker+"/messages?limit=200"))
}

// logged waits for so many messages of a tracker.
func (p *attached) logged(tracker string, n int) []messageItem {
	p.t.Helper()
	var got []messageItem
	eventually(p.t, 60*time.Second, "the messages are logged", func() (bool, string) {
		got = p.of(tracker)
		return len(got) >= n, fmt.Sprintf("%d of %d", len(got), n)
	})
	if len(got) != n {
		p.t.Errorf("%s has %d messages in the log, sent %d", tracker, len(got), n)
	}
	return got
}

func (p *attached) of(tracker string) []messageItem {
	return slices.DeleteFunc(p.messages(), func(m messageItem) bool { return m.Tracker != tracker })
}

// value waits for the newest value that the API has of a tracker's quantity.
func (p *attached) value(tracker, quantity string, want float64) {
	p.t.Helper()
	eventually(p.t, 60*time.Second, fmt.Sprintf("%s says %s %v", tracker, quantity, want), func() (bool, string) {
		items := all[telemetryItem](p.tr.a, "/v1/shipments/"+p.id+"/telemetry?limit=1000&tracker="+tracker)
		for _, item := range items {
			if v, ok := item.Values[quantity]; ok && v-want < 1e-9 && want-v < 1e-9 {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", items)
	})
}

// refused waits for a reason in the tracker's list of what was refused.
func (p *attached) refused(tracker, reason, detail string) {
	p.t.Helper()
	eventually(p.t, 60*time.Second, "the owner reads why a message was refused", func() (bool, string) {
		list := all[struct {
			Reason string `json:"reason"`
			Detail string `json:"detail"`
			Topic  string `json:"topic"`
		}](p.tr.a, "/v1/trackers/"+tracker+"/rejected")
		for _, r := range list {
			if r.Reason == reason && strings.Contains(r.Detail, detail) {
				return true, ""
			}
		}
		return false, fmt.Sprintf("want %s (%s), got %+v", reason, detail, list)
	})
}

// verified closes the shipment and has an auditor verify its evidence, with the program and her policy: it convinces under one that accepts
// trackers that cannot sign, which says what vouches for each, and proves nothing under one that refuses them. What a codec made counts
// only where it is run again.
func (p *attached) verified(codec bool) {
	p.t.Helper()
	messages := len(p.messages())
	p.end()
	dir := p.t.TempDir()
	const nonce = "6d792d6f776e2d6e6f6e6365"
	bundle := filepath.Join(dir, "trip.tsb")
	if err := os.WriteFile(bundle, p.tr.a.download("/v1/shipments/"+p.id+"/evidence?nonce="+nonce), 0o600); err != nil {
		p.t.Fatal(err)
	}
	verify := func(unsigned string, args ...string) *evidence.Report {
		p.t.Helper()
		policy := p.s.policy(p.t)
		policy.Unsigned = unsigned
		raw, err := json.Marshal(policy)
		if err != nil {
			p.t.Fatal(err)
		}
		file := filepath.Join(dir, unsigned+".json")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			p.t.Fatal(err)
		}
		out, err := exec.CommandContext(p.t.Context(), filepath.Join(p.s.Dir, "bin", "verify"), append([]string{bundle, "--policy", file, "--nonce", nonce, "--json", "--quiet"}, args...)...).Output()
		var r evidence.Report
		if json.Unmarshal(out, &r) != nil {
			p.t.Fatalf("verify %v: %v in %.300s", args, err, out)
		}
		return &r
	}
	r := verify("accept")
	if r.Exit() != evidence.ExitPass || r.Facts.Messages != uint64(messages) {
		p.t.Errorf("exit %d with %d messages, want 0 with %d: %+v\n%v", r.Exit(), r.Facts.Messages, messages, r.Verdicts, r.Findings)
	}
	for _, id := range p.trackers {
		i := slices.IndexFunc(r.Facts.Trackers, func(f evidence.TrackerFact) bool { return f.ID == id })
		if i < 0 || r.Facts.Trackers[i].Trust != ledger.Unsigned {
			p.t.Errorf("%s is not told as unsigned: %+v", id, r.Facts.Trackers)
		}
	}
	if r := verify("refuse"); r.Exit() == evidence.ExitPass {
		p.t.Error("the evidence passes under a policy that refuses unsigned messages")
	}
	if codec {
		if r := verify("accept", "--no-codecs"); r.Exit() != evidence.ExitUnknown {
			p.t.Errorf("without its codec the evidence ends with %d, want %d: %+v", r.Exit(), evidence.ExitUnknown, r.Verdicts)
		}
	}
}

// publisher is a client that knows MQTT and nothing of ours: Eclipse Paho's for Python, in a program as its users write it.
type publisher struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
	err *bytes.Buffer
}

const publisherProgram = `
import sys
import paho.mqtt.client as mqtt
host, port, ca, token = sys.argv[1:5]
client = mqtt.Client()
client.username_pw_set(token)
if ca: client.tls_set(ca)
client.on_connect = lambda c, u, f, rc: c.subscribe("v1/devices/me/rpc/request/+")
client.connect(host, int(port))
client.loop_start()
for line in sys.stdin:
    topic, payload = line.rstrip("\n").split(" ", 1)
    client.publish(topic, payload, qos=1).wait_for_publish()
    print("published", flush=True)
`

// newPublisher starts it with an access token, which is all that a device of ThingsBoard has.
func newPublisher(t *testing.T, s *stack, token string) *publisher {
	t.Helper()
	broker, err := url.Parse(s.MQTT)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), testkit.Python(t), "-c", publisherProgram, broker.Hostname(), broker.Port(), s.CA, token)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := &bytes.Buffer{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &publisher{t, in, bufio.NewScanner(out), said}
}

// publish returns when the message has its PUBACK.
func (p *publisher) publish(topic, payload string) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, "%s %s\n", topic, payload); err != nil {
		p.t.Fatalf("the client: %v: %s", err, p.err)
	}
	if !p.out.Scan() {
		p.t.Fatalf("the client ended: %s", p.err)
	}
}

// taken is the answer to what a platform posted.
type taken struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Refused    []struct {
		Tracker string `json:"tracker"`
		Device  string `json:"device"`
		Reason  string `json:"reason"`
		Detail  string `json:"detail"`
	} `json:"refused"`
}

// post sends as a platform's webhook does: one URL, one header, a JSON body.
func (s *stack) post(t *testing.T, profile, header, value string, body any) (int, taken, string) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.API["carrier"].URL+"/v1/intake/"+profile, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(header, value)
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer taken
	if err := json.Unmarshal(text, &answer); err != nil && resp.StatusCode == http.StatusAccepted {
		t.Fatalf("%s: %v in %s", resp.Status, err, text)
	}
	return resp.StatusCode, answer, string(text)
}
