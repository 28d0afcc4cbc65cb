package monitor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/client"
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
	Heads  string
	Ingest string
	N      uint64
	Size   uint64
	Root   string
	Tx     string
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
	http  *http.Client
	calls *client.Client
}

// NewClient checks the address; it does no I/O. roots may be nil: the system's. Secrets go to https, or to this machine.
func NewClient(base string, creds Credentials, roots *x509.CertPool) (*Client, error) {
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
	base = strings.TrimRight(base, "/")
	c := &Client{base: base, http: &http.Client{
		Transport: bounded{transport}, Timeout: maxRequest,
		// An API that sends us elsewhere would have somebody else answer for it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.calls = client.New(client.Config{
		URL: base, Token: creds.Token, ID: creds.ClientID, Secret: creds.ClientSecret, TokenURL: creds.TokenURL, HTTP: c.http,
		Tries: 1, // the monitor looks again by itself
	})
	return c, nil
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
	list, err := c.calls.ListHeads(ctx)
	if err != nil {
		return nil, plain(err)
	}
	claims := make([]Claim, len(list.Items))
	for i, a := range list.Items {
		if a.N < 0 || a.Size < 0 {
			return nil, errors.New("claims an anchor with a negative number")
		}
		claims[i] = Claim{Heads: a.Heads, Ingest: a.Ingest, N: uint64(a.N), Size: uint64(a.Size), Root: a.Root, Tx: a.Tx}
	}
	return claims, nil
}

// Waiting implements API.
func (c *Client) Waiting(ctx context.Context) ([]Waiting, error) {
	network, err := c.calls.GetNetwork(ctx)
	if err != nil {
		return nil, plain(err)
	}
	var out []Waiting
	for _, i := range network.Ingest {
		status, _ := i.Status.(map[string]any)
		if leaves, ok := status["pending_anchor"].(float64); ok && leaves >= 0 && leaves < 1<<53 {
			out = append(out, Waiting{i.ID, uint64(leaves)})
		}
	}
	return out, nil
}

// Evidence implements API.
func (c *Client) Evidence(ctx context.Context, heads string, from uint64, nonce []byte) ([]byte, error) {
	raw, err := c.calls.GetHeadsEvidence(ctx, heads, client.GetHeadsEvidenceParams{From: int64(from), Nonce: hex.EncodeToString(nonce)})
	return raw, plain(err)
}

// plain is an error for the terminal: foreign text cut and without control characters, and without the address, which Name
// tells.
func plain(err error) error {
	if err == nil {
		return nil
	}
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return fmt.Errorf("answers more than %d bytes", tooLong.Limit)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return foreign{clean(err.Error()), err}
}

type foreign struct {
	text  string
	cause error // for errors.Is: the end of the context
}

func (f foreign) Error() string { return f.text }
func (f foreign) Unwrap() error { return f.cause }

// bounded reads no more of an answer than it may have, and nothing of a page.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); resp.StatusCode == http.StatusOK && t == "text/html" {
		resp.Body.Close()
		return nil, errors.New("answers a page, so it is not an API (is the address right?)")
	}
	limit := int64(maxList)
	if strings.HasSuffix(req.URL.Path, "/evidence") {
		limit = maxEvidence
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, limit)
	return resp, nil
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
