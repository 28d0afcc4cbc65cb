package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
)

// openEvidence says where evidence comes from.
func openEvidence(cfg Config, chain *fabric.Client, store *influx.Client, instances []ingestclient.Instance, log *slog.Logger) *bundle.Source {
	return &bundle.Source{
		Channel: cmp.Or(cfg.Fabric.Channel, ledger.Channel), Chaincode: cmp.Or(cfg.Fabric.Chaincode, ledger.Chaincode), Ledger: chain, Store: store, Log: log,
		Consistency: func(ctx context.Context, ingest string, first, second uint64) ([]evidence.Hash, error) {
			for _, i := range instances {
				if i.ID() == ingest {
					return i.Consistency(ctx, first, second)
				}
			}
			return nil, fmt.Errorf("ingest instance %s is not configured", ingest)
		},
	}
}
