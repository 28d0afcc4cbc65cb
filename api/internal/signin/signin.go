// Package signin lets people sign in on the page: authorization code with PKCE (RFC 7636) at an OIDC provider. The page has no
// secret and makes state, nonce and code verifier. This api only tells it where to go, and passes the code on to the provider,
// so that the page talks to no other host.
package signin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
)

// Resource is made of these parts.
type Resource struct {
	Page    *access.Page // nil: nobody signs in at a provider
	Clients bool         // there is a development issuer
	Log     *slog.Logger
}

// exchangeRate bounds what anybody can make this api ask of the provider.
const exchangeRate = 5

// Ways are the ways to sign in here.
type Ways struct {
	Clients bool              `json:"clients" doc:"With a client id and secret, at /oauth2/token"`
	People  rest.Null[People] `json:"people"`
}

// People sign in at a provider.
type People struct {
	Issuer      string `json:"issuer"`
	ClientID    string `json:"client_id"`
	RedirectURI string `json:"redirect_uri" doc:"Where the provider sends people back to"`
	Authorize   string `json:"authorize" doc:"Where to send people, complete but for state, nonce and code_challenge (S256)"`
}

type exchangeInput struct {
	Body struct {
		Code     string `json:"code" minLength:"1" maxLength:"4096" doc:"From the provider's redirect"`
		Verifier string `json:"code_verifier" pattern:"^[A-Za-z0-9._~-]{43,128}$" doc:"Whose hash went along as code_challenge"`
	}
}

// Session is what a signed-in page works with.
type Session struct {
	AccessToken string       `json:"access_token"`
	IDToken     string       `json:"id_token" doc:"For the page to compare nonce, issuer and audience"`
	ExpiresAt   rest.Instant `json:"expires_at"`
	Name        string       `json:"name" doc:"Of the person; empty when the provider tells none, and then nobody can sign with this token"`
	Scopes      []string     `json:"scopes" doc:"What this person may do here"`
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/sign-in", ID: "get-sign-in", Tag: "Access", Summary: "How to sign in here", Errors: []int{http.StatusServiceUnavailable}}, s.ways)
	limit := rate.NewLimiter(exchangeRate, 4*exchangeRate)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/sign-in/token", ID: "finish-sign-in", Tag: "Access", Summary: "Trade an authorization code for a session (PKCE)",
		About:   "The code goes on to the provider. Answered only when the access token is one that this api accepts.",
		Errors:  []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests, http.StatusServiceUnavailable},
		Codes:   map[int][]problem.Code{http.StatusUnauthorized: {problem.Unauthenticated}, http.StatusForbidden: {problem.WrongOrg}, http.StatusServiceUnavailable: {problem.ProviderDown}},
		Example: rest.Object{"code": "SplxlOBeZQQYbYS6WxSbIA", "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}},
		func(ctx context.Context, in *exchangeInput) (*rest.Answer[Session], error) {
			if s.Page == nil {
				return nil, problem.New(http.StatusNotFound, problem.NotFound, "nobody signs in at a provider here; /v1/sign-in tells the ways")
			}
			if !limit.Allow() {
				return nil, problem.New(http.StatusTooManyRequests, problem.RateLimited, "too many sign-ins at once; try again soon").RetryAfter("1")
			}
			return s.exchange(ctx, in)
		})
}

func (s *Resource) ways(context.Context, *struct{}) (*rest.Answer[Ways], error) {
	w := Ways{Clients: s.Clients}
	if s.Page != nil {
		at, err := s.Page.Authorize()
		if err != nil && !s.Clients {
			return nil, providerDown
		}
		if err == nil {
			w.People = rest.Some(People{Issuer: s.Page.Provider.Issuer(), ClientID: s.Page.ClientID, RedirectURI: s.Page.Redirect, Authorize: at})
		}
	}
	return &rest.Answer[Ways]{Body: w}, nil
}

var providerDown = problem.New(http.StatusServiceUnavailable, problem.ProviderDown, "the OIDC provider cannot be reached; try again soon").RetryAfter("5")

func (s *Resource) exchange(ctx context.Context, in *exchangeInput) (*rest.Answer[Session], error) {
	g, p, err := s.Page.Exchange(ctx, in.Body.Code, in.Body.Verifier)
	switch {
	case errors.Is(err, access.ErrGrant):
		return nil, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s; sign in again", access.ErrGrant).Unauthenticated()
	case errors.Is(err, access.ErrWrongOrg):
		return nil, problem.New(http.StatusForbidden, problem.WrongOrg, "this account is of another organisation")
	case errors.Is(err, access.ErrToken): // what the provider gives is not what the configuration says: its operator must know
		s.Log.WarnContext(ctx, "the OIDC provider gave an access token that is not accepted", "trace_id", problem.TraceID(ctx), "error", err)
		return nil, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "the provider's answer is of no use here: %s", err).Unauthenticated()
	case err != nil:
		s.Log.WarnContext(ctx, "asking the OIDC provider for a token failed", "trace_id", problem.TraceID(ctx), "error", err)
		return nil, providerDown
	}
	return &rest.Answer[Session]{Body: Session{AccessToken: g.AccessToken, IDToken: g.IDToken, ExpiresAt: rest.Instant(p.ExpMS), Name: p.Name, Scopes: rest.OrEmpty(p.Scopes)}}, nil
}
