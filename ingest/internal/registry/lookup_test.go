package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/testkit"
)

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// following is a registry that has read the ledger.
func following(t *testing.T, l *testkit.Ledger, dir string) *Registry {
	t.Helper()
	r, db := open(t, dir, l)
	stop := run(t, r)
	t.Cleanup(func() { stop(); db.Close() })
	testkit.WaitFor(t, 60*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	return r
}

// Ensure that a secret finds its tracker as long as it is in force, and nothing when two have it.
func TestBySecret(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	t.Cleanup(l.Close)
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.T-1", SecretHash: hashOf("one")})
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.T-2", SecretHash: hashOf("two")})
	r := following(t, l, t.TempDir())
	is := func(what, secret, want string) {
		t.Helper()
		testkit.WaitFor(t, 60*time.Second, fmt.Sprintf("%s: the secret %q is of %q", what, secret, want), func() bool {
			tr, ok := r.BySecret(secret)
			return ok == (want != "") && (!ok || tr.ID == want)
		})
	}
	is("enrolled", "one", "carrier.T-1")
	is("enrolled", "two", "carrier.T-2")
	is("nobody's", "three", "")
	is("none", "", "")
	is("its hash", hashOf("one"), "")
	submit(t, l, ledger.TrackerRotate, ledger.RotateArgs{ID: "carrier.T-1", SecretHash: hashOf("three")})
	is("rotated", "three", "carrier.T-1")
	is("rotated", "one", "")
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.T-3", SecretHash: hashOf("two")})
	is("two have it", "two", "")
	submit(t, l, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-3", Cause: "lost"})
	is("one has it again", "two", "carrier.T-2")
	submit(t, l, ledger.TrackerRevoke, ledger.RevokeArgs{ID: "carrier.T-2", Cause: "lost"})
	is("revoked", "two", "")
}

// Ensure that a gateway's devices are found by their names there, as the ledger has them now.
func TestDevice(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	t.Cleanup(l.Close)
	for _, id := range []string{"carrier.G-1", "carrier.G-2"} {
		submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: id, SecretHash: hashOf(id)})
	}
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.D-1", SecretHash: hashOf("d1"), Gateway: "carrier.G-1"})
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.D-2", SecretHash: hashOf("d2"), Gateway: "carrier.G-1", Device: "aa:bb cc/é"})
	r := following(t, l, t.TempDir())
	is := func(what, gateway, device, want string) {
		t.Helper()
		testkit.WaitFor(t, 60*time.Second, fmt.Sprintf("%s: %q of %s is %q", what, device, gateway, want), func() bool {
			tr, ok := r.Device(t.Context(), gateway, device)
			return ok == (want != "") && (!ok || tr.ID == want)
		})
	}
	is("by default its own name", "carrier.G-1", "D-1", "carrier.D-1")
	is("as it was enrolled", "carrier.G-1", "aa:bb cc/é", "carrier.D-2")
	is("of another gateway", "carrier.G-2", "D-1", "")
	is("nobody", "carrier.G-1", "D-9", "")
	is("nobody", "carrier.G-1", "a\x00b", "")
	submit(t, l, ledger.TrackerGateway, ledger.GatewayArgs{ID: "carrier.D-1", Gateway: "carrier.G-2", Device: "moved"})
	is("moved", "carrier.G-2", "moved", "carrier.D-1")
	is("moved", "carrier.G-1", "D-1", "")
	submit(t, l, ledger.TrackerGateway, ledger.GatewayArgs{ID: "carrier.D-2", Gateway: "carrier.G-1", Device: "D-1"})
	is("took its place", "carrier.G-1", "D-1", "carrier.D-2")
	submit(t, l, ledger.TrackerGateway, ledger.GatewayArgs{ID: "carrier.D-1"})
	is("left", "carrier.G-2", "moved", "")
	// Enrolled a moment ago, before its event is here: this one reads none.
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.D-3", SecretHash: hashOf("d3"), Gateway: "carrier.G-1"})
	deaf, db := open(t, t.TempDir(), l)
	t.Cleanup(func() { db.Close() })
	if tr, ok := deaf.Device(t.Context(), "carrier.G-1", "D-3"); !ok || tr.ID != "carrier.D-3" {
		t.Errorf("a device that was enrolled a moment ago is not asked for: %+v", tr)
	}
}

// Ensure that a profile is had from the program, or from the ledger once, and then from the journal.
func TestProfile(t *testing.T) {
	l := testkit.NewLedger("CarrierMSP", nil)
	t.Cleanup(l.Close)
	p, err := profile.Parse([]byte(`{"id":"carrier.p","version":1,"title":"t","readings":[{"quantity":"temperature","from":"$.t"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	submit(t, l, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: p.Canonical()})
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.T-1", SecretHash: hashOf("1"), Profile: "carrier.p@1"})
	submit(t, l, ledger.TrackerEnrol, ledger.EnrolArgs{ID: "carrier.T-2", SecretHash: hashOf("2"), Profile: "tasmota@1"})
	dir := t.TempDir()
	r, db := open(t, dir, l)
	stop := run(t, r)
	testkit.WaitFor(t, 60*time.Second, "the ledger is read", func() bool { return r.Ready(t.Context()) == nil })
	hash := p.Hash()
	if document, err := db.Get(journal.ProfileKey(hex.EncodeToString(hash[:]))); err != nil || string(document) != string(p.Canonical()) {
		t.Errorf("the journal has %q (%v) before a message comes", document, err)
	}
	stop()
	db.Close()
	l.SetUnavailable(true)
	r, db = open(t, dir, l)
	t.Cleanup(func() { db.Close() })
	for id, want := range map[string]string{"carrier.T-1": "carrier.p@1", "carrier.T-2": "tasmota@1"} {
		tr, ok := r.Tracker(t.Context(), id)
		if !ok || tr.Profile == nil {
			t.Fatalf("%s: %+v", id, tr)
		}
		if got, err := r.Profile(t.Context(), *tr.Profile); err != nil || got.Ref() != want {
			t.Errorf("%s is read by %v, %v; expected %s", id, got, err, want)
		}
	}
	unknown := ledger.ProfilePin{Ref: "carrier.q@1", Hash: strings.Repeat("ab", 32)}
	for range 2 {
		if _, err := r.Profile(t.Context(), unknown); err == nil {
			t.Error("a profile that is nowhere")
		}
	}
	l.SetUnavailable(false)
	// What the ledger gives must be what was pinned.
	wrong := ledger.ProfilePin{Ref: "carrier.p@1", Hash: strings.Repeat("cd", 32)}
	if got, err := r.Profile(t.Context(), wrong); err == nil {
		t.Errorf("%s is taken for a document of another hash", got.Ref())
	}
}
