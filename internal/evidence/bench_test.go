package evidence_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// The bar: 100,000 messages on one core in at most 1.3 times their bare signature checks, in memory that does not grow with
// the bundle. Ratio and memory are metrics, so that a slower machine gives the same answer.
func BenchmarkVerify(b *testing.B) {
	const messages = 100_000
	for _, alg := range []telemetry.Alg{telemetry.Ed25519, telemetry.ESP256} {
		b.Run(alg.String(), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			c := evidencetest.New(fabricproof.BFT)
			tracker := evidencetest.NewTracker("T-1", alg)
			trip := evidencetest.NewTrip(c, tracker)
			trip.StepMS = 1000
			trip.Drive(messages, messages/10)
			trip.Finish()
			bundle := trip.Bundle()
			policy := c.Policy()
			key, err := telemetry.Public(tracker.Signer)
			if err != nil {
				b.Fatal(err)
			}
			type signed struct{ msg, sig []byte }
			bare := make([]signed, 1000)
			for i := range bare {
				bare[i].msg = bytes.Repeat([]byte{byte(i)}, 250) // the length of a Sig_structure
				bare[i].sig, _ = telemetry.Sign(tracker.Signer, bare[i].msg)
			}
			trip.Leaves = nil
			runtime.GC()
			var ratio, rss float64
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := time.Now()
				r, err := evidence.Verify(bytes.NewReader(bundle), policy, evidence.Options{Nonce: trip.Nonce})
				whole := time.Since(start)
				runtime.ReadMemStats(&after)
				if err != nil || r.Exit() != evidence.ExitPass {
					b.Fatal(err, r.Verdicts, r.Findings)
				}
				start = time.Now()
				for range messages / len(bare) {
					for i := range bare {
						if key.VerifyBytes(bare[i].msg, bare[i].sig) != nil {
							b.Fatal("bare signature does not verify")
						}
					}
				}
				ratio = float64(whole) / float64(time.Since(start))
				rss = float64(after.Sys-before.Sys) / (1 << 20)
			}
			b.ReportMetric(ratio, "verify/signatures")
			b.ReportMetric(rss, "MiB-grown")
			b.ReportMetric(float64(len(bundle))/messages, "bytes/message")
		})
	}
}
