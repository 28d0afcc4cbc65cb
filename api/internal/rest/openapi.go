package rest

import (
	"github.com/danielgtaylor/huma/v2"
)

const securityScheme = "token"

// Document describes the API as a whole.
type Document struct {
	Title, Version, About string
	Tags                  []*huma.Tag       // in the order in which a reader meets them
	Scopes                map[string]string // what each allows
	TokenURL              string            // of the development issuer; "" = none
}

// config is huma's. Its own pages load scripts from elsewhere and its $schema member changes bytes that people hash, so both are off.
func (d Document) config() huma.Config {
	c := huma.DefaultConfig(d.Title, d.Version)
	c.CreateHooks = nil
	c.DocsPath = ""
	c.SchemasPath = ""
	c.OpenAPIPath = ""
	c.RejectUnknownQueryParameters = true
	c.Formats = strictFormats()
	c.Tags = d.Tags
	c.OnAddOperation = append(c.OnAddOperation, describeAnswers)
	c.Info.Description = d.About
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	scheme := &huma.SecurityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT"}
	if d.TokenURL != "" {
		scheme = &huma.SecurityScheme{Type: "oauth2", Flows: &huma.OAuthFlows{ClientCredentials: &huma.OAuthFlow{TokenURL: d.TokenURL, Scopes: d.Scopes}}}
	}
	scheme.Description = "JWT access token (RFC 9068) of a configured issuer with the claims scope and org."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{securityScheme: scheme}
	return c
}
