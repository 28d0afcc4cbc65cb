package httpapi_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/trackseal/trackseal/api/internal/access"
)

const (
	pageClient = "trackseal-page"
	pageURL    = "https://carrier.test/"
	apiName    = "trackseal-api"
	// The example provider's accounts.
	password = "verysecure"
	quality  = "test-user@127.0.0.1" // id1
	viewer   = "test-user2"          // id2
)

// provider is a real OpenID provider (zitadel/oidc's example server). Its access tokens are JWTs, for the API as well as for the
// client, so its ID tokens name the API too: what must tell them apart is not the audience.
type provider struct {
	*storage.Storage
	issuer string

	mu     sync.Mutex
	key    *rsa.PrivateKey
	kid    string
	claims map[string]map[string]any // of a subject's access tokens
	aud    string
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	p := &provider{issuer: issuer, aud: apiName, claims: map[string]map[string]any{
		"id1":  {"name": "Ana Lopez", "org": "carrier", "realm_access": map[string]any{"roles": []string{"quality", "unknown"}}},
		"id2":  {"name": "Vic Tor", "org": "carrier", "realm_access": map[string]any{"roles": []string{"viewer"}}},
		"sid1": {"name": "Ana Lopez", "org": "carrier", "realm_access": map[string]any{"roles": []string{"quality"}}},
	}}
	p.Storage = storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{pageClient: storage.NativeClient(pageClient, pageURL)})
	p.rotate(t)
	server.Config.Handler = exampleop.SetupServer(issuer, p, slog.New(slog.DiscardHandler), false)
	server.Start()
	t.Cleanup(func() {
		server.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return p
}

// rotate signs with a new key from now on, and shows only that one.
func (p *provider) rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, rand.Text()
}

func (p *provider) says(subject, claim string, value any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims[subject][claim] = value
}

type signingKey struct {
	id  string
	key any
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) Use() string                                 { return "sig" }
func (k signingKey) Algorithm() jose.SignatureAlgorithm          { return jose.RS256 }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return signingKey{p.kid, p.key}, nil
}

func (p *provider) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []op.Key{signingKey{p.kid, &p.key.PublicKey}}, nil
}

func (p *provider) GetPrivateClaimsFromScopes(_ context.Context, user, _ string, _ []string) (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	claims := map[string]any{}
	for name, value := range p.claims[user] {
		if value != nil {
			claims[name] = value
		}
	}
	return claims, nil
}

// withJWT gives a client access tokens that are JWTs.
type withJWT struct{ op.Client }

func (withJWT) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	return withJWT{c}, err
}

func (p *provider) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	c, err := p.Storage.ClientCredentials(ctx, id, secret)
	return withJWT{c}, err
}

func (p *provider) audience(of []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(slices.Clone(of), p.aud)
}

type forAPI struct {
	op.AuthRequest
	p *provider
}

func (r forAPI) GetAudience() []string { return r.p.audience(r.AuthRequest.GetAudience()) }

func (p *provider) AuthRequestByID(ctx context.Context, id string) (op.AuthRequest, error) {
	r, err := p.Storage.AuthRequestByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return forAPI{r, p}, nil
}

func (p *provider) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	r, err := p.Storage.AuthRequestByCode(ctx, code)
	if err != nil {
		return nil, err
	}
	return forAPI{r, p}, nil
}

type machineForAPI struct {
	op.TokenRequest
	p *provider
}

func (r machineForAPI) GetAudience() []string { return r.p.audience(r.TokenRequest.GetAudience()) }

func (p *provider) ClientCredentialsTokenRequest(ctx context.Context, id string, scopes []string) (op.TokenRequest, error) {
	r, err := p.Storage.ClientCredentialsTokenRequest(ctx, id, scopes)
	if err != nil {
		return nil, err
	}
	return machineForAPI{r, p}, nil
}

