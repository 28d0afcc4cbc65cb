package access

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var clock = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func now() time.Time { return clock }

func testIssuer(t *testing.T) *Issuer {
	t.Helper()
	sum := sha256.Sum256([]byte("s3cret"))
	i, err := NewIssuer("http://issuer.test", "trackseal-api", "carrier", []Client{{ID: "app", SecretSHA256: fmt.Sprintf("%x", sum), Scopes: []string{TrackersRead, ShipmentsRead}}},
		ed25519.NewKeyFromSeed(make([]byte, 32)), now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func seg(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

type m map[string]any

// TestAttacks forges and bends tokens; each must be refused, and none may cause a fetch.
func TestAttacks(t *testing.T) {
	fetched := atomic.Int64{}
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer evil.Close()
	i := testIssuer(t)
	v := NewVerifier("carrier", now, i.Trusted())
	key := i.signer.(ed25519.PrivateKey)
	header := func(change m) m {
		h := m{"alg": "EdDSA", "typ": "at+jwt", "kid": i.kid}
		for k, v := range change {
			h[k] = v
		}
		return h
	}
	payload := func(change m) m {
		p := m{"iss": "http://issuer.test", "sub": "app", "client_id": "app", "aud": "trackseal-api", "org": "carrier", "scope": "trackers:read", "jti": "1",
			"iat": clock.Unix(), "nbf": clock.Unix(), "exp": clock.Add(time.Hour).Unix()}
		for k, v := range change {
			if v == nil {
				delete(p, k)
				continue
			}
			p[k] = v
		}
		return p
	}
	raw := func(signed string) string {
		return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
	}
	sign := func(h, p m) string { return raw(seg(header(h)) + "." + seg(payload(p))) }
	mac := func(alg string) string {
		signed := seg(header(m{"alg": alg})) + "." + seg(payload(nil))
		h := hmac.New(sha256.New, key.Public().(ed25519.PublicKey))
		h.Write([]byte(signed))
		return signed + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	good := sign(nil, nil)
	if p, err := v.Verify(t.Context(), good); err != nil || p.Client != "app" || !p.Has(TrackersRead) || p.Has(ShipmentsRead) {
		t.Fatalf("the good one: %+v, %v", p, err)
	}
	other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", 32)))
	parts := strings.Split(good, ".")
	embedded, err := jwkset.NewJWKFromKey(other.Public(), jwkset.JWKOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"empty":                  "",
		"two dots":               "..",
		"a megabyte of dots":     strings.Repeat(".", 1<<20),
		"four parts":             good + ".x",
		"stripped signature":     parts[0] + "." + parts[1] + ".",
		"no signature part":      parts[0] + "." + parts[1],
		"bit flipped":            good[:len(good)-3] + "AAA",
		"padded":                 good + "==",
		"alg none":               seg(header(m{"alg": "none"})) + "." + seg(payload(nil)) + ".",
		"alg NoNe":               seg(header(m{"alg": "NoNe"})) + "." + seg(payload(nil)) + ".",
		"alg none, signed":       sign(m{"alg": "none"}, nil),
		"HS256 with public key":  mac("HS256"),
		"HS512 with public key":  mac("HS512"),
		"alg missing":            raw(seg(m{"typ": "at+jwt", "kid": i.kid}) + "." + seg(payload(nil))),
		"alg ES256":              sign(m{"alg": "ES256"}, nil),
		"alg PS256":              sign(m{"alg": "PS256"}, nil),
		"alg is a number":        sign(m{"alg": 1}, nil),
		"other key":              forgeWith(other, header(nil), payload(nil)),
		"embedded jwk":           forgeWith(other, header(m{"jwk": embedded.Marshal()}), payload(nil)),
		"jku":                    forgeWith(other, header(m{"jku": evil.URL, "kid": "evil"}), payload(nil)),
		"x5u":                    forgeWith(other, header(m{"x5u": evil.URL, "kid": "evil"}), payload(nil)),
		"iss elsewhere":          forgeWith(other, header(m{"kid": "evil"}), payload(m{"iss": evil.URL})),
		"kid path":               sign(m{"kid": "../../etc/passwd"}, nil),
		"kid sql":                sign(m{"kid": "' or 1=1 --"}, nil),
		"kid number":             sign(m{"kid": 7}, nil),
		"kid missing":            raw(seg(m{"alg": "EdDSA", "typ": "at+jwt"}) + "." + seg(payload(nil))),
		"crit":                   sign(m{"crit": []string{"b64"}, "b64": false}, nil),
		"typ JWT (an id token)":  sign(m{"typ": "JWT"}, nil),
		"typ missing":            raw(seg(m{"alg": "EdDSA", "kid": i.kid}) + "." + seg(payload(nil))),
		"iss missing":            sign(nil, m{"iss": nil}),
		"iss wrong":              sign(nil, m{"iss": "http://issuer.test/"}),
		"aud missing":            sign(nil, m{"aud": nil}),
		"aud wrong":              sign(nil, m{"aud": "other"}),
		"aud list without us":    sign(nil, m{"aud": []string{"a", "b"}}),
		"exp missing":            sign(nil, m{"exp": nil}),
		"exp past":               sign(nil, m{"exp": clock.Add(-time.Minute).Unix()}),
		"exp text":               sign(nil, m{"exp": "2099"}),
		"exp negative":           sign(nil, m{"exp": -1}),
		"exp null":               raw(seg(header(nil)) + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustJSON(payload(nil))), fmt.Sprint(clock.Add(time.Hour).Unix()), "null", 1)))),
		"exp beyond numbers":     raw(seg(header(nil)) + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustJSON(payload(nil))), fmt.Sprint(clock.Add(time.Hour).Unix()), "1e999", 1)))),
		"nbf future":             sign(nil, m{"nbf": clock.Add(5 * time.Minute).Unix()}),
		"iat future":             sign(nil, m{"iat": clock.Add(5 * time.Minute).Unix()}),
		"sub missing":            sign(nil, m{"sub": nil}),
		"repeated claim":         raw(seg(header(nil)) + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustJSON(payload(nil))), "{", `{"org":"shipper",`, 1)))),
		"repeated folded claim":  raw(seg(header(nil)) + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustJSON(payload(nil))), "{", `{"ORG":"shipper",`, 1)))),
		"repeated beyond ASCII":  raw(seg(header(nil)) + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustJSON(payload(nil))), "{", `{"\u017fcope":"network:read",`, 1)))),
		"repeated, Kelvin":       raw(base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustJSON(header(nil))), "{", `{"\u212aid":"x",`, 1))) + "." + seg(payload(nil))),
		"org in capitals":        sign(nil, m{"org": nil, "ORG": "carrier"}),
		"scope beyond ASCII":     sign(nil, m{"scope": nil, "\u017fcope": "trackers:read"}),
		"aud in capitals":        sign(nil, m{"aud": nil, "Aud": "trackseal-api"}),
		"half a surrogate pair":  raw(seg(header(nil)) + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(mustJSON(payload(nil))), "{", `{"name":"\ud800",`, 1)))),
		"iat missing":            sign(nil, m{"iat": nil}),
		"jti missing":            sign(nil, m{"jti": nil}),
		"client_id missing":      sign(nil, m{"client_id": nil}),
		"good for ever":          sign(nil, m{"exp": time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix()}),
		"good for two days":      sign(nil, m{"iat": clock.Add(-47 * time.Hour).Unix(), "nbf": nil, "exp": clock.Add(time.Hour).Unix()}),
		"claims are a list":      raw(seg(header(nil)) + "." + seg([]string{"a"})),
		"payload is not JSON":    raw(seg(header(nil)) + ".AAAA"),
		"trailing bits":          parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + "B",
		"DER signature as ES256": forgeDER(t, header(m{"alg": "ES256"}), payload(nil)),
	} {
		p, err := v.Verify(t.Context(), token)
		if !errors.Is(err, ErrToken) || p != nil {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for _, org := range []any{nil, "", "shipper", "Carrier"} {
		if _, err := v.Verify(t.Context(), sign(nil, m{"org": org})); !errors.Is(err, ErrWrongOrg) {
			t.Errorf("org %v: %v", org, err)
		}
	}
	if n := fetched.Load(); n != 0 {
		t.Errorf("%d fetches of an address that a token named", n)
	}
	// The edges of the leeway.
	for d, ok := range map[time.Duration]bool{-leeway + time.Second: true, -leeway - time.Second: false} {
		if _, err := v.Verify(t.Context(), sign(nil, m{"exp": clock.Add(d).Unix()})); (err == nil) != ok {
			t.Errorf("exp %s from now: %v", d, err)
		}
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func forgeWith(key ed25519.PrivateKey, h, p m) string {
	signed := seg(h) + "." + seg(p)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
}

func forgeDER(t *testing.T, h, p m) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := seg(h) + "." + seg(p)
	sum := sha256.Sum256([]byte(signed))
	der, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(der)
}

// jwksServer serves keys that a test can change, and counts.
type jwksServer struct {
	*httptest.Server
	body  atomic.Value
	asked atomic.Int64
}

func newJWKS(t *testing.T) *jwksServer {
	t.Helper()
	s := new(jwksServer)
	s.body.Store([]byte(`{"keys":[]}`))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		_, _ = w.Write(s.body.Load().([]byte))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *jwksServer) set(t *testing.T, kid string, alg jwkset.ALG, key crypto.PublicKey) {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, ALG: alg}})
	if err != nil {
		t.Fatal(err)
	}
	s.body.Store(mustJSON(m{"keys": []any{k.Marshal()}}))
}

