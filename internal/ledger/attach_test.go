package ledger

import (
	"strings"
	"testing"
)

func TestPinned(t *testing.T) {
	const tol = PinToleranceMS
	a, b := strings.Repeat("aa", 32), strings.Repeat("bb", 32)
	// Plain JSON until 10 min, a until 30, plain until 60, b since.
	min := func(n int64) int64 { return n * 60_000 }
	tr := Tracker{EnrolledMS: min(1), Profiles: []ProfilePin{
		{Ref: "x.a@1", Hash: a, FromMS: min(10), ToMS: min(30)}, {Ref: "x.b@1", Hash: b, FromMS: min(60)},
	}}
	switched := Tracker{EnrolledMS: min(1), Profiles: []ProfilePin{{Hash: a, FromMS: min(1), ToMS: min(30)}, {Hash: b, FromMS: min(30), ToMS: min(60)}}}
	for _, tc := range []struct {
		name string
		tr   Tracker
		hash string
		ms   int64
		want bool
	}{
		{"in its term", tr, a, min(20), true},
		{"a little early", tr, a, min(10) - tol, true},
		{"too early", tr, a, min(10) - tol - 1, false},
		{"a little late", tr, a, min(30) + tol, true},
		{"too late", tr, a, min(30) + tol + 1, false},
		{"in force", tr, b, min(9_000), true},
		{"never pinned", tr, strings.Repeat("cc", 32), min(20), false},
		{"plain before the first", tr, "", min(5), true},
		{"plain as zeros", tr, noProfile, min(5), true},
		{"plain a little late", tr, "", min(10) + tol - 1, true},
		{"plain within a pin", tr, "", min(20), false},
		{"plain between two", tr, "", min(45), true},
		{"plain under the last", tr, "", min(70), false},
		{"plain without any pin", Tracker{EnrolledMS: min(1)}, "", 0, true},
		{"pinned since its enrolment", switched, "", min(1), false},
		{"plain between two that touch", switched, "", min(30), false},
		{"plain after the last ended", switched, "", min(61), true},
	} {
		if got := tc.tr.Pinned(tc.hash, tc.ms); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if pin, ok := tr.Profile(); !ok || pin.Hash != b {
		t.Errorf("in force: %+v, want b", pin)
	}
	if pin, ok := switched.Profile(); ok {
		t.Errorf("in force: %+v, want none", pin)
	}
}

func TestTrust(t *testing.T) {
	key := []TrackerKey{{KID: "old"}, {KID: "new"}}
	for _, tc := range []struct {
		name string
		tr   Tracker
		want TrustClass
	}{
		{"secret", Tracker{}, Unsigned},
		{"secret behind a gateway", Tracker{Gateway: "g"}, Unsigned},
		{"key", Tracker{Keys: key}, DeviceSigned},
		{"key at a gateway", Tracker{Keys: key, Gateway: "g"}, GatewaySigned},
		{"key in a certificate", Tracker{Keys: key, Attestation: &Attestation{KID: "new"}}, Attested},
		{"an earlier key in a certificate", Tracker{Keys: key, Attestation: &Attestation{KID: "old"}}, DeviceSigned},
		{"attested at a gateway", Tracker{Keys: key, Gateway: "g", Attestation: &Attestation{KID: "new"}}, GatewaySigned},
	} {
		if got := tc.tr.Trust(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestShapesOfAttachedTrackers(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	secret := func(change func(*EnrolArgs)) EnrolArgs {
		a := EnrolArgs{ID: "x.t", SecretHash: hash}
		change(&a)
		return a
	}
	key := func(change func(*EnrolArgs)) EnrolArgs {
		a := EnrolArgs{ID: "x.t", Alg: -19, Public: hash, Proof: hash + hash}
		change(&a)
		return a
	}
	cert := [][]byte{[]byte("device"), []byte("root")}
	for name, tc := range map[string]struct {
		arg Argument
		ok  bool
	}{
		"secret":                      {secret(func(*EnrolArgs) {}), true},
		"profile":                     {secret(func(a *EnrolArgs) { a.Profile = "x.p@1" }), true},
		"profile without version":     {secret(func(a *EnrolArgs) { a.Profile = "x.p" }), false},
		"gateway":                     {secret(func(a *EnrolArgs) { a.Gateway, a.Device = "x.g", "AA:BB cc" }), true},
		"its own gateway":             {secret(func(a *EnrolArgs) { a.Gateway = "x.t" }), false},
		"own name in its messages":    {secret(func(a *EnrolArgs) { a.Device = "d" }), true},
		"device with control":         {secret(func(a *EnrolArgs) { a.Gateway, a.Device = "x.g", "a\x00b" }), false},
		"device with the last rune":   {secret(func(a *EnrolArgs) { a.Gateway, a.Device = "x.g", "a\U0010ffffb" }), false},
		"long device":                 {secret(func(a *EnrolArgs) { a.Gateway, a.Device = "x.g", strings.Repeat("d", MaxDevice+1) }), false},
		"certificates without key":    {secret(func(a *EnrolArgs) { a.Certificates = cert }), false},
		"key":                         {key(func(a *EnrolArgs) { a.Certificates = cert }), true},
		"key with profile":            {key(func(a *EnrolArgs) { a.Profile = "x.p@1" }), false},
		"key at a gateway":            {key(func(a *EnrolArgs) { a.Gateway = "x.g" }), true},
		"attested at a gateway":       {key(func(a *EnrolArgs) { a.Gateway, a.Certificates = "x.g", cert }), false},
		"many certificates":           {key(func(a *EnrolArgs) { a.Certificates = make([][]byte, MaxCertificates+1) }), false},
		"empty certificate":           {key(func(a *EnrolArgs) { a.Certificates = [][]byte{{1}, {}} }), false},
		"large certificate":           {key(func(a *EnrolArgs) { a.Certificates = [][]byte{{1}, make([]byte, MaxCertificate+1)} }), false},
		"secret with certificates":    {RotateArgs{ID: "x.t", SecretHash: hash, Certificates: cert}, false},
		"no profile":                  {TrackerProfileArgs{ID: "x.t"}, true},
		"a name of no profile":        {TrackerProfileArgs{ID: "x.t", Profile: "@1"}, false},
		"no gateway":                  {GatewayArgs{ID: "x.t"}, true},
		"no gateway, its own name":    {GatewayArgs{ID: "x.t", Device: "d"}, true},
		"document":                    {PublishProfileArgs{Document: []byte("{}")}, true},
		"no document":                 {PublishProfileArgs{}, false},
		"large document":              {PublishProfileArgs{Document: make([]byte, MaxProfile+1)}, false},
		"maker":                       {ProposeMemberArgs{ID: "x.p", Act: AcceptMaker, Name: "Acme GmbH", Certificate: []byte("der")}, true},
		"maker without a name":        {ProposeMemberArgs{ID: "x.p", Act: AcceptMaker, Certificate: []byte("der")}, false},
		"maker without a certificate": {ProposeMemberArgs{ID: "x.p", Act: AcceptMaker, Name: "Acme"}, false},
		"maker with an update":        {ProposeMemberArgs{ID: "x.p", Act: AcceptMaker, Name: "Acme", Certificate: []byte("der"), Update: []byte("u")}, false},
		"end of a maker":              {ProposeMemberArgs{ID: "x.p", Act: EndMaker, Root: hash}, true},
		"end of a name":               {ProposeMemberArgs{ID: "x.p", Act: EndMaker, Name: "Acme"}, false},
		"evict with a root":           {ProposeMemberArgs{ID: "x.p", Act: Evict, Name: "acme", Root: hash}, false},
	} {
		if err := tc.arg.Validate(); (err == nil) != tc.ok || err != nil && CodeOf(err) != Invalid {
			t.Errorf("%s: %v, want accepted %v", name, err, tc.ok)
		}
	}
	// The largest document fits in an argument.
	b, err := Encode(PublishProfileArgs{Document: make([]byte, MaxProfile)})
	if err != nil || Decode(b, &PublishProfileArgs{}) != nil {
		t.Errorf("an argument of %d bytes with a document of %d is refused", len(b), MaxProfile)
	}
	if DeviceName("carrier.T-1") != "T-1" || DeviceName("old") != "old" {
		t.Errorf("device names %q, %q", DeviceName("carrier.T-1"), DeviceName("old"))
	}
}
