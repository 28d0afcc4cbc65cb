package testkit

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// EnvInfluxd names an influxd binary, 1.8 or 2.x. Tests against the real database are skipped without it.
const EnvInfluxd = "TRACKSEAL_INFLUXD"

// Influxd is a real InfluxDB of one test: authentication and Flux on, database or bucket `trackseal` made. Two tells a 2.x
// server from a 1.8 one; Org is empty for 1.8.
type Influxd struct {
	URL, Org, Bucket, TokenFile string
	Two                         bool

	t     testing.TB
	dir   string
	log   string // its path
	addr  string
	proc  *exec.Cmd
	done  chan struct{}
	heard int // lines about listening in the log before this start
}

// StartInfluxd starts one in t.TempDir() and stops it with the test, or skips the test.
func StartInfluxd(t testing.TB) *Influxd {
	t.Helper()
	binary := os.Getenv(EnvInfluxd)
	if binary == "" {
		t.Skipf("needs a real InfluxDB: set %s to an influxd binary", EnvInfluxd)
	}
	dir := t.TempDir()
	d := &Influxd{t: t, dir: dir, log: filepath.Join(dir, "influxd.log"), Bucket: "trackseal/autogen", TokenFile: filepath.Join(dir, "token"), Two: isTwo(binary)}
	token := "admin:test"
	if d.Two {
		d.Org, d.Bucket, token = "trackseal", "trackseal", "test-token"
	}
	if err := os.WriteFile(d.TokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of influxd's log:\n%s", d.tail())
		}
	})
	for try := 0; ; try++ {
		d.addr = FreeAddr(t)
		d.URL = "http://" + d.addr
		if d.start() {
			break
		}
		if try == 4 {
			t.Fatalf("influxd does not start; its log is %s", d.log)
		}
	}
	if d.Two {
		WaitFor(t, 10*time.Second, "influxd makes user, organisation and bucket", func() bool { return d.setup(token) })
		return d
	}
	// The user, and its rights, take a moment to be seen.
	WaitFor(t, 10*time.Second, "influxd makes the user", func() bool {
		return d.influxQL("", "CREATE USER admin WITH PASSWORD 'test' WITH ALL PRIVILEGES")
	})
	WaitFor(t, 10*time.Second, "influxd makes the database", func() bool {
		return d.influxQL("Token admin:test", "CREATE DATABASE trackseal") && d.takesWrites(token)
	})
	return d
}

// Start runs it again on the same data and port, after Stop or Kill.
func (d *Influxd) Start() {
	d.t.Helper()
	if !d.start() {
		d.t.Fatalf("influxd does not answer at %s; its log is %s", d.addr, d.log)
	}
}

// start answers false when the process ended, as it does when somebody took its port meanwhile.
func (d *Influxd) start() bool {
	d.t.Helper()
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer out.Close()
	d.heard = d.count()
	d.proc = d.command()
	d.proc.Stdout, d.proc.Stderr = out, out
	if err := d.proc.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.done = make(chan struct{})
	go func(p *exec.Cmd, done chan struct{}) { _ = p.Wait(); close(done) }(d.proc, d.done)
	WaitFor(d.t, 60*time.Second, "influxd answers", func() bool {
		if !d.alive() {
			return true
		}
		resp, err := http.Get(d.URL + "/ping")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusNoContent && d.listens()
	})
	return d.alive()
}

// isTwo: only 2.x has the command `inspect`.
func isTwo(binary string) bool {
	help, _ := exec.Command(binary, "inspect", "--help").CombinedOutput() // 1.8 fails
	return strings.Contains(string(help), "influxd inspect")
}

