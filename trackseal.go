// Package trackseal is what Go programs outside of this module can build on.
//
// An auditor's program verifies an evidence bundle against a policy of its own, offline, and trusts no server:
//
//	policy, err := trackseal.ParsePolicy(policyFile)
//	report, err := trackseal.Verify(bundle, policy, nonce)
//
// A device signs what it measures, as one chain of messages, and publishes the bytes over MQTT:
//
//	tracker := trackseal.Tracker{ID: "LOGGER-17", Key: key, Boot: 1}
//	payload, err := tracker.Sign(trackseal.Message{Time: now, Readings: readings})
//	client.Publish(trackseal.Topic(tracker.ID, trackseal.Up), 1, false, payload)
//
// The formats are in docs/formats.md and docs/evidence-format.md. Everything else of the module is internal and changes freely.
package trackseal

import (
	"crypto"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// Policy is what an auditor trusts and asks for: root certificates, a pinned configuration block, how many organisations must have
// signed what. It must never come from whoever made the bundle.
type Policy struct{ policy *evidence.Policy }

// ParsePolicy reads a policy file (JSON, docs/evidence-format.md). The error names every problem.
func ParsePolicy(file []byte) (*Policy, error) {
	p, err := evidence.ParsePolicy(file)
	if err != nil {
		return nil, err
	}
	return &Policy{p}, nil
}

// Answer to one question about a shipment.
type Answer string

// Unknown means that the evidence shows neither.
const (
	Pass    Answer = "pass"
	Fail    Answer = "fail"
	Unknown Answer = "unknown"
)

// Report says what a verification found.
type Report struct {
	Shipment string
	// Passed is true when every question that the policy requires passes.
	Passed    bool
	Authentic Answer // the trackers themselves said all of it
	Anchored  Answer // it is what the ledger was told at the time
	Final     Answer // enough organisations hold it as valid
	Complete  Answer // nothing was left out
	Compliant Answer // the rules that the shipment pinned were kept
	Findings  []Finding
	JSON      []byte // the whole report, in the form that docs/evidence-format.md describes
}

// Finding is one thing that failed, could not be told, or deserves a warning.
type Finding struct {
	Code     string // such as E_SEQ_GAP
	Question string // authentic, anchored, final, complete or compliant
	Severity string // fail, unknown or warn
	Where    string
	Expected string
	Found    string
}

// String is the finding as one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s at %s: expected %s, found %s", f.Severity, f.Code, f.Where, f.Expected, f.Found)
}

// Verify checks an evidence bundle. The nonce is the one that the auditor gave when she asked for the bundle, which every signed answer
// must carry; nil compares nothing, and the report warns that the answers may be old.
//
// What is wrong with the evidence is in the report. The error is one of reading.
func Verify(bundle io.Reader, policy *Policy, nonce []byte) (*Report, error) {
	if policy == nil || policy.policy == nil {
		return nil, errors.New("verify: a policy is needed, which ParsePolicy reads")
	}
	r, err := evidence.Verify(bundle, policy.policy, evidence.Options{Nonce: nonce})
	if err != nil {
		return nil, err
	}
	v := r.Verdicts
	out := &Report{Shipment: r.Shipment, Passed: r.Passed, Authentic: Answer(v.Authentic), Anchored: Answer(v.Anchored), Final: Answer(v.Final),
		Complete: Answer(v.Complete), Compliant: Answer(v.Compliant)}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, Finding{string(f.Code), string(f.Verdict), string(f.Severity), f.Where, f.Expected, f.Found})
	}
	out.JSON, err = json.Marshal(r)
	return out, err
}

// Reading is what a tracker measured at one time. Values are by quantity, in the units of docs/formats.md: "temperature" in °C,
// "humidity" in %RH, "shock" in m/s², "lat" and "lon" in degrees. Times are kept to the millisecond.
type Reading struct {
	Time   time.Time
	Values map[string]float64
}

// Message is what a tracker says at once: at least one reading, and at most 128 KiB.
type Message struct {
	Time     time.Time // of signing
	Readings []Reading
	// NextDue promises the next message within this time; 0 promises nothing. A tracker that is silent for longer is noticed.
	NextDue time.Duration
}

// Tracker signs the messages of one device, each linked to the one before, so that none can be left out unseen. A device keeps Boot, Seq
// and Previous over a restart, raises Boot, and goes on with Seq 0 and the same Previous. Not safe for concurrent use.
type Tracker struct {
	ID  string
	Key crypto.Signer // an ed25519.PrivateKey, or an *ecdsa.PrivateKey on P-256
	// Boot counts the starts, from 1.
	Boot uint64
	// Seq is the next message's number in this boot, from 0.
	Seq uint64
	// Previous is the hash of the message before; zeros for the first one ever.
	Previous [32]byte
}

// Sign makes the payload to publish, and moves on: sign each message once, and publish the same bytes again until they are acknowledged.
func (t *Tracker) Sign(m Message) (payload []byte, err error) {
	claims := telemetry.Claims{Tracker: t.ID, Boot: t.Boot, Seq: t.Seq, Prev: t.Previous, TimeMS: m.Time.UnixMilli(), NextDueS: uint64(max(m.NextDue, 0) / time.Second)}
	readings := make([]telemetry.Reading, len(m.Readings))
	for i, r := range m.Readings {
		readings[i] = telemetry.Reading{TimeMS: r.Time.UnixMilli(), Values: r.Values}
	}
	if payload, err = telemetry.Encode(t.Key, claims, readings); err != nil {
		return nil, fmt.Errorf("sign message %d of boot %d: %w", t.Seq, t.Boot, err)
	}
	signed, err := telemetry.Decode(payload) // the link, and what ingest would refuse
	if err != nil {
		return nil, fmt.Errorf("sign message %d of boot %d: %w", t.Seq, t.Boot, err)
	}
	t.Seq, t.Previous = t.Seq+1, signed.COSEHash
	return payload, nil
}

// Enrolment is what the REST API wants to know of a tracker's key.
type Enrolment struct {
	PublicKey string // hex
	Alg       string // Ed25519 or ESP256
	Proof     string // hex: the key's signature that its holder enrols it
}

// Enrol proves possession of the key to the organisation (MSP id, such as CarrierMSP) that is to own the tracker.
func (t *Tracker) Enrol(mspID string) (Enrolment, error) {
	public, err := telemetry.Public(t.Key)
	if err != nil {
		return Enrolment{}, err
	}
	e := Enrolment{PublicKey: hex.EncodeToString(public.Raw), Alg: public.Alg.String()}
	proof, err := telemetry.Sign(t.Key, ledger.PossessionBytes(t.ID, mspID, int(public.Alg), e.PublicKey))
	if err != nil {
		return Enrolment{}, err
	}
	e.Proof = hex.EncodeToString(proof)
	return e, nil
}

// Channels below a tracker's topic.
const (
	Up     = telemetry.Up     // signed messages
	JSON   = telemetry.JSON   // plain messages of trackers that cannot sign
	Status = telemetry.Status // retained online or offline
	Down   = telemetry.Down   // acknowledgements, to the tracker
)

// Topic is where a tracker publishes and listens.
func Topic(tracker, channel string) string { return telemetry.Topic(tracker, channel) }
