package evidence_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/telemetry"
)

func mustProfile(document string) *profile.Profile {
	p, err := profile.Parse([]byte(document))
	if err != nil {
		panic(err)
	}
	return p
}

// probe and later are two versions of a mapping; coded has a codec, whose script is run by codecOf.
var (
	probe = mustProfile(`{"id":"carrier.probe","version":1,"title":"probe","readings":[{"quantity":"temperature","from":"$.t"}],"sequence":{"from":"$.n"}}`)
	later = mustProfile(`{"id":"carrier.probe","version":2,"title":"probe","readings":[{"quantity":"temperature","from":"$.t","scale":"0.1"}],"sequence":{"from":"$.n"}}`)
	coded = mustProfile(`{"id":"carrier.coded","version":1,"title":"coded","readings":[{"quantity":"temperature","from":"$.data.t"}],"codec":{"script":"first byte","bytes":"$.frm","encoding":"hex","port":"$.port"}}`)
)

// codecOf stands for the sandbox: it decodes a byte.
func codecOf(c *profile.Codec, input []byte, port int, _ int64) ([]byte, error) {
	switch {
	case c.Script != "first byte" || port != 2:
		return nil, fmt.Errorf("script %q on port %d", c.Script, port)
	case len(input) == 0:
		return nil, &telemetry.Reject{Reason: telemetry.CodecFailed, Detail: "no byte"}
	}
	return fmt.Appendf(nil, `{"data":{"t":%d}}`, input[0]), nil
}

// readBy lets a tracker with a profile send, and changes what ingest makes of it.
func readBy(p *profile.Profile, payload, decoded string, change func(*evidencetest.Trip, *telemetry.Envelope)) func(*evidencetest.Trip) {
	return func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Plain("T-READ")
		t.Profile("T-READ", p)
		e := t.Read("T-READ", p, "up/x", payload, decoded)
		if change != nil {
			change(t, e)
		}
		t.LogEnvelope(e.Encode())
		t.Drive(2, 2)
	}
}

func accept(p *evidence.Policy) { p.Unsigned = "accept" }

// profileAttacks: the operator says that something else was read of a message that nobody signed.
var profileAttacks = []attack{
	{name: "what was read of a message changed", code: evidence.ReadDiffers, during: readBy(probe, `{"t":4.5,"n":1}`, "", func(_ *evidencetest.Trip, e *telemetry.Envelope) {
		e.Reads = bytes.Replace(e.Reads, []byte("4.5"), []byte("5.4"), 1)
	})},
	{name: "a reading left out of what was read", code: evidence.ReadDiffers, during: readBy(probe, `{"t":4.5,"n":1}`, "", func(_ *evidencetest.Trip, e *telemetry.Envelope) {
		e.Reads = []byte(`{"humidity":50,"seq":1}`)
	})},
	{name: "message read by another profile than its tracker's", code: evidence.WrongProfile, during: readBy(probe, `{"t":45}`, "", func(t *evidencetest.Trip, e *telemetry.Envelope) {
		*e = *t.Read("T-READ", later, "up/x", `{"t":45}`, "")
	})},
	{name: "message read by a profile that had been replaced", code: evidence.WrongProfile, during: readBy(probe, `{"t":4}`, "", func(t *evidencetest.Trip, _ *telemetry.Envelope) {
		t.Profile("T-READ", later)
		t.C.NowMS += 600_000
	})},
	{name: "message read without its tracker's profile", code: evidence.WrongProfile, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Plain("T-READ")
		t.Profile("T-READ", probe)
		t.C.NowMS += 600_000
		t.LogPlain("T-READ", `{"temperature":4}`)
		t.Drive(2, 2)
	}},
	{name: "message logged in another tracker's name", code: evidence.WrongProfile, during: readBy(probe, `{"t":4}`, "", func(t *evidencetest.Trip, e *telemetry.Envelope) {
		t.Plain("T-OTHER")
		e.Tracker = "T-OTHER"
	})},
	{name: "unsigned message of another trip replayed", code: evidence.Unbound, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Plain("T-READ")
		t.LogPlain("T-READ", fmt.Sprintf(`{"time":%d,"temperature":4}`, t.C.NowMS-7*86_400_000))
	}},
	{name: "unsigned message after its tracker was revoked", code: evidence.KeyRevoked, during: func(t *evidencetest.Trip) {
		t.Drive(2, 2)
		t.Plain("T-READ")
		t.Revoke(&evidencetest.Tracker{ID: "T-READ"})
		t.C.NowMS += 600_000
		t.LogPlain("T-READ", `{"temperature":4}`)
	}},
	{name: "profile left out", code: evidence.NoProfile, status: evidence.Unknown, policy: accept, during: readBy(probe, `{"t":4}`, "", nil),
		after: func(t *evidencetest.Trip) { t.Manifest.Profiles = nil }},
	{name: "a profile that no tracker had", code: evidence.BundleFormat, during: readBy(probe, `{"t":4}`, "", nil),
		after: func(t *evidencetest.Trip) { t.Manifest.Profiles = [][]byte{later.Canonical()} }},
	{name: "a profile twice", code: evidence.BundleFormat, during: readBy(probe, `{"t":4}`, "", nil),
		after: func(t *evidencetest.Trip) { t.Manifest.Profiles = slices.Repeat(t.Manifest.Profiles, 2) }},
	{name: "decoded values changed", code: evidence.DecodedDiffers, during: readBy(coded, `{"frm":"1e","port":2}`, `{"data":{"t":4}}`, nil)},
	{name: "a message that the codec refuses", code: evidence.DecodedDiffers, during: readBy(coded, `{"frm":"","port":2}`, `{"data":{"t":4}}`, nil)},
	{name: "decoded values read otherwise", code: evidence.ReadDiffers, during: readBy(coded, `{"frm":"1e","port":2}`, `{"data":{"t":30}}`, func(_ *evidencetest.Trip, e *telemetry.Envelope) {
		e.Reads = []byte(`{"temperature":4}`)
	})},
	{name: "codec that cannot be run here", code: evidence.NotDecoded, status: evidence.Unknown, policy: accept, during: readBy(coded, `{"frm":"1e","port":3}`, `{"data":{"t":4}}`, nil)},
}

