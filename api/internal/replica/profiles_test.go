package replica

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/stored/copying"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// A copy holds what the tracker's profile reads, whatever the operator says that it read.
func TestCopiesReadAgain(t *testing.T) {
	parse := func(document string) *profile.Profile {
		p, err := profile.Parse([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	probe := parse(`{"id":"carrier.probe","version":1,"title":"probe","readings":[{"quantity":"temperature","from":"$.t"}]}`)
	coded := parse(`{"id":"carrier.coded","version":1,"title":"coded","readings":[{"quantity":"temperature","from":"$.data.t"}],"codec":{"script":"function decodeUplink() {}"}}`)
	decode := func(_ *profile.Codec, input []byte, _ int, _ int64) ([]byte, error) {
		if len(input) != 1 {
			return nil, &telemetry.Reject{Reason: telemetry.CodecFailed, Detail: "not a byte"}
		}
		return fmt.Appendf(nil, `{"data":{"t":%d}}`, input[0]), nil
	}
	for name, tc := range map[string]struct {
		profile          *profile.Profile
		payload, decoded string
		change           func(*telemetry.Envelope)
		codec            profile.Runner
		what             string
	}{
		"as it is":                    {probe, `{"t":4}`, "", nil, nil, ""},
		"other readings":              {probe, `{"t":4}`, "", func(e *telemetry.Envelope) { e.Reads = []byte(`{"temperature":5}`) }, nil, copying.Misread},
		"another payload":             {probe, `{"t":4}`, "", func(e *telemetry.Envelope) { e.Payload = []byte(`{"t":5}`) }, nil, copying.Misread},
		"another profile":             {probe, `{"t":4}`, "", func(e *telemetry.Envelope) { e.Profile = coded.Hash() }, nil, copying.Misread},
		"a signing tracker's name":    {probe, `{"t":4}`, "", func(e *telemetry.Envelope) { e.Tracker = "carrier.t-1" }, nil, copying.Forged},
		"decoded as it is":            {coded, "\x05", `{"data":{"t":5}}`, nil, decode, ""},
		"decoded otherwise":           {coded, "\x05", `{"data":{"t":6}}`, nil, decode, copying.Misread},
		"decoded though refused":      {coded, "\x05\x06", `{"data":{"t":6}}`, nil, decode, copying.Misread},
		"decoded, and nobody runs it": {coded, "\x05", `{"data":{"t":6}}`, nil, nil, ""},
		"read otherwise than decoded": {coded, "\x05", `{"data":{"t":5}}`, func(e *telemetry.Envelope) { e.Reads = []byte(`{"temperature":4}`) }, nil, copying.Misread},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.source().copier.Codec = tc.codec
			for _, p := range []*profile.Profile{probe, coded} {
				w.submit(ledger.ProfilePublish, ledger.PublishProfileArgs{Document: p.Canonical()}, nil)
			}
			w.submit(ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: "carrier.t-plain", Profile: tc.profile.Ref()}, nil)
			e := &telemetry.Envelope{Tracker: "carrier.t-plain", Profile: tc.profile.Hash(), Payload: []byte(tc.payload)}
			if tc.decoded != "" {
				e.Decoded = []byte(tc.decoded)
			}
			r, err := tc.profile.Read("", e.Payload, e.Decoded, w.ms)
			if err != nil {
				t.Fatal(err)
			}
			if e.Reads = r.Reads; tc.change != nil {
				tc.change(e)
			}
			if err := w.ingest.Envelope(e.Encode()); err != nil {
				t.Fatal(err)
			}
			w.anchor()
			w.rounds()
			found := w.findings()
			if tc.what == "" {
				if len(found) > 0 || len(w.own.Stored) != 1 || !bytes.Equal(w.own.Stored[0].Raw, e.Encode()) {
					t.Errorf("found %+v, %d messages are here, expected none and the one", found, len(w.own.Stored))
				}
				return
			}
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.What == tc.what && f.Leaf == 0 && f.Detail != "" }) || len(w.own.Stored) > 0 {
				t.Errorf("found %+v, %d messages are here, expected %s at leaf 0 and none", found, len(w.own.Stored), tc.what)
			}
		})
	}
}
