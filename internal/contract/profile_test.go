package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/profile"
)

// profileDocument is a small one in canonical form.
func profileDocument(id string, version int, path string) []byte {
	p, err := profile.Parse(fmt.Appendf(nil, `{"id":%q,"version":%d,"title":"A probe","readings":[{"quantity":"temperature","from":%q}]}`, id, version, path))
	if err != nil {
		panic(err)
	}
	return p.Canonical()
}

func profileArgs(id string, version int) ledger.PublishProfileArgs {
	return ledger.PublishProfileArgs{Document: profileDocument(id, version, "$.t")}
}

func TestPublishProfile(t *testing.T) {
	w := newWorld(t)
	doc := profileDocument("shipper.probe", 1, "$.t")
	a, e := w.submit(shipperOp, ledger.ProfilePublish, profileArgs("shipper.probe", 1), nil)
	if e != nil || a.Event != ledger.EventProfile || bytes.Contains(a.Payload, []byte("document")) {
		t.Fatalf("published: %v, event %s, answer %s; want it without the document", e, a.Event, a.Payload)
	}
	p := query[ledger.Profile](w, auditorOp, ledger.ProfileGet, ledger.RefArgs{Ref: "shipper.probe@1"})
	want := ledger.Profile{ID: "shipper.probe", Version: 1, Hash: hexHash(string(doc)), Document: doc, Publisher: shipper, TimeMS: p.TimeMS, Tx: p.Tx}
	if !reflect.DeepEqual(p, want) || p.TimeMS == 0 || p.Tx == "" {
		t.Fatalf("got %+v, want %+v", p, want)
	}
	w.refused(ledger.Exists, shipperOp, ledger.ProfilePublish, profileArgs("shipper.probe", 1))
	w.refused(ledger.Conflict, shipperOp, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: profileDocument("shipper.probe", 1, "$.temp")})
	w.refused(ledger.BadState, shipperOp, ledger.ProfilePublish, profileArgs("shipper.probe", 3))
	must[ledger.Profile](w, shipperOp, ledger.ProfilePublish, ledger.EventProfile, profileArgs("shipper.probe", 2))
	list := query[ledger.Page[ledger.Profile]](w, carrierOp, ledger.ProfileList, ledger.ListArgs{ID: "shipper.probe"})
	if len(list.Items) != 2 || list.Items[1].Version != 2 || list.Items[0].Document != nil {
		t.Errorf("listed %+v", list)
	}

	w.refused(ledger.Invalid, carrierOp, ledger.ProfilePublish, profileArgs("shipper.other", 1))
	w.refused(ledger.Invalid, shipperOp, ledger.ProfilePublish, profileArgs("probe", 1))
	w.refused(ledger.Invalid, shipperOp, ledger.ProfilePublish, profileArgs("thingsboard-device", 2))
	for _, by := range []who{shipperIn, {shipper, ""}} {
		w.refused(ledger.Forbidden, by, ledger.ProfilePublish, profileArgs("shipper.other", 1))
	}
	w.refused(ledger.Invalid, shipperOp, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: append([]byte(" "), doc...)})
	w.refused(ledger.Invalid, shipperOp, ledger.ProfilePublish, ledger.PublishProfileArgs{Document: []byte(`{"id":"shipper.x","version":1}`)})
	w.refused(ledger.NotFound, shipperOp, ledger.ProfileGet, ledger.RefArgs{Ref: "thingsboard-device@1"}) // built in, not published
	w.refused(ledger.NotFound, shipperOp, ledger.ProfileGet, ledger.RefArgs{Ref: "shipper.probe@3"})
}

// The largest document that fits is published and read.
func TestPublishTheLargestProfile(t *testing.T) {
	w := newWorld(t)
	build := func(n int) []byte {
		p, err := profile.Parse(fmt.Appendf(nil, `{"id":"shipper.large","version":1,"title":"A probe","readings":[{"quantity":"temperature","from":"$.t"}],"codec":{"kind":"ttn","bytes":"$.b","encoding":"hex","script":"//%s"}}`, strings.Repeat("x", n)))
		if err != nil {
			t.Fatal(err)
		}
		return p.Canonical()
	}
	n := ledger.MaxProfile - len(build(0))
	doc := build(n)
	if len(doc) != ledger.MaxProfile {
		t.Fatalf("made %d bytes", len(doc))
	}
	must[ledger.Profile](w, shipperOp, ledger.ProfilePublish, ledger.EventProfile, ledger.PublishProfileArgs{Document: doc})
	if p := query[ledger.Profile](w, shipperOp, ledger.ProfileGet, ledger.RefArgs{Ref: "shipper.large@1"}); !bytes.Equal(p.Document, doc) {
		t.Errorf("read %d bytes", len(p.Document))
	}
}

