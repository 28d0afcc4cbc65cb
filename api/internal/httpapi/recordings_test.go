package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/trackseal/trackseal/api/internal/fakestore"
	"github.com/trackseal/trackseal/api/internal/recordings"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// logger is ingest's broker as loggers find it: each message is acknowledged once it is there, and one that comes again as well.
type logger struct {
	mu      sync.Mutex
	secrets []string
	fails   int              // connections that are refused first
	nack    telemetry.Reason // instead of acknowledgements
	took    map[string][]telemetry.Reading
	order   []string
}

type loggerLine struct {
	*logger
	tracker string
	down    chan mqtt.DownMessage
}

func (l *logger) dial(_ context.Context, tracker, secret string) (recordings.Line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails > 0 {
		l.fails--
		return nil, errors.New("not authorised")
	}
	l.secrets = append(l.secrets, secret)
	return &loggerLine{l, tracker, make(chan mqtt.DownMessage, 256)}, nil
}

func (l *loggerLine) Send(_ context.Context, topic string, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, err := telemetry.Open(telemetry.LeafUnsigned, telemetry.PlainEnvelope(l.tracker, payload), 1)
	if err != nil || topic != telemetry.Topic(l.tracker, telemetry.JSON) || !o.Timed {
		l.down <- mqtt.DownMessage{Type: "nack", Reason: telemetry.Malformed, Detail: fmt.Sprint(err)}
		return nil
	}
	if l.nack != "" {
		l.down <- mqtt.DownMessage{Type: "nack", Reason: l.nack, Detail: "as told"}
		return nil
	}
	if l.took == nil {
		l.took = map[string][]telemetry.Reading{}
	}
	if _, again := l.took[string(payload)]; !again {
		l.took[string(payload)] = o.Readings
		l.order = append(l.order, string(payload))
	}
	l.down <- mqtt.DownMessage{Type: "ack", JSONSeq: o.Seq}
	return nil
}

func (l *loggerLine) Down() <-chan mqtt.DownMessage { return l.down }
func (l *loggerLine) Close()                        {}

func (w *world) upload(path, body string, headers ...string) response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), "POST", path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.token("carrier-admin"))
	r.Header.Set("Content-Type", "text/csv")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.send(r)
}

