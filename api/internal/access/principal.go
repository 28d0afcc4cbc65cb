// Package access tells who makes a request and what they may ask for. A chain of authenticators, one for each way of proving
// it, yields a principal; what comes after sees only that.
package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Scopes that a token can carry.
const (
	TrackersRead   = "trackers:read"
	TrackersWrite  = "trackers:write"
	ShipmentsRead  = "shipments:read"
	ShipmentsWrite = "shipments:write"
	TelemetryRead  = "telemetry:read"
	AnchorsRead    = "anchors:read"
	NetworkRead    = "network:read"
	RulesWrite     = "rules:write"
	AuditRead      = "audit:read"
)

// Scopes in the order in which they are documented.
var Scopes = []string{TrackersRead, TrackersWrite, ShipmentsRead, ShipmentsWrite, TelemetryRead, AnchorsRead, NetworkRead, RulesWrite, AuditRead}

// Principal is who makes a request, whichever way they proved it.
type Principal struct {
	Org     string // member that it speaks for
	Issuer  string // who vouches for it
	Subject string // person or program
	Client  string // program that acts; the subject when none is named
	// Person: the subject is somebody who has signed in, not a program of the organisation. Name is theirs, as the issuer has it.
	Person bool
	Name   string
	Token  string // id of the proof, for the audit log
	Scopes []string
	// Only narrows the principal to operations on some resources. nil: not narrowed.
	Only []Resource
	// ExpMS is when the proof ends; streams end with it.
	ExpMS int64
}

// Kind of resource that a principal can be narrowed to.
type Kind string

// Kinds of resources.
const (
	Shipment Kind = "shipment"
	Tracker  Kind = "tracker"
)

// Resource is one of its kind.
type Resource struct {
	Kind Kind
	ID   string
}

// May is false for a resource that the principal is narrowed away from. Whether one exists, and for this organisation, the ledger knows.
func (p *Principal) May(kind Kind, id string) bool {
	return p.Only == nil || slices.Contains(p.Only, Resource{kind, id})
}

// Identity is the same for all requests of one principal, and nobody else's.
func (p *Principal) Identity() string {
	return fmt.Sprintf("%q %q %q", p.Issuer, p.Client, p.Subject)
}

// Has reports whether the principal holds a scope.
func (p *Principal) Has(scope string) bool { return slices.Contains(p.Scopes, scope) }

type principalKey struct{}

// WithPrincipal marks a request's context.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns nil for a request without a token.
func PrincipalOf(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey{}).(*Principal)
	return p
}

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
