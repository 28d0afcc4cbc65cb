// Package access tells who makes a request and what they may ask for. A chain of authenticators, one for each way of proving
// it, yields a principal; what comes after sees only that.
package access

import (
	"context"
	"fmt"
	"slices"
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
)

// Scopes in the order in which they are documented.
var Scopes = []string{TrackersRead, TrackersWrite, ShipmentsRead, ShipmentsWrite, TelemetryRead, AnchorsRead, NetworkRead, RulesWrite}

// Principal is who makes a request, whichever way they proved it.
type Principal struct {
	Org     string // member that it speaks for
	Issuer  string // who vouches for it
	Subject string // person or program
	Client  string // program that acts; the subject when none is named
	Scopes  []string
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
