package httpapi_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	networkapi "github.com/trackseal/trackseal/api/internal/network"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/trackers"
	"github.com/trackseal/trackseal/internal/ledger"
)

func TestAttachTrackers(t *testing.T) {
	w := newWorld(t)
	var g, tr trackers.Tracker
	w.must(201, "POST", "/v1/trackers", `{"id":"G-1","unsigned":true,"profile":"thingsboard-gateway@1"}`).into(&g)
	want(t, "gateway's profile", present(t, "profile", g.Profile.V).Ref, "thingsboard-gateway@1")
	w.must(201, "POST", "/v1/trackers", `{"id":"T-1","unsigned":true,"gateway":"G-1","device":"Fridge 7"}`).into(&tr)
	want(t, "gateway", present(t, "gateway", tr.Gateway.V), "carrier.G-1")
	want(t, "device", tr.Device, "Fridge 7")
	want(t, "its gateway's profile", present(t, "profile", tr.Profile.V).Ref, "thingsboard-gateway@1")
	want(t, "trust", tr.Trust, "unsigned")
	tr = trackers.Tracker{}
	w.must(200, "POST", "/v1/trackers/carrier.T-1/profile", `{"profile":"thingsboard-device@1"}`).into(&tr)
	want(t, "its own profile", present(t, "profile", tr.Profile.V).Ref, "thingsboard-device@1")
	tr = trackers.Tracker{}
	w.must(200, "POST", "/v1/trackers/carrier.T-1/profile", `{"profile":""}`).into(&tr)
	want(t, "no profile", tr.Profile.V == nil, true)
	tr = trackers.Tracker{}
	w.must(200, "POST", "/v1/trackers/carrier.T-1/gateway", `{"gateway":""}`).into(&tr)
	want(t, "no gateway", tr.Gateway.V == nil && tr.Device == "", true)
	w.must(200, "POST", "/v1/trackers/carrier.T-1/gateway", `{"gateway":"carrier.G-1"}`).into(&tr)
	want(t, "device by its id", tr.Device, "T-1")
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.signs"))
	for _, tc := range []struct {
		path, body string
		code       int
	}{
		{"/v1/trackers", `{"id":"x","unsigned":true,"profile":"nobody.none@1"}`, 422},
		{"/v1/trackers", `{"id":"x","unsigned":true,"profile":"none"}`, 422},
		{"/v1/trackers", `{"id":"x","unsigned":true,"gateway":"none"}`, 422},
		{"/v1/trackers", `{"id":"x","unsigned":true,"gateway":"T-1"}`, 409},
		{"/v1/trackers", `{"id":"x","unsigned":true,"gateway":"G-1","device":"T-1"}`, 409},
		{"/v1/trackers", `{"id":"own","unsigned":true,"device":"its own name"}`, 201},
		{"/v1/trackers/carrier.signs/profile", `{"profile":"thingsboard-device@1"}`, 409},
		{"/v1/trackers/carrier.signs/gateway", `{"gateway":"G-1"}`, 409},
		{"/v1/trackers/carrier.G-1/gateway", `{"gateway":"carrier.signs"}`, 409},
	} {
		if r := w.call("POST", tc.path, tc.body); r.Code != tc.code {
			t.Errorf("%s %s: got %d %s, want %d", tc.path, tc.body, r.Code, r.Body, tc.code)
		}
	}
}

