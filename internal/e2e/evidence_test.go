package e2e

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// policy is what `network env --policy` prints for this stack.
func (s *stack) policy(t *testing.T) *evidence.Policy {
	t.Helper()
	program := os.Getenv("TRACKSEAL_NETWORK")
	if program == "" {
		program = filepath.Join(s.Dir, "bin", "network")
	}
	out, err := exec.Command(program, "--dir", s.Dir, "env", "--policy").Output()
	if err != nil {
		t.Fatal(err)
	}
	p, err := evidence.ParsePolicy(out)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// download fetches a bundle; an API that is busy with others, or whose copy of the logs has not come so far, is asked again.
func (a *api) download(path string) []byte {
	a.t.Helper()
	var raw []byte
	eventually(a.t, 2*time.Minute, "the API has time for "+path, func() (bool, string) {
		req, err := http.NewRequest("GET", a.base+path, nil)
		if err != nil {
			a.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+a.bearer())
		resp, err := (&http.Client{Timeout: 90 * time.Second}).Do(req)
		if err != nil {
			a.t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err = io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusConflict {
			return false, fmt.Sprintf("%s %s", resp.Status, raw)
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			a.t.Fatalf("%s: %s %v %.300s", path, resp.Status, err, raw)
		}
		return true, ""
	})
	return raw
}

// ownTracker signs and publishes by hand, so that the test decides what is lost, late and under which key.
type ownTracker struct {
	t      *testing.T
	a      *api
	id     string
	signer crypto.Signer
	topic  string
	device *mqtt.Device
	claims telemetry.Claims
}

func (o *ownTracker) possession(signer crypto.Signer) (telemetry.PublicKey, []byte) {
	pub, err := telemetry.Public(signer)
	if err != nil {
		o.t.Fatal(err)
	}
	return pub, ledger.PossessionBytes(o.id, mspOf(o.a.org), int(pub.Alg), hex.EncodeToString(pub.Raw))
}

func (o *ownTracker) sign(signer crypto.Signer, msg []byte) string {
	sig, err := telemetry.Sign(signer, msg)
	if err != nil {
		o.t.Fatal(err)
	}
	return hex.EncodeToString(sig)
}

func enrolOwn(t *testing.T, s *stack, a *api, id string) *ownTracker {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &ownTracker{t: t, a: a, id: id, signer: key, claims: telemetry.Claims{Tracker: id, Boot: 1, NextDueS: 600}}
	pub, msg := o.possession(key)
	var enrolled struct {
		MQTT struct {
			TopicUp string `json:"topic_up"`
		} `json:"mqtt"`
	}
	a.post("/v1/trackers", map[string]any{"id": id, "public_key": hex.EncodeToString(pub.Raw), "alg": pub.Alg.String(), "proof": o.sign(key, msg)}, &enrolled)
	o.topic = enrolled.MQTT.TopicUp
	o.connect(s)
	return o
}

// connect opens the session; ingest may need a moment to hear of the tracker.
func (o *ownTracker) connect(s *stack) {
	o.t.Helper()
	eventually(o.t, 60*time.Second, "the tracker may connect", func() (bool, string) {
		d, err := mqtt.Dial(o.t.Context(), mqtt.DeviceConfig{URL: s.MQTT, TLS: s.tls, Tracker: o.id, Password: func() string {
			p, err := mqtt.NewPassword(o.signer, o.id, "trackseal", time.Now(), time.Hour)
			if err != nil {
				o.t.Error(err)
			}
			return p
		}})
		if err != nil {
			return false, err.Error()
		}
		o.device = d
		return true, ""
	})
	o.t.Cleanup(o.device.Close)
}

// message signs the next message; publish sends it.
func (o *ownTracker) message(kind telemetry.Kind) []byte {
	o.t.Helper()
	now := time.Now().UnixMilli()
	o.claims.Kind, o.claims.TimeMS = kind, now
	var readings []telemetry.Reading
	if kind == telemetry.Data {
		readings = []telemetry.Reading{{TimeMS: now, Values: map[string]float64{"temperature": 4.5, "lat": 52.5, "lon": 13.4}}}
	}
	raw, err := telemetry.Encode(o.signer, o.claims, readings)
	if err != nil {
		o.t.Fatal(err)
	}
	m, err := telemetry.Decode(raw)
	if err != nil {
		o.t.Fatal(err)
	}
	o.claims.Prev, o.claims.Seq = m.COSEHash, o.claims.Seq+1
	return raw
}

func (o *ownTracker) publish(raw []byte) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 30*time.Second)
	defer cancel()
	for {
		err := o.device.Publish(ctx, o.topic, raw)
		if err == nil {
			return
		}
		if !errors.Is(err, mqtt.ErrOffline) || ctx.Err() != nil {
			o.t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (o *ownTracker) rotate() {
	o.t.Helper()
	next, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		o.t.Fatal(err)
	}
	pub, msg := o.possession(next)
	o.a.post("/v1/trackers/"+o.id+"/rotate", map[string]any{"public_key": hex.EncodeToString(pub.Raw), "alg": pub.Alg.String(), "proof": o.sign(next, msg), "old": o.sign(o.signer, msg)}, nil)
	o.signer = next
}

// trip is a shipment that the carrier's own tracker rides on, driven by hand.
type trip struct {
	t    *testing.T
	s    *stack
	tr   *ownTracker
	id   string
	sent int
}

// begin creates a shipment and binds the tracker to it.
func begin(t *testing.T, s *stack, tr *ownTracker, id string, parties ...string) *trip {
	t.Helper()
	roles := map[string][]string{}
	for _, p := range parties {
		roles[p] = []string{p}
	}
	tr.a.post("/v1/shipments", map[string]any{"id": id, "rule_set": "general-2-8@1", "parties": roles}, nil)
	tr.a.post("/v1/shipments/"+id+"/assignments", map[string]any{"tracker": tr.id}, nil)
	return &trip{t: t, s: s, tr: tr, id: id}
}

func (p *trip) messages() []messageItem {
	p.t.Helper()
	return all[messageItem](p.tr.a, "/v1/shipments/"+p.id+"/messages?limit=1000")
}

// send publishes and waits until the shipment's log holds all that was sent.
func (p *trip) send(list ...[]byte) {
	p.t.Helper()
	for _, raw := range list {
		p.tr.publish(raw)
	}
	p.sent += len(list)
	eventually(p.t, 60*time.Second, "the messages are logged", func() (bool, string) {
		n := len(p.messages())
		return n == p.sent, fmt.Sprintf("%d of %d", n, p.sent)
	})
}

// anchored waits until an anchor covers everything.
func (p *trip) anchored() {
	p.t.Helper()
	eventually(p.t, 90*time.Second, "the messages are anchored", func() (bool, string) {
		list := p.messages()
		return !slices.ContainsFunc(list, func(m messageItem) bool { return m.Status != "anchored" }), fmt.Sprintf("%+v", list)
	})
}

// end hands the goods over and closes the shipment.
func (p *trip) end() {
	p.t.Helper()
	path := "/v1/shipments/" + p.id
	p.tr.a.postSoon(path+"/handovers", map[string]any{"to": "consignee"})
	consignee := p.s.api(p.t, "consignee")
	consignee.postSoon(path+"/handovers/current/accept", nil)
	consignee.postSoon(path+"/deliver", nil)
	// The delivery is the consignee's transaction: the carrier's peer has it a moment later.
	eventually(p.t, 30*time.Second, "the carrier closes the delivered shipment", func() (bool, string) {
		_, err := p.tr.a.call("POST", path+"/close", nil, nil)
		return err == nil, fmt.Sprint(err)
	})
}

// TestStackEvidence sends a trip with everything that honest trips have: messages before and after, a radio outage with
// backfill, a key rotation with a message of the old key still on its way, a change of the channel's configuration between
// two anchors, and a next shipment on the same tracker without a message between. The bundles must convince the verifier,
// through every organisation's api, and stop convincing it when anything is changed.
func TestStackEvidence(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	carrier := s.api(t, "carrier")
	tr := enrolOwn(t, s, carrier, name("EV"))
	tr.publish(tr.message(telemetry.Data)) // before the shipment
	first := begin(t, s, tr, name("evidence"), "carrier", "shipper", "consignee", "auditor")
	first.send(tr.message(telemetry.Data), tr.message(telemetry.Data))
	first.anchored()

	update := s.configUpdate(t, "auditor")
	before := update.anchorHost("localhost")
	t.Cleanup(func() { update.anchorHost(before) }) // other tests find the channel as it was

	var held [][]byte // a radio outage
	for range 6 {
		held = append(held, tr.message(telemetry.Data))
	}
	first.send(tr.message(telemetry.Data))
	slices.Reverse(held)
	first.send(held...)
	late := tr.message(telemetry.Data)
	tr.rotate()
	tr.device.Close()
	tr.connect(s)
	rotated, lastOfFirst := tr.message(telemetry.Data), tr.message(telemetry.Data)
	first.send(late, rotated, lastOfFirst)
	first.end()

	// The next shipment is not the shipper's. Its first message is the only one that shows where the first shipment's end.
	second := begin(t, s, tr, name("evidence"), "carrier", "consignee", "auditor")
	firstOfSecond := tr.message(telemetry.Data)
	second.send(firstOfSecond, tr.message(telemetry.Data))
	second.end()
	tr.publish(tr.message(telemetry.Data)) // after both

	nonce := []byte("the auditor's own")
	verify := func(bundle []byte) *evidence.Report {
		t.Helper()
		r, err := evidence.Verify(bytes.NewReader(bundle), policy, evidence.Options{Nonce: nonce})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	path := func(p *trip) string { return "/v1/shipments/" + p.id + "/evidence?nonce=" + hex.EncodeToString(nonce) }
	bundles := map[*trip][]byte{}
	for _, c := range []struct {
		trip    *trip
		orgs    []string
		foreign []byte // message of the other shipment beside its own
	}{
		{first, []string{"carrier", "shipper", "consignee", "auditor"}, firstOfSecond},
		{second, []string{"consignee"}, lastOfFirst},
	} {
		other, err := telemetry.Decode(c.foreign)
		if err != nil {
			t.Fatal(err)
		}
		for _, org := range c.orgs {
			b := s.api(t, org).download(path(c.trip))
			r := verify(b)
			if r.Exit() != evidence.ExitPass || r.Facts.Messages != uint64(c.trip.sent) || len(r.Facts.Attested) != 4 {
				t.Errorf("%s for %s: %+v\n%v", c.trip.id, org, r.Verdicts, r.Findings)
			}
			if !bytes.Contains(b, other.COSE) || bytes.Contains(b, other.Pack) {
				t.Errorf("%s for %s: of the other shipment's message the signed part must be there, and no reading", c.trip.id, org)
			}
			config := slices.Max(r.Facts.Configs)
			anchor := func(before bool) bool {
				return slices.ContainsFunc(r.Facts.Anchors, func(a evidence.AnchorFact) bool { return (a.Block < config) == before })
			}
			if c.trip == first && (config == 0 || !anchor(true) || !anchor(false)) {
				t.Errorf("%s for %s: configurations %v, anchors %+v: want some before and after the change", c.trip.id, org, r.Facts.Configs, r.Facts.Anchors)
			}
			t.Logf("%s for %s: %d bytes, configurations %v, %+v", c.trip.id, org, len(b), r.Facts.Configs, r.Verdicts)
			bundles[c.trip] = b
		}
	}
	for _, withhold := range []string{"all", "location"} {
		r := verify(carrier.download(path(first) + "&withhold=" + withhold))
		if r.Exit() != evidence.ExitPass || r.Facts.Withheld != uint64(first.sent) {
			t.Errorf("withheld %s: %+v %d\n%v", withhold, r.Verdicts, r.Facts.Withheld, r.Findings)
		}
	}
	item := first.messages()[3]
	r := verify(carrier.download(fmt.Sprintf("/v1/messages/%s/%d/proof?nonce=%x", item.Log, item.Leaf, nonce)))
	if r.Exit() != evidence.ExitPass || r.Kind != evidence.OneMessage {
		t.Errorf("proof of one message: %+v\n%v", r.Verdicts, r.Findings)
	}
	bundle := bundles[first]
	step := max(1, len(bundle)/400)
	for at := 0; at < len(bundle); at += step {
		bundle[at] ^= 4
		if r := verify(bundle); r.Exit() == evidence.ExitPass {
			t.Errorf("byte %d changed, and it passes", at)
		}
		bundle[at] ^= 4
	}
}
