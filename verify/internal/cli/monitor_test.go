package cli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
)

// apiOf serves a made-up ledger over HTTP as the API does.
func apiOf(t *testing.T, trip *evidencetest.Trip) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/heads", func(w http.ResponseWriter, _ *http.Request) {
		h, _ := trip.Head(trip.Newest())
		_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{h}})
	})
	mux.HandleFunc("GET /v1/heads/{heads}/evidence", func(w http.ResponseWriter, r *http.Request) {
		from, err := strconv.Atoi(r.URL.Query().Get("from"))
		nonce, bad := hex.DecodeString(r.URL.Query().Get("nonce"))
		if err != nil || bad != nil || from > trip.Newest() {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(trip.HeadsLog(from, trip.Newest(), nonce))
	})
	mux.HandleFunc("GET /v1/network", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"ingest": []any{}})
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestMonitorAndFork(t *testing.T) {
	trip := evidencetest.NewTrip(evidencetest.New(fabricproof.BFT))
	for range 3 {
		trip.Anchor(false)
	}
	fork := trip.Fork()
	trip.Anchor(false)
	fork.Anchor(false)
	here, there := apiOf(t, trip), apiOf(t, fork)
	dir := t.TempDir()
	write := func(name string, content any) string {
		raw, ok := content.([]byte)
		if !ok {
			var err error
			if raw, err = json.Marshal(content); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	policy := write("policy.json", trip.C.Policy())
	credentials := write("credentials.json", map[string]any{here + "/": map[string]string{"token": "good"}, there: map[string]string{"token": "good"}})
	wrong := write("wrong.json", map[string]any{here: map[string]string{"tokem": "good"}})
	heads := write("heads.tsb", trip.HeadsLog(0, 3, []byte{1}))
	whole := write("whole.tsb", evidencetest.Standard(fabricproof.BFT, 4).Bundle())
	state, both := filepath.Join(dir, "state.json"), filepath.Join(dir, "both.json")
	run := func(exit int, text string, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := Run(t.Context(), args, &out, &errs, nil); got != exit || !strings.Contains(out.String()+errs.String(), text) {
			t.Errorf("%v: exit %d instead of %d, or no %q in\n%s%s", args, got, exit, text, out.String(), errs.String())
		}
		if exit == 64 && strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: not one line: %s", args, errs.String())
		}
		return out.String()
	}
	monitor := func(exit int, text string, args ...string) string {
		t.Helper()
		return run(exit, text, append([]string{"monitor", "--once", "--policy", policy}, args...)...)
	}
	t.Setenv("TRACKSEAL_TOKEN", "good")
	monitor(0, "ingest-carrier anchor 3 size 8", "--api", here, "--state", state)
	monitor(0, "", "--api", here, "--state", state)
	monitor(0, `"event":"anchor"`, "--api", there, "--state", filepath.Join(dir, "there.json"), "--json")
	out := monitor(1, `"event":"fork"`, "--api", here, "--api", there, "--state", both, "--json", "--credentials", credentials)
	var file string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var e struct{ Event, File string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if e.Event == "fork" {
			file = e.File
		}
	}
	run(0, "PROVEN: two blocks", "fork", file, "--policy", policy)
	run(0, `"proven": true`, "fork", file, "--policy", policy, "--json")
	run(1, "NOT PROVEN: not a fork file", "fork", heads, "--policy", policy)
	run(64, "--policy is missing", "fork", file)
	run(64, "no such file", "fork", filepath.Join(dir, "none"), "--policy", policy)
	run(0, "PASSED", "heads", heads, "--policy", policy, "--nonce", "01")
	run(1, "E_STALE", "heads", heads, "--policy", policy, "--nonce", "02")
	run(64, "use `verify heads", heads, "--policy", policy)
	run(1, "E_PIN", "heads", whole, "--policy", policy)

	monitor(64, "--api is missing", "--state", state)
	monitor(64, "--state is missing", "--api", here)
	monitor(64, "given twice", "--api", here, "--api", here+"/", "--state", state)
	monitor(64, "must be https", "--api", "http://api.example", "--state", state)
	monitor(64, "does not exist", "--api", here, "--state", filepath.Join(dir, "none", "state.json"))
	monitor(64, "tokem", "--api", here, "--state", state, "--credentials", wrong)
	monitor(64, "no entry", "--api", "https://other.example", "--state", state, "--credentials", credentials)
	monitor(64, "no certificate", "--api", here, "--state", state, "--ca", policy)
	monitor(64, "at least 1s", "--api", here, "--state", state, "--stall", "5ms")
	monitor(64, "damaged", "--api", here, "--state", heads)
	monitor(64, "TRACKSEAL_CLIENT_SECRET", "--api", here, "--state", state, "--client-id", "auditor")
	t.Setenv("TRACKSEAL_TOKEN", "bad")
	monitor(2, "401", "--api", here, "--state", state)
	t.Setenv("TRACKSEAL_TOKEN", "")
	monitor(64, "no credentials", "--api", here, "--state", state)
	run(64, "--policy is missing", "monitor", "--api", here, "--state", state)
}