func TestAttestedTrackers(t *testing.T) {
	w := newWorld(t)
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := func(name string, ca bool) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			BasicConstraintsValid: true, IsCA: ca, KeyUsage: x509.KeyUsageCertSign}
	}
	root, err := x509.CreateCertificate(rand.Reader, template("Acme root", true), template("Acme root", true), public, key)
	if err != nil {
		t.Fatal(err)
	}
	body := map[string]any{}
	if err := json.Unmarshal([]byte(enrolBody(t, "carrier", "carrier.t1")), &body); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(body["public_key"].(string))
	if err != nil {
		t.Fatal(err)
	}
	device, err := x509.CreateCertificate(rand.Reader, template("logger", false), template("Acme root", true), ed25519.PublicKey(raw), key)
	if err != nil {
		t.Fatal(err)
	}
	body["certificates"] = []string{base64.StdEncoding.EncodeToString(device), base64.StdEncoding.EncodeToString(root)}
	enrol, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.call("POST", "/v1/trackers", string(enrol)); r.Code != 422 && r.Code != 400 {
		t.Errorf("with certificates of a maker that nobody accepted: %d %s", r.Code, r.Body)
	}
	w.ledger.Accept(t, "Acme", root)
	var makers rest.List[networkapi.Maker]
	w.must(200, "GET", "/v1/makers", "").into(&makers)
	sum := sha256.Sum256(root)
	if len(makers.Items) != 1 || makers.Items[0].Name != "Acme" || makers.Items[0].Root != hex.EncodeToString(sum[:]) || !bytes.Equal(makers.Items[0].Certificate, root) || makers.Items[0].EndedAt.V != nil {
		t.Errorf("makers: %+v", makers)
	}
	var proposals rest.List[networkapi.Proposal]
	w.must(200, "GET", "/v1/member-proposals", "").into(&proposals)
	if len(proposals.Items) != 1 || proposals.Items[0].Act != "accept_maker" || proposals.Items[0].Member != "Acme" || proposals.Items[0].Root != makers.Items[0].Root {
		t.Errorf("proposals: %+v", proposals)
	}
	var tr trackers.Tracker
	w.must(201, "POST", "/v1/trackers", string(enrol)).into(&tr)
	want(t, "trust", tr.Trust, "attested")
	want(t, "maker", present(t, "attestation", tr.Attestation.V).Maker, "Acme")
}

// list sends a list of trackers.
func (w *world) list(body string, headers ...string) response {
	w.t.Helper()
	return w.call("POST", "/v1/trackers/import", body, append([]string{"Content-Type", "text/csv; charset=utf-8"}, headers...)...)
}

func outcomes(i trackers.Imported) string {
	var all []string
	for _, r := range i.Rows {
		all = append(all, fmt.Sprintf("%d %s %s", r.Line, r.ID, r.Outcome))
	}
	return strings.Join(all, "; ")
}

func TestImportTrackers(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/trackers", enrolBody(t, "carrier", "carrier.signs"))
	const list = "\ufeffid;model;profile;gateway;device;operator\r\nT-1;\"probe; long\";;G-1;Fridge 7;\r\nG-1;gateway;thingsboard-gateway@1;;;carrier\r\n" +
		"T-2;;nobody.none@1;;;\r\n../x;;;;;\r\nT-1;;;;;\r\nsigns;;;;;\r\nT-3;;;;;nobody\r\nshipper.T-9;;;;;\r\n"
	var got, again trackers.Imported
	r := w.list(list, "Idempotency-Key", "k1")
	want(t, "status", r.Code, 200)
	r.into(&got)
	want(t, "outcomes", outcomes(got), "2 carrier.T-1 enrolled; 3 carrier.G-1 enrolled; 4 carrier.T-2 refused; 5  refused; 6 carrier.T-1 refused; 7 carrier.signs refused; 8 carrier.T-3 refused; 9 shipper.T-9 refused")
	want(t, "enrolled and refused", fmt.Sprint(got.Enrolled, got.There, got.Refused), "2 0 6")
	secrets := map[string]bool{}
	for i, row := range got.Rows {
		if enrolled := row.Outcome == "enrolled"; enrolled != (row.Secret != "") || enrolled != (row.Tx != "") || enrolled == (row.Detail != "") || secrets[row.Secret] && enrolled {
			t.Errorf("row %d: %+v", i, row)
		}
		secrets[row.Secret] = true
	}
	for i, text := range map[int]string{2: "nobody.none@1", 3: "id must be", 4: "line 2 already", 5: "not as this row says", 6: "operator is not a member", 7: "carrier."} {
		if !strings.Contains(got.Rows[i].Detail, text) {
			t.Errorf("line %d: %q, want … %s …", got.Rows[i].Line, got.Rows[i].Detail, text)
		}
	}
	var tr trackers.Tracker
	w.must(200, "GET", "/v1/trackers/carrier.T-1", "").into(&tr)
	want(t, "model", tr.Model, "probe; long")
	want(t, "device", tr.Device, "Fridge 7")
	sum := sha256.Sum256([]byte(got.Rows[0].Secret))
	record, err := ledger.TrackerGet.Ask(t.Context(), w.ledger, ledger.TrackerArgs{ID: "carrier.T-1"})
	if err != nil || record.SecretHash != hex.EncodeToString(sum[:]) {
		t.Errorf("the secret opens nothing: %+v, %v", record, err)
	}

	// The same with the same key: the same secrets, also by a new process. With another key: they are there, and no secret is told.
	w.reopen()
	r = w.list(list, "Idempotency-Key", "k1")
	r.into(&again)
	want(t, "the same answer", fmt.Sprint(again), fmt.Sprint(got))
	again = trackers.Imported{}
	w.list(list, "Idempotency-Key", "k2").into(&again)
	want(t, "with another key", fmt.Sprint(again.Enrolled, again.There, again.Refused), "0 2 6")
	for _, row := range again.Rows {
		if row.Secret != "" {
			t.Errorf("told again: %+v", row)
		}
	}
	changed := strings.Replace(list, "Fridge 7", "Fridge 8", 1)
	again = trackers.Imported{}
	w.list(changed).into(&again)
	want(t, "another name at the gateway", again.Rows[0].Outcome+" "+string(again.Rows[0].Code), "refused exists")

	again = trackers.Imported{}
	w.list("id,gateway\nT-4,T-1\n").into(&again)
	want(t, "behind a device", again.Rows[0].Outcome+" "+string(again.Rows[0].Code), "refused bad_state")

	for name, tc := range map[string]struct {
		body, kind string
		code       int
	}{
		"JSON":           {`{}`, "application/json", 415},
		"no row":         {"id\n", "text/csv", 422},
		"unknown column": {"id,secret\na,b\n", "text/csv", 422},
		"large":          {"id\n" + strings.Repeat("x", 1<<20), "text/csv", 413},
	} {
		if r := w.call("POST", "/v1/trackers/import", tc.body, "Content-Type", tc.kind); r.Code != tc.code {
			t.Errorf("%s: %d %s, want %d", name, r.Code, r.Body, tc.code)
		}
	}
}

