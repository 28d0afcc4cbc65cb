package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/service"
)

// openAuth sets up the accepted issuers; parts are what must run to keep their keys fresh.
func openAuth(cfg Config, log *slog.Logger) (access.Chain, *access.Issuer, []service.Part, error) {
	var trusted []access.Trusted
	var parts []service.Part
	var issuer *access.Issuer
	if cfg.Auth.ClientsFile != "" {
		var err error
		if issuer, err = access.OpenIssuer(cfg.Auth.Issuer, cfg.Auth.Audience, cfg.Org, cfg.Auth.ClientsFile, cfg.Auth.KeyFile, time.Now); err != nil {
			return nil, nil, nil, fmt.Errorf("auth: %w", err)
		}
		trusted = append(trusted, issuer.Trusted())
	}
	for _, is := range cfg.Auth.Issuers {
		keys, err := access.NewRemoteKeys(is.JWKSURL, log)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("auth: issuer %s: %w", is.Issuer, err)
		}
		audience := is.Audience
		if audience == "" {
			audience = cfg.Auth.Audience
		}
		trusted = append(trusted, access.Trusted{Issuer: is.Issuer, Audience: audience, Types: is.Types, Keys: keys})
		parts = append(parts, service.Part{Name: "keys of " + is.Issuer, Run: keys.Run})
	}
	return access.Chain{access.NewVerifier(cfg.Org, time.Now, trusted...)}, issuer, parts, nil
}

func openIngest(configs []IngestConfig) ([]ingestclient.Instance, error) {
	var instances []ingestclient.Instance
	for _, c := range configs {
		token, err := service.ReadSecret(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("ingest %s: token_file: %w", c.ID, err)
		}
		client, err := ingestclient.New(c.ID, c.URL, token)
		if err != nil {
			return nil, err
		}
		instances = append(instances, client)
	}
	return instances, nil
}

// openSealingKey reads the 32 bytes that seal cursors and derive secrets, or makes them.
func openSealingKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		rand.Read(key)
		return key, os.WriteFile(path, key, 0o600)
	}
	if err == nil && len(key) != 32 {
		err = fmt.Errorf("%s has %d bytes instead of 32; remove it to have a new one made (open cursors end)", path, len(key))
	}
	return key, err
}

// openEvidence says where evidence comes from.
func openEvidence(cfg Config, chain *fabric.Client, store *influx.Client, instances []ingestclient.Instance, log *slog.Logger) *bundle.Source {
	return &bundle.Source{
		Channel: cfg.Fabric.Channel, Chaincode: cfg.Fabric.Chaincode, Ledger: chain, Store: store, Log: log,
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
