package verify

import (
	"context"
	"crypto/ed25519"
	"testing"

	"github.com/trackseal/trackseal/ingest/internal/message"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/internal/trackerchain"
)

// oneTracker is a registry.
type oneTracker struct{ is *registry.Tracker }

func (o oneTracker) Tracker(context.Context, string) (*registry.Tracker, bool) { return o.is, true }
func (o oneTracker) Refresh(context.Context, string) (*registry.Tracker, bool) { return o.is, true }
func (o oneTracker) Operator(msp string) string                                { return "the operator " + msp }

// Ingest answers as the peers, the API and the auditor's verifier do.
func TestOldKeyAfterARotation(t *testing.T) {
	const rotated = int64(1_800_000_000_000)
	key := func(seed byte, term trackerchain.Term) (ed25519.PrivateKey, registry.Key) {
		private := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
		public, err := telemetry.Public(private)
		if err != nil {
			t.Fatal(err)
		}
		return private, registry.Key{KID: public.KID(), Public: public, Term: term}
	}
	old, first := key(1, trackerchain.Term{FromMS: rotated - 3_600_000, ToMS: rotated, First: true})
	_, second := key(2, trackerchain.Term{FromMS: rotated})
	v := &Verifier{Registry: oneTracker{&registry.Tracker{ID: "T-1", Keys: []registry.Key{first, second}}}}
	topic := telemetry.Topic("T-1", telemetry.Up)
	for _, minutes := range []int64{1, 4, 6, 7, 9, 11} {
		signed := rotated + minutes*60_000
		raw, err := telemetry.Encode(old, telemetry.Claims{Tracker: "T-1", Boot: 1, TimeMS: signed}, []telemetry.Reading{{TimeMS: signed, Values: map[string]float64{"temperature": 4}}})
		if err != nil {
			t.Fatal(err)
		}
		it := &message.Item{Topic: topic, Raw: raw, ReceivedMS: signed + 500}
		v.verify(t.Context(), []*message.Item{it}, new(batch))
		switch {
		case minutes <= 10 && it.Reject != nil:
			t.Errorf("signed %d minutes after the rotation: %v, expected that it is accepted", minutes, it.Reject)
		case minutes > 10 && (it.Reject == nil || it.Reject.Reason != telemetry.WrongKey):
			t.Errorf("signed %d minutes after the rotation: %v, expected %s", minutes, it.Reject, telemetry.WrongKey)
		}
	}
}
