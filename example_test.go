package trackseal_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/trackseal/trackseal"
)

func ExampleVerify() {
	policyFile, bundleFile, nonce := auditorsFiles()
	policy, err := trackseal.ParsePolicy(policyFile)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := trackseal.Verify(bytes.NewReader(bundleFile), policy, nonce)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Shipment, "passed:", report.Passed)
	fmt.Println("authentic:", report.Authentic, "complete:", report.Complete)
	for _, f := range report.Findings {
		fmt.Println(f)
	}
	// Output:
	// SHIP-1 passed: true
	// authentic: pass complete: pass
}

func ExampleTracker_Sign() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // a device keeps a random one
	tracker := trackseal.Tracker{ID: "LOGGER-17", Key: key, Boot: 1}
	now := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	payload, err := tracker.Sign(trackseal.Message{
		Time:     now,
		Readings: []trackseal.Reading{{Time: now, Values: map[string]float64{"temperature": 4.5, "humidity": 55}}},
		NextDue:  time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("publish %d bytes on %s\n", len(payload), trackseal.Topic(tracker.ID, trackseal.Up))
	fmt.Printf("next: boot %d, seq %d, after %x…\n", tracker.Boot, tracker.Seq, tracker.Previous[:4])
	// Output:
	// publish 298 bytes on trackseal/v1/f5/LOGGER-17/up
	// next: boot 1, seq 1, after 912b6242…
}

func ExampleTracker_Enrol() {
	tracker := trackseal.Tracker{ID: "LOGGER-17", Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	e, err := tracker.Enrol("CarrierMSP")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf(`POST /v1/trackers {"id":%q,"alg":%q,"public_key":"%s…","proof":"%s…"}`, tracker.ID, e.Alg, e.PublicKey[:8], e.Proof[:8])
	// Output:
	// POST /v1/trackers {"id":"LOGGER-17","alg":"Ed25519","public_key":"3b6a27bc…","proof":"b60385fa…"}
}

func ExampleTopic() {
	fmt.Println(trackseal.Topic("LOGGER-17", trackseal.Down))
	// Output:
	// trackseal/v1/f5/LOGGER-17/down
}
