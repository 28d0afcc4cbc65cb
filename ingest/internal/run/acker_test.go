package run

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/sequence"
)

// published is a source that only takes what is sent to trackers.
type published struct {
	Source
	payloads []string
}

func (p *published) Publish(_ string, payload []byte) {
	p.payloads = append(p.payloads, string(payload))
}

// TestAcknowledgements: of one tracker's signed messages the newest is named, of its plain ones each, once.
func TestAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &published{}
		a := newAcker(source)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.run(ctx) }()
		plain := func(seq uint64) sequence.Ack { return sequence.Ack{Tracker: "P", JSONSeq: &seq} }
		for _, acks := range [][]sequence.Ack{
			{plain(3), plain(1), {Tracker: "S", Boot: 1, Seq: 4}},
			{plain(2), plain(3), {Tracker: "S", Boot: 1, Seq: 9}},
		} {
			if !a.committed(ctx, nil, acks) {
				t.Fatal("not taken")
			}
		}
		time.Sleep(2 * ackEvery)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		slices.Sort(source.payloads)
		want := []string{`{"type":"ack","boot":1,"seq":9}`, `{"type":"ack","json_seq":1}`, `{"type":"ack","json_seq":2}`, `{"type":"ack","json_seq":3}`}
		if !slices.Equal(source.payloads, want) {
			t.Errorf("sent %q, want %q", source.payloads, want)
		}
	})
}
