package access

import (
	"context"
	"net/url"
)

// Page is the page as a client of a provider: people sign in by authorization code with PKCE (RFC 7636).
type Page struct {
	Provider   *Provider
	ClientID   string            // a public client
	Redirect   string            // where the provider sends people back to
	Scope      string            // what is asked for
	Parameters map[string]string // more for the authorization request
	Tokens     *Verifier         // what it takes of the provider
}

// Authorize is where to send people, complete but for state, nonce and code_challenge. ErrProvider until the provider was reached.
func (p *Page) Authorize() (string, error) {
	at, err := p.Provider.AuthorizationEndpoint()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(at)
	if err != nil {
		return "", err
	}
	q := u.Query() // the endpoint may have members of its own (RFC 6749 section 3.1)
	for name, value := range p.Parameters {
		q.Set(name, value)
	}
	for name, value := range map[string]string{"response_type": "code", "client_id": p.ClientID, "redirect_uri": p.Redirect, "scope": p.Scope, "code_challenge_method": "S256"} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Exchange trades an authorization code for tokens, and says who the access token speaks for. Errors wrap ErrGrant, ErrProvider,
// ErrToken or ErrWrongOrg.
func (p *Page) Exchange(ctx context.Context, code, verifier string) (Granted, *Principal, error) {
	g, err := p.Provider.exchange(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {p.Redirect}, "client_id": {p.ClientID}})
	if err != nil {
		return g, nil, err
	}
	who, err := p.Tokens.Verify(ctx, g.AccessToken)
	return g, who, err
}
