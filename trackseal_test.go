package trackseal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// auditorsFiles makes a consortium, a shipment with two trackers, and its evidence.
func auditorsFiles() (policy, bundle, nonce []byte) {
	trip := evidencetest.Standard(fabricproof.BFT, 2)
	policy, err := json.Marshal(trip.C.Policy())
	if err != nil {
		panic(err)
	}
	return policy, trip.Bundle(), trip.Nonce
}

func TestVerifyFindsADamagedBundle(t *testing.T) {
	policyFile, bundle, nonce := auditorsFiles()
	policy, err := trackseal.ParsePolicy(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	bundle[len(bundle)/2] ^= 1
	report, err := trackseal.Verify(bytes.NewReader(bundle), policy, nonce)
	if err != nil {
		t.Fatal(err)
	}
	if report.Passed || len(report.Findings) == 0 {
		t.Errorf("a changed byte: passed %v with findings %v, expected a failure", report.Passed, report.Findings)
	}
	if !json.Valid(report.JSON) {
		t.Errorf("the report is no JSON: %s", report.JSON)
	}
}

func TestParsePolicyNamesWhatIsWrong(t *testing.T) {
	if _, err := trackseal.ParsePolicy([]byte(`{"version":2}`)); err == nil || !strings.Contains(err.Error(), "version must be 1") {
		t.Errorf("got %v, expected that it names the version", err)
	}
}

// What Sign makes is what ingest reads, and each message links to the one before.
func TestSignedMessagesAreAChain(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := telemetry.Public(key)
	if err != nil {
		t.Fatal(err)
	}
	tracker := trackseal.Tracker{ID: "T-1", Key: key, Boot: 3}
	at := time.UnixMilli(1_800_000_000_123)
	var before [32]byte
	for seq := range uint64(3) {
		payload, err := tracker.Sign(trackseal.Message{Time: at, NextDue: 90 * time.Second, Readings: []trackseal.Reading{{Time: at, Values: map[string]float64{"temperature": 4}}}})
		if err != nil {
			t.Fatal(err)
		}
		o, err := telemetry.Open(telemetry.LeafSigned, payload, 0)
		if err != nil {
			t.Fatal(err)
		}
		m := o.Signed
		if err := m.Verify(public); err != nil {
			t.Error(err)
		}
		if m.Tracker != "T-1" || m.Boot != 3 || m.Seq != seq || m.Prev != before || m.TimeMS != at.UnixMilli() || m.NextDueS != 90 {
			t.Errorf("message %d says %+v", seq, m.Claims)
		}
		before = m.COSEHash
	}
	if _, err := tracker.Sign(trackseal.Message{Time: at}); err == nil {
		t.Error("a message without a reading was signed")
	}
	if tracker.Seq != 3 {
		t.Errorf("a message that was not signed took a number: seq is %d, expected 3", tracker.Seq)
	}
}
