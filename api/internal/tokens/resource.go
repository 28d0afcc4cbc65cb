// Package tokens answers the routes of the development issuer.
package tokens

import (
	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/rest"
)

// Resource is made of these parts.
type Resource struct {
	Issuer *access.Issuer // nil: no development issuer, no routes
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) { s.tokenRoutes(api) }