func TestTrackersPinProfiles(t *testing.T) {
	w := newWorld(t)
	must[ledger.Profile](w, shipperOp, ledger.ProfilePublish, ledger.EventProfile, profileArgs("shipper.probe", 1))
	ready, _ := profile.Find("thingsboard-device@1")

	enrol := ledger.EnrolArgs{ID: "carrier.T-1", SecretHash: hexHash("s"), Profile: "thingsboard-device@1"}
	tr := must[ledger.Tracker](w, carrierOp, ledger.TrackerEnrol, ledger.EventTracker, enrol)
	if p, ok := tr.Profile(); !ok || p.Ref != enrol.Profile || p.Hash != hashOf(ready) || p.FromMS != w.ms || p.Tx != tr.EnrolTx {
		t.Fatalf("enrolled with %+v", tr.Profiles)
	}
	// Another member's profile reads as well as one's own.
	to := ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: "shipper.probe@1"}
	tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerProfile, ledger.EventTracker, to)
	if p, _ := tr.Profile(); p.Ref != to.Profile || p.Hash != hexHash(string(profileDocument("shipper.probe", 1, "$.t"))) || len(tr.Profiles) != 2 || tr.Profiles[0].ToMS != w.ms || p.FromMS != w.ms {
		t.Fatalf("changed to %+v", tr.Profiles)
	}
	if a, e := w.submit(carrierOp, ledger.TrackerProfile, to, nil); e != nil || len(a.Writes) > 0 {
		t.Errorf("the same again: %d writes, %v; want none", len(a.Writes), e)
	}
	to.Profile = ""
	tr = must[ledger.Tracker](w, carrierOp, ledger.TrackerProfile, ledger.EventTracker, to)
	if _, ok := tr.Profile(); ok || len(tr.Profiles) != 2 || tr.Profiles[1].ToMS != w.ms {
		t.Fatalf("taken away: %+v", tr.Profiles)
	}
	if a, e := w.submit(carrierOp, ledger.TrackerProfile, to, nil); e != nil || len(a.Writes) > 0 {
		t.Errorf("none again: %d writes, %v; want none", len(a.Writes), e)
	}

	w.enrol(carrierOp, "carrier.T-2")
	for name, tc := range map[string]struct {
		by   who
		arg  ledger.TrackerProfileArgs
		code ledger.Code
	}{
		"one that signs":      {carrierOp, ledger.TrackerProfileArgs{ID: "carrier.T-2", Profile: "shipper.probe@1"}, ledger.BadState},
		"of another":          {shipperOp, ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: "shipper.probe@1"}, ledger.NotFound},
		"as ingest":           {carrierIn, ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: "shipper.probe@1"}, ledger.Forbidden},
		"nobody's profile":    {carrierOp, ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: "shipper.none@1"}, ledger.Invalid},
		"another version":     {carrierOp, ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: "shipper.probe@2"}, ledger.Invalid},
		"the ready one's 2nd": {carrierOp, ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: "thingsboard-device@9"}, ledger.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.refused(tc.code, tc.by, ledger.TrackerProfile, tc.arg)
		})
	}
	w.t = t
	enrol.ID, enrol.Profile = "carrier.T-3", "shipper.none@1"
	w.refused(ledger.Invalid, carrierOp, ledger.TrackerEnrol, enrol)

	// Not for ever.
	refs := []string{"shipper.probe@1", "thingsboard-device@1"}
	for i := len(tr.Profiles); i < ledger.MaxProfiles; i++ {
		must[ledger.Tracker](w, carrierOp, ledger.TrackerProfile, ledger.EventTracker, ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: refs[i%2]})
	}
	w.refused(ledger.BadState, carrierOp, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: "carrier.T-1", Profile: refs[0]})
	var full ledger.Tracker
	if err := json.Unmarshal(w.state[ledger.TrackerKeyOf("carrier.T-1")], &full); err != nil || len(full.Profiles) != ledger.MaxProfiles {
		t.Errorf("stored %d profiles, %v", len(full.Profiles), err)
	}
	w.ms -= 60_000
	w.refused(ledger.BadState, carrierOp, ledger.TrackerProfile, ledger.TrackerProfileArgs{ID: "carrier.T-1"})
}
