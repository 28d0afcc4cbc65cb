package access

import (
	"errors"
	"slices"
	"testing"
)

// TestClaims: how an issuer's claims become a principal.
func TestClaims(t *testing.T) {
	type all = map[string]any
	base := func(more all) all {
		m := all{"iss": "https://idp.test", "sub": "u1", "client_id": "page", "name": " Ana Lopez "}
		for name, value := range more {
			m[name] = value
		}
		return m
	}
	people := []string{"page"}
	for _, c := range []struct {
		what   string
		claims Claims
		all    all
		err    error
		person bool
		name   string
		client string
		scopes []string
	}{
		{"its defaults", Claims{}, base(all{"org": "carrier", "scope": "a b", "roles": "r"}), nil, false, "", "page", []string{"a", "b"}},
		{"no organisation", Claims{}, base(nil), ErrWrongOrg, false, "", "", nil},
		{"another organisation", Claims{}, base(all{"org": "shipper"}), ErrWrongOrg, false, "", "", nil},
		{"an organisation that is no text", Claims{}, base(all{"org": all{"carrier": true}}), ErrWrongOrg, false, "", "", nil},
		{"one of several", Claims{}, base(all{"org": []any{"shipper", "carrier"}}), nil, false, "", "page", nil},
		{"a claim of its own", Claims{Org: "https://acme.test/tenant", OrgValue: "acme"}, base(all{"https://acme.test/tenant": "acme"}), nil, false, "", "page", nil},
		{"the member's name where another is wanted", Claims{OrgValue: "acme"}, base(all{"org": "carrier"}), ErrWrongOrg, false, "", "", nil},
		{"an issuer of one organisation", Claims{SingleOrg: true}, base(nil), nil, false, "", "page", nil},
		{"roles", Claims{SingleOrg: true, Roles: "/realm_access/roles", Grants: map[string][]string{"q": {"x", "y"}}},
			base(all{"scope": "a", "realm_access": all{"roles": []any{"q", "other", 7}}}), nil, false, "", "page", []string{"x", "y"}},
		{"roles that are not there", Claims{SingleOrg: true, Roles: "/realm_access/roles", Grants: map[string][]string{"q": {"x"}}}, base(all{"scope": "a", "realm_access": "q"}), nil, false, "", "page", nil},
		{"a pointer with a slash", Claims{SingleOrg: true, Roles: "/a~1b/c~0d", Grants: map[string][]string{"q": {"x"}}}, base(all{"a/b": all{"c~d": "q"}}), nil, false, "", "page", []string{"x"}},
		{"a person", Claims{SingleOrg: true, People: people}, base(nil), nil, true, "Ana Lopez", "page", nil},
		{"a person by another claim", Claims{SingleOrg: true, People: people, Name: "display"}, base(all{"display": "A. L."}), nil, true, "A. L.", "page", nil},
		{"a person without a name", Claims{SingleOrg: true, People: people}, base(all{"name": 7}), nil, true, "", "page", nil},
		{"another client with a name", Claims{SingleOrg: true, People: people}, base(all{"client_id": "robot"}), nil, false, "", "robot", nil},
		{"the page's own token", Claims{SingleOrg: true, People: people}, base(all{"sub": "page"}), nil, false, "", "page", nil},
		{"client as azp", Claims{SingleOrg: true, People: people}, base(all{"client_id": nil, "azp": "page"}), nil, true, "Ana Lopez", "page", nil},
		{"no client", Claims{SingleOrg: true, People: people}, base(all{"client_id": nil}), nil, false, "", "u1", nil},
		{"an ID token by its nonce", Claims{SingleOrg: true}, base(all{"nonce": "n"}), errIDToken, false, "", "", nil},
		{"an ID token by its hash", Claims{SingleOrg: true}, base(all{"at_hash": "h"}), errIDToken, false, "", "", nil},
	} {
		p, err := c.claims.principal("carrier", c.all)
		if !errors.Is(err, c.err) || (err == nil) != (p != nil) {
			t.Errorf("%s: %+v, %v; want %v", c.what, p, err, c.err)
		}
		if p == nil {
			continue
		}
		if p.Person != c.person || p.Name != c.name || p.Client != c.client || !slices.Equal(p.Scopes, c.scopes) || p.Org != "carrier" || p.Subject == "" {
			t.Errorf("%s: %+v, want person %v, name %q, client %s, scopes %v", c.what, p, c.person, c.name, c.client, c.scopes)
		}
	}
}
