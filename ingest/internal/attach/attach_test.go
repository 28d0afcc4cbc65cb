package attach

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const receivedMS = 1_796_000_000_000

// fleet is a registry in memory.
type fleet struct {
	mu       sync.Mutex
	trackers map[string]*registry.Tracker
	profiles map[string]*profile.Profile // by hash
	asked    []string
}

func (f *fleet) Tracker(_ context.Context, id string) (*registry.Tracker, bool) {
	t, ok := f.trackers[id]
	return t, ok
}
func (f *fleet) Refresh(ctx context.Context, id string) (*registry.Tracker, bool) {
	return f.Tracker(ctx, id)
}
func (f *fleet) Operator(msp string) string { return msp }
func (f *fleet) Device(_ context.Context, gateway, name string) (*registry.Tracker, bool) {
	for _, t := range f.trackers {
		if t.Gateway == gateway && t.Device == name {
			return t, true
		}
	}
	return nil, false
}
func (f *fleet) Profile(_ context.Context, pin ledger.ProfilePin) (*profile.Profile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, pin.Ref)
	if p := f.profiles[pin.Hash]; p != nil {
		return p, nil
	}
	return nil, errors.New("the ledger is away")
}

// add enrols a tracker with a profile, nil for none, perhaps behind a gateway.
func (f *fleet) add(id string, p *profile.Profile, gateway string) {
	t := &registry.Tracker{ID: id, Owner: "CarrierMSP", Gateway: gateway}
	if gateway != "" {
		t.Device = strings.TrimPrefix(id, "carrier.")
	}
	if p != nil {
		t.Profile = pinOf(p)
		f.profiles[t.Profile.Hash] = p
	}
	f.trackers[id] = t
}

func pinOf(p *profile.Profile) *ledger.ProfilePin {
	h := p.Hash()
	return &ledger.ProfilePin{Ref: p.Ref(), Hash: hex.EncodeToString(h[:])}
}

func newFleet() *fleet {
	return &fleet{trackers: map[string]*registry.Tracker{}, profiles: map[string]*profile.Profile{}}
}

func ready(t testing.TB, ref string) *profile.Profile {
	t.Helper()
	p, ok := profile.Find(ref)
	if !ok {
		t.Fatalf("there is no profile %s", ref)
	}
	return p
}

func parsed(t testing.TB, document string) *profile.Profile {
	t.Helper()
	p, err := profile.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stage is a running one.
type stage struct {
	*Stage
	in, out chan *message.Item
}

func run(t *testing.T, f *fleet, r Runner) *stage {
	t.Helper()
	s := &stage{New(f, r), make(chan *message.Item), make(chan *message.Item, 10_000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, s.in, s.out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the stage ends with %v", err)
		}
	})
	return s
}

// acks counts how often a message was acknowledged, and with what.
type acks struct {
	mu  sync.Mutex
	all []*telemetry.Reject
}

func (a *acks) add(r *telemetry.Reject) { a.mu.Lock(); defer a.mu.Unlock(); a.all = append(a.all, r) }
func (a *acks) n() int                  { a.mu.Lock(); defer a.mu.Unlock(); return len(a.all) }

func (s *stage) send(topic, payload string) (*message.Item, *acks) {
	a := &acks{}
	it := &message.Item{Topic: topic, Raw: []byte(payload), ReceivedMS: receivedMS, Ack: a.add}
	s.in <- it
	return it, a
}

func (s *stage) next(t *testing.T) *message.Item {
	t.Helper()
	select {
	case it := <-s.out:
		return it
	case <-time.After(60 * time.Second):
		t.Fatal("nothing comes out within a minute")
		return nil
	}
}

func (s *stage) nothing(t *testing.T) {
	t.Helper()
	select {
	case it := <-s.out:
		t.Errorf("%s came out, refused %v", it.Topic, it.Reject)
	case <-time.After(100 * time.Millisecond):
	}
}

func said(t *testing.T, it *message.Item) telemetry.Opened {
	t.Helper()
	if it.Reject != nil {
		t.Fatalf("%s is refused: %v", it.Topic, it.Reject)
	}
	o, err := telemetry.Open(telemetry.LeafUnsigned, it.Envelope, it.ReceivedMS)
	if err != nil {
		t.Fatalf("the envelope of %s: %v", it.Topic, err)
	}
	return o
}

