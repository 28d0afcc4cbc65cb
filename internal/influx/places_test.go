package influx_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestPlacesAreFoundByLogTrackerAndReceipt(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	base := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	var b influx.Batch
	add := func(log, tracker string, leaf, seq uint64, receivedMS int64) influx.Place {
		m := influx.Message{Log: log, Leaf: leaf, Entry: []byte{1}, Raw: []byte(tracker + log), Tracker: tracker, Trust: influx.Signed, Boot: 2, Seq: seq, TimeMS: receivedMS - 7, ReceivedMS: receivedMS, Readings: 1}
		b.Message(&m)
		b.Reading(&influx.Reading{Log: log, Tracker: tracker, Leaf: leaf, TimeMS: m.TimeMS, Values: map[string]float64{"temperature": 1}})
		return influx.Place{Log: log, Tracker: tracker, Leaf: leaf, Boot: 2, Seq: seq, TimeMS: m.TimeMS, ReceivedMS: receivedMS}
	}
	const hour = 3_600_000
	var own, other []influx.Place
	for i := range uint64(10) {
		own = append(own, add("aa", "T-1", i, i, base+int64(i)*hour))
	}
	for i := range uint64(6) {
		tracker := []string{"T-1", "T-2"}[i%2]
		other = append(other, add("bb", tracker, i, 100+i, base+int64(20+i)*hour))
	}
	plain := influx.Message{Log: "aa", Leaf: 10, Entry: []byte{1}, Raw: []byte("{}"), Tracker: "T-1", Trust: influx.Unsigned, ReceivedMS: base}
	b.Message(&plain)
	if err := c.WriteBatch(ctx, &b); err != nil {
		t.Fatal(err)
	}

	for name, tt := range map[string]struct {
		q    influx.PlacesQuery
		want []influx.Place
	}{
		"a whole log, signed messages only": {influx.PlacesQuery{Log: "aa"}, own},
		"its first leaves":                  {influx.PlacesQuery{Log: "aa", Leaves: 4}, own[:4]},
		"received in a range":               {influx.PlacesQuery{Log: "aa", FromMS: base + 3*hour, ToMS: base + 6*hour}, own[3:6]},
		"one of two trackers":               {influx.PlacesQuery{Log: "bb", Tracker: "T-2"}, []influx.Place{other[1], other[3], other[5]}},
		"nothing":                           {influx.PlacesQuery{Log: "cc"}, nil},
		"an empty range":                    {influx.PlacesQuery{Log: "aa", FromMS: base + hour, ToMS: base}, nil},
	} {
		var got []influx.Place
		if err := c.Places(ctx, tt.q, func(p influx.Place) error { got = append(got, p); return nil }); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	stop := errors.New("stop")
	if err := c.Places(ctx, influx.PlacesQuery{Log: "aa"}, func(influx.Place) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("err %v, want the caller's own", err)
	}

	m, ok, err := c.MessageAt(ctx, other[2])
	if err != nil || !ok || string(m.Raw) != "T-1bb" || m.Leaf != 2 || m.Log != "bb" || m.Seq != 102 {
		t.Errorf("%+v %v %v", m, ok, err)
	}
	gone := other[2]
	gone.ReceivedMS++
	if _, ok, err := c.MessageAt(ctx, gone); ok || err != nil {
		t.Errorf("a place without a message: %v %v", ok, err)
	}

	for _, tt := range []struct {
		tracker  string
		from, to int64
		want     []string
	}{
		{"T-1", 0, 0, []string{"aa", "bb"}},
		{"T-1", base + 11*hour, 0, []string{"bb"}},
		{"T-1", 0, base + 11*hour, []string{"aa"}},
		{"T-2", 0, base + 11*hour, nil},
		{"T-2", 0, 0, []string{"bb"}},
		{`T" or "x`, 0, 0, nil},
		{"T-1", base + hour, base + hour, nil},
	} {
		if got, err := c.LogsOf(ctx, tt.tracker, tt.from, tt.to); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}

// TestMessagesOfEarlierVersions: tracker, shipment, trust and received_ms were fields once, in the same logs.
func TestMessagesOfEarlierVersions(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).UnixMilli()
	var b influx.Batch
	now := influx.Message{Log: "aa", Leaf: 1, Entry: []byte{2}, Raw: []byte("new"), Tracker: "T", Shipment: "S", Trust: influx.Signed, Boot: 1, Seq: 8, TimeMS: at, ReceivedMS: at + 5, Readings: 1}
	b.Message(&now)
	if err := c.WriteBatch(ctx, &b); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(ctx, []influx.Point{{Measurement: "message", Tags: map[string]string{"log": "aa", "era": "0"}, Time: influx.PointTime(at, 0), Fields: map[string]any{
		"leaf": int64(0), "entry": "AQ==", "raw": "b2xk", "tracker": "T", "shipment": "S", "trust": "signed", "boot": int64(1), "seq": int64(7),
		"time_ms": at - 9, "received_ms": at, "flags": "late"}}}); err != nil {
		t.Fatal(err)
	}
	old := influx.Message{Log: "aa", Entry: []byte{1}, Raw: []byte("old"), Tracker: "T", Shipment: "S", Trust: influx.Signed, Boot: 1, Seq: 7, TimeMS: at - 9, ReceivedMS: at, Flags: []string{"late"}, Readings: 1}
	var got []influx.Message
	if err := c.Messages(ctx, "aa", 0, 0, func(m influx.Message) error {
		got = append(got, m)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []influx.Message{old, now}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	var seqs []uint64
	if err := c.Places(ctx, influx.PlacesQuery{Log: "aa", Tracker: "T"}, func(p influx.Place) error {
		seqs = append(seqs, p.Seq)
		return nil
	}); err != nil || !slices.Equal(seqs, []uint64{7, 8}) {
		t.Errorf("places %v, err %v", seqs, err)
	}
}
