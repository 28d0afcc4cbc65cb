package telemetry

import (
	"errors"
	"strings"
	"testing"
)

const receiptMS = 1_700_000_000_000

func TestPlain(t *testing.T) {
	p, err := decodePlain([]byte(` {"time":"2026-11-22T10:00:00.250Z","temperature":4.25,"acceleration":[0,-1,9.81],"location":{"lat":52.5,"lon":13.4},"seq":17} `), receiptMS)
	if err != nil {
		t.Fatal(err)
	}
	v := p.Readings[0].Values
	if p.Readings[0].TimeMS != 1795341600250 || v["temperature"] != 4.25 || v["accel_y"] != -1 || v["lon"] != 13.4 || *p.Seq != 17 || !p.Timed {
		t.Errorf("got %+v, want number 17 at 1795341600250 with temperature 4.25, accel_y -1 and lon 13.4", p)
	}
	p, err = decodePlain([]byte(`[{"time":1700000000500,"humidity":5},{"humidity":6}]`), receiptMS)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Readings) != 2 || p.Readings[0].TimeMS != receiptMS || p.Timed || p.Seq != nil {
		t.Errorf("got %+v, want two readings, the first at the receipt, without time and number of their own", p)
	}
}

func TestPlainRefusals(t *testing.T) {
	for raw, want := range map[string]Reason{
		``: Malformed, `null`: Malformed, `[]`: Malformed, `{}`: Malformed, `{"seq":1}`: Malformed, `3`: Malformed,
		`{"temperature":1}{"temperature":2}`:    Malformed,
		`[{"temperature":1},2]`:                 Malformed,
		`{"Temperature":1}`:                     Malformed, // nothing that is known: another's format
		`{"data":{"temperature":1}}`:            Malformed,
		`{"temperature":NaN}`:                   Malformed,
		`{"temperature":nan,"humidity":1}`:      Malformed,
		"\xef\xbb\xbf{\"temperature\":1}":       Malformed,
		"{\"temperature\":1,\"note\":\"\xff\"}": Malformed,
		`{"temperature":` + strings.Repeat("[", 70) + `1` + strings.Repeat("]", 70) + `}`: Malformed,
	} {
		_, err := decodePlain([]byte(raw), receiptMS)
		var r *Reject
		if !errors.As(err, &r) || r.Reason != want {
			t.Errorf("%s: got %v, want %s", raw, err, want)
		}
	}
	if _, err := decodePlain(make([]byte, MaxMessage+1), receiptMS); err == nil {
		t.Error("oversized accepted")
	}
}

func TestLeaf(t *testing.T) {
	l := Leaf{Kind: LeafUnsigned, Hash: Hash{7}, ReceivedMS: 1_700_000_000_001, Ingest: "ingest-carrier"}
	got, err := DecodeLeaf(l.Encode())
	if err != nil || got != l {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, append(l.Encode(), 0), Leaf{Kind: 2, Ingest: "i"}.Encode(), Leaf{}.Encode()} {
		if _, err := DecodeLeaf(bad); err == nil {
			t.Errorf("%x accepted", bad)
		}
	}
}

func TestTopics(t *testing.T) {
	for _, ch := range []string{Up, JSON, Status, Down} {
		tracker, channel, err := ParseTopic(Topic("TRK-1", ch))
		if err != nil || tracker != "TRK-1" || channel != ch {
			t.Errorf("%s: %s %s %v", ch, tracker, channel, err)
		}
	}
	for _, own := range []string{"tele/x/SENSOR", "v1/devices/me/telemetry", "a", "", "/", "up"} {
		topic := InTopic("TRK-1", own)
		tracker, channel, err := ParseTopic(topic)
		who, rest, ok := InRest(topic)
		if err != nil || tracker != "TRK-1" || channel != In || !ok || who != "TRK-1" || rest != own {
			t.Errorf("%s: parsed as %s %s %v, taken apart into %s %q %v", topic, tracker, channel, err, who, rest, ok)
		}
	}
	if _, _, ok := InRest(Topic("TRK-1", Up)); ok {
		t.Error("a message on up is taken for one of the sender's own topics")
	}
	for _, bad := range []string{"", "x", Topic("TRK-1", In), TopicPrefix + "00/TRK-1/up", Topic("TRK-1", "sideways"), Topic("TRK-1", Up) + "/x", Topic("TRK-1/..", Up), "trackseal/v2" + Topic("T", Up)[12:]} {
		if _, _, err := ParseTopic(bad); !errors.Is(err, ErrTopic) {
			t.Errorf("%q accepted", bad)
		}
	}
}

func FuzzDecodePlain(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-22T10:00:00.250Z","temperature":4.25,"acceleration":[0,-1,9.81],"location":{"lat":52.5,"lon":13.4},"seq":17}`))
	f.Add([]byte(`[{"time":1700000000500,"humidity":5},{"humidity":6}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := decodePlain(raw, receiptMS)
		if err == nil && len(p.Readings) == 0 {
			t.Fatal("accepted without a reading")
		}
	})
}

func FuzzDecodeLeaf(f *testing.F) {
	f.Add(Leaf{Kind: 0, Ingest: "i"}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if l, err := DecodeLeaf(raw); err == nil && string(l.Encode()) != string(raw) {
			t.Fatal("two byte strings for one leaf")
		}
	})
}
