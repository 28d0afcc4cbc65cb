// Package tokens answers the routes of the development issuer.
package tokens

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/limits"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
)

// Resource is made of these parts.
type Resource struct {
	Issuer *access.Issuer // nil: no development issuer, no routes
	Now    func() time.Time

	rates *rates
}

// Token answers a client-credentials request (RFC 6749 section 5.1).
type Token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

type tokenInput struct {
	Authorization string `header:"Authorization" hidden:"true"`
	ContentType   string `header:"Content-Type" hidden:"true"`
	RawBody       []byte `contentType:"application/x-www-form-urlencoded"`
	remote        string
}

// Resolve notes where the request comes from.
func (in *tokenInput) Resolve(c huma.Context) []error {
	in.remote = c.RemoteAddr()
	return nil
}

const (
	// Path where tokens are given out.
	Path     = "/oauth2/token"
	formType = "application/x-www-form-urlencoded"
	jwksType = "application/jwk-set+json"
)

// tokenForm is RFC 6749 section 4.4.2.
var tokenForm = &huma.Schema{Type: huma.TypeObject, Required: []string{"grant_type"}, Properties: map[string]*huma.Schema{
	"grant_type":    {Type: huma.TypeString, Enum: []any{"client_credentials"}},
	"scope":         {Type: huma.TypeString, Description: "Scopes separated by blanks; all that the client has when absent"},
	"client_id":     {Type: huma.TypeString, Description: "Unless the client's id and secret are in an Authorization: Basic header"},
	"client_secret": {Type: huma.TypeString},
}}

// tokenCodes are RFC 6749's.
var tokenCodes = map[int][]problem.Code{
	http.StatusBadRequest:   {problem.BadRequest, "invalid_request", "unsupported_grant_type", "invalid_scope"},
	http.StatusUnauthorized: {"invalid_client"},
}

// Register adds the routes; without an issuer there are none.
func (s *Resource) Register(api *rest.API) {
	if s.Issuer == nil {
		return
	}
	s.rates = newRates()
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: Path, ID: "get-token", Tag: "Access", Own: true,
		Summary: "Get an access token (development issuer)", About: "Client credentials (RFC 6749 section 4.4). The client's id and secret come in a Basic header or in the form. Errors carry OAuth's `error` as well.",
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests}, Codes: tokenCodes},
		func(ctx context.Context, in *tokenInput) (*rest.Answer[Token], error) {
			return s.issue(ctx, in)
		})
	api.DescribeBody(Path, formType, tokenForm, rest.Object{"grant_type": "client_credentials", "client_id": "partner", "client_secret": "its secret"})
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/.well-known/jwks.json", ID: "get-jwks", Tag: "Access", Summary: "Keys of the development issuer",
		Answers: map[string]*huma.Response{"200": {Description: "JSON Web Key Set (RFC 7517)", Content: map[string]*huma.MediaType{jwksType: {Schema: &huma.Schema{Type: huma.TypeObject}}}}}}, func(context.Context, *struct{}) (*rest.File, error) {
		return &rest.File{ContentType: jwksType, Body: s.Issuer.JWKS()}, nil
	})
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/.well-known/openid-configuration", ID: "get-issuer", Tag: "Access", Summary: "Where the development issuer's parts are"},
		func(context.Context, *struct{}) (*rest.Answer[issuerMetadata], error) {
			name := s.Issuer.Name()
			return &rest.Answer[issuerMetadata]{Body: issuerMetadata{Issuer: name, TokenEndpoint: name + "/oauth2/token", JWKSURI: name + "/.well-known/jwks.json",
				GrantTypes: []string{"client_credentials"}, AuthMethods: []string{"client_secret_basic", "client_secret_post"}, Scopes: access.Scopes, ResponseTypes: []string{}}}, nil
		})
}

type issuerMetadata struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	JWKSURI       string   `json:"jwks_uri"`
	GrantTypes    []string `json:"grant_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Scopes        []string `json:"scopes_supported"`
	ResponseTypes []string `json:"response_types_supported"`
}

// refused is a problem that OAuth clients understand as well: its code is the error of RFC 6749 section 5.2.
func refused(status int, code, detail string) *problem.Problem {
	return problem.New(status, problem.Code(code), "%s", detail).WithOAuth(code)
}

func (s *Resource) issue(ctx context.Context, in *tokenInput) (*rest.Answer[Token], error) {
	if kind, _, err := mime.ParseMediaType(cmp.Or(in.ContentType, formType)); err != nil || kind != formType {
		return nil, refused(http.StatusBadRequest, "invalid_request", "send the members as a form, with Content-Type: "+formType)
	}
	form, err := url.ParseQuery(string(in.RawBody))
	if err != nil {
		return nil, refused(http.StatusBadRequest, "invalid_request", "the body must be a form")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, refused(http.StatusBadRequest, "invalid_request", name+" is repeated")
		}
	}
	if form.Get("grant_type") != "client_credentials" {
		return nil, refused(http.StatusBadRequest, "unsupported_grant_type", "grant_type must be client_credentials")
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if in.Authorization != "" {
		user, pass, ok := (&http.Request{Header: http.Header{"Authorization": {in.Authorization}}}).BasicAuth()
		if !ok || secret != "" {
			return nil, refused(http.StatusBadRequest, "invalid_request", "give the client's secret once: in a Basic header or in the form")
		}
		// RFC 6749 section 2.3.1: both halves are form-encoded first.
		var uerr, perr error
		id, uerr = url.QueryUnescape(user)
		secret, perr = url.QueryUnescape(pass)
		if uerr != nil || perr != nil {
			return nil, refused(http.StatusBadRequest, "invalid_request", "the Basic header's parts must be form-encoded")
		}
	}
	if s.Issuer.Knows(id) { // what is no client's id may be a secret in the wrong place
		audit.NoteOf(ctx).With(func(r *audit.Record) { r.Client = id })
	}
	token, scope, err := s.Issuer.Issue(id, secret, form.Get("scope"))
	switch {
	case errors.Is(err, access.ErrClient) && !s.rates.wrong.Allow(limits.Network(in.remote), s.Now()):
		return nil, problem.New(http.StatusTooManyRequests, problem.RateLimited, "the client id or its secret is wrong, and so were too many from this address; try again soon").RetryAfter("1")
	case errors.Is(err, access.ErrClient):
		return nil, refused(http.StatusUnauthorized, "invalid_client", "the client id or its secret is wrong").With("WWW-Authenticate", `Basic realm="trackseal"`)
	case errors.Is(err, access.ErrScope):
		return nil, refused(http.StatusBadRequest, "invalid_scope", "the client may not have this scope")
	case err != nil:
		return nil, err
	case !s.rates.given.Allow(id, s.Now()):
		return nil, problem.New(http.StatusTooManyRequests, problem.RateLimited, "this client has got too many tokens; one is good for %s", access.TokenLife).RetryAfter("1")
	}
	return &rest.Answer[Token]{Body: Token{AccessToken: token, TokenType: "Bearer", ExpiresIn: int(access.TokenLife / time.Second), Scope: scope}}, nil
}
