package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/api/internal/profiles"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/profile"
)

// probeProfile reads a made-up tracker.
const probeProfile = `{"id":"probe","version":1,"title":"Probe of a test","topics":["probe/+"],"time":{"from":"$.ts","as":"ms"},"sequence":{"from":"$.n","bits":16},
	"readings":[{"quantity":"temperature","from":"$.t","unit":"°F","errors":["999"]},{"quantity":"humidity","from":"$.h"}]}`

func TestProfiles(t *testing.T) {
	w := newWorld(t)
	var p profiles.Profile
	w.must(201, "POST", "/v1/profiles", probeProfile).into(&p)
	want(t, "reference", p.Ref, "carrier.probe@1")
	want(t, "publisher", present(t, "publisher", p.Publisher.V), "carrier")
	present(t, "transaction", p.Tx.V)
	want(t, "digits of the hash", len(p.Hash), 64)
	w.must(200, "POST", "/v1/profiles", " "+strings.ReplaceAll(probeProfile, "\n", "")).into(&p)
	want(t, "title, written otherwise", p.Title, "Probe of a test")

	for name, tc := range map[string]struct {
		body         string
		status       int
		code, detail string
	}{
		"another document, same version": {strings.Replace(probeProfile, "999", "998", 1), 409, "conflict", "never changes"},
		"a version is missing":           {strings.Replace(probeProfile, `"version":1`, `"version":3`, 1), 409, "bad_state", "comes after version 2"},
		"another's id":                   {strings.Replace(probeProfile, `"probe"`, `"shipper.probe"`, 1), 422, "invalid", "carrier."},
		"not JSON":                       {`{"id"`, 422, "invalid_request", ""},
		"repeated member":                {`{"id":"a","id":"b"}`, 422, "invalid_request", ""},
		"unknown member":                 {`{"reedings":[]}`, 422, "invalid_request", ""},
	} {
		got := w.call("POST", "/v1/profiles", tc.body)
		if p := got.problem(); got.Code != tc.status || string(p.Code) != tc.code || !strings.Contains(p.Detail, tc.detail) {
			t.Errorf("%s: got %d %s, want %d %s with %q", name, got.Code, got.Body, tc.status, tc.code, tc.detail)
		}
	}
	wrong := strings.NewReplacer(`$.ts`, `$.[`, `°F`, `feet`, `"version":1`, `"version":0`).Replace(probeProfile)
	fields := map[string]bool{}
	for _, f := range w.must(422, "POST", "/v1/profiles", wrong).problem().Errors {
		fields[f.Field] = true
	}
	for _, field := range []string{"body.version", "body.time.from", "body.readings[0].unit"} {
		if !fields[field] {
			t.Errorf("got problems of %v, want one of %s too", fields, field)
		}
	}
	// A zone by its name gets its offsets, which all read by.
	zoned := `{"id":"zoned","version":1,"title":"x","time":{"from":"$.at","as":"layout:2006-01-02 15:04:05","zone":"Europe/Berlin"},"readings":[{"quantity":"temperature","from":"$.t"}]}`
	w.must(201, "POST", "/v1/profiles", zoned).into(&p)
	var whole profiles.WholeProfile
	w.must(200, "GET", "/v1/profiles/"+p.Ref, "").into(&whole)
	if d := string(whole.Document); !strings.Contains(d, `"add":"+02:00"`) {
		t.Errorf("the document has no offsets: %s", d)
	}
	if parsed, err := profile.Parse(whole.Document); err != nil || parsed.Ref() != p.Ref {
		t.Errorf("the document: %v", err)
	}

	// Everybody sees them, page by page, after the ready ones.
	other := newWorldOf(t, "shipper", w)
	var refs []string
	for cursor := ""; ; {
		var page rest.List[profiles.Profile]
		other.must(200, "GET", "/v1/profiles?limit=4&cursor="+cursor, "").into(&page)
		for _, v := range page.Items {
			if v.Title == "" || v.Builtin == (v.Publisher.V != nil) {
				t.Errorf("%s: title %q, built in %v, publisher %v", v.Ref, v.Title, v.Builtin, v.Publisher.V)
			}
			refs = append(refs, v.Ref)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(refs) != len(profile.Ready())+2 || refs[0] != profile.Ready()[0].Ref() || !slices.Contains(refs, "carrier.probe@1") {
		t.Errorf("got %q, want the %d ready ones and then those of carrier", refs, len(profile.Ready()))
	}
	other.must(200, "GET", "/v1/profiles/ttn-v3@1", "").into(&whole)
	want(t, "built in", whole.Builtin, true)
	want(t, "gateway", whole.Gateway, true)
	other.must(404, "GET", "/v1/profiles/carrier.probe@7", "")
}

func TestTryProfile(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/v1/profiles", probeProfile)
	const decoder = `{"id":"c","version":1,"title":"x","readings":[{"quantity":"temperature","from":"$.data.t"}],"codec":{"script":%q,"kind":"ttn","licence":"MIT","bytes":"$.b","encoding":"hex"}}`
	script := func(s string) string { return fmt.Sprintf(decoder, s) }
	for _, c := range []struct{ name, body, want string }{
		{"a message as JSON", `{"profile":"carrier.probe@1","topic":"probe/7","payload":{"ts":1767605400000,"n":65535,"t":50,"h":45.5,"rest":1},"received_at":"2026-01-05T09:31:00Z"}`,
			`time=2026-01-05T09:30:00.000Z dated=true humidity=45.5 temperature=10 seq=65535 ignored=[$.rest]`},
		{"as base64", `{"profile":"carrier.probe@1","topic":"probe/7","payload":"eyJ0cyI6MTc2NzYwNTQwMDAwMCwidCI6OTk5LCJoIjo0NX0=","received_at":"2026-01-05T09:31:00Z"}`,
			`time=2026-01-05T09:30:00.000Z dated=true humidity=45 flaw=temperature/not_a_number ignored=[]`},
		{"as text", `{"profile":"carrier.probe@1","text":"{\"h\":45}","received_at":"2026-01-05T09:31:00Z"}`, `time=2026-01-05T09:31:00.000Z dated=false humidity=45 ignored=[]`},
		{"another topic", `{"profile":"carrier.probe@1","topic":"other/7","payload":{"t":50}}`, `refused=no_match`},
		{"no JSON", `{"profile":"carrier.probe@1","topic":"probe/7","text":"{"}`, `refused=malformed`},
		{"a document", `{"document":` + strings.Replace(probeProfile, "°F", "°C", 1) + `,"topic":"probe/7","payload":{"ts":1767605400000,"t":50},"received_at":"2026-01-05T09:31:00Z"}`,
			`time=2026-01-05T09:30:00.000Z dated=true temperature=50 ignored=[]`},
		{"a codec", `{"document":` + script(`function decodeUplink(i) { return { data: { t: i.bytes.length } } }`) + `,"payload":{"b":"616263"},"received_at":"2026-01-05T09:31:00Z"}`,
			`time=2026-01-05T09:31:00.000Z dated=false temperature=3 ignored=[] decoded={"data":{"t":3}}`},
		{"a codec that fails", `{"document":` + script(`function decodeUplink(i) { throw new Error('short') }`) + `,"payload":{"b":"616263"}}`, `refused=codec_failed`},
		{"a codec that does not end", `{"document":` + script(`function decodeUplink(i) { for (;;) {} }`) + `,"payload":{"b":"616263"}}`, `refused=codec_limit`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got profiles.Tried
			w.must(200, "POST", "/v1/profiles/try", c.body).into(&got)
			var b []string
			if r := got.Refused.V; r != nil {
				b = append(b, "refused="+r.Reason)
			}
			for _, p := range got.Parts {
				if r := p.Refused.V; r != nil {
					b = append(b, "refused="+r.Reason)
					continue
				}
				for _, r := range p.Readings {
					b = append(b, fmt.Sprintf("time=%v dated=%v", r.Time, r.Dated))
					var values []string
					for name, v := range r.Values {
						values = append(values, fmt.Sprintf("%s=%v", name, v))
					}
					slices.Sort(values)
					b = append(b, values...)
					for _, f := range r.Flaws {
						b = append(b, "flaw="+f.Name+"/"+f.Reason)
					}
				}
				if p.Seq.V != nil {
					b = append(b, fmt.Sprintf("seq=%d", *p.Seq.V))
				}
				b = append(b, fmt.Sprintf("ignored=%v", p.Ignored))
				if len(p.Decoded) > 0 {
					b = append(b, "decoded="+string(p.Decoded))
				}
			}
			want(t, c.name, strings.Join(b, " "), c.want)
		})
	}
	// A gateway's message, part by part.
	var got profiles.Tried
	w.must(200, "POST", "/v1/profiles/try", `{"profile":"thingsboard-gateway@1","topic":"v1/gateway/telemetry","payload":{"A":[{"ts":1767605400000,"values":{"temperature":4}}],"B":[{"ts":1767605400000,"values":{"temperature":5}}]}}`).into(&got)
	if len(got.Parts) != 2 || got.Parts[0].Device != "A" || got.Parts[1].Readings[0].Values["temperature"] != 5 {
		t.Errorf("parts of a gateway: %+v", got.Parts)
	}
	for name, body := range map[string]string{
		"neither":      `{"payload":{}}`,
		"both":         `{"profile":"a@1","document":{},"payload":{}}`,
		"no message":   `{"profile":"plain-json@1"}`,
		"two messages": `{"profile":"plain-json@1","payload":{},"text":""}`,
		"no base64":    `{"profile":"plain-json@1","payload":"%"}`,
		"document":     `{"document":{"id":"x"},"payload":{}}`,
		"member":       `{"profil":"plain-json@1","payload":{}}`,
	} {
		if r := w.call("POST", "/v1/profiles/try", body); r.Code != 422 || r.problem().Code != "invalid_request" {
			t.Errorf("%s: got %d %s, want 422 invalid_request", name, r.Code, r.Body)
		}
	}
	w.must(404, "POST", "/v1/profiles/try", `{"profile":"nobody.x@1","payload":{}}`)
}

func TestImportCodec(t *testing.T) {
	w := newWorld(t)
	body := func(expect string, more string) string {
		raw, err := json.Marshal(map[string]string{
			"id": "sensor", "carrier": "ttn-v3", "licence": "Apache-2.0", "origin": "https://maker.example/sensor.js",
			"script":      `function decodeUplink(i) { return { data: { temperature: i.bytes[0] / 2, humidity: i.bytes[1] } } }`,
			"description": "uplinkDecoder:\n  examples:\n    - description: warm\n      input: {fPort: 1, bytes: [43, 50]}\n      output: {data: {temperature: " + expect + ", humidity: 50}}\n",
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(string(raw), "}") + more + "}"
	}
	var got profiles.ImportedCodec
	w.must(200, "POST", "/v1/profiles/import", body("21.5", "")).into(&got)
	if got.Agreed != 1 || got.Licence != "Apache-2.0" || got.Problem != "" || len(got.Document) == 0 || got.Published.V != nil {
		t.Fatalf("got %+v, want one example that agrees, and nothing published", got)
	}
	w.must(404, "GET", "/v1/profiles/carrier.sensor@1", "")
	w.must(200, "POST", "/v1/profiles/import", body("22", "")).into(&got)
	if got.Agreed != 0 || !strings.Contains(got.Examples[0].Problem, "data.temperature") || got.Problem == "" {
		t.Errorf("got %+v, want where the example differs", got)
	}
	if p := w.must(422, "POST", "/v1/profiles/import", body("22", `,"publish":true`)).problem(); len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Detail, "warm: data.temperature") {
		t.Errorf("publishing although an example disagrees: %+v", p)
	}
	w.must(200, "POST", "/v1/profiles/import", body("21.5", `,"publish":true`)).into(&got)
	want(t, "published", present(t, "published", got.Published.V).Ref, "carrier.sensor@1")
	var whole profiles.WholeProfile
	w.must(200, "GET", "/v1/profiles/carrier.sensor@1", "").into(&whole)
	want(t, "licence of the script", whole.CodecLicence, "Apache-2.0")
	// Once more is the same; with confirm, and other readings, it is another version.
	w.must(200, "POST", "/v1/profiles/import", body("21.5", `,"publish":true`)).into(&got)
	w.must(200, "POST", "/v1/profiles/import", body("22", `,"publish":true,"confirm":true,"version":2,"readings":[{"quantity":"temperature","from":"$.data.temperature","offset":"0.5"}]`)).into(&got)
	want(t, "published", present(t, "published", got.Published.V).Ref, "carrier.sensor@2")
	var tried profiles.Tried
	w.must(200, "POST", "/v1/profiles/try", `{"profile":"carrier.sensor@2","payload":{"end_device_ids":{"device_id":"s-1"},"uplink_message":{"f_port":1,"f_cnt":3,"frm_payload":"KzI=","received_at":"2026-01-05T09:30:00Z"}}}`).into(&tried)
	if len(tried.Parts) != 1 || len(tried.Parts[0].Readings) != 1 || tried.Parts[0].Readings[0].Values["temperature"] != 22 {
		t.Errorf("the imported codec read %+v", tried)
	}
	for name, b := range map[string]string{
		"no licence":  strings.Replace(body("21.5", ""), "Apache-2.0", " ", 1),
		"no carrier":  strings.Replace(body("21.5", ""), "ttn-v3", "x", 1),
		"no examples": `{"id":"s","carrier":"ttn-v3","licence":"MIT","script":"x","description":"a: b"}`,
	} {
		if r := w.call("POST", "/v1/profiles/import", b); r.Code != 422 || r.problem().Code != "invalid_request" {
			t.Errorf("%s: got %d %s, want 422 invalid_request", name, r.Code, r.Body)
		}
	}
}

func TestCodecsCannotRun(t *testing.T) {
	w := newWorld(t)
	w.codecs.Close()
	r := w.must(503, "POST", "/v1/profiles/try", `{"document":{"id":"c","version":1,"title":"x","readings":[{"quantity":"temperature","from":"$.data.t"}],"codec":{"script":"x"}},"text":"abc"}`)
	want(t, "code", string(r.problem().Code), "codecs_unavailable")
}