// TestRemoteKeys: OIDC issuers with RS256 and ES256, rotation, a flood of unknown key ids, and an issuer that is down.
func TestRemoteKeys(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := newJWKS(t)
	s.set(t, "k1", "", rsaKey.Public())
	keys, err := NewRemoteKeys(s.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- keys.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
		keys.client.CloseIdleConnections()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	}()
	v := NewVerifier("carrier", now, Trusted{Issuer: "https://idp.test", Audience: "trackseal-api", Keys: keys})
	token := func(method jwt.SigningMethod, kid string, key any) string {
		tk := jwt.NewWithClaims(method, jwt.MapClaims{"iss": "https://idp.test", "sub": "u", "aud": []string{"x", "trackseal-api"}, "org": "carrier", "scope": "trackers:read", "client_id": "page", "jti": "1", "iat": clock.Unix(), "exp": clock.Add(time.Hour).Unix()})
		tk.Header["kid"], tk.Header["typ"] = kid, "at+jwt"
		text, err := tk.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	eventually(t, func() bool {
		_, err := v.Verify(ctx, token(jwt.SigningMethodRS256, "k1", rsaKey))
		return err == nil
	})
	// An RSA key under another algorithm's name, and HMAC with the public key's bytes.
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"RS512":           token(jwt.SigningMethodRS512, "k1", rsaKey),
		"PS256":           token(jwt.SigningMethodPS256, "k1", rsaKey),
		"HS256 over PEM":  token(jwt.SigningMethodHS256, "k1", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"ES256, same kid": token(jwt.SigningMethodES256, "k1", ecKey),
	} {
		if _, err := v.Verify(ctx, bad); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Anybody can send unknown key ids: they cost one fetch and nobody any time.
	keys.limit = rate.NewLimiter(rate.Every(jwksUnknown), 1) // the start may have used the first
	before := s.asked.Load()
	began := time.Now()
	for i := range 1000 {
		if _, err := v.Verify(ctx, token(jwt.SigningMethodES256, fmt.Sprint("flood", i), ecKey)); !errors.Is(err, ErrToken) {
			t.Fatal(err)
		}
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("1000 unknown key ids took %s", d)
	}
	if n := s.asked.Load() - before; n > 1 {
		t.Errorf("1000 unknown key ids caused %d fetches", n)
	}
	// Rotation: the first token with the new key asks for it, a later one passes.
	eventually(t, func() bool { return s.asked.Load() > before })
	s.set(t, "k2", jwkset.AlgES256, ecKey.Public())
	keys.wake <- struct{}{} // what the limiter would allow 30 s later
	eventually(t, func() bool {
		_, err := v.Verify(ctx, token(jwt.SigningMethodES256, "k2", ecKey))
		return err == nil
	})
	if _, err := v.Verify(ctx, token(jwt.SigningMethodRS256, "k1", rsaKey)); !errors.Is(err, ErrToken) {
		t.Error("a key that the issuer withdrew is still accepted")
	}
	// The issuer goes down: what is known stays in use.
	s.body.Store([]byte("gone"))
	asked := s.asked.Load()
	keys.wake <- struct{}{}
	eventually(t, func() bool { return s.asked.Load() > asked })
	if _, err := v.Verify(ctx, token(jwt.SigningMethodES256, "k2", ecKey)); err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 10 s")
		}
	}
}

