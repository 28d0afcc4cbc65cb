package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

// sample is a message of our own making in a documented shape, and what must be read from it.
type sample struct {
	About      string
	Topic      string
	Payload    json.RawMessage // as it stands in the file
	Text       *string         // of a payload that is no JSON
	ReceivedMS int64           `json:"received_ms"`
	Decoded    json.RawMessage // what the codec makes of it
	Want       []wanted
	Skip       bool
	Refused    string // reason and a part of the detail: "no_match: when"
}

type wanted struct {
	Device  string
	Reads   json.RawMessage
	Seq     *uint64
	ID      string
	Ignored []string
	Refused string
	Skip    bool
}

// sampleFile is a ready profile's samples, by the file's name, or those of a profile that stands in the file.
type sampleFile struct {
	Document json.RawMessage
	Samples  []sample
}

const receivedMS = 1_796_009_400_000 // 2026-11-30T03:30:00Z

func TestReadySamples(t *testing.T) {
	for _, p := range Ready() {
		t.Run(p.document.ID, func(t *testing.T) {
			f := readSamples(t, "testdata/ready/"+p.document.ID+".json")
			if len(f.Samples) == 0 {
				t.Fatal("a ready profile without a sample")
			}
			for _, s := range f.Samples {
				checkSample(t, p, s)
			}
		})
	}
}

// TestZoo reads shapes for which a user writes a profile.
func TestZoo(t *testing.T) {
	files, err := filepath.Glob("testdata/zoo/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			f := readSamples(t, file)
			p, err := Parse(f.Document)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range f.Samples {
				checkSample(t, p, s)
			}
		})
	}
}

func readSamples(t testing.TB, file string) (f sampleFile) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return f
}

func checkSample(t *testing.T, p *Profile, s sample) {
	t.Helper()
	payload := []byte(s.Payload)
	if s.Text != nil {
		payload = []byte(*s.Text)
	}
	received := s.ReceivedMS
	if received == 0 {
		received = receivedMS
	}
	parts, skip, err := p.Parts(s.Topic, payload)
	if refusedAs(err) != s.Refused && !strings.Contains(refusedAs(err), s.Refused) || s.Refused == "" && err != nil || skip != s.Skip {
		t.Fatalf("%s: parts %d, skip %v, %v; want skip %v, refused %q", s.About, len(parts), skip, err, s.Skip, s.Refused)
	}
	if err != nil || skip {
		return
	}
	if len(parts) != len(s.Want) {
		t.Fatalf("%s: %d parts, want %d", s.About, len(parts), len(s.Want))
	}
	for i, part := range parts {
		want := s.Want[i]
		if !bytes.Contains(payload, part.Payload) {
			t.Errorf("%s: part %d is no part of the message", s.About, i)
		}
		r, err := p.Read(s.Topic, part.Payload, s.Decoded, received)
		if want.Refused != "" || err != nil {
			if got := refusedAs(err); want.Refused == "" || !strings.Contains(got, want.Refused) {
				t.Errorf("%s: part %d (%s): %v, want refused %q", s.About, i, part.Device, err, want.Refused)
			}
			continue
		}
		var reads bytes.Buffer
		if want.Reads != nil {
			if err := json.Compact(&reads, want.Reads); err != nil {
				t.Fatal(err)
			}
		}
		if part.Device != want.Device || string(r.Reads) != reads.String() || r.MessageID != want.ID || r.Skip != want.Skip || (r.Seq == nil) != (want.Seq == nil) || r.Seq != nil && *r.Seq != *want.Seq {
			t.Errorf("%s: part %d: device %q id %q seq %v skip %v reads\n%s, want device %q id %q seq %v skip %v\n%s", s.About, i, part.Device, r.MessageID, value(r.Seq), r.Skip, r.Reads, want.Device, want.ID, value(want.Seq), want.Skip, reads.String())
		}
		if want.Ignored != nil && strings.Join(r.Ignored, " ") != strings.Join(want.Ignored, " ") {
			t.Errorf("%s: part %d ignored %q, want %q", s.About, i, r.Ignored, want.Ignored)
		}
		checkLaws(t, p, s.Topic, part, s.Decoded, received, r)
	}
}

func value(n *uint64) any {
	if n == nil {
		return "none"
	}
	return *n
}

func refusedAs(err error) string {
	if r, ok := errors.AsType[*telemetry.Reject](err); ok {
		return r.Error()
	}
	return ""
}

// checkLaws: reading again gives the same, the envelope checks and opens, and every reader of plain JSON takes what was read.
func checkLaws(t testing.TB, p *Profile, topic string, part Part, decoded []byte, received int64, r Read) {
	t.Helper()
	again, err := p.Read(topic, bytes.Clone(part.Payload), bytes.Clone(decoded), received)
	if err != nil || !bytes.Equal(again.Reads, r.Reads) {
		t.Errorf("read again: %s, %v; first %s", again.Reads, err, r.Reads)
	}
	if r.Skip {
		return
	}
	e := telemetry.Envelope{Tracker: "TRK-1", Profile: p.Hash(), Topic: topic, Payload: part.Payload, Decoded: decoded, Reads: r.Reads}
	if err := p.Check(&e, received); err != nil {
		t.Errorf("check of its own reads: %v", err)
	}
	o, err := telemetry.Open(telemetry.LeafUnsigned, e.Encode(), received)
	if err != nil {
		t.Errorf("the envelope of %s cannot be opened: %v", r.Reads, err)
		return
	}
	if (o.Seq == nil) != (r.Seq == nil) || o.Seq != nil && *o.Seq != *r.Seq {
		t.Errorf("the envelope's seq is %v, read was %v: %s", value(o.Seq), value(r.Seq), r.Reads)
	}
	e.Reads = append(bytes.Clone(r.Reads), ' ')
	if err := p.Check(&e, received); !errors.Is(err, ErrDiffers) {
		t.Errorf("check of other reads: %v, want ErrDiffers", err)
	}
}
