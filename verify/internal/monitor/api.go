package monitor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// API is one organisation's API. Nothing that it answers is believed; errors say only that it did not answer.
type API interface {
	// Name of the API in events: its URL.
	Name() string
	// Heads claims the newest anchor of every heads log.
	Heads(ctx context.Context) ([]Claim, error)
	// Evidence is a heads-log bundle that begins with anchor number from.
	Evidence(ctx context.Context, heads string, from uint64, nonce []byte) ([]byte, error)
	// Waiting are the ingest instances' own reports of how many leaves wait for an anchor. An instance that does not
	// report is missing.
	Waiting(ctx context.Context) ([]Waiting, error)
}

// Claim is what an API says of a heads log's newest anchor.
type Claim struct {
	Heads  string `json:"heads"`
	Ingest string `json:"ingest"`
	N      uint64 `json:"n"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"`
	Tx     string `json:"tx"`
}

// Waiting is one ingest instance's report.
type Waiting struct {
	Ingest string
	Leaves uint64
}

// Bounds of answers: what an API sends beyond them is not read.
const (
	maxList     = 1 << 20
	maxEvidence = 64 << 20
	maxToken    = 64 << 10
	maxRequest  = time.Minute
)

// Credentials of one API: a token as it is, or a client of its token endpoint (RFC 6749 section 4.4).
type Credentials struct {
	Token        string `json:"token,omitempty"`
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	TokenURL     string `json:"token_url,omitempty"` // default: <api>/oauth2/token
}

// Client is an API over HTTP. Safe for concurrent use.
type Client struct {
	base  string
	creds Credentials
	http  *http.Client
	now   func() time.Time

	mu      sync.Mutex
	token   string
	expires time.Time
}

// NewClient checks the address; it does no I/O. roots may be nil: the system's. Secrets go to https, or to this machine.
func NewClient(base string, creds Credentials, roots *x509.CertPool, now func() time.Time) (*Client, error) {
	if err := checkURL(base); err != nil {
		return nil, fmt.Errorf("api %q %w", clean(base), err)
	}
	if creds.TokenURL != "" {
		if err := checkURL(creds.TokenURL); err != nil {
			return nil, fmt.Errorf("token_url %q %w", clean(creds.TokenURL), err)
		}
	}
	if (creds.Token == "") == (creds.ClientID == "" || creds.ClientSecret == "") {
		return nil, fmt.Errorf("api %s: needs either a token, or a client id with its secret", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	transport.MaxResponseHeaderBytes = 64 << 10
	return &Client{base: strings.TrimRight(base, "/"), creds: creds, now: now, token: creds.Token, http: &http.Client{
		Transport: transport, Timeout: maxRequest,
		// An API that sends us elsewhere would have somebody else answer for it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

var errURL = errors.New("must be https://HOST or, on this machine, http://127.0.0.1:PORT")

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errURL
	}
	loopback := u.Hostname() == "localhost"
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		loopback = ip.IsLoopback()
	}
	if u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return errURL
	}
	return nil
}

// Name is the address.
func (c *Client) Name() string { return c.base }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Heads implements API.
func (c *Client) Heads(ctx context.Context) ([]Claim, error) {
	var list struct {
		Items []Claim `json:"items"`
	}
	return list.Items, c.list(ctx, "/v1/heads", &list)
}

// Waiting implements API.
func (c *Client) Waiting(ctx context.Context) ([]Waiting, error) {
	var network struct {
		Ingest []struct {
			ID     string `json:"id"`
			OK     bool   `json:"ok"`
			Status *struct {
				Pending *uint64 `json:"pending_anchor"`
			} `json:"status"`
		} `json:"ingest"`
	}
	if err := c.list(ctx, "/v1/network", &network); err != nil {
		return nil, err
	}
	var out []Waiting
	for _, i := range network.Ingest {
		if i.OK && i.Status != nil && i.Status.Pending != nil {
			out = append(out, Waiting{i.ID, *i.Status.Pending})
		}
	}
	return out, nil
}

// Evidence implements API.
func (c *Client) Evidence(ctx context.Context, heads string, from uint64, nonce []byte) ([]byte, error) {
	q := url.Values{"from": {strconv.FormatUint(from, 10)}, "nonce": {hex.EncodeToString(nonce)}}
	return c.get(ctx, "/v1/heads/"+url.PathEscape(heads)+"/evidence?"+q.Encode(), maxEvidence)
}

func (c *Client) list(ctx context.Context, path string, out any) error {
	raw, err := c.get(ctx, path, maxList)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s answers what is not JSON of this API: %w", path, err)
	}
	return nil
}

func (c *Client) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	for again := range 2 {
		token, err := c.bearer(ctx)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		status, raw, err := c.do(req, limit)
		if err != nil {
			return nil, err
		}
		if status == http.StatusUnauthorized && again == 0 && c.creds.ClientID != "" {
			c.forget(token) // it may have been revoked, or the API's keys are new
			continue
		}
		if status != http.StatusOK {
			return nil, refusal(path, status, raw)
		}
		return raw, nil
	}
	return nil, errors.New("the token is refused") // not reached: the second round returns
}

func (c *Client) do(req *http.Request, limit int64) (int, []byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // its text repeats the address
		}
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return 0, nil, err
	}
	if int64(len(raw)) > limit {
		return 0, nil, fmt.Errorf("answers more than %d bytes", limit)
	}
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); resp.StatusCode == http.StatusOK && t == "text/html" {
		return 0, nil, errors.New("answers a page, so it is not an API (is the address right?)")
	}
	return resp.StatusCode, raw, nil
}

// refusal quotes a problem's code and text, cut and without control characters: they end up on a terminal.
func refusal(path string, status int, raw []byte) error {
	var p struct{ Code, Detail string }
	_ = json.Unmarshal(raw, &p) // anything else has no text worth showing
	path, _, _ = strings.Cut(path, "?")
	return fmt.Errorf("%s: %d %s", path, status, clean(strings.TrimSpace(p.Code+" "+p.Detail)))
}

// bearer returns a token, a fresh one when the last is about to end.
func (c *Client) bearer(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.creds.Token != "" || c.token != "" && c.now().Before(c.expires) {
		return c.token, nil
	}
	at := c.creds.TokenURL
	if at == "" {
		at = c.base + "/oauth2/token"
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.creds.ClientID), url.QueryEscape(c.creds.ClientSecret))
	status, raw, err := c.do(req, maxToken)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	if status != http.StatusOK {
		return "", refusal("token", status, raw)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Token == "" {
		return "", errors.New("token: the answer has none")
	}
	c.token = answer.Token
	c.expires = c.now().Add(time.Duration(min(max(answer.Expires, 60), 86_400))*time.Second - 30*time.Second)
	return c.token, nil
}

func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// clean makes foreign text fit for a line of output.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