func TestRemoteKeysURL(t *testing.T) {
	for u, ok := range map[string]bool{"https://idp.example/jwks": true, "http://127.0.0.1:1/jwks": true, "http://idp.example/jwks": false, "file:///etc/passwd": false, "": false} {
		if _, err := NewRemoteKeys(u, slog.New(slog.DiscardHandler)); (err == nil) != ok {
			t.Errorf("%q: %v", u, err)
		}
	}
}

func TestIssuer(t *testing.T) {
	i := testIssuer(t)
	for _, tc := range []struct {
		id, secret, scope string
		want              error
		granted           string
	}{
		{"app", "s3cret", "", nil, "trackers:read shipments:read"},
		{"app", "s3cret", "shipments:read", nil, "shipments:read"},
		{"app", "s3cret", "shipments:write", ErrScope, ""},
		{"app", "wrong", "", ErrClient, ""},
		{"app", "", "", ErrClient, ""},
		{"nobody", "s3cret", "", ErrClient, ""},
		{"", "", "", ErrClient, ""},
	} {
		token, granted, err := i.Issue(tc.id, tc.secret, tc.scope)
		if !errors.Is(err, tc.want) || granted != tc.granted || (token != "") != (err == nil) {
			t.Errorf("%+v: %q %v", tc, granted, err)
		}
	}
	if s := string(i.JWKS()); strings.Contains(s, `"d"`) || !strings.Contains(s, i.kid) {
		t.Errorf("key set %s", s)
	}
}