// The file of a logger that was read out becomes its messages, once, in a window of its own.
func TestUploadRecording(t *testing.T) {
	broker := &logger{fails: 1}
	w := newWorld(t)
	w.dial = broker.dial
	w.reopen()
	w.must(201, "POST", "/v1/shipments", `{"id":"carrier.s1",`+parties+`,"rule_set":"general-2-8@1"}`)
	raw, err := w.ledger.Evaluate(t.Context(), ledger.ShipmentGet.Name(), ledger.IDArgs{ID: "carrier.s1"})
	if err != nil {
		t.Fatal(err)
	}
	var shipment ledger.Shipment
	if err := json.Unmarshal(raw, &shipment); err != nil {
		t.Fatal(err)
	}
	w.ingest.set(&fakestore.Ingest{Name: "carrier.ingest-1", Store: w.store, Ledger: w.ledger, Shipment: shipment, NowMS: func() int64 { return shipment.CreatedMS }})

	var file strings.Builder
	file.WriteString("Trip 7\nZeit;Temp (°F);rh;Taupunkt\n")
	for i := range 1000 {
		fmt.Fprintf(&file, "26.11.2025 %02d:%02d;%d,2;50;1,5\n", 8+i/60%12, i%60, 39+i/720) // times come twice
	}
	const path = "/v1/shipments/carrier.s1/recordings?tracker=L-17&zone=Europe/Berlin&ignore=Taupunkt"
	r := w.upload(path, file.String())
	want(t, "status", r.Code, 201)
	var got recordings.Recording
	r.into(&got)
	want(t, "tracker", got.Tracker, "carrier.L-17")
	want(t, "from", got.From.String(), "2025-11-26T07:00:00.000Z")
	want(t, "to", got.To.String(), "2025-11-26T18:59:00.001Z")
	want(t, "how it was read", fmt.Sprint(got.File.Readings, got.File.Ignored, got.File.Zone), "1000 [Taupunkt]Europe/Berlin")
	want(t, "messages", got.Messages, len(broker.took))
	n := 0
	for _, m := range broker.order {
		for _, reading := range broker.took[m] {
			if n == 0 && (reading.TimeMS != int64(got.From) || reading.Values["temperature"] != 4 || reading.Values["humidity"] != 50) {
				t.Errorf("the first reading is %+v, want 4 °C and 50 %% at %s", reading, got.From)
			}
			n++
		}
	}
	want(t, "readings that arrived", n, 1000)

	var tracker struct{ Trust, Model string }
	w.must(200, "GET", "/v1/trackers/carrier.L-17", "").into(&tracker)
	want(t, "trust", tracker.Trust, "unsigned")
	var shown struct {
		Assignments []struct {
			Tracker  string
			From, To rest.Instant
			Recorded bool
		}
	}
	w.must(200, "GET", "/v1/shipments/carrier.s1", "").into(&shown)
	want(t, "assignments", fmt.Sprint(shown.Assignments), fmt.Sprintf("[{carrier.L-17 %s %s true}]", got.From, got.To))

	// Again: nothing new, by the same secret.
	var again recordings.Recording
	w.upload(path, file.String()).into(&again)
	want(t, "the same answer", fmt.Sprint(again), fmt.Sprint(got))
	want(t, "messages after sending it again", len(broker.took), got.Messages)
	want(t, "secrets", fmt.Sprint(len(broker.secrets), broker.secrets[0] == broker.secrets[1]), "2 true")

	w.must(201, "POST", "/v1/trackers", `{"id":"P-1","unsigned":true}`)
	for name, c := range map[string]struct {
		path, body string
		status     int
		says       string
	}{
		"another file for the same logger": {path, strings.Replace(file.String(), "26.11.2025 08:00", "26.11.2025 07:00", 1), 409, "a recorded window is the only one of its tracker"},
		"a tracker that sends by itself":   {strings.Replace(path, "L-17", "P-1", 1), file.String(), 409, "carrier.P-1 is one that sends its messages itself"},
		"no zone":                          {"/v1/shipments/carrier.s1/recordings?tracker=L-2&ignore=Taupunkt", file.String(), 422, "times have no zone"},
		"a file of the future":             {"/v1/shipments/carrier.s1/recordings?tracker=L-2", "time,temperature\n2036-01-01T00:00:00Z,4\n", 422, ""},
		"several trackers":                 {"/v1/shipments/carrier.s1/recordings?tracker=L-2", "time,tracker,temperature\n2025-01-01T00:00:00Z,A,4\n2025-01-01T00:00:00Z,B,4\n", 422, "a recording is of one"},
	} {
		p := w.upload(c.path, c.body).problem()
		if p.Status != c.status || !strings.Contains(fmt.Sprint(p.Detail, p.Errors), c.says) {
			t.Errorf("%s: got %d %s %v, want %d and %q", name, p.Status, p.Detail, p.Errors, c.status, c.says)
		}
	}
	broker.nack = telemetry.Reason("unassigned")
	p := w.upload("/v1/shipments/carrier.s1/recordings?tracker=L-3", "time,temperature\n2025-01-01T00:00:00Z,4\n").problem()
	if p.Status != 409 || !strings.Contains(p.Detail, "unassigned as told") {
		t.Errorf("refused by ingest: got %d %s, want 409 and its reason", p.Status, p.Detail)
	}
	want(t, "status of another type", w.upload(path, "x", "Content-Type", "text/plain").Code, 415)
	want(t, "status without the scope of trackers", w.upload(path, file.String(), "Authorization", "Bearer "+w.token("only-shipments:write")).Code, 403)
}
