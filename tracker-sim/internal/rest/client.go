// Package rest is a client of the REST API, for the acts that a logistics firm's system would do.
package rest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Client calls one organisation's API. Writes carry an Idempotency-Key and are repeated with the same key after a lost
// answer or a 503 or 504, so one call has one effect. Safe for concurrent use.
type Client struct {
	// Org is the organisation that the client acts for.
	Org    string
	base   string
	id     string
	secret string
	http   *http.Client
	tries  int
	first  time.Duration // wait after the first failure

	mu      sync.Mutex // guards token and expires; held over the token request, so that one is under way
	token   string
	expires time.Time
}

// New makes a client; it does no I/O.
func New(org, base, id, secret string) *Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 32
	return &Client{
		Org: org, base: strings.TrimRight(base, "/"), id: id, secret: secret,
		// Above the longest that the API itself waits, for an anchor at a close: it answers first, and says what it waits for.
		http:  &http.Client{Timeout: 75 * time.Second, Transport: t},
		tries: 8, first: 250 * time.Millisecond,
	}
}

// Problem is an RFC 9457 answer.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Field  string `json:"field"`
		Detail string `json:"detail"`
	} `json:"errors"`
	Method string `json:"-"`
	Path   string `json:"-"`
}

func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if text == "" {
		text = http.StatusText(p.Status)
	}
	for _, e := range p.Errors {
		text += "; " + e.Field + ": " + e.Detail
	}
	status := strconv.Itoa(p.Status)
	if p.Code != "" {
		status += " " + p.Code
	}
	return fmt.Sprintf("%s %s: %s: %s", p.Method, p.Path, status, text)
}

// Status returns the HTTP status of a *Problem in err's chain, or 0.
func Status(err error) int {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

// get reads path into out.
func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// do makes one call with repeats. body nil sends none; out nil reads none.
func (c *Client) do(ctx context.Context, method, path string, body, out any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return err
		}
	}
	key := newKey()
	wait := c.first
	for try := 1; ; try++ {
		after, err := c.once(ctx, method, path, key, payload, out)
		if err == nil || after < 0 || try == c.tries || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, max(wait, after)); err != nil {
			return err
		}
		if Status(err) == http.StatusConflict {
			// Nothing was written, and the answer may be kept under the old key.
			key = newKey()
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// final says that repeating a call is useless.
const final = time.Duration(-1)

// once makes one attempt; after is the least wait before another, or final.
func (c *Client) once(ctx context.Context, method, path, key string, payload []byte, out any) (after time.Duration, err error) {
	token, err := c.bearer(ctx)
	if err != nil {
		if Status(err) >= 400 && Status(err) < 500 {
			return final, err
		}
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(payload))
	if err != nil {
		return final, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 300 {
		if out == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			return 0, err
		}
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			return 0, fmt.Errorf("%s %s: answer: %w", method, path, err)
		}
		return 0, nil
	}
	p := &Problem{Method: method, Path: path}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	_ = json.Unmarshal(data, p) // a body that is no problem leaves the status to tell
	p.Status = resp.StatusCode
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		c.forget(token)
		return 0, p
	case http.StatusConflict:
		if resp.Header.Get("Retry-After") == "" {
			return final, p
		}
		return 0, p // two writers met on the ledger
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		s, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return min(time.Duration(max(s, 0))*time.Second, 30*time.Second), p
	}
	return final, p
}

// bearer returns a token that is good for another half minute.
func (c *Client) bearer(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && time.Until(c.expires) > 30*time.Second {
		return c.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		p := &Problem{Status: resp.StatusCode, Method: req.Method, Path: "/oauth2/token", Detail: "client " + c.id + " got no token"}
		if p.Status == http.StatusUnauthorized {
			p.Detail += "; check the client's id and secret"
		}
		return "", p
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("token answer: %w", err)
	}
	c.token, c.expires = answer.AccessToken, time.Now().Add(time.Duration(answer.ExpiresIn)*time.Second)
	return c.token, nil
}

func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
