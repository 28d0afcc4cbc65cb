package profile

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/trackseal/trackseal/internal/telemetry"
)

func FuzzParse(f *testing.F) {
	for _, p := range Ready() {
		f.Add(p.Canonical())
	}
	f.Add([]byte(small))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := Parse(raw); err == nil {
			checkFixedPoint(t, p)
		}
	})
}

// addSamples gives a fuzz target every sample of the ready profiles.
func addSamples(f *testing.F) {
	for i, p := range Ready() {
		for _, s := range readSamples(f, "testdata/ready/"+p.document.ID+".json").Samples {
			payload := []byte(s.Payload)
			if s.Text != nil {
				payload = []byte(*s.Text)
			}
			f.Add(uint8(i), s.Topic, payload, []byte(s.Decoded))
		}
	}
}

// FuzzParts: parts are bytes of the original, in its order, and every refusal is a Reject.
func FuzzParts(f *testing.F) {
	addSamples(f)
	f.Fuzz(func(t *testing.T, which uint8, topic string, payload, _ []byte) {
		p := Ready()[int(which)%len(Ready())]
		parts, skip, err := p.Parts(topic, payload)
		if err != nil && refusedAs(err) == "" {
			t.Fatalf("%v is no Reject", err)
		}
		if (err != nil || skip) == (len(parts) > 0) {
			t.Fatalf("%d parts, skip %v, %v", len(parts), skip, err)
		}
		rest := payload
		for _, part := range parts {
			at := bytes.Index(rest, part.Payload)
			if at < 0 {
				t.Fatalf("part %q is not in the rest of the message", part.Payload)
			}
			rest = rest[at+len(part.Payload):]
		}
		if p.codec != nil && err == nil {
			for _, part := range parts {
				if _, _, err := p.CodecInput(topic, part.Payload); err != nil && refusedAs(err) == "" {
					t.Fatalf("%v is no Reject", err)
				}
			}
		}
	})
}

// FuzzRead: what is read is the same each time, checks, opens, and stays within its bound.
func FuzzRead(f *testing.F) {
	addSamples(f)
	f.Fuzz(func(t *testing.T, which uint8, topic string, payload, decoded []byte) {
		p := Ready()[int(which)%len(Ready())]
		if p.codec == nil {
			decoded = nil
		}
		r, err := p.Read(topic, payload, decoded, receivedMS)
		if err != nil {
			if refusedAs(err) == "" {
				t.Fatalf("%v is no Reject", err)
			}
			return
		}
		if len(r.Reads) > telemetry.MaxMessage {
			t.Fatalf("%d bytes", len(r.Reads))
		}
		checkLaws(t, p, topic, Part{Payload: payload}, decoded, receivedMS, r)
	})
}

// FuzzProfile reads by any profile: the samples' profiles, changed at will.
func FuzzProfile(f *testing.F) {
	files, _ := filepath.Glob("testdata/zoo/*.json")
	for _, file := range files {
		s := readSamples(f, file)
		for _, m := range s.Samples {
			payload := []byte(m.Payload)
			if m.Text != nil {
				payload = []byte(*m.Text)
			}
			f.Add([]byte(s.Document), m.Topic, payload)
		}
	}
	f.Fuzz(func(t *testing.T, document []byte, topic string, payload []byte) {
		p, err := Parse(document)
		if err != nil || p.codec != nil {
			return
		}
		parts, _, err := p.Parts(topic, payload)
		if err != nil && refusedAs(err) == "" {
			t.Fatalf("%v is no Reject", err)
		}
		for _, part := range parts {
			r, err := p.Read(topic, part.Payload, nil, receivedMS)
			if err != nil && refusedAs(err) == "" {
				t.Fatalf("%v is no Reject", err)
			}
			if err == nil {
				checkLaws(t, p, topic, part, nil, receivedMS, r)
			}
		}
	})
}
