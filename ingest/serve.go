package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/trackseal/trackseal/ingest/internal/httpapi"
	"github.com/trackseal/trackseal/ingest/internal/journal"
	"github.com/trackseal/trackseal/ingest/internal/partition"
	"github.com/trackseal/trackseal/ingest/internal/registry"
	"github.com/trackseal/trackseal/ingest/internal/run"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/fabric"
	"github.com/trackseal/trackseal/internal/influx"
	"github.com/trackseal/trackseal/internal/mqtt"
	"github.com/trackseal/trackseal/internal/mqtt/broker"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/secure"
	"github.com/trackseal/trackseal/internal/service"
)

var (
	_ run.Ledger   = (*fabric.Client)(nil)
	_ run.Database = (*influx.Client)(nil)
	_ run.Source   = (*mqtt.Consumer)(nil)
	_ run.Source   = (*broker.Broker)(nil)
)

// embeddedGroup: the embedded broker lets some thousands be unacknowledged.
const embeddedGroup = 1024

// serve wires the adapters to the pipeline and runs all until ctx ends. path is that of the configuration.
func serve(ctx context.Context, cfg Config, path string, log *slog.Logger) (err error) {
	// Nearly all of what a message allocates is gone with its commit: collecting less often than usual costs some tens of MB
	// under load, and the journal's tables count three times. The limit makes the collector work harder long before the process
	// is too big.
	debug.SetGCPercent(200)
	debug.SetMemoryLimit(800 << 20)
	password, err := secure.Secret(cfg.MQTT.PasswordFile)
	if err != nil {
		return fmt.Errorf("mqtt.password_file: %w", err)
	}
	served, err := cfg.TLS.Config(log)
	if err != nil {
		return err
	}
	database, err := influx.Open(cfg.Influx)
	if err != nil {
		return err
	}
	defer database.Close()
	ledger, err := fabric.Open(ctx, cfg.Fabric, log)
	if err != nil {
		return err
	}
	defer ledger.Close()

	partitions, err := mqtt.ParsePartitions(cfg.Partitions)
	if err != nil {
		return err
	}
	var parts []service.Part
	var embedded *broker.Broker
	var source run.Source
	var group int
	var p *run.Pipeline // set before the broker accepts anybody
	address := cfg.MQTT.URL
	if cfg.MQTT.Embedded {
		offered, err := cfg.MQTT.TLS.Config(log)
		if err != nil {
			return fmt.Errorf("mqtt.%w", err)
		}
		embedded, err = broker.New(broker.Config{
			Listen: cfg.MQTT.Listen, TLS: offered, Accounts: []broker.Account{{Username: cfg.MQTT.Username, Password: password}}, MaxClients: cfg.MQTT.MaxClients,
			Authenticate: func(tracker, password string) (time.Time, error) {
				return authenticate(ctx, p.Registry(), cfg.Deployment, tracker, password)
			},
			Token:     func(secret string) (string, bool) { return byToken(p.Registry(), secret) },
			SpeaksFor: func(client, tracker string) bool { return speaksFor(ctx, p.Registry(), client, tracker) },
			Pace: func(tracker string, bytes int, patience time.Duration) (time.Duration, bool) {
				return p.Pace(tracker, bytes, patience)
			},
			Refused: func(r broker.Refusal) { p.Refused(run.Refusal(r)) },
			Local:   partitions.Has, Log: log,
		})
		if err != nil {
			return err
		}
		addr, err := embedded.Listen(ctx)
		if err != nil {
			return err
		}
		source, group, address = embedded, embeddedGroup, "tcp://"+addr.String()
		if offered != nil {
			address = "ssl://" + addr.String()
		}
		parts = append(parts, service.Part{Name: "broker", Run: embedded.Run})
	} else {
		through, err := cfg.MQTT.Client.Each()
		if err != nil {
			return fmt.Errorf("mqtt: %w", err)
		}
		consumer, err := mqtt.NewConsumer(mqtt.ConsumerConfig{
			URL: cfg.MQTT.URL, TLS: through, ClientID: clientID(cfg), Username: cfg.MQTT.Username, Password: func() string { return password }, Partitions: partitions, Log: log,
		})
		if err != nil {
			return err
		}
		source = consumer
		parts = append(parts, service.Part{Name: "mqtt", Run: consumer.Run})
	}

	cfg.Codecs.Log = log
	pool := codec.New(cfg.Codecs)
	defer pool.Close()
	p, err = run.New(run.Config{
		ID: cfg.ID, Channel: cfg.Fabric.Channel, Dir: cfg.Dir, Partitions: partition.Ranges(partitions),
		Journal:  journal.Options{MaxBytes: cfg.Journal.MaxBytes, MinFree: cfg.Journal.MinFreeBytes, QuarantineBytes: cfg.Journal.QuarantineBytes, QuarantineRecords: cfg.Journal.QuarantineRecords},
		Remember: time.Duration(cfg.Journal.RememberDays) * 24 * time.Hour,
		Limit:    cfg.Limit, SourcePaces: cfg.MQTT.Embedded,
		Every: cfg.Anchor.Every, Leaves: cfg.Anchor.Leaves, Group: group, Source: source, Codecs: codecs{pool}, Database: database, Ledger: ledger, Log: log,
		OnRevoked: func(tracker string) {
			if embedded != nil {
				embedded.Disconnect(tracker)
			}
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()

	if err := p.Claim(ctx); err != nil {
		return takeOver(err, path)
	}
	p.Gatherer().MustRegister(service.Certificate("fabric", func() (time.Time, error) { return secure.EndOf(ledger.Certificate()) }, time.Now))
	for of, listener := range map[string]secure.Server{"tls": cfg.TLS, "mqtt": cfg.MQTT.TLS} {
		if listener.On() {
			p.Gatherer().MustRegister(service.Certificate(of, func() (time.Time, error) { return secure.Ends(listener.Cert) }, time.Now))
		}
	}
	health := &service.Health{}
	p.Checks(health)
	mux := health.Mux(cfg.Ops == "" && secure.Local(cfg.HTTP), p.Gatherer())
	if cfg.Ops != "" {
		parts = append(parts, (&service.HTTP{Listen: cfg.Ops, TLS: served, Handler: health.Mux(true, p.Gatherer()), Log: log}).Part("ops"))
	}
	callers := &node.Callers{Ledger: ledger, Org: cfg.Fabric.Org, Self: cfg.ID, Log: log, Now: time.Now}
	httpapi.Routes(mux, p, database, ledger.MSP(), callers, log)
	http := &service.HTTP{Listen: cfg.HTTP, TLS: served, Handler: mux, Log: log}
	parts = append(append(parts, p.Parts()...), service.Part{Name: "callers", Run: callers.Run}, http.Part("http"))
	log.Info("ingest starts", "id", cfg.ID, "mqtt", address, "partitions", cfg.Partitions)
	return service.Run(ctx, log, parts...)
}

// clientID names the MQTT session. It starts with the user name, which is what the embedded broker expects of a service.
func clientID(cfg Config) string {
	if cfg.ID == cfg.MQTT.Username {
		return cfg.ID
	}
	return cfg.MQTT.Username + "-" + cfg.ID
}

// authenticate checks a tracker's MQTT password: a JWT by its key in force, or its secret.
func authenticate(ctx context.Context, trackers *registry.Registry, deployment, tracker, password string) (until time.Time, err error) {
	t, ok := trackers.Tracker(ctx, tracker)
	switch {
	case !ok:
		return until, errors.New("not enrolled")
	case t.Revoked:
		return until, errors.New("revoked")
	}
	if key, signs := t.Current(); signs {
		return mqtt.CheckPassword(password, key.Public, tracker, deployment, time.Now())
	}
	if t.Elsewhere != "" { // its secret is that operator's to check
		return until, fmt.Errorf("served by %s", trackers.Operator(t.Elsewhere))
	}
	return until, mqtt.CheckSecret(password, t.SecretHash)
}

// byToken finds who logs in with a secret alone.
func byToken(trackers *registry.Registry, secret string) (tracker string, ok bool) {
	t, ok := trackers.BySecret(secret)
	if !ok {
		return "", false
	}
	return t.ID, true
}

// speaksFor reports whether a tracker that has logged in is another one's gateway.
func speaksFor(ctx context.Context, trackers *registry.Registry, client, tracker string) bool {
	t, ok := trackers.Tracker(ctx, tracker)
	return ok && t.Gateway == client
}