func TestConcerns(t *testing.T) {
	for topic, want := range map[string]bool{
		telemetry.Topic("T-1", telemetry.JSON): true, telemetry.InTopic("T-1", "v2/t"): true, telemetry.InTopic("T-1", ""): true,
		telemetry.Topic("T-1", telemetry.Up): false, telemetry.Topic("T-1", telemetry.Status): false, "v2/t": false, "": false, telemetry.Topic("T-1", "inn") + "/x": false,
	} {
		if Concerns(topic) != want {
			t.Errorf("%q: %v, expected %v", topic, !want, want)
		}
	}
}

// Ensure that a tracker's message is read by the profile that it pins, with its topic and its bytes in the envelope.
func TestReadByItsProfile(t *testing.T) {
	f := newFleet()
	f.add("carrier.T-1", ready(t, "thingsboard-device@1"), "")
	f.add("carrier.T-2", nil, "")
	s := run(t, f, nil)
	const payload = `{"ts":1795999999000, "values":{"temperature":4.25,"fan":3}}`
	sent, a := s.send(telemetry.InTopic("carrier.T-1", "v1/devices/me/telemetry"), payload)
	it := s.next(t)
	o := said(t, it)
	e := o.Envelope
	if it != sent || o.Tracker != "carrier.T-1" || e.Topic != "v1/devices/me/telemetry" || string(e.Payload) != payload || e.Profile != ready(t, "thingsboard-device@1").Hash() {
		t.Errorf("the envelope is %+v", e)
	}
	if len(o.Readings) != 1 || o.Readings[0].Values["temperature"] != 4.25 || o.TimeMS != 1_795_999_999_000 {
		t.Errorf("read %+v, expected 4.25 °C at 1795999999000", o.Readings)
	}
	if a.n() != 0 {
		t.Error("acknowledged before it is durable")
	}
	// Without a profile, and on the topics of our own format, it is plain JSON: that needs no reading here.
	for _, topic := range []string{telemetry.InTopic("carrier.T-2", "x"), telemetry.Topic("carrier.T-2", telemetry.JSON)} {
		sent, _ := s.send(topic, `{"temperature":4}`)
		if it := s.next(t); it != sent || it.Envelope != nil || it.Reject != nil {
			t.Errorf("%s: came %+v", topic, it)
		}
	}
	if c := s.Counts(); c.Read != 1 || c.Skipped != 0 {
		t.Errorf("counted %+v", c)
	}
}

func TestRefusedAndSkipped(t *testing.T) {
	f := newFleet()
	f.add("carrier.T-1", ready(t, "thingsboard-device@1"), "")
	f.add("carrier.T-9", ready(t, "thingsboard-gateway@1"), "")
	delete(f.profiles, f.trackers["carrier.T-9"].Profile.Hash) // the ledger is away, and nobody asked before
	f.add("carrier.T-3", ready(t, "thingsboard-device@1"), "")
	f.trackers["carrier.T-3"].Revoked = true
	s := run(t, f, nil)
	for _, c := range []struct {
		tracker, topic, payload string
		reason                  telemetry.Reason
		detail                  string
	}{
		{"carrier.T-1", "v1/devices/me/telemetry", `{"ts":`, telemetry.Malformed, ""},
		{"carrier.T-1", "v1/devices/me/telemetry", `{"colour":"blue"}`, telemetry.NoMatch, "readings"},
		{"carrier.T-1", "tele/x/SENSOR", `{"temperature":4}`, telemetry.NoMatch, "tele/x/SENSOR"},
		{"carrier.T-1", "v1/devices/me/telemetry", strings.Repeat(" ", telemetry.MaxMessage+1), telemetry.Oversized, ""},
		{"carrier.T-9", "v1/gateway/telemetry", `{}`, telemetry.Busy, "ledger is away"},
	} {
		s.send(telemetry.InTopic(c.tracker, c.topic), c.payload)
		it := s.next(t)
		if it.Reject == nil || it.Reject.Reason != c.reason || !strings.Contains(it.Reject.Detail, c.detail) || string(it.Raw) != c.payload {
			t.Errorf("%.40s on %s: refused %v, expected %s with %q", c.payload, c.topic, it.Reject, c.reason, c.detail)
		}
	}
	// What the verifier refuses anyway comes as it went.
	for _, topic := range []string{telemetry.InTopic("carrier.T-0", "v2/t"), telemetry.InTopic("carrier.T-3", "v2/t"), "trackseal/v1/00/x/in/y"} {
		if it, _ := s.send(topic, "{}"); s.next(t) != it || it.Reject != nil {
			t.Errorf("%s: came %+v", topic, it)
		}
	}
	sent, a := s.send(telemetry.InTopic("carrier.T-1", "v1/devices/me/attributes"), `{"firmware":"1.2"}`)
	s.nothing(t)
	if a.n() != 1 || a.all[0] != nil || sent.Outcome != message.Skipped || s.Counts().Skipped != 1 {
		t.Errorf("a message to skip: acknowledged %v, outcome %d", a.all, sent.Outcome)
	}
}

