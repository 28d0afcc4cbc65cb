package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/evidence/evidencetest"
	"github.com/trackseal/trackseal/internal/evidence/fabricproof"
	"github.com/trackseal/trackseal/internal/telemetry"
)

// monitorEvent is a line of verify monitor --json.
type monitorEvent struct {
	Event, API, Ingest, Detail, File string
	N                                *uint64
}

// watcher runs the auditor's program.
type watcher struct {
	t       *testing.T
	program string
	flags   []string
}

func newWatcher(t *testing.T, s *stack, policy *evidence.Policy, alias map[string]string) *watcher {
	t.Helper()
	dir := t.TempDir()
	w := &watcher{t: t, program: filepath.Join(dir, "verify")}
	build := exec.Command("go", "build", "-o", w.program, "./verify")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	credentials := map[string]map[string]string{}
	for org := range s.API {
		a := s.api(t, org)
		entry := map[string]string{"client_id": org + "-admin", "client_secret": a.secret}
		credentials[a.base] = entry
		if u := alias[org]; u != "" {
			credentials[u] = entry
		}
	}
	write := func(name string, v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	w.flags = []string{"--policy", write("policy.json", policy), "--state", filepath.Join(dir, "state.json"), "--credentials", write("credentials.json", credentials), "--json"}
	return w
}

func (w *watcher) command(ctx context.Context, apis []string, more ...string) *exec.Cmd {
	args := append([]string{"monitor"}, w.flags...)
	for _, a := range apis {
		args = append(args, "--api", a)
	}
	cmd := exec.CommandContext(ctx, w.program, append(args, more...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	return cmd
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return exit.ExitCode()
	}
	return 0
}

// once is `verify monitor --once`.
func (w *watcher) once(apis ...string) (events []monitorEvent, code int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	var errs bytes.Buffer
	cmd := w.command(ctx, apis, "--once")
	cmd.Stderr = &errs
	out, err := cmd.Output()
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if line == "" {
			continue
		}
		var e monitorEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatalf("%v in %s", err, line)
		}
		events = append(events, e)
	}
	w.t.Logf("%s%s", out, errs.String())
	return events, exitCode(w.t, err)
}

