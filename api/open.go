package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/httpapi"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/nodes"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/internal/anchor"
	"github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/profile"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
)

// auth is who may call, and how people and clients get their tokens.
type auth struct {
	callers access.Chain
	issuer  *access.Issuer // nil: no development issuer
	signIn  *access.Page   // nil: no provider at which the page signs people in
	parts   []service.Part // keep the issuers' keys fresh
}

// openAuth sets up the accepted issuers.
func openAuth(cfg Config, log *slog.Logger) (auth, error) {
	var trusted []access.Trusted
	var a auth
	if cfg.Auth.ClientsFile != "" {
		var err error
		if a.issuer, err = access.OpenIssuer(cfg.Auth.Issuer, cfg.Auth.Audience, cfg.Org, cfg.Auth.ClientsFile, cfg.Auth.KeyFile, time.Now); err != nil {
			return auth{}, fmt.Errorf("auth: %w", err)
		}
		trusted = append(trusted, a.issuer.Trusted())
	}
	for _, is := range cfg.Auth.Issuers {
		keys, provider, err := openIssuer(is, log)
		if err != nil {
			return auth{}, fmt.Errorf("auth: issuer %s: %w", is.Issuer, err)
		}
		trusted = append(trusted, access.Trusted{Issuer: is.Issuer, Audience: cmp.Or(is.Audience, cfg.Auth.Audience), Types: is.Types, Keys: keys, Claims: is.claims()})
		a.parts = append(a.parts, service.Part{Name: "keys of " + is.Issuer, Run: keys.Run})
		if is.Page != nil {
			a.signIn = &access.Page{Provider: provider, ClientID: is.Page.ClientID, Redirect: cfg.PublicURL + "/", Scope: cmp.Or(is.Page.Scope, "openid profile"), Parameters: is.Page.Parameters}
		}
	}
	verifier := access.NewVerifier(cfg.Org, time.Now, trusted...)
	if a.signIn != nil {
		a.signIn.Tokens = verifier
	}
	a.callers = access.Chain{verifier}
	return a, nil
}

// openIssuer finds an issuer's keys by discovery unless the configuration names them.
func openIssuer(is IssuerConfig, log *slog.Logger) (*access.RemoteKeys, *access.Provider, error) {
	if is.JWKSURL != "" {
		keys, err := access.NewRemoteKeys(is.JWKSURL, log)
		return keys, nil, err
	}
	provider, err := access.NewProvider(is.Issuer, log)
	if err != nil {
		return nil, nil, err
	}
	return provider.Keys, provider, nil
}

// openNodes has the clients of the other members' nodes, which are called as this organisation.
func openNodes(cfg Config, directory *members.Directory, identity node.Identity, log *slog.Logger) (*nodes.Book, error) {
	if _, err := cfg.Calls.Config(); err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return nodes.New(nodes.Config{Self: cfg.Org, Own: cfg.Ingest, Members: directory.All, Identity: identity, Calls: cfg.Calls,
		Loopback: secure.Local(cfg.Listen), Log: log, Now: time.Now}), nil
}

// openSealingKey reads the 32 bytes that seal cursors and derive secrets, or makes them.
func openSealingKey(path string) ([]byte, error) {
	key, err := secure.Private(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		rand.Read(key)
		return key, os.WriteFile(path, key, 0o600)
	}
	if err == nil && len(key) != 32 {
		err = fmt.Errorf("%s has %d bytes instead of 32; restore it, or remove it to have a new one made: open cursors end, and an enrolment that is repeated with its Idempotency-Key answers another secret than the tracker has", path, len(key))
	}
	return key, err
}

// openEvidence says where evidence comes from.
func openEvidence(cfg Config, chain *fabric.Client, store *influx.Client, instances ingestclient.Instances, copies *replica.Replica, codecs profile.Runner, log *slog.Logger) *bundle.Source {
	return &bundle.Source{
		Outside: copies.Outside, Own: cfg.Ingest, Codec: codecs,
		Channel: cfg.Fabric.Channel, Chaincode: cfg.Fabric.Chaincode, Ledger: chain, Store: store, Log: log,
		Consistency: func(ctx context.Context, ingest string, first, second uint64) ([]evidence.Hash, error) {
			instance, _ := ledger.LifeOf(ingest)
			heads := anchor.HeadsID(cfg.Fabric.Channel, ingest)
			for _, i := range instances.All() {
				if i.ID() == instance {
					return i.Consistency(ctx, hex.EncodeToString(heads[:]), first, second)
				}
			}
			return nil, fmt.Errorf("%w: no address of instance %s is known", problem.ErrIngest, ingest)
		},
		Anchors: func(ctx context.Context, heads string, from, to uint64) (list []ledger.Head, err error) {
			for h, err := range ledger.AnchorList.Each(ctx, chain, heads) { // newest first
				if err != nil || h.Size <= from {
					slices.Reverse(list)
					return list, err
				}
				if h.Size <= to {
					list = append(list, h)
				}
			}
			slices.Reverse(list)
			return list, nil
		},
	}
}

// openDial connects loggers whose files come here to the broker.
func openDial(cfg Config, log *slog.Logger) (httpapi.Dial, error) {
	tls, err := cfg.MQTT.Each()
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	return func(ctx context.Context, tracker, secret string) (httpapi.Line, error) {
		return mqtt.Dial(ctx, mqtt.DeviceConfig{URL: cfg.MQTTURL, Tracker: tracker, Password: func() string { return secret }, TLS: tls, Silent: true, Log: log})
	}, nil
}
