package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// unmatched names what did not agree, by reading the messages concerned again.
func (w *Walk) unmatched(ctx context.Context) error {
	for _, leaf := range w.expect.bad() {
		if !w.room(Fields) {
			w.say(Fields, &stored.Message{Leaf: leaf}, nil, Mend{Rewrite: true}, "its readings differ")
			continue
		}
		if err := w.compare(ctx, leaf); err != nil {
			return err
		}
	}
	return nil
}

// compare reads one message and its readings again and says which values differ.
func (w *Walk) compare(ctx context.Context, leaf uint64) error {
	var m stored.Message
	err := w.Store.Messages(ctx, w.Log.ID, leaf, leaf+1, func(x stored.Message) error {
		if m.Entry == nil || consistent(&x) {
			m = x
		}
		return nil
	})
	if err != nil {
		return err
	}
	want, tracker, hash, received := decodeAgain(&m)
	for _, r := range want {
		if !r.Counts(received) {
			continue
		}
		var got *stored.Reading
		var at time.Time
		err := w.Store.Readings(ctx, stored.ReadingsQuery{Logs: []string{w.Log.ID}, FromMS: r.TimeMS, ToMS: r.TimeMS + 1}, func(x stored.Reading, ns time.Time) error {
			if x.Leaf == leaf && x.TimeMS == r.TimeMS {
				got, at = &x, ns
			}
			return nil
		})
		if err != nil {
			return err
		}
		if got == nil {
			w.say(Fields, &m, &hash, Mend{Rewrite: true}, "the reading at %s is missing from the store", stamp(r.TimeMS))
			continue
		}
		for _, d := range differences(tracker, r.Said(), got) {
			wrong := stored.Place{Measurement: stored.ReadingPoint, Tags: map[string]string{"log": got.Log, "tracker": got.Tracker}, NS: at.UnixNano()}
			w.say(Fields, &m, &hash, Mend{Rewrite: true, Wrong: &wrong, Reading: true}, "at %s %s", stamp(r.TimeMS), d)
		}
	}
	return nil
}

func decodeAgain(m *stored.Message) (readings []telemetry.Reading, tracker string, hash telemetry.Hash, receivedMS int64) {
	leaf, err := telemetry.DecodeLeaf(m.Entry)
	if err != nil {
		return nil, "", hash, 0 // reported before
	}
	o, err := telemetry.Open(leaf.Kind, m.Raw, leaf.ReceivedMS)
	if err != nil {
		return nil, "", leaf.Hash, 0
	}
	return o.Readings, o.Tracker, leaf.Hash, leaf.ReceivedMS
}

func differences(tracker string, want map[string]float64, got *stored.Reading) []string {
	var d []string
	for _, q := range telemetry.Quantities {
		w, inMessage := want[q.Name]
		s, inStore := got.Values[q.Name]
		switch {
		case inMessage && !inStore:
			d = append(d, fmt.Sprintf("%s is missing from the store, the message says %v", q.Name, w))
		case !inMessage && inStore:
			d = append(d, fmt.Sprintf("%s is %v in the store, the message does not have it", q.Name, s))
		case inMessage && w != s:
			d = append(d, fmt.Sprintf("%s is %v in the store, the message says %v", q.Name, s, w))
		}
	}
	if tracker != got.Tracker {
		d = append(d, fmt.Sprintf("the tracker is %s in the store, the message is of %s", got.Tracker, tracker))
	}
	return d
}
