// Package auth decides who asks: JWT access tokens of configured issuers and of the built-in development issuer, their
// scopes and organisation.
package auth

import (
	"context"
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

// Principal is who makes a request.
type Principal struct {
	Issuer string
	Client string // client_id, or the subject when there is none
	Org    string
	Scopes []string
	// ExpMS is when the token ends; streams end with it.
	ExpMS int64
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
