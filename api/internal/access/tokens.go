package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/trackseal/trackseal/internal/canon"
)

// algorithms is the allow list of RFC 8725 section 3.1; none and HMAC are not in it.
var algorithms = []string{"RS256", "ES256", "EdDSA"}

// maxToken bounds the work that an unauthenticated request can cause.
const maxToken = 8 << 10

// profileTypes are the typ headers of RFC 9068's profile, which asks for jti and client_id besides.
var profileTypes = []string{"at+jwt", "application/at+jwt"}

// maxLife bounds how long a token may be good for: nobody can withdraw one.
const maxLife = 24 * time.Hour

// leeway for clocks that differ.
const leeway = 30 * time.Second

// Reasons why a token is refused. The text reaches the client, so it says nothing about keys.
var (
	ErrToken    = errors.New("the access token is not valid")
	ErrWrongOrg = errors.New("the access token is of another organisation")
)

// Keys of one issuer. It never waits and never fetches while a request is checked.
type Keys interface {
	Key(ctx context.Context, t *jwt.Token) (any, error)
}

// Trusted is one issuer whose tokens are accepted.
type Trusted struct {
	Issuer   string
	Audience string
	Types    []string // accepted typ headers, lower case; nil = RFC 9068's at+jwt
	Keys     Keys
	Claims   Claims
}

// Verifier checks access tokens. Safe for concurrent use.
type Verifier struct {
	org     string
	issuers map[string]Trusted
	parser  *jwt.Parser
}

// NewVerifier accepts tokens of the issuers for one organisation.
func NewVerifier(org string, now func() time.Time, issuers ...Trusted) *Verifier {
	v := &Verifier{org: org, issuers: make(map[string]Trusted, len(issuers))}
	for _, i := range issuers {
		if i.Types == nil {
			i.Types = profileTypes
		}
		v.issuers[i.Issuer] = i
	}
	v.parser = jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(now))
	return v
}

// claims are what the development issuer writes.
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"` // space separated (RFC 8693 section 4.2)
	Org      string `json:"org"`
}

// Verify returns who the token speaks for. Errors wrap ErrToken or ErrWrongOrg.
func (v *Verifier) Verify(ctx context.Context, token string) (*Principal, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return nil, fmt.Errorf("%w: not a compact JWS of at most %d bytes", ErrToken, maxToken)
	}
	if err := plainMembers(token); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	var c jwt.RegisteredClaims
	var from Trusted
	profile := false // it says that it is RFC 9068's
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		// The issuer only selects among configured keys; nothing in the token names a place to fetch from.
		var ok bool
		if from, ok = v.issuers[c.Issuer]; !ok {
			return nil, errors.New("issuer is not trusted")
		}
		typ, _ := t.Header["typ"].(string)
		if !slices.Contains(from.Types, strings.ToLower(typ)) {
			return nil, fmt.Errorf("typ must be %s", from.Types[0])
		}
		profile = slices.Contains(profileTypes, strings.ToLower(typ))
		if _, ok := t.Header["crit"]; ok {
			return nil, errors.New("crit is not supported")
		}
		return from.Keys.Key(ctx, t)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, reason(err))
	}
	switch {
	case !slices.Contains(c.Audience, from.Audience):
		return nil, fmt.Errorf("%w: audience is not %s", ErrToken, from.Audience)
	case c.Subject == "":
		return nil, fmt.Errorf("%w: no subject", ErrToken)
	case c.IssuedAt == nil || c.ExpiresAt.Sub(c.IssuedAt.Time) > maxLife:
		return nil, fmt.Errorf("%w: without iat, or good for longer than %s", ErrToken, maxLife)
	}
	all, err := payload(token)
	if err == nil && profile && (c.ID == "" || text(all["client_id"]) == "") {
		err = errors.New("client_id or jti is missing")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	p, err := from.Claims.principal(v.org, all)
	switch {
	case errors.Is(err, ErrWrongOrg):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	p.ExpMS, p.Token = c.ExpiresAt.UnixMilli(), tokenID(c.ID, token)
	return p, nil
}

// payload is every claim under its exact name.
func payload(token string) (all map[string]any, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	return all, err
}

// reason keeps what a client can mend and drops the rest.
func reason(err error) error {
	for _, r := range []error{jwt.ErrTokenExpired, jwt.ErrTokenNotValidYet, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenRequiredClaimMissing, jwt.ErrTokenMalformed} {
		if errors.Is(err, r) {
			return r
		}
	}
	return errors.New("signature, issuer or type is not accepted")
}

// claimNames are the members that encoding/json fills in claims.
var claimNames = func() (names []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[claims]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}()

// plainMembers refuses a header or payload that two readers could understand differently: with a repeated member, or with a claim of
// ours in another case, which encoding/json would take and others would not.
func plainMembers(token string) error {
	for part := range strings.SplitSeq(token[:strings.LastIndexByte(token, '.')], ".") {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return errors.New("not base64url")
		}
		members := map[string]json.RawMessage{}
		if err := canon.CheckJSONFolded(raw); err != nil || json.Unmarshal(raw, &members) != nil || !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
			return errors.New("not a JSON object in which each member is given once")
		}
		for name := range members {
			if i := slices.IndexFunc(claimNames, func(claim string) bool { return strings.EqualFold(claim, name) }); i >= 0 && claimNames[i] != name {
				return fmt.Errorf("a member is called %q, not %q", name, claimNames[i])
			}
		}
	}
	return nil
}
