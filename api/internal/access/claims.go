package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// Claims says where an issuer's access tokens carry what a principal is made of. The zero value reads scope, org and name, and
// takes every client for a machine. A claim is named as it stands, or, when it lies deeper, by a JSON pointer such as
// /realm_access/roles.
type Claims struct {
	Org      string // "" = org
	OrgValue string // what it must be, or contain; "" = the member's name
	// SingleOrg: the issuer knows this organisation's accounts only, so its tokens name none.
	SingleOrg bool
	// Roles names the claim with the roles, and Grants the scopes of each. "" = scopes come from the claim scope.
	Roles  string
	Grants map[string][]string
	Name   string // "" = name
	// People are the clients by which people sign in. All others are machines, whatever their tokens say.
	People []string
}

var errIDToken = errors.New("this is an ID token; send the access token")

// idTokenClaims are in ID tokens only (OpenID Connect Core 2 and 3.3.2.11). An issuer that gives both kinds the same typ and
// audience must not turn one into the other.
var idTokenClaims = []string{"nonce", "at_hash", "c_hash"}

// principal is who a verified token speaks for, of the organisation org. Errors are ErrWrongOrg and errIDToken.
func (c Claims) principal(org string, all map[string]any) (*Principal, error) {
	for _, name := range idTokenClaims {
		if all[name] != nil {
			return nil, errIDToken
		}
	}
	if !c.SingleOrg && !slices.Contains(texts(find(all, cmp.Or(c.Org, "org"))), cmp.Or(c.OrgValue, org)) {
		return nil, ErrWrongOrg
	}
	p := &Principal{Org: org, Issuer: text(all["iss"]), Subject: text(all["sub"]), Scopes: strings.Fields(text(all["scope"]))}
	p.Client = cmp.Or(text(all["client_id"]), text(all["azp"]), p.Subject)
	if c.Roles != "" {
		p.Scopes = nil
		for _, role := range texts(find(all, c.Roles)) {
			p.Scopes = append(p.Scopes, c.Grants[role]...)
		}
	}
	if slices.Contains(c.People, p.Client) && p.Subject != p.Client {
		p.Person, p.Name = true, strings.TrimSpace(text(find(all, cmp.Or(c.Name, "name"))))
	}
	return p, nil
}

// tokenID names a token in the audit log: by its jti, or else by what is hard to guess from it.
func tokenID(jti, token string) string {
	if jti != "" {
		return jti
	}
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// find follows a JSON pointer (RFC 6901) through objects; any other name is a member's as it stands.
func find(all map[string]any, name string) any {
	if !strings.HasPrefix(name, "/") {
		return all[name]
	}
	var at any = all
	for part := range strings.SplitSeq(name[1:], "/") {
		object, _ := at.(map[string]any)
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return at
}

// text is "" for what is no string.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// texts is a string, or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
