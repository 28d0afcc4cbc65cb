// Package network answers who the members are, and how what this api talks to is.
package network

import (
	"context"

	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Peers tell of the nodes of the ledger network.
type Peers interface {
	Network(ctx context.Context) ([]ledger.Node, error)
}

// Telemetry is the store.
type Telemetry interface {
	Ping(ctx context.Context) error
}

// Resource is made of these parts.
type Resource struct {
	Org       string
	Peers     Peers
	Telemetry Telemetry
	Ingest    []ingestclient.Instance
	Members   *members.Directory
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.networkRoutes(api)
	s.memberRoutes(api)
}
