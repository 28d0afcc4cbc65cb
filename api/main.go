// Command api is an organisation's REST API over its ledger identity, the telemetry store and the ingest instances.
package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/trackseal/trackseal/api/internal/alarms"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/beat"
	"github.com/trackseal/trackseal/api/internal/details"
	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/httpapi"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/opinion"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/api/internal/state"
	"github.com/trackseal/trackseal/internal/checkpoint"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
)

func main() {
	codec.ChildMain()
	os.Exit(service.Exit("api", run(context.Background(), os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	file := flags.String("config", "api.yaml", "configuration `file` (YAML)")
	if done, err := service.Parse(flags, args, stdout); done || err != nil {
		return err
	}
	var cfg Config
	if err := service.LoadConfig(*file, &cfg); err != nil {
		return err
	}
	log, err := service.NewLog(cfg.Log, stderr)
	if err != nil {
		return err
	}
	ctx, stop := service.WithSignals(ctx)
	defer stop()
	return serve(ctx, cfg, log)
}

// serve opens what the API is made of, and runs it until ctx ends.
func serve(ctx context.Context, cfg Config, log *slog.Logger) error {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	key, err := openSealingKey(filepath.Join(cfg.Dir, "sealing-key"))
	if err != nil {
		return err
	}
	served, err := cfg.TLS.Config(log)
	if err != nil {
		return err
	}
	auth, err := openAuth(cfg, log)
	if err != nil {
		return err
	}
	disk, err := state.Open(filepath.Join(cfg.Dir, "state"))
	if err != nil {
		return err
	}
	defer disk.Close()
	writes := idempotency.New(disk.Tenant("idempotency"), time.Now, log)
	trail, err := audit.Open(disk.Tenant("audit"), time.Now)
	if err != nil {
		return err
	}
	store, err := influx.Open(cfg.Influx)
	if err != nil {
		return err
	}
	defer store.Close()
	chain, err := fabric.Open(ctx, cfg.Fabric, log)
	if err != nil {
		return err
	}
	defer chain.Close()
	style, err := openStyle(cfg.Report)
	if err != nil {
		return err
	}
	dial, err := openDial(cfg, log)
	if err != nil {
		return err
	}
	directory := members.New(chain, log)
	others, err := openNodes(cfg, directory, chain, log)
	if err != nil {
		return err
	}
	book := details.New(details.Config{MSP: chain.MSP(), Kept: disk.Tenant("details"), Nodes: others.Details, Members: directory, Ledger: chain, Log: log, Now: time.Now})
	callers := &node.Callers{Ledger: chain, Org: cfg.Fabric.Org, Self: cfg.Org, Log: log, Now: time.Now}
	live := feed.New(chain.MSP(), chain, store, log)

	health, metrics := new(service.Health), service.NewMetrics()
	watch := alarms.New(alarms.Config{MSP: chain.MSP(), Ledger: chain, Store: store, Tell: live.Tell, Metrics: metrics, Log: log, Now: time.Now})
	cfg.Codecs.Log = log
	codecs := codec.New(cfg.Codecs)
	defer codecs.Close()
	copying := replica.Config{Channel: cfg.Fabric.Channel, Nodes: others, Own: cfg.Ingest, Ledger: chain, Store: store, Kept: disk.Tenant("replica"), Codec: codecs.Runner(ctx), Metrics: metrics, Log: log, Now: time.Now}
	var own *opinion.Opinions // nil: the judge of the own ingest has the member's opinion
	if len(cfg.Ingest) == 0 {
		own = opinion.New(opinion.Config{Channel: cfg.Fabric.Channel, Ledger: chain, Store: store, Metrics: metrics, Log: log, Now: time.Now})
		copying.Copied = own.Copied
	}
	copies := replica.New(copying)
	if cfg.TLS.On() {
		metrics.MustRegister(service.Certificate("tls", func() (time.Time, error) { return secure.Ends(cfg.TLS.Cert) }, time.Now))
	}
	metrics.MustRegister(service.Certificate("fabric", func() (time.Time, error) { return secure.EndOf(chain.Certificate()) }, time.Now))
	health.Register("influxdb", store.Ping)
	health.Register("members", func(context.Context) error { return directory.Check(cfg.Org, chain.MSP()) })
	health.Register("ledger", func(ctx context.Context) error {
		_, err := ledger.AnchorHeads.Page(ctx, chain, ledger.ListArgs{Limit: 1})
		return err
	})

	api := httpapi.New(httpapi.Config{Org: cfg.Org, MSP: chain.MSP(), Channel: cfg.Fabric.Channel, MQTTURL: cfg.MQTTURL, PublicURL: cfg.PublicURL, Style: style,
		Ledger: chain, Peers: chain, Members: directory, Details: book, Callers: callers, Telemetry: store, Dial: dial, Ingest: others.Instances, Unusable: others.Unusable, Feed: live, Alarms: watch, Evidence: openEvidence(cfg, chain, store, others.Instances, copies, codecs.Runner(ctx), log), Copies: copies, Serve: store, Access: auth.callers, Issuer: auth.issuer, SignIn: auth.signIn, Codecs: codecs, Idempotency: writes, Secrets: disk.Tenant("intake"), Audit: trail,
		Key: key, DashboardDir: cfg.DashboardDir, Health: health, Ops: cfg.Ops == "" && secure.Local(cfg.Listen), Metrics: metrics, Log: log, Now: time.Now})
	web := &service.HTTP{Listen: cfg.Listen, TLS: served, Handler: api, Log: log, OnStop: api.Stop}
	parts := append(auth.parts,
		service.Part{Name: "ledger events", Run: live.Run},
		service.Part{Name: "beat", Run: (&beat.Keeper{Ledger: chain, Log: log, Now: time.Now}).Run},
		service.Part{Name: "members", Run: directory.Run},
		service.Part{Name: "details", Run: book.Run},
		service.Part{Name: "callers", Run: callers.Run},
		service.Part{Name: "replica", Run: copies.Run},
		service.Part{Name: "reading events", Run: live.FollowReadings},
		service.Part{Name: "alarms", Run: watch.Run},
		service.Part{Name: "idempotency records", Run: writes.Run},
		checkpoint.Part(cfg.Dir, log, disk.Checkpoint),
		web.Part("http"))
	if own != nil {
		parts = append(parts, service.Part{Name: "opinions", Run: own.Run})
	}
	if cfg.Ops != "" {
		parts = append(parts, (&service.HTTP{Listen: cfg.Ops, TLS: served, Handler: health.Mux(true, metrics), Log: log}).Part("ops"))
	}
	return service.Run(ctx, log, parts...)
}
