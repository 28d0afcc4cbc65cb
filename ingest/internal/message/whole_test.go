package message

import (
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// Ensure that a gateway's message is acknowledged with its last part, and with which answer.
func TestSplitIsAcknowledgedWithItsLastPart(t *testing.T) {
	again := &telemetry.Reject{Reason: telemetry.RateLimited}
	no, nor := &telemetry.Reject{Reason: telemetry.UnknownDevice}, &telemetry.Reject{Reason: telemetry.CodecFailed}
	for name, c := range map[string]struct {
		parts []*telemetry.Reject
		want  *telemetry.Reject
	}{
		"all taken":              {[]*telemetry.Reject{nil, nil, nil}, nil},
		"one refused":            {[]*telemetry.Reject{nil, no, nil}, nil},
		"all refused":            {[]*telemetry.Reject{no, nor}, no},
		"one to be sent again":   {[]*telemetry.Reject{no, nil, again}, again},
		"one part alone refused": {[]*telemetry.Reject{nor}, nor},
	} {
		acks := 0
		var got *telemetry.Reject
		it := &Item{Ack: func(r *telemetry.Reject) { acks++; got = r }}
		parts := make([]*Item, len(c.parts))
		for i, r := range c.parts {
			parts[i] = &Item{Reject: r}
		}
		it.Split(parts)
		for i, p := range parts {
			if acks != 0 {
				t.Fatalf("%s: acknowledged after %d of %d parts", name, i, len(parts))
			}
			p.Ack(p.Reject)
		}
		if acks != 1 || got != c.want {
			t.Errorf("%s: acknowledged %d times with %v, expected once with %v", name, acks, got, c.want)
		}
	}
}

func TestPass(t *testing.T) {
	acks := 0
	it := &Item{Ack: func(r *telemetry.Reject) {
		if acks++; r != nil {
			t.Errorf("refused: %v", r)
		}
	}}
	it.Pass()
	if it.Outcome != Skipped || acks != 1 {
		t.Errorf("outcome %d, acknowledged %d times", it.Outcome, acks)
	}
	new(Item).Pass()
}
