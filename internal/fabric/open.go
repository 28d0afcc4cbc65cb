package fabric

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-sdk-go/pkg/core/config"
	"github.com/hyperledger/fabric-sdk-go/pkg/core/config/endpoint"
	"github.com/hyperledger/fabric-sdk-go/pkg/core/logging/api"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk"

	"github.com/trackseal/trackseal/internal/secure"
)

// Open loads every peer's TLS root before the first call (a cold pool stalls the first submit for 20 s) and does not fail
// when peers are down: calls do, with ErrUnavailable. It connects to nobody; ctx is not kept.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	sdk, err := fabsdk.New(config.FromFile(cfg.Profile), fabsdk.WithLoggerPkg(sdkLog{log}))
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", cfg.Profile, err)
	}
	c := &Client{cfg: cfg, log: log, sdk: sdk, commits: newCommits(), channel: newChannel()}
	if err := c.load(); err != nil {
		sdk.Close()
		return nil, fmt.Errorf("profile %s: %w", cfg.Profile, err)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.health = newHealth(c)
	c.spawn(c.watchCommits)
	return c, nil
}

// load reads the identity and the nodes out of the profile.
func (c *Client) load() error {
	identity, err := c.sdk.Context(fabsdk.WithUser(c.cfg.User), fabsdk.WithOrg(c.cfg.Org))()
	if err != nil {
		return fmt.Errorf("user %s of organisation %s: %w", c.cfg.User, c.cfg.Org, err)
	}
	c.identity = identity
	c.msp = identity.Identifier().MSPID
	endpoints := identity.EndpointConfig()
	network := endpoints.NetworkConfig()
	clientCerts := endpoints.TLSClientCerts()

	orgs := ringFrom(slices.Sorted(maps.Keys(network.Organizations)), c.cfg.Org)
	for _, org := range orgs {
		configs, ok := endpoints.PeersConfig(org)
		if !ok {
			continue
		}
		for _, p := range configs {
			n, err := newNode(org, "peer", p.URL, p.TLSCACert, p.GRPCOptions, clientCerts)
			if err != nil {
				return err
			}
			n.msp = network.Organizations[org].MSPID
			c.peers = append(c.peers, n)
		}
	}
	if len(c.peers) == 0 || c.peers[0].org != c.cfg.Org {
		return fmt.Errorf("organisation %s has no peer", c.cfg.Org)
	}

	names := slices.Collect(maps.Keys(network.Orderers))
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(ringKey(orgs, a), ringKey(orgs, b))
	})
	for _, name := range names {
		o := network.Orderers[name]
		n, err := newNode(orgOf(orgs, name), "orderer", o.URL, o.TLSCACert, o.GRPCOptions, clientCerts)
		if err != nil {
			return err
		}
		c.orderers = append(c.orderers, n)
	}
	if len(c.orderers) == 0 {
		return fmt.Errorf("no orderers")
	}
	return nil
}

// ringFrom puts first at the start and keeps the others in cyclic order: every organisation then has another one that it
// turns to first, and no peer is everybody's choice.
func ringFrom(names []string, first string) []string {
	i := slices.Index(names, first)
	if i < 0 {
		return names
	}
	return slices.Concat(names[i:], names[:i])
}

// orgOf finds the organisation that an orderer's name speaks of ("orderer-carrier", "orderer.carrier.example"); the name
// itself when there is none.
func orgOf(orgs []string, name string) string {
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' || r == '_' }) {
		if slices.Contains(orgs, part) {
			return part
		}
	}
	return name
}

func ringKey(orgs []string, name string) string {
	return fmt.Sprintf("%04d %s", slices.Index(orgs, orgOf(orgs, name))&0xfff, name)
}

func newNode(org, role, url string, root *x509.Certificate, options map[string]any, clientCerts []tls.Certificate) (*node, error) {
	n := &node{org: org, role: role, address: endpoint.ToAddress(url)}
	if !endpoint.AttemptSecured(url, options["allow-insecure"] == true) {
		if !secure.Local(n.address) {
			return nil, fmt.Errorf("%s %s of %s: would be spoken to in plain text; write grpcs:// in the connection profile", role, url, org)
		}
		return n, nil
	}
	if root == nil {
		return nil, fmt.Errorf("%s %s of %s: tlsCACerts is missing", role, url, org)
	}
	// A pool of its own for each node, filled here once: the SDK's shared pool can hand out a copy that lacks a root while
	// another goroutine adds it, and a connection made from that copy fails until it is thrown away. It also keeps one
	// organisation's authority from vouching for another's node.
	pool := x509.NewCertPool()
	pool.AddCert(root)
	n.tls = &tls.Config{RootCAs: pool, Certificates: clientCerts, MinVersion: tls.VersionTLS12}
	if name, ok := options["ssl-target-name-override"].(string); ok {
		n.tls.ServerName = name
	}
	return n, nil
}

// sdkLog passes the SDK's errors on as warnings, since callers get them as errors too, and its warnings as debug lines: we use
// it for the profile and for signing, where they only speak of its own deprecations. What is below is dropped. The SDK has
// one logger for the whole process: the first client's.
type sdkLog struct{ log *slog.Logger }

func (s sdkLog) GetLogger(module string) api.Logger {
	return sdkLogger{s.log.With("module", module)}
}

type sdkLogger struct{ log *slog.Logger }

func line(args []any) string { return strings.TrimSuffix(fmt.Sprintln(args...), "\n") }

// What the SDK calls fatal is an error of one call to us; nothing of it may end the process.
func (l sdkLogger) Fatal(args ...any)            { l.log.Error(line(args)) }
func (l sdkLogger) Fatalf(f string, args ...any) { l.log.Error(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Fatalln(args ...any)          { l.log.Error(line(args)) }
func (l sdkLogger) Panic(args ...any)            { l.log.Error(line(args)) }
func (l sdkLogger) Panicf(f string, args ...any) { l.log.Error(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Panicln(args ...any)          { l.log.Error(line(args)) }
func (l sdkLogger) Error(args ...any)            { l.log.Warn(line(args)) }
func (l sdkLogger) Errorf(f string, args ...any) { l.log.Warn(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Errorln(args ...any)          { l.log.Warn(line(args)) }
func (l sdkLogger) Warn(args ...any)             { l.log.Debug(line(args)) }
func (l sdkLogger) Warnf(f string, args ...any)  { l.log.Debug(fmt.Sprintf(f, args...)) }
func (l sdkLogger) Warnln(args ...any)           { l.log.Debug(line(args)) }
func (sdkLogger) Print(...any)                   {}
func (sdkLogger) Printf(string, ...any)          {}
func (sdkLogger) Println(...any)                 {}
func (sdkLogger) Info(...any)                    {}
func (sdkLogger) Infof(string, ...any)           {}
func (sdkLogger) Infoln(...any)                  {}
func (sdkLogger) Debug(...any)                   {}
func (sdkLogger) Debugf(string, ...any)          {}
func (sdkLogger) Debugln(...any)                 {}