// member reads an identity of the development network. Its keys are what the consortium's members would need to collude.
func member(t *testing.T, s *stack, path, msp string) *evidencetest.ID {
	t.Helper()
	dir := filepath.Join(s.Dir, "fabric", "crypto", path, "msp")
	read := func(pattern string) []byte {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s in %s: %v %v", pattern, dir, files, err)
		}
		raw, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	block, _ := pem.Decode(read("keystore/*"))
	if block == nil {
		t.Fatalf("no key in %s", dir)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &evidencetest.ID{MSP: msp, PEM: read("signcerts/*"), Key: key.(*ecdsa.PrivateKey)}
}

// forge tells another story about the last block of a heads-log bundle: the anchor's transaction stands in it twice. All
// orderers and peers lend their keys, so each signature is right.
func forge(t *testing.T, s *stack, raw []byte) []byte {
	t.Helper()
	r, err := evidence.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	m := r.Manifest
	config, err := fabricproof.DecodeConfig(&m.Configs[len(m.Configs)-1])
	if err != nil {
		t.Fatal(err)
	}
	b := &m.Blocks[len(m.Blocks)-1]
	last := &m.Instances[0].Anchors[len(m.Instances[0].Anchors)-1]
	envelope := b.Envelopes[last.Tx]
	b.Envelopes, last.Tx = [][]byte{envelope, envelope}, 0
	sum := sha256.Sum256(append(bytes.Clone(envelope), envelope...))
	b.DataHash = sum[:]
	at, err := b.LastConfig()
	if err != nil {
		t.Fatal(err)
	}
	value := evidencetest.OrdererValue(at)
	set := evidencetest.Msg{}.Bytes(1, value)
	for _, n := range config.Consenters {
		org := strings.ToLower(strings.TrimSuffix(n.MSP, "OrdererMSP"))
		id := member(t, s, "ordererOrganizations/"+org+"-orderer.trackseal/orderers/orderer."+org+"-orderer.trackseal", n.MSP)
		head := evidencetest.Msg{}.Uint(1, uint64(n.ID)).Bytes(2, []byte("a nonce"))
		set = set.Sub(2, evidencetest.Msg{}.Bytes(2, id.Sign(value, head, b.Header.Bytes())).Bytes(3, head))
	}
	b.Signatures = [][]byte{set}
	shown := *b
	shown.Filter = []byte{0, 2}
	for i, a := range m.Attestations {
		hash := sha256.Sum256(bytes.Join([][]byte{a.ChannelHeader, a.SignatureHeader, a.Proposal}, nil))
		action := evidencetest.Msg{}.Sub(3, evidencetest.Msg{}.Uint(1, 200).Bytes(3, evidencetest.EncodeBlock(&shown))).Sub(4, evidencetest.Msg{}.Text(2, "qscc"))
		f := fabricproof.Attestation{ChannelHeader: a.ChannelHeader, SignatureHeader: a.SignatureHeader, Proposal: a.Proposal, Endorser: a.Endorser,
			Response: evidencetest.Msg{}.Bytes(1, hash[:]).Bytes(2, action)}
		for org := range s.API {
			id := member(t, s, "peerOrganizations/"+org+".trackseal/peers/peer."+org+".trackseal", "")
			if bytes.Contains(a.Endorser, bytes.TrimSpace(id.PEM)) {
				f.Signature = id.Sign(f.Response, f.Endorser)
			}
		}
		if m.Attestations[i], err = evidence.NewAttestation(f, b); err != nil {
			t.Fatal(err)
		}
	}
	return evidencetest.EncodeHeadsLog(&m)
}

// liar passes everything on to an organisation's api, but what its members change.
type liar struct {
	claims   func(items []map[string]any) []map[string]any
	evidence func(raw []byte) []byte
}

func (l *liar) serve(t *testing.T, base string) string {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		path := r.Request.URL.Path
		if r.StatusCode != http.StatusOK || !strings.HasPrefix(path, "/v1/heads") {
			return nil
		}
		raw, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return err
		}
		switch {
		case path == "/v1/heads" && l.claims != nil:
			var list map[string]any
			if err := json.Unmarshal(raw, &list); err != nil {
				return err
			}
			var items []map[string]any
			for _, i := range list["items"].([]any) {
				items = append(items, i.(map[string]any))
			}
			list["items"] = l.claims(items)
			if raw, err = json.Marshal(list); err != nil {
				return err
			}
		case path != "/v1/heads" && l.evidence != nil:
			raw = l.evidence(raw)
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
		r.Header.Del("Content-Length")
		return nil
	}
	srv := httptest.NewServer(proxy)
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestStackMonitor follows a few anchors through two organisations' apis, is stopped and continues, and is then lied to: by a
// server alone, which cannot convince it of anything, and by a consortium that colludes, whose fork ends in a file that
// convinces others.
func TestStackMonitor(t *testing.T) {
	s := load(t)
	policy := s.policy(t)
	var lies liar
	carrier, auditor := s.api(t, "carrier"), s.api(t, "auditor")
	lying := lies.serve(t, auditor.base)
	w := newWatcher(t, s, policy, map[string]string{"auditor": lying})
	tr := enrolOwn(t, s, carrier, name("MON"))

	cmd := w.command(t.Context(), []string{carrier.base, auditor.base}, "--every", "1s")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan monitorEvent, 1024)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			var e monitorEvent
			if err := json.Unmarshal(in.Bytes(), &e); err != nil {
				t.Errorf("%v in %s", err, in.Bytes())
			}
			lines <- e
		}
	}()
	steps := 0
	deadline := time.After(3 * time.Minute)
	for tr.publish(tr.message(telemetry.Data)); steps < 3; {
		select {
		case e, ok := <-lines:
			if !ok || e.Event != "anchor" {
				t.Fatalf("%+v\n%s", e, errs.String())
			}
			t.Logf("anchor %d of %s: %s", *e.N, e.Ingest, e.Detail)
			steps++
			tr.publish(tr.message(telemetry.Data)) // it needs another anchor
		case <-deadline:
			t.Fatalf("%d anchors only\n%s", steps, errs.String())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for e := range lines {
		t.Logf("%+v", e)
	}
	if code := exitCode(t, cmd.Wait()); code != 0 {
		t.Fatalf("exit %d\n%s", code, errs.String())
	}

	var everybody []string
	for org := range s.API {
		everybody = append(everybody, s.API[org].URL)
	}
	if events, code := w.once(everybody...); code != 0 {
		t.Errorf("all organisations: exit %d, %+v", code, events)
	}
	expect := func(what, kind, detail string, apis ...string) monitorEvent {
		t.Helper()
		events, code := w.once(apis...)
		for _, e := range events {
			if e.Event == kind && strings.Contains(e.Detail, detail) {
				if code != 1 {
					t.Errorf("%s: exit %d", what, code)
				}
				return e
			}
		}
		t.Errorf("%s: no %s with %q, exit %d", what, kind, detail, code)
		return monitorEvent{}
	}
	other := func(items []map[string]any) []map[string]any {
		for _, i := range items {
			i["root"] = strings.Repeat("0", 64)
		}
		return items
	}
	var kept []byte
	lies = liar{claims: other, evidence: func(raw []byte) []byte { kept = raw; return raw }}
	expect("a claim without evidence", "rejected", "claims anchor", lying, carrier.base)
	lies.evidence = func([]byte) []byte { return kept }
	expect("evidence of an earlier question", "rejected", "E_STALE", lying)
	lies.evidence = func(raw []byte) []byte {
		raw[len(raw)/2] ^= 1
		return raw
	}
	expect("changed evidence", "rejected", "E_", lying)

	if policy.Orderers.Consensus != "bft" {
		t.Log("the fork is forged for SmartBFT only")
		return
	}
	lies.evidence = func(raw []byte) []byte { return forge(t, s, raw) }
	e := expect("a fork", "fork", "two blocks", lying, carrier.base)
	check := exec.Command(w.program, "fork", e.File, "--policy", w.flags[1])
	result, err := check.CombinedOutput()
	t.Logf("%s", result)
	if code := exitCode(t, err); code != 0 || !bytes.Contains(result, []byte("PROVEN: two blocks")) {
		t.Errorf("the fork's file: exit %d", code)
	}
}
