package influx_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/stored"
	"github.com/trackseal/trackseal/internal/testkit"
)

func TestMessageInfosAreFoundByLogTrackerAndReceipt(t *testing.T) {
	d := testkit.StartInfluxd(t)
	c := open(t, d)
	ctx := context.Background()
	base := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	b := c.NewBatch()
	add := func(log, tracker string, leaf, seq uint64, receivedMS int64) stored.MessageInfo {
		m := stored.Message{Log: log, Leaf: leaf, Entry: []byte{1}, Raw: []byte(tracker + log), Tracker: tracker, Trust: stored.Signed, Boot: 2, Seq: seq, TimeMS: receivedMS - 7, ReceivedMS: receivedMS, Readings: 1}
		b.Message(&m)
		reading(b, stored.Reading{Log: log, Tracker: tracker, Leaf: leaf, TimeMS: m.TimeMS, Values: map[string]float64{"temperature": 1}})
		return stored.MessageInfo{Log: log, Tracker: tracker, Leaf: leaf, Boot: 2, Seq: seq, TimeMS: m.TimeMS, ReceivedMS: receivedMS}
	}
	const hour = 3_600_000
	var own, other []stored.MessageInfo
	for i := range uint64(10) {
		own = append(own, add("aa", "T-1", i, i, base+int64(i)*hour))
	}
	for i := range uint64(6) {
		tracker := []string{"T-1", "T-2"}[i%2]
		other = append(other, add("bb", tracker, i, 100+i, base+int64(20+i)*hour))
	}
	plain := stored.Message{Log: "aa", Leaf: 10, Entry: []byte{1}, Raw: []byte("{}"), Tracker: "T-1", Trust: stored.Unsigned, ReceivedMS: base}
	b.Message(&plain)
	if err := b.Write(ctx); err != nil {
		t.Fatal(err)
	}

	for name, tt := range map[string]struct {
		q    stored.MessageInfoQuery
		want []stored.MessageInfo
	}{
		"a whole log, signed messages only": {stored.MessageInfoQuery{Log: "aa"}, own},
		"its first leaves":                  {stored.MessageInfoQuery{Log: "aa", Leaves: 4}, own[:4]},
		"received in a range":               {stored.MessageInfoQuery{Log: "aa", FromMS: base + 3*hour, ToMS: base + 6*hour}, own[3:6]},
		"one of two trackers":               {stored.MessageInfoQuery{Log: "bb", Tracker: "T-2"}, []stored.MessageInfo{other[1], other[3], other[5]}},
		"nothing":                           {stored.MessageInfoQuery{Log: "cc"}, nil},
		"an empty range":                    {stored.MessageInfoQuery{Log: "aa", FromMS: base + hour, ToMS: base}, nil},
	} {
		var got []stored.MessageInfo
		if err := c.MessageInfos(ctx, tt.q, func(p stored.MessageInfo) error { got = append(got, p); return nil }); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	stop := errors.New("stop")
	if err := c.MessageInfos(ctx, stored.MessageInfoQuery{Log: "aa"}, func(stored.MessageInfo) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("err %v, want the caller's own", err)
	}

	m, ok, err := c.Message(ctx, other[2])
	if err != nil || !ok || string(m.Raw) != "T-1bb" || m.Leaf != 2 || m.Log != "bb" || m.Seq != 102 {
		t.Errorf("%+v %v %v", m, ok, err)
	}
	gone := other[2]
	gone.ReceivedMS++
	if _, ok, err := c.Message(ctx, gone); ok || err != nil {
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