// Ensure that a gateway's message becomes one for each device, that strangers are refused by name, and that the gateway hears nothing before
// the last of them is done.
func TestGateway(t *testing.T) {
	f := newFleet()
	g := ready(t, "thingsboard-gateway@1")
	f.add("carrier.G-1", g, "")
	f.add("carrier.A", g, "carrier.G-1")
	f.add("carrier.B", g, "carrier.G-1")
	f.add("carrier.P", nil, "carrier.G-1") // no profile of its own
	f.add("carrier.O", ready(t, "plain-json@1"), "carrier.G-1")
	f.add("carrier.C", g, "carrier.G-2")
	s := run(t, f, nil)
	sent, a := s.send(telemetry.InTopic("carrier.G-1", "v1/gateway/telemetry"),
		`{"A":[{"ts":1795999999000,"values":{"temperature":4}}], "B": [{"ts":1795999999000,"values":{"temperature":5}},{"ts":1795999999500,"values":{"temperature":6}}],
		  "C":[{"values":{"temperature":7}}],"X":[{"values":{"temperature":8}}],"P":[{"values":{"temperature":9}}],"O":{"temperature":10}}`)
	type want struct {
		topic, tracker string
		reason         telemetry.Reason
		values         []float64
	}
	wants := map[string]want{
		"A": {telemetry.InTopic("carrier.A", "v1/gateway/telemetry"), "carrier.A", "", []float64{4}},
		"B": {telemetry.InTopic("carrier.B", "v1/gateway/telemetry"), "carrier.B", "", []float64{5, 6}},
		"C": {sent.Topic, "", telemetry.NotItsGateway, nil},
		"X": {sent.Topic, "", telemetry.UnknownDevice, nil},
		"P": {telemetry.InTopic("carrier.P", "v1/gateway/telemetry"), "", telemetry.Malformed, nil},
		"O": {telemetry.InTopic("carrier.O", "v1/gateway/telemetry"), "carrier.O", "", []float64{10}},
	}
	var items []*message.Item
	for range wants {
		it := s.next(t)
		items = append(items, it)
		w := wants[it.Device]
		if it.Topic != w.topic || it.Via != "carrier.G-1" || it.ReceivedMS != receivedMS {
			t.Errorf("%s: topic %s by %s", it.Device, it.Topic, it.Via)
		}
		if w.reason != "" {
			if it.Reject == nil || it.Reject.Reason != w.reason || !strings.Contains(it.Reject.Detail, it.Device) {
				t.Errorf("%s: refused %v, expected %s with its name", it.Device, it.Reject, w.reason)
			}
			continue
		}
		o := said(t, it)
		if o.Tracker != w.tracker || len(o.Readings) != len(w.values) {
			t.Fatalf("%s: %s said %+v", it.Device, o.Tracker, o.Readings)
		}
		for i, v := range w.values {
			if o.Readings[i].Values["temperature"] != v {
				t.Errorf("%s: said %+v, expected %v", it.Device, o.Readings, w.values)
			}
		}
	}
	if len(sent.Parts) != len(wants) {
		t.Errorf("%d parts", len(sent.Parts))
	}
	for i, it := range items {
		if a.n() != 0 {
			t.Fatalf("acknowledged after %d of %d parts", i, len(items))
		}
		it.Ack(it.Reject)
	}
	if a.n() != 1 || a.all[0] != nil {
		t.Errorf("acknowledged %v, expected once: some of it was taken", a.all)
	}
	s.nothing(t)
}

const codecDocument = `{"id":"test.%s","version":1,"title":"t","sequence":{"from":"$.f_cnt","bits":16},"message_id":"$.id",
	"readings":[{"quantity":"temperature","from":"$.data.t"}],"codec":{"script":"%s","bytes":"$.raw","encoding":"hex","port":"$.port"}}`

// runner plays codecs by their scripts.
type runner struct {
	hang    chan struct{} // ends those that hang
	mu      sync.Mutex
	running int
	most    int
}