func (d *Influxd) command() *exec.Cmd {
	if d.Two {
		return exec.Command(os.Getenv(EnvInfluxd), "--bolt-path", filepath.Join(d.dir, "bolt"), "--sqlite-path", filepath.Join(d.dir, "sqlite"),
			"--engine-path", filepath.Join(d.dir, "engine"), "--http-bind-address", d.addr, "--reporting-disabled")
	}
	c := exec.Command(os.Getenv(EnvInfluxd), "-config", os.DevNull)
	c.Env = append(os.Environ(),
		"GOGC=300", "GOMEMLIMIT=768MiB", // as in the stack
		"INFLUXDB_META_DIR="+filepath.Join(d.dir, "meta"),
		"INFLUXDB_DATA_DIR="+filepath.Join(d.dir, "data"),
		"INFLUXDB_DATA_WAL_DIR="+filepath.Join(d.dir, "wal"),
		// The in-memory index refuses the 100,001st value of a tag.
		"INFLUXDB_DATA_INDEX_VERSION=tsi1",
		"INFLUXDB_BIND_ADDRESS="+FreeAddr(d.t),
		"INFLUXDB_HTTP_BIND_ADDRESS="+d.addr,
		"INFLUXDB_HTTP_AUTH_ENABLED=true",
		"INFLUXDB_HTTP_FLUX_ENABLED=true",
		"INFLUXDB_HTTP_LOG_ENABLED=true", // shown when the test fails
		"INFLUXDB_COORDINATOR_QUERY_TIMEOUT=60s",
		"INFLUXDB_COORDINATOR_MAX_CONCURRENT_QUERIES=64",
		"INFLUXDB_COORDINATOR_MAX_SELECT_POINT=200000000",
		"INFLUXDB_MONITOR_STORE_ENABLED=false",
		"INFLUXDB_REPORTING_DISABLED=true",
	)
	return c
}

// listens tells whether this very process has the port: another test's server could answer there.
func (d *Influxd) listens() bool {
	return d.alive() && d.count() > d.heard
}

func (d *Influxd) count() int {
	log, _ := os.ReadFile(d.log) // none yet: not said
	if d.Two {
		return strings.Count(string(log), "Listening")
	}
	return strings.Count(string(log), "Listening on HTTP")
}

func (d *Influxd) tail() string {
	log, _ := os.ReadFile(d.log) // none yet
	lines := strings.SplitAfter(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "")
}

func (d *Influxd) alive() bool {
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

// PID of the running server.
func (d *Influxd) PID() int { return d.proc.Process.Pid }

// Stop ends it; a second call does nothing.
func (d *Influxd) Stop() {
	if d.proc == nil {
		return
	}
	if d.done != nil { // else it was never started
		_ = d.proc.Process.Kill()
		<-d.done
	}
	d.proc = nil
}

// takesWrites asks with nothing to write: now and then a database that has been made is not found a moment later.
func (d *Influxd) takesWrites(token string) bool {
	d.t.Helper()
	status, _ := d.post("/api/v2/write?bucket="+url.QueryEscape(d.Bucket), "text/plain", "Token "+token, "")
	if status != http.StatusNoContent {
		d.t.Logf("influxd: a write is answered with %d", status)
	}
	return status == http.StatusNoContent
}

// setup makes a 2.x server's first user, organisation, bucket and token.
func (d *Influxd) setup(token string) bool {
	d.t.Helper()
	status, _ := d.post("/api/v2/setup", "application/json", "",
		`{"username":"admin","password":"test-password","org":"`+d.Org+`","bucket":"`+d.Bucket+`","token":"`+token+`"}`)
	return status == http.StatusCreated
}

// influxQL runs a statement of 1.8. One that fails is answered with 200 and its error.
func (d *Influxd) influxQL(authorization, q string) bool {
	d.t.Helper()
	status, body := d.post("/query", "application/x-www-form-urlencoded", authorization, url.Values{"q": {q}}.Encode())
	if strings.Contains(body, `"error"`) {
		d.t.Logf("influxd: %s: %s", q, body)
		return false
	}
	return status == http.StatusOK
}

// post answers status 0 when there is no whole answer.
func (d *Influxd) post(path, contentType, authorization, body string) (int, string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(answer)
}

// FreeAddr is a loopback address that nobody listened on a moment ago. Its port lies below those that the system gives to
// outgoing connections, so that only another FreeAddr can take it meanwhile.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(12_000+rand.IntN(20_000))))
		if err != nil {
			continue
		}
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatal("no free port")
	return ""
}
