package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/trackseal/trackseal/internal/canon"
)

// ErrProvider: the OIDC provider cannot be asked now.
var ErrProvider = errors.New("the OIDC provider cannot be reached")

// ErrGrant: the provider refuses an authorization code.
var ErrGrant = errors.New("the provider does not take this sign-in; it has ended, or was used before")

// Provider is an OIDC provider, found by its issuer URL (OpenID Connect Discovery 1.0). Its Keys must Run.
type Provider struct {
	Keys   *RemoteKeys
	issuer string
	client *http.Client
	found  atomic.Pointer[endpoints]
}

// endpoints are what we use of a discovery document.
type endpoints struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	JWKS          string `json:"jwks_uri"`
}

// NewProvider does no I/O. The issuer's URL must be https, or http on a loopback address.
func NewProvider(issuer string, log *slog.Logger) (*Provider, error) {
	if err := checkURL(issuer); err != nil {
		return nil, fmt.Errorf("issuer %w", err)
	}
	p := &Provider{issuer: issuer, client: issuerClient()}
	var err error
	p.Keys, err = newRemoteKeys(issuer, p.discover, log)
	return p, err
}

// discover reads the provider's description and returns where its keys are. It is read again whenever keys are: a provider may move.
func (p *Provider) discover(ctx context.Context) (jwks string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("discovery answers %s", resp.Status)
	}
	var e endpoints
	if err := readJSON(resp.Body, &e); err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	if e.Issuer != p.issuer { // section 4.3: else one provider could speak for another
		return "", fmt.Errorf("discovery describes the issuer %q", e.Issuer)
	}
	for _, at := range []string{e.Authorization, e.Token, e.JWKS} {
		if err := checkURL(at); err != nil {
			return "", fmt.Errorf("discovery: endpoint %w", err)
		}
	}
	p.found.Store(&e)
	return e.JWKS, nil
}

// Issuer is the value of iss.
func (p *Provider) Issuer() string { return p.issuer }

// AuthorizationEndpoint is where people sign in. ErrProvider until the provider was reached once.
func (p *Provider) AuthorizationEndpoint() (string, error) {
	e := p.found.Load()
	if e == nil {
		return "", ErrProvider
	}
	return e.Authorization, nil
}

// Granted is what a provider gives for an authorization code.
type Granted struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	IDToken     string `json:"id_token"`
}

// exchange trades an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5). Errors wrap ErrGrant or ErrProvider.
func (p *Provider) exchange(ctx context.Context, form url.Values) (Granted, error) {
	var g Granted
	e := p.found.Load()
	if e == nil {
		return g, ErrProvider
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return g, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return g, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= 500:
		return g, fmt.Errorf("%w: it answers %s", ErrProvider, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return g, ErrGrant
	}
	if err := readJSON(resp.Body, &g); err != nil {
		return g, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if !strings.EqualFold(g.TokenType, "Bearer") || g.AccessToken == "" || g.IDToken == "" {
		return g, fmt.Errorf("%w: its answer lacks a bearer token or an ID token", ErrProvider)
	}
	return g, nil
}

// readJSON reads a provider's answer, in which each member is given once; members that we do not know are its own business.
func readJSON(body io.Reader, v any) error {
	raw, err := io.ReadAll(body)
	if err == nil {
		err = canon.CheckJSON(raw)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}