func (r *runner) Decode(ctx context.Context, p *profile.Profile, bytes []byte, port int, at int64) ([]byte, error) {
	r.mu.Lock()
	r.running++
	r.most = max(r.most, r.running)
	r.mu.Unlock()
	defer func() { r.mu.Lock(); r.running--; r.mu.Unlock() }()
	switch p.Document().Codec.Script {
	case "hang":
		select {
		case <-r.hang:
			return nil, &telemetry.Reject{Reason: telemetry.CodecLimit, Detail: "too long"}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "throw":
		return nil, &telemetry.Reject{Reason: telemetry.CodecFailed, Detail: "Error: no"}
	case "gone":
		return nil, errors.New("no sandbox")
	}
	return fmt.Appendf(nil, `{"data":{"t":%d.5,"port":%d,"at":%d}}`, bytes[0], port, at), nil
}

func uplink(n int) string {
	return fmt.Sprintf(`{"id":"m%d","f_cnt":%d,"port":2,"raw":"%02x"}`, n, n, n%250)
}

// Ensure that a codec's output stands in the envelope, that messages keep their order, and that each failure has its reason.
// A device that a platform sends alone is its own tracker: by its id, or by the name that its record tells.
func TestSpeaksForItself(t *testing.T) {
	f := newFleet()
	g := ready(t, "thingsboard-gateway@1")
	f.add("carrier.A-1", g, "")
	f.add("carrier.A-2", g, "")
	f.trackers["carrier.A-2"].Device = "Fridge 2"
	s := run(t, f, nil)
	for _, c := range []struct {
		tracker, name string
		reason        telemetry.Reason
	}{
		{"carrier.A-1", "A-1", ""}, {"carrier.A-1", "carrier.A-1", ""}, {"carrier.A-1", "A-2", telemetry.UnknownDevice}, {"carrier.A-1", "Fridge 2", telemetry.UnknownDevice},
		{"carrier.A-2", "Fridge 2", ""}, {"carrier.A-2", "Fridge 3", telemetry.UnknownDevice},
	} {
		s.send(telemetry.InTopic(c.tracker, "v1/gateway/telemetry"), fmt.Sprintf(`{%q:[{"ts":1795999999000,"values":{"temperature":4}}]}`, c.name))
		it := s.next(t)
		switch {
		case c.reason != "" && (it.Reject == nil || it.Reject.Reason != c.reason):
			t.Errorf("%s speaks of %s: refused %v, expected %s", c.tracker, c.name, it.Reject, c.reason)
		case c.reason == "" && (it.Reject != nil || said(t, it).Tracker != c.tracker):
			t.Errorf("%s speaks of itself as %s: %+v, refused %v", c.tracker, c.name, it, it.Reject)
		}
	}
}

func TestCodec(t *testing.T) {
	f := newFleet()
	for _, script := range []string{"good", "throw", "gone"} {
		f.add("carrier."+script, parsed(t, fmt.Sprintf(codecDocument, script, script)), "")
	}
	s := run(t, f, &runner{})
	for n := range 100 {
		s.send(telemetry.InTopic("carrier.good", "up"), uplink(n))
	}
	for n := range 100 {
		it := s.next(t)
		o := said(t, it)
		if *it.Counter != uint64(n) || it.Bits != 16 || it.MessageID != fmt.Sprintf("m%d", n) || o.Readings[0].Values["temperature"] != float64(n)+0.5 {
			t.Fatalf("message %d: counter %d of %d bits, id %q, %+v", n, *it.Counter, it.Bits, it.MessageID, o.Readings)
		}
		if want := fmt.Sprintf(`{"data":{"t":%d.5,"port":2,"at":%d}}`, n, int64(receivedMS)); string(o.Envelope.Decoded) != want {
			t.Fatalf("decoded %s, expected %s", o.Envelope.Decoded, want)
		}
	}
	for tracker, want := range map[string]telemetry.Reason{"carrier.throw": telemetry.CodecFailed, "carrier.gone": telemetry.Busy} {
		s.send(telemetry.InTopic(tracker, "up"), uplink(1))
		if it := s.next(t); it.Reject == nil || it.Reject.Reason != want {
			t.Errorf("%s: refused %v, expected %s", tracker, it.Reject, want)
		}
	}
	s.send(telemetry.InTopic("carrier.good", "up"), `{"raw":"zz"}`)
	if it := s.next(t); it.Reject == nil || it.Reject.Reason != telemetry.Malformed {
		t.Errorf("no hex: refused %v", it.Reject)
	}
	if c := s.Counts(); c.Calls != 102 || c.Failed != 1 || c.Limited != 0 || c.Read != 100 || c.Waiting > 1 {
		t.Errorf("counted %+v", c)
	}
	without := run(t, f, nil)
	without.send(telemetry.InTopic("carrier.good", "up"), uplink(1))
	if it := without.next(t); it.Reject == nil || !it.Reject.Reason.Temporary() {
		t.Errorf("without codecs: refused %v, expected that its sender keeps it", it.Reject)
	}
}

// Ensure that a codec that never answers delays nobody but those whose profile has it: their queue fills, and the rest of them is sent again.
func TestHostileCodecDelaysNobodyElse(t *testing.T) {
	f := newFleet()
	f.add("carrier.plain", nil, "")
	f.add("carrier.mapped", ready(t, "thingsboard-device@1"), "")
	f.add("carrier.good", parsed(t, fmt.Sprintf(codecDocument, "good", "good")), "")
	f.add("carrier.hang", parsed(t, fmt.Sprintf(codecDocument, "hang", "hang")), "")
	f.add("carrier.hang2", parsed(t, fmt.Sprintf(codecDocument, "hang2", "hang")), "")
	r := &runner{hang: make(chan struct{})}
	s := run(t, f, r)
	const flood = maxOfProfile + 50
	for n := range flood {
		s.send(telemetry.InTopic("carrier.hang", "up"), uplink(n))
	}
	s.send(telemetry.InTopic("carrier.hang2", "up"), uplink(1))
	for range 50 {
		if it := s.next(t); it.Reject == nil || it.Reject.Reason != telemetry.RateLimited {
			t.Fatalf("%s: %v, expected that its sender keeps it", it.Topic, it.Reject)
		}
	}
	s.nothing(t)
	// One after the other, each within its bound although the hostile ones wait.
	for n := range 50 {
		for tracker, payload := range map[string]string{"carrier.plain": `{"temperature":4}`, "carrier.mapped": `{"temperature":4}`, "carrier.good": uplink(n)} {
			topic := "v2/t"
			s.send(telemetry.InTopic(tracker, topic), payload)
			if it := s.next(t); it.Reject != nil || it.Topic != telemetry.InTopic(tracker, topic) {
				t.Fatalf("%s: came %s, %v", tracker, it.Topic, it.Reject)
			}
		}
	}
	if c := s.Counts(); c.Waiting < maxOfProfile+1 || c.TurnedAway != 50 {
		t.Errorf("counted %+v, expected that %d wait and 50 were turned away", c, maxOfProfile+1)
	}
	close(r.hang)
	for range maxOfProfile + 1 {
		if it := s.next(t); it.Reject == nil || it.Reject.Reason != telemetry.CodecLimit {
			t.Fatalf("%s: %v, expected the codec's limit", it.Topic, it.Reject)
		}
	}
	if c := s.Counts(); c.Limited != maxOfProfile+1 {
		t.Errorf("counted %+v", c)
	}
}

// Ensure that all queues together stay within their bounds, in messages and in bytes, and that room comes back.
func TestCodecsQueuesAreBounded(t *testing.T) {
	f := newFleet()
	for i := range 8 {
		f.add(fmt.Sprintf("carrier.h%d", i), parsed(t, fmt.Sprintf(codecDocument, fmt.Sprintf("h%d", i), "hang")), "")
	}
	r := &runner{hang: make(chan struct{})}
	s := run(t, f, r)
	pad := strings.Repeat(" ", 100<<10) // ten of a profile, forty of all
	away := 0
	for i := range 8 {
		for n := range 12 {
			s.send(telemetry.InTopic(fmt.Sprintf("carrier.h%d", i), "up"), uplink(n)+pad)
			away++
		}
	}
	taken := maxBytes / (len(uplink(0)) + len(pad))
	for range away - taken - 1 { // uplinks differ by a byte or two
		if it := s.next(t); it.Reject == nil || !it.Reject.Reason.Temporary() {
			t.Fatalf("%s: %v, expected that its sender keeps it", it.Topic, it.Reject)
		}
	}
	close(r.hang)
	testkit.WaitFor(t, 60*time.Second, "the queues are empty, and room is back", func() bool {
		s.codecs.mu.Lock()
		defer s.codecs.mu.Unlock()
		return len(s.codecs.queues) == 0 && s.codecs.bytes == 0 && s.codecs.calls == 0
	})
}
