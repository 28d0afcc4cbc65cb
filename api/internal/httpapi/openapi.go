package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/auth"
)

const securityScheme = "token"

// openapiConfig describes the API as a whole. Huma's own pages load scripts from elsewhere and its $schema member changes
// bytes that people hash, so both are off.
func openapiConfig(issuer *auth.Issuer) huma.Config {
	c := huma.DefaultConfig("Trackseal", Version)
	c.CreateHooks = nil
	c.DocsPath = ""
	c.SchemasPath = ""
	c.OpenAPIPath = ""
	c.RejectUnknownQueryParameters = true
	c.Formats = strictFormats()
	c.Tags = tags
	c.OnAddOperation = append(c.OnAddOperation, describeAnswers)
	c.Info.Description = "Shipments, trackers, telemetry and their evidence. Every error is an RFC 9457 problem with a stable `code`. " +
		"Listings are paged by an opaque `cursor`. Writes honour `Idempotency-Key`. What belongs to others answers 404."
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	scopes := map[string]string{
		auth.TrackersRead: "See trackers", auth.TrackersWrite: "Enrol, rotate, revoke and calibrate trackers",
		auth.ShipmentsRead: "See shipments", auth.ShipmentsWrite: "Create shipments, assign trackers, hand over, deliver, close, sign, claim breaches",
		auth.TelemetryRead: "Read telemetry, messages, compliance, verification", auth.AnchorsRead: "See anchors", auth.NetworkRead: "See the network's health",
		auth.RulesWrite: "Publish rule sets",
	}
	scheme := &huma.SecurityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT"}
	if issuer != nil {
		scheme = &huma.SecurityScheme{Type: "oauth2", Flows: &huma.OAuthFlows{ClientCredentials: &huma.OAuthFlow{TokenURL: "/oauth2/token", Scopes: scopes}}}
	}
	scheme.Description = "JWT access token (RFC 9068) of a configured issuer with the claims scope and org."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{securityScheme: scheme}
	return c
}