func TestOpenIssuer(t *testing.T) {
	dir := t.TempDir()
	clients, key := filepath.Join(dir, "clients.json"), filepath.Join(dir, "key.pem")
	write := func(text string) {
		if err := os.WriteFile(clients, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`[{"id":"a","secret_sha256":"` + strings.Repeat("ab", 32) + `","scopes":["trackers:read"]}]`)
	first, err := OpenIssuer("i", "a", "carrier", clients, key, now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenIssuer("i", "a", "carrier", clients, key, now)
	if err != nil || second.kid != first.kid {
		t.Fatalf("the key does not survive a restart: %v", err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v %v", info, err)
	}
	for _, bad := range []string{`{}`, `[{"id":"a"}]`, `[{"id":"a","secret_sha256":"` + strings.Repeat("ab", 32) + `","scopes":["all"]}]`, `[{"id":"a","secret":"x"}]`} {
		write(bad)
		if _, err := OpenIssuer("i", "a", "carrier", clients, key, now); err == nil {
			t.Errorf("%s accepted", bad)
		}
	}
}

func FuzzVerify(f *testing.F) {
	sum := sha256.Sum256([]byte("s"))
	i, err := NewIssuer("i", "a", "carrier", []Client{{ID: "c", SecretSHA256: fmt.Sprintf("%x", sum)}}, ed25519.NewKeyFromSeed(make([]byte, 32)), now)
	if err != nil {
		f.Fatal(err)
	}
	token, _, err := i.Issue("c", "s", "")
	if err != nil {
		f.Fatal(err)
	}
	v := NewVerifier("carrier", now, i.Trusted())
	f.Add(token)
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := v.Verify(t.Context(), s)
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if p == nil {
			return
		}
		// Workers issue their own tokens, so what is accepted is checked again, independently.
		signed, sig, _ := strings.Cut(s[strings.IndexByte(s, '.')+1:], ".")
		raw, err := base64.RawURLEncoding.Strict().DecodeString(sig)
		if err != nil || !ed25519.Verify(i.signer.Public().(ed25519.PublicKey), []byte(s[:strings.IndexByte(s, '.')+1]+signed), raw) || p.Client != "c" {
			t.Fatalf("forged: %s", s)
		}
	})
}
