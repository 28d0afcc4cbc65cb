package access

import (
	"errors"
	"net/http"
	"strings"
)

// ErrNoProof: the request does not say who makes it.
var ErrNoProof = errors.New("send Authorization: Bearer <access token>")

// Authenticator is one way to prove who makes a request.
type Authenticator interface {
	// Authenticate returns neither a principal nor an error for a request without a proof of its kind.
	Authenticate(r *http.Request) (*Principal, error)
}

// Chain asks one authenticator after another; the first that finds a proof of its kind decides, also when it refuses it.
type Chain []Authenticator

// Authenticate returns a principal or an error: ErrNoProof, or what the deciding authenticator says.
func (c Chain) Authenticate(r *http.Request) (*Principal, error) {
	for _, a := range c {
		if p, err := a.Authenticate(r); p != nil || err != nil {
			return p, err
		}
	}
	return nil, ErrNoProof
}

// Authenticate reads an access token from Authorization: Bearer (RFC 6750).
func (v *Verifier) Authenticate(r *http.Request) (*Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, nil
	}
	return v.Verify(r.Context(), token)
}
