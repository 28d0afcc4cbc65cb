// Package e2e uses a running stack as its users do: the programs as processes, REST over HTTP, MQTT with other people's
// clients. Its tests are named TestStack… and skip unless TRACKSEAL_STACK names the state folder of a running stack.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trackseal/trackseal/internal/secure"
)

// stack is what stack.json says.
type stack struct {
	Dir     string              `json:"dir"`
	Channel string              `json:"channel"`
	CA      string              `json:"ca"` // "" = plain text
	MQTT    string              `json:"mqtt"`
	Influx  map[string]influxOf `json:"influx"` // by organisation
	Ingest  []struct {
		ID  string `json:"id"`
		Org string `json:"org"`
		URL string `json:"url"`
	} `json:"ingest"`
	API map[string]struct {
		URL         string `json:"url"`
		ClientsFile string `json:"clients_file"`
	} `json:"api"`
	Processes []struct {
		Name string `json:"name"`
		Port int    `json:"port"`
	} `json:"processes"`

	tls func() *tls.Config // of connections to the broker
}

// influxOf an organisation.
type influxOf struct {
	URL       string `json:"url"`
	Org       string `json:"org"`
	Bucket    string `json:"bucket"`
	TokenFile string `json:"token_file"`
	APIToken  string `json:"api_token_file"`
}

var trust sync.Once

func load(t *testing.T) *stack {
	t.Helper()
	dir := os.Getenv("TRACKSEAL_STACK")
	if dir == "" {
		t.Skip("needs a running stack: TRACKSEAL_STACK is not set")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s stack
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	s.Dir = dir
	if s.tls, err = (secure.Client{CA: s.CA}).Each(); err != nil {
		t.Fatal(err)
	}
	// All HTTP clients of these tests go through it.
	trust.Do(func() { http.DefaultTransport.(*http.Transport).TLSClientConfig = s.tls() })
	return &s
}

// name makes ids of the carrier that no earlier run on the same stack has used.
func name(prefix string) string { return nameOf("carrier", prefix) }

func nameOf(member, prefix string) string {
	return fmt.Sprintf("%s.%s-%x", member, prefix, time.Now().UnixNano()&0xffffffffff)
}

// api speaks to one organisation's API as its admin client.
type api struct {
	t      *testing.T
	org    string
	base   string
	secret string
	mu     sync.Mutex
	token  string
}

func (s *stack) api(t *testing.T, org string) *api {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.Dir, "api-"+org, "clients-secrets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var secrets map[string]string
	if err := json.Unmarshal(raw, &secrets); err != nil {
		t.Fatal(err)
	}
	return &api{t: t, org: org, base: s.API[org].URL, secret: secrets[org+"-admin"]}
}

func (a *api) bearer() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" {
		return a.token
	}
	resp, err := http.PostForm(a.base+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {a.org + "-admin"}, "client_secret": {a.secret}})
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		a.t.Fatalf("token: %s, %v", resp.Status, err)
	}
	a.token = answer.Token
	return a.token
}

// call sends body (nil for none) and decodes the answer into out; it returns the status.
func (a *api) call(method, path string, body, out any) (int, error) {
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, a.base+path, r)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+a.bearer())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Timeout: 90 * time.Second}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s %s", method, path, resp.Status, raw)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return resp.StatusCode, fmt.Errorf("%s %s: %w in %s", method, path, err, raw)
		}
	}
	return resp.StatusCode, nil
}

func (a *api) get(path string, out any) {
	a.t.Helper()
	if _, err := a.call("GET", path, nil, out); err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) post(path string, body, out any) {
	a.t.Helper()
	if _, err := a.call("POST", path, body, out); err != nil {
		a.t.Fatal(err)
	}
}

// postSoon posts until it is taken: what it builds on may be another organisation's transaction, which this one's peers have
// a moment later.
func (a *api) postSoon(path string, body any) {
	a.t.Helper()
	eventually(a.t, 60*time.Second, a.org+" posts "+path, func() (bool, string) {
		_, err := a.call("POST", path, body, nil)
		return err == nil, fmt.Sprint(err)
	})
}

// all walks a list to its end.
func all[T any](a *api, path string) []T {
	a.t.Helper()
	var out []T
	for cursor := ""; ; {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		u := path
		if cursor != "" {
			sep := "?"
			if strings.Contains(u, "?") {
				sep = "&"
			}
			u += sep + "cursor=" + url.QueryEscape(cursor)
		}
		a.get(u, &page)
		out = append(out, page.Items...)
		if page.Next == "" {
			return out
		}
		cursor = page.Next
	}
}

// eventually waits for a condition with a bound and says what it last saw.
func eventually(t *testing.T, within time.Duration, what string, ok func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	last := ""
	for {
		done, saw := ok()
		if done {
			return
		}
		last = saw
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v; last: %s", what, within, last)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// sim runs tracker-sim against the stack and returns its output and exit code.
func (s *stack) sim(t *testing.T, within time.Duration, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.Dir, "bin", "tracker-sim"), append(args, "--stack", s.Dir)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("tracker-sim %v: %v\n%s", args, err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// influxWrite writes points past ingest, as the administrator of the operator's database.
func (s *stack) influxWrite(t *testing.T, lines string) {
	t.Helper()
	in := s.Influx["carrier"]
	token, err := os.ReadFile(in.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("POST", in.URL+"/api/v2/write?precision=ns&bucket="+url.QueryEscape(in.Bucket)+"&org="+url.QueryEscape(in.Org), strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		raw, _ := io.ReadAll(resp.Body)
		t.Fatalf("write: %s %s", resp.Status, raw)
	}
}

// influxQL runs a statement on InfluxDB 1.8's own interface: what the operator's administrator with a shell can do.
func (s *stack) influxQL(t *testing.T, statement string) []map[string]any {
	t.Helper()
	in := s.Influx["carrier"]
	token, err := os.ReadFile(in.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(token)), ":")
	db, _, _ := strings.Cut(in.Bucket, "/")
	req, err := http.NewRequest("POST", in.URL+"/query?"+url.Values{"db": {db}, "q": {statement}, "epoch": {"ns"}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string `json:"error"`
		Results []struct {
			Error  string `json:"error"`
			Series []struct {
				Columns []string          `json:"columns"`
				Tags    map[string]string `json:"tags"`
				Values  [][]any           `json:"values"`
			} `json:"series"`
		} `json:"results"`
	}
	d := json.NewDecoder(resp.Body)
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != "" || len(answer.Results) == 0 || answer.Results[0].Error != "" {
		t.Fatalf("%s: %+v", statement, answer)
	}
	var rows []map[string]any
	for _, series := range answer.Results[0].Series {
		for _, v := range series.Values {
			row := map[string]any{}
			for k, tag := range series.Tags {
				row[k] = tag
			}
			for i, c := range series.Columns {
				row[c] = v[i]
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// counter reads a metric without labels of the carrier's ingest.
func (s *stack) counter(t *testing.T, name string) float64 {
	t.Helper()
	resp, err := http.Get(s.Ingest[0].URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
			return n
		}
	}
	t.Fatalf("ingest has no metric %s (%s)", name, resp.Status)
	panic("unreachable")
}