// An outcome that is lost for some rows leaves nobody without a secret: the same file with the same key tells them.
func TestImportTrackersAfterUnknownOutcomes(t *testing.T) {
	w := newWorld(t)
	const list = "id\nT-1\nT-2\nT-3\n"
	w.ledger.FailAfter(ledger.TrackerEnrol, 2)
	var got, again trackers.Imported
	w.list(list, "Idempotency-Key", "k").into(&got)
	want(t, "first", fmt.Sprint(got.Enrolled, got.Refused), "1 2")
	w.list(list, "Idempotency-Key", "k").into(&again)
	want(t, "again", fmt.Sprint(again.Enrolled, again.Refused), "3 0")
	for i, row := range got.Rows {
		if row.Outcome == "enrolled" && row.Secret != again.Rows[i].Secret {
			t.Errorf("%s has another secret now", row.ID)
		}
	}
}

func TestImportManyTrackers(t *testing.T) {
	w := newWorld(t)
	var list strings.Builder
	list.WriteString("id,gateway,device\n")
	for i := range 299 {
		fmt.Fprintf(&list, "T-%d,G,device %d\n", i, i)
	}
	list.WriteString("G,,\n")
	var got trackers.Imported
	w.list(list.String()).into(&got)
	want(t, "enrolled and refused", fmt.Sprint(got.Enrolled, got.Refused), "300 0")
}

func TestTrackerLabel(t *testing.T) {
	w := newWorld(t)
	var tr trackers.Tracker
	w.must(201, "POST", "/v1/trackers", `{"id":"T-1","unsigned":true,"profile":"thingsboard-device@1"}`).into(&tr)
	get := func(query string) *httptest.ResponseRecorder {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/trackers/carrier.T-1/qr"+query, nil)
		req.Header.Set("Authorization", "Bearer "+w.token("carrier-admin"))
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, req)
		return rec
	}
	svg := get("")
	if svg.Code != 200 || svg.Header().Get("Content-Type") != "image/svg+xml" || xml.Unmarshal(svg.Body.Bytes(), new(struct{ XMLName xml.Name })) != nil {
		t.Errorf("SVG: %d %s %.200s", svg.Code, svg.Header(), svg.Body)
	}
	pic := get("?format=png")
	if _, err := png.Decode(bytes.NewReader(pic.Body.Bytes())); err != nil || pic.Header().Get("Content-Type") != "image/png" {
		t.Errorf("PNG: %v %s", err, pic.Header())
	}
	w.must(422, "GET", "/v1/trackers/carrier.T-1/qr?format=gif", "")
	w.must(404, "GET", "/v1/trackers/shipper.T-1/qr", "")
}