// machine is an access token for the provider's service user, by its secret.
func (p *provider) machine(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.issuer+"/oauth/token", strings.NewReader(url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("sid1", "verysecret")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err != nil || json.Unmarshal(body, &got) != nil || got.AccessToken == "" {
		t.Fatalf("client credentials: %s %s %v, want an access token", resp.Status, body, err)
	}
	return got.AccessToken
}

// withProvider opens the api again: it trusts the provider, and the page signs people in there.
func (w *world) withProvider(p *provider) {
	w.t.Helper()
	found, err := access.NewProvider(p.issuer, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- found.Keys.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		<-ended
	})
	w.trusted = []access.Trusted{{Issuer: p.issuer, Audience: apiName, Types: []string{"jwt"}, Keys: found.Keys, Claims: access.Claims{
		Roles: "/realm_access/roles", Grants: map[string][]string{"quality": access.Scopes, "viewer": {access.ShipmentsRead, access.TelemetryRead}}, People: []string{pageClient}}}}
	w.signIn = &access.Page{Provider: found, ClientID: pageClient, Redirect: pageURL, Scope: "openid profile"}
	w.reopen()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := found.AuthorizationEndpoint(); err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatal("the provider was not discovered within 60 s")
		}
	}
}

// attempt is one sign-in as the page makes it.
type attempt struct{ state, nonce, verifier, code string }

// authorize goes to the provider as somebody's browser does, and comes back with a code.
func (w *world) authorize(user string) attempt {
	w.t.Helper()
	var ways struct {
		Clients bool `json:"clients"`
		People  *struct {
			Issuer, Authorize string
			ClientID          string `json:"client_id"`
			RedirectURI       string `json:"redirect_uri"`
		} `json:"people"`
	}
	w.anonymous(http.StatusOK, http.MethodGet, "/v1/sign-in", "").into(&ways)
	if ways.People == nil || ways.People.ClientID != pageClient || ways.People.RedirectURI != pageURL || !ways.Clients {
		w.t.Fatalf("ways to sign in: %+v, want people by the page's client, and clients", ways)
	}
	a := attempt{state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(a.verifier))
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var back *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), pageURL) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	defer browser.CloseIdleConnections()
	visit := func(r *http.Request, err error) *http.Response {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
		resp, err := browser.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	login := visit(http.NewRequestWithContext(w.t.Context(), http.MethodGet, ways.People.Authorize+"&"+url.Values{"state": {a.state}, "nonce": {a.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}}.Encode(), nil))
	id := login.Request.URL.Query().Get("authRequestID")
	if login.StatusCode != http.StatusOK || id == "" {
		w.t.Fatalf("the provider answers %s at %s, want its login", login.Status, login.Request.URL)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, login.Request.URL.Scheme+"://"+login.Request.URL.Host+"/login/username",
		strings.NewReader(url.Values{"username": {user}, "password": {password}, "id": {id}}.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	visit(r, err)
	if back == nil || back.Query().Get("state") != a.state || back.Query().Get("code") == "" {
		w.t.Fatalf("the provider sends the browser to %v, want the page with state and a code", back)
	}
	a.code = back.Query().Get("code")
	return a
}

// session is what the page gets for its code.
type session struct {
	AccessToken string   `json:"access_token"`
	IDToken     string   `json:"id_token"`
	Name        string   `json:"name"`
	Scopes      []string `json:"scopes"`
}

func exchangeBody(code, verifier string) string {
	b, err := json.Marshal(map[string]string{"code": code, "code_verifier": verifier})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (w *world) signedIn(user string) session {
	w.t.Helper()
	a := w.authorize(user)
	var s session
	w.anonymous(http.StatusOK, http.MethodPost, "/v1/sign-in/token", exchangeBody(a.code, a.verifier)).into(&s)
	var id struct {
		Nonce string `json:"nonce"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(s.IDToken, ".")[1])
	if err != nil || json.Unmarshal(raw, &id) != nil || id.Nonce != a.nonce {
		w.t.Fatalf("ID token %s: nonce %q, want %q", raw, id.Nonce, a.nonce)
	}
	return s
}

// anonymous sends without any proof.
func (w *world) anonymous(code int, method, path, body string) response {
	w.t.Helper()
	return w.bearing(code, "", method, path, body)
}

// bearing sends with an access token.
func (w *world) bearing(code int, token, method, path, body string) response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got := w.send(r)
	if got.Code != code {
		w.t.Fatalf("%s %s: %d instead of %d: %s", method, path, got.Code, code, got.Body)
	}
	return got
}