// What a profile reads is judged, and checked: by the document in the bundle, or a ready one.
func TestProfilesOfUnsignedTrackers(t *testing.T) {
	ready, ok := profile.Find("thingsboard-device@1")
	if !ok {
		t.Fatal("no ready profile")
	}
	trip := evidencetest.NewTrip(evidencetest.New(fabricproof.BFT), evidencetest.NewTracker("T-ED", telemetry.Ed25519))
	trip.Drive(2, 2)
	for id, p := range map[string]*profile.Profile{"T-PROBE": probe, "T-CODED": coded, "T-READY": ready} {
		trip.Plain(id)
		trip.Profile(id, p)
	}
	trip.Profiles = slices.DeleteFunc(trip.Profiles, func(b []byte) bool { return bytes.Equal(b, ready.Canonical()) })
	trip.LogEnvelope(trip.Read("T-PROBE", probe, "up/x", `{"t":4.5,"n":7}`, "").Encode())
	trip.LogEnvelope(trip.Read("T-CODED", coded, "", `{"frm":"05","port":2}`, `{"data":{"t":5}}`).Encode())
	trip.LogEnvelope(trip.Read("T-READY", ready, "v1/devices/me/telemetry", `{"temperature":6}`, "").Encode())
	trip.Profile("T-PROBE", later)
	trip.LogEnvelope(trip.Read("T-PROBE", later, "up/x", `{"t":45,"n":8}`, "").Encode())
	trip.Drive(2, 2)
	trip.Finish()
	policy := trip.C.Policy()
	policy.Unsigned = "accept"
	r := check(t, trip.Bundle(), policy, trip.Nonce)
	passes(t, r)
	for _, f := range r.Facts.Trackers {
		trust, messages := "unsigned", map[string]int{"T-PROBE": 2, "T-CODED": 1, "T-READY": 1, "T-ED": 4}[f.ID]
		if f.ID == "T-ED" {
			trust = "device_signed"
		}
		if string(f.Trust) != trust || f.Messages != messages {
			t.Errorf("%s is told as %s with %d messages, want %s with %d", f.ID, f.Trust, f.Messages, trust, messages)
		}
	}
	// Without a sandbox the same evidence is judged, and what was not checked is said.
	r, err := evidence.Verify(bytes.NewReader(trip.Bundle()), policy, evidence.Options{Nonce: trip.Nonce})
	if err != nil {
		t.Fatal(err)
	}
	if r.Judgement == nil || r.Verdicts.Authentic != evidence.Unknown || !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Code == evidence.NotDecoded }) {
		t.Errorf("without codecs: %+v, judged %v, %v", r.Verdicts, r.Judgement != nil, r.Findings)
	}
	// A proof of one message has its profile's document alone.
	at := slices.IndexFunc(trip.Leaves, func(l evidence.Leaf) bool { return l.Plain != nil })
	proof := trip.Proof(uint64(at))
	if n := bytes.Count(proof, []byte(`"title":"probe"`)); n != 1 || bytes.Contains(proof, []byte(`"title":"coded"`)) {
		t.Errorf("the proof has %d documents of the probe, or others", n)
	}
	if r := check(t, proof, policy, trip.Nonce); r.Verdicts.Authentic != evidence.Pass {
		t.Errorf("the proof: %+v %v", r.Verdicts, r.Findings)
	}
	mutate(t, proof, policy, trip.Nonce, 100)
}

