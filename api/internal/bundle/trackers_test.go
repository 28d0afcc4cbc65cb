package bundle_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
)

// A tracker's profile may change after its assignment: the bundle then has the transaction, and the documents of all profiles that counted.
func TestProfilesAreInTheBundle(t *testing.T) {
	parse := func(document string) *profile.Profile {
		p, err := profile.Parse([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := parse(`{"id":"carrier.probe","version":1,"title":"before","readings":[{"quantity":"temperature","from":"$.x"}]}`)
	first := parse(`{"id":"carrier.probe","version":2,"title":"first","readings":[{"quantity":"temperature","from":"$.t"}]}`)
	second := parse(`{"id":"carrier.probe","version":3,"title":"second","readings":[{"quantity":"temperature","from":"$.t","scale":"0.1"}]}`)
	documents := map[string]*profile.Profile{before.Ref(): before, first.Ref(): first, second.Ref(): second}
	for name, closed := range map[string]bool{"on its way": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fabricproof.BFT, closed, func(trip *evidencetest.Trip) {
				tr := &evidencetest.Tracker{ID: "T-PROBE"}
				trip.Enrol(tr)
				trip.Profile(tr.ID, before)
				trip.C.NowMS += 3_600_000
				trip.Profile(tr.ID, first)
				trip.C.NowMS += 3_600_000
				trip.Assign(tr)
				trip.Drive(2, 2)
				trip.LogEnvelope(trip.Read(tr.ID, first, "", `{"t":4}`, "").Encode())
				trip.Profile(tr.ID, second)
				trip.C.NowMS += 600_000
				trip.LogEnvelope(trip.Read(tr.ID, second, "", `{"t":45}`, "").Encode())
				trip.NoProfile(tr.ID)
				trip.C.NowMS += 600_000
				trip.LogPlain(tr.ID, `{"temperature":5}`)
				trip.Drive(2, 2)
			})
			w.policy = func(p *evidence.Policy) { p.Unsigned = "accept" }
			w.request.Trackers = []ledger.Tracker{record[ledger.Tracker](w, ledger.TrackerKeyOf("T-PROBE"))}
			w.request.Document = func(_ context.Context, pin ledger.ProfilePin) ([]byte, error) {
				return documents[pin.Ref].Canonical(), nil
			}
			b, err := w.bundle(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r := w.verify(b)
			for _, f := range r.Findings {
				if f.Verdict == evidence.Authentic && f.Severity != "warn" {
					t.Errorf("unexpected %s", f)
				}
			}
			if r.Verdicts.Authentic != evidence.Pass || r.Verdicts.Final != evidence.Pass {
				t.Errorf("verdicts %+v", r.Verdicts)
			}
			for title, want := range map[string]bool{`"before"`: false, `"first"`: true, `"second"`: true} {
				if bytes.Contains(b, []byte(`"title":`+title)) != want {
					t.Errorf("the document titled %s is in the bundle: %t", title, !want)
				}
			}
		})
	}
}
