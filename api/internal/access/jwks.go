package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	jwksEvery   = time.Hour
	jwksTimeout = 10 * time.Second
	maxJWKS     = 1 << 20
	// jwksUnknown limits fetches caused by unknown key ids, which anybody can send.
	jwksUnknown = 30 * time.Second
)

// RemoteKeys are the keys behind one configured JWKS URL. Run fetches them; Key only looks them up, so that a flood of
// unknown key ids costs no request anything: the library's own refresh would wait and fetch inside the request.
type RemoteKeys struct {
	where   func(context.Context) (string, error) // URL of the key set
	name    string                                // in the log
	client  *http.Client
	storage jwkset.Storage
	find    keyfunc.Keyfunc
	wake    chan struct{}
	limit   *rate.Limiter
	log     *slog.Logger
}

// NewRemoteKeys does no I/O. The URL must be https, or http on a loopback address.
func NewRemoteKeys(jwksURL string, log *slog.Logger) (*RemoteKeys, error) {
	if err := checkURL(jwksURL); err != nil {
		return nil, fmt.Errorf("jwks_url %w", err)
	}
	return newRemoteKeys(jwksURL, func(context.Context) (string, error) { return jwksURL, nil }, log)
}

// checkURL: nothing that decides who gets in is fetched in the clear from another host.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if local := u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost"; u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return fmt.Errorf("%s: must be https (http only on this host)", text)
	}
	return nil
}

func newRemoteKeys(name string, where func(context.Context) (string, error), log *slog.Logger) (*RemoteKeys, error) {
	k := &RemoteKeys{name: name, where: where, storage: jwkset.NewMemoryStorage(), wake: make(chan struct{}, 1), limit: rate.NewLimiter(rate.Every(jwksUnknown), 1), log: log}
	var err error
	if k.find, err = keyfunc.New(keyfunc.Options{Storage: k.storage}); err != nil {
		return nil, err
	}
	k.client = issuerClient()
	return k, nil
}

// issuerClient speaks to issuers.
func issuerClient() *http.Client {
	return &http.Client{Timeout: jwksTimeout, Transport: bounded{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") }}
}

// Run keeps the keys fresh until ctx ends.
func (k *RemoteKeys) Run(ctx context.Context) error {
	t := time.NewTimer(jwksEvery)
	defer t.Stop()
	for {
		next := jwksEvery
		if err := k.fetch(ctx); err != nil && ctx.Err() == nil {
			k.log.WarnContext(ctx, "fetching an issuer's keys failed; the keys known so far stay in use", "issuer", k.name, "error", err)
			next = jwksUnknown
		}
		t.Reset(next)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		case <-k.wake:
		}
	}
}

func (k *RemoteKeys) fetch(ctx context.Context) error {
	at, err := k.where(ctx)
	if err != nil {
		return err
	}
	// One synchronous fetch into our storage; with no interval the library starts nothing.
	_, err = jwkset.NewStorageFromHTTP(at, jwkset.HTTPClientStorageOptions{Client: k.client, Ctx: ctx, HTTPTimeout: jwksTimeout, Storage: k.storage})
	return err
}

// Key looks the token's key up. An unknown key id asks Run for a fetch, seldom, and fails now.
func (k *RemoteKeys) Key(ctx context.Context, t *jwt.Token) (any, error) {
	if kid, ok := t.Header["kid"].(string); !ok || kid == "" {
		return nil, errors.New("kid is missing")
	}
	key, err := k.find.KeyfuncCtx(ctx)(t)
	if errors.Is(err, jwkset.ErrKeyNotFound) && k.limit.Allow() {
		select {
		case k.wake <- struct{}{}:
		default: // already asked
		}
	}
	return key, err
}

// bounded refuses endless answers.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxJWKS), resp.Body}
	}
	return resp, err
}