// Any change of an envelope that its leaf's hash goes along with is found, by who has the profile and runs its codec.
func TestChangedEnvelopesNeverPass(t *testing.T) {
	for name, p := range map[string]*profile.Profile{"mapping": probe, "codec": coded} {
		t.Run(name, func(t *testing.T) {
			for i, change := range []func(*telemetry.Envelope){
				func(e *telemetry.Envelope) { e.Tracker = "T-ED" },
				func(e *telemetry.Envelope) { e.Tracker = "T-NONE" },
				func(e *telemetry.Envelope) { e.Profile[3]++ },
				func(e *telemetry.Envelope) { e.Profile = telemetry.Hash{} },
				func(e *telemetry.Envelope) { e.Payload = []byte(`{"t":5,"frm":"05","port":2,"n":1}`) },
				func(e *telemetry.Envelope) { e.Decoded = []byte(`{"data":{"t":5}}`) },
				func(e *telemetry.Envelope) { e.Decoded = append(e.Decoded, ' ') },
				func(e *telemetry.Envelope) { e.Reads = []byte(`{"temperature":5}`) },
				func(e *telemetry.Envelope) { e.Reads = append(e.Reads, ' ') },
			} {
				decoded := ""
				if p == coded {
					decoded = `{"data":{"t":4}}`
				}
				r := attack{during: readBy(p, `{"t":4,"frm":"04","port":2,"n":1}`, decoded, func(_ *evidencetest.Trip, e *telemetry.Envelope) { change(e) }), policy: accept}.run(t)
				if r.Exit() == evidence.ExitPass {
					t.Errorf("change %d passes: %v", i, r.Findings)
				}
			}
		})
	}
}

// Of any envelope no byte can be changed unseen, but in what nobody can check: the payload and the topic, as far as they give the same.
func TestNoByteOfAnEnvelopeIsFree(t *testing.T) {
	trip := evidencetest.NewTrip(evidencetest.New(fabricproof.BFT), evidencetest.NewTracker("T-ED", telemetry.Ed25519))
	trip.Plain("T-READ")
	trip.Profile("T-READ", coded)
	rng := rand.New(rand.NewPCG(seed, 7))
	changed := 0
	for changed < 300 {
		celsius := rng.IntN(60)
		e := trip.Read("T-READ", coded, "up/x", fmt.Sprintf(`{"frm":"%02x","port":2}`, celsius), fmt.Sprintf(`{"data":{"t":%d}}`, celsius))
		raw := e.Encode()
		at := rng.IntN(len(raw))
		raw[at] ^= byte(1 + rng.IntN(255))
		x, err := telemetry.DecodeEnvelope(raw)
		if err == nil && x.Tracker == e.Tracker && x.Profile == e.Profile && bytes.Equal(x.Decoded, e.Decoded) && bytes.Equal(x.Reads, e.Reads) {
			continue
		}
		trip.LogEnvelope(raw)
		changed++
	}
	trip.Drive(2, 2)
	trip.Finish()
	policy := trip.C.Policy()
	policy.Unsigned = "accept"
	r := check(t, trip.Bundle(), policy, trip.Nonce)
	found := 0
	for _, f := range r.Findings {
		if f.Severity == evidence.Failure && f.Verdict == evidence.Authentic {
			found += 1 + f.More
		}
	}
	if found != changed {
		t.Errorf("%d of %d changed envelopes are found", found, changed)
		for _, f := range r.Findings {
			t.Log(f)
		}
	}
}
