package attack

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/client"
	"github.com/trackseal/trackseal/internal/telemetry"
	"github.com/trackseal/trackseal/tracker-sim/internal/device"
)

// A verdict must turn red when the attack had an effect.
func TestJudge(t *testing.T) {
	leaf := []client.Message{{Leaf: 3, Flags: []string{"seq_gap"}}}
	plain := []client.Message{{Leaf: 3}}
	for _, c := range []struct {
		name    string
		want    expectation
		found   []client.Message
		counted map[string]uint64
		sendErr error
		blind   bool
		ok      bool
	}{
		{name: "refused and counted", want: refused(telemetry.BadSignature), counted: map[string]uint64{"bad_signature": 1}, ok: true},
		{name: "refused for another reason", want: refused(telemetry.BadSignature), counted: map[string]uint64{"malformed": 1}},
		{name: "refused and not counted", want: refused(telemetry.BadSignature)},
		{name: "refused, counters unreadable", want: refused(telemetry.BadSignature), blind: true, ok: true},
		{name: "forged and logged", want: refused(telemetry.BadSignature), found: plain, counted: map[string]uint64{"bad_signature": 1}},
		{name: "forged and logged, unseen", want: refused(telemetry.BadSignature), found: plain, blind: true},
		{name: "flagged", want: expectation{flag: telemetry.SeqGap}, found: leaf, ok: true},
		{name: "not flagged", want: expectation{flag: telemetry.SeqGap}, found: plain},
		{name: "not logged", want: expectation{flag: telemetry.SeqGap}},
		{name: "repeated once", want: refused(telemetry.Duplicate), found: plain, counted: map[string]uint64{"duplicate": 1}, ok: true},
		{name: "repeated and doubled", want: refused(telemetry.Duplicate), found: append(plain, leaf...), counted: map[string]uint64{"duplicate": 1}},
		{name: "repeated and lost", want: refused(telemetry.Duplicate), counted: map[string]uint64{"duplicate": 1}},
		{name: "broker cuts", want: expectation{broker: true}, sendErr: errors.New("cut"), ok: true},
		{name: "broker swallows", want: expectation{broker: true}, ok: true},
		{name: "broker lets through", want: expectation{broker: true}, found: plain},
	} {
		if seen, ok := judge(c.want, c.found, c.counted, c.sendErr, !c.blind); ok != c.ok {
			t.Errorf("%s: %v, %q", c.name, ok, seen)
		}
	}
}

// Each forgery is refused for its own reason by the decoder that everything else trusts.
func TestForgeriesAreWhatTheyClaim(t *testing.T) {
	key := device.DeriveKey(1, "t")
	public, err := telemetry.Public(key)
	if err != nil {
		t.Fatal(err)
	}
	a := &attacker{id: "t", signer: key, chain: device.Chain{Tracker: "t", Signer: key, Next: telemetry.Position{Boot: 1}}}
	honest, err := a.bent(4, asItIs)()
	if err != nil {
		t.Fatal(err)
	}
	warm, err := a.bent(9, asItIs)()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func() ([]byte, error)
		want telemetry.Reason
	}{
		"honest":   {func() ([]byte, error) { return honest, nil }, ""},
		"flipped":  {func() ([]byte, error) { return flipSignature(honest) }, telemetry.BadSignature},
		"swapped":  {func() ([]byte, error) { return swapPack(honest, warm) }, telemetry.PackMismatch},
		"loosened": {func() ([]byte, error) { return loosen(honest) }, telemetry.NotCanonical},
		"stranger": {a.as(telemetry.Ed25519), telemetry.WrongKey},
		"other":    {a.as(telemetry.ESP256), telemetry.WrongAlg},
		"large":    {func() ([]byte, error) { return bytes.Repeat([]byte{0x82}, 129<<10), nil }, telemetry.Oversized},
	} {
		raw, err := c.make()
		if err != nil {
			t.Fatal(name, err)
		}
		m, err := telemetry.Decode(raw)
		if err == nil {
			err = m.Verify(public)
		}
		var r *telemetry.Reject
		if errors.As(err, &r); (r == nil) != (c.want == "") || r != nil && r.Reason != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if m, err := telemetry.Decode(honest); err != nil || m.COSEHash != hashOf(honest) || time.Since(time.UnixMilli(m.TimeMS)) > time.Minute {
		t.Errorf("hashOf differs, or %v", err)
	}
}
