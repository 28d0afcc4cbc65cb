// Package httpapi puts the API together: the kernel, the resources, and what they share.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/alarms"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/auditlog"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/cache"
	"github.com/trackseal/trackseal/api/internal/compliance"
	"github.com/trackseal/trackseal/api/internal/copies"
	"github.com/trackseal/trackseal/api/internal/custody"
	"github.com/trackseal/trackseal/api/internal/dashboard"
	"github.com/trackseal/trackseal/api/internal/details"
	"github.com/trackseal/trackseal/api/internal/evidence"
	"github.com/trackseal/trackseal/api/internal/feed"
	"github.com/trackseal/trackseal/api/internal/health"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/intake"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/live"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/network"
	"github.com/trackseal/trackseal/api/internal/nodes"
	"github.com/trackseal/trackseal/api/internal/profiles"
	"github.com/trackseal/trackseal/api/internal/recordings"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/api/internal/report"
	"github.com/trackseal/trackseal/api/internal/reports"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shipments"
	"github.com/trackseal/trackseal/api/internal/shipmentview"
	"github.com/trackseal/trackseal/api/internal/signin"
	"github.com/trackseal/trackseal/api/internal/telemetry"
	"github.com/trackseal/trackseal/api/internal/tokens"
	"github.com/trackseal/trackseal/api/internal/trackers"
	"github.com/trackseal/trackseal/internal/codec"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/node"
	"github.com/trackseal/trackseal/internal/service"
)

// Version of the API, in its OpenAPI document.
const Version = "1.0.0"

// Verifications, bundles, reports and simulations at a time: each costs a core.
const (
	heavyPlaces = 3
	heavyWait   = 30 * time.Second
)

// Config holds what the API is made of. All members but Issuer, SignIn, Ingest, Evidence and DashboardDir must be set.
type Config struct {
	Org     string // whose api this is
	MSP     string
	Channel string // of the ledger; part of every log id
	MQTTURL string // told to those who enrol a tracker
	// PublicURL is where people reach this api and its pages, without a slash at its end; it is printed in reports.
	PublicURL string
	// Style is how its reports look.
	Style report.Style

	Ledger      records.Ledger
	Peers       Peers
	Members     *members.Directory
	Details     *details.Book
	Callers     *node.Callers // members' nodes
	Telemetry   Telemetry
	Dial        Dial // to the broker
	Ingest      ingestclient.Instances
	Feed        *feed.Feed
	Alarms      *alarms.Watch
	Evidence    *bundle.Source          // nil: no evidence routes
	Unusable    func() []nodes.Unusable // endpoints that members announced; nil: none is known
	Copies      *replica.Replica        // nil: every ingest instance writes into Telemetry
	Serve       copies.Store            // what other members' nodes may copy from; nil: nothing
	Access      access.Chain
	Issuer      *access.Issuer // nil: no development issuer
	SignIn      *access.Page   // nil: no OIDC provider at which the page signs people in
	Codecs      *codec.Pool
	Idempotency *idempotency.Store
	Secrets     intake.Kept // of intakes, sealed
	Audit       *audit.Log

	// Key (32 bytes) seals cursors and derives the secrets of trackers that cannot sign. It must survive restarts.
	Key          []byte
	DashboardDir string
	Health       *service.Health
	Ops          bool // /readyz and /metrics are served here
	Metrics      *prometheus.Registry
	Log          *slog.Logger
	Now          func() time.Time
}

// Peers asks chosen organisations' peers.
type Peers interface {
	evidence.Peers
	network.Peers
}

// Telemetry reads what ingest stored. Callbacks run one after another; an error from one ends the call. Errors wrap
// stored.ErrUnavailable when trying again can help.
type Telemetry interface {
	judging.Telemetry
	telemetry.Telemetry
	health.Telemetry
	trackers.Telemetry
	shipmentview.Telemetry
	network.Telemetry
}

// Dial connects a logger whose file came here to the broker, and Line is that connection.
type (
	Dial = recordings.Dial
	Line = recordings.Line
)

// Server answers HTTP requests.
type Server struct {
	*rest.API
	stop context.CancelFunc
}

// New builds the routes; it does no I/O.
func New(cfg Config) *Server {
	stopping, stop := context.WithCancel(context.Background())
	document := rest.Document{Title: "Trackseal", Version: Version, About: about, Tags: tags, Scopes: scopes}
	if cfg.Issuer != nil {
		document.TokenURL = tokens.Path
	}
	api := rest.New(rest.Config{Org: cfg.Org, Document: document, Access: cfg.Access, Writes: cfg.Idempotency, Audit: cfg.Audit, Metrics: cfg.Metrics, Log: cfg.Log,
		Elsewhere: &dashboard.Pages{Org: cfg.Org, Dir: cfg.DashboardDir}})
	api.Handle("/healthz", http.HandlerFunc(cfg.Health.ServeLive))
	if cfg.Ops {
		watch := cfg.Health.Mux(true, cfg.Metrics)
		api.Handle("/readyz", watch)
		api.Handle("/metrics", watch)
	}
	api.Handle(details.Path, &details.Server{Book: cfg.Details, Callers: cfg.Callers})
	if cfg.Serve != nil {
		given := (&copies.Server{Channel: cfg.Channel, Callers: cfg.Callers, Ledger: cfg.Ledger, Store: cfg.Serve, Outside: cfg.Copies.KeptOutside, Log: cfg.Log}).Handler()
		for _, path := range copies.Paths {
			api.Handle(path, given)
		}
	}

	own := &records.Records{Ledger: noted{cfg.Ledger}, Members: cfg.Members, Details: cfg.Details, Org: cfg.Org, MSP: cfg.MSP}
	recent, rules := cache.New(cfg.Now), judging.NewRules(own.Ledger, cfg.Members)
	logs := &records.Logs{Records: own, Channel: cfg.Channel, Ingest: cfg.Ingest, Cache: recent}
	cfg.Feed.SetWritten(cfg.Details.Written)
	cfg.Feed.SetRecord(cfg.Alarms.Shipment)
	cfg.Feed.SetLogs(func(ctx context.Context, r ledger.Shipment) ([]string, error) {
		refs, err := logs.Of(ctx, r)
		return records.LogIDs(refs), err
	})
	view := &shipmentview.View{Records: own, Logs: logs, Telemetry: cfg.Telemetry, Ingest: cfg.Ingest, Cache: recent, Log: cfg.Log}
	judge := &judging.Judge{Records: own, Logs: logs, Rules: rules, Telemetry: cfg.Telemetry}
	cursors, heavy := rest.Cursors(cfg.Key), rest.NewQueue(heavyPlaces, heavyWait)
	for _, resource := range []interface{ Register(*rest.API) }{
		&tokens.Resource{Issuer: cfg.Issuer, Now: cfg.Now},
		&signin.Resource{Page: cfg.SignIn, Clients: cfg.Issuer != nil, Log: cfg.Log},
		&trackers.Resource{Records: own, Telemetry: cfg.Telemetry, Ingest: cfg.Ingest, Cursors: cursors, Key: cfg.Key, MQTTURL: cfg.MQTTURL, Now: cfg.Now, Log: cfg.Log},
		&intake.Resource{Records: own, Ingest: cfg.Ingest, Kept: cfg.Secrets, Key: cfg.Key, Now: cfg.Now},
		&profiles.Resource{Records: own, Book: profiles.NewBook(own.Ledger, cfg.Members), Codecs: cfg.Codecs, Cursors: cursors, Heavy: heavy, Now: cfg.Now},
		&shipments.Resource{Records: own, View: view, Rules: rules, Ingest: cfg.Ingest, Cursors: cursors},
		&recordings.Resource{Records: own, View: view, Dial: cfg.Dial, Key: cfg.Key, Heavy: heavy},
		&custody.Resource{Records: own, Logs: logs, View: view, Telemetry: cfg.Telemetry, Cursors: cursors},
		&telemetry.Resource{Records: own, Logs: logs, Telemetry: cfg.Telemetry, Cursors: cursors},
		&health.Resource{Records: own, Logs: logs, Telemetry: cfg.Telemetry, Ingest: cfg.Ingest, Alarms: cfg.Alarms, Now: cfg.Now},
		&compliance.Resource{Records: own, Logs: logs, Judge: judge, Rules: rules, Telemetry: cfg.Telemetry, Cursors: cursors, Heavy: heavy, Now: cfg.Now},
		&reports.Resource{Records: own, Judge: judge, Telemetry: cfg.Telemetry, Org: cfg.Org, PublicURL: cfg.PublicURL, Heavy: heavy, Style: cfg.Style, Now: cfg.Now},
		&evidence.Resource{Records: own, Logs: logs, Rules: rules, Telemetry: cfg.Telemetry, Peers: cfg.Peers, Ingest: cfg.Ingest, Evidence: cfg.Evidence, Copies: cfg.Copies, Cursors: cursors,
			Heavy: heavy, Metrics: cfg.Metrics, Log: cfg.Log, Now: cfg.Now},
		&network.Resource{Ledger: cfg.Ledger, Cursors: cursors, Org: cfg.Org, Peers: cfg.Peers, Telemetry: cfg.Telemetry, Ingest: cfg.Ingest, Members: cfg.Members, Copies: cfg.Copies, Unusable: cfg.Unusable, Metrics: cfg.Metrics},
		&auditlog.Resource{Audit: cfg.Audit, Cursors: cursors, Log: cfg.Log},
		&live.Resource{Records: own, Feed: cfg.Feed, Stopping: stopping, Metrics: cfg.Metrics, Log: cfg.Log, Now: cfg.Now},
	} {
		resource.Register(api)
	}
	return &Server{api, stop}
}

// Stop ends the streams, so that the HTTP server can drain.
func (s *Server) Stop() { s.stop() }

const about = "Shipments, trackers, telemetry and their evidence. Every error is an RFC 9457 problem with a stable `code`. " +
	"Listings are paged by an opaque `cursor`. Writes honour `Idempotency-Key`. What belongs to others answers 404."

var scopes = map[string]string{
	access.TrackersRead: "See trackers", access.TrackersWrite: "Enrol, rotate, revoke and calibrate trackers",
	access.ShipmentsRead: "See shipments", access.ShipmentsWrite: "Create shipments, assign trackers, hand over, deliver, close, sign, claim breaches",
	access.TelemetryRead: "Read telemetry, messages, compliance, verification", access.AnchorsRead: "See anchors", access.NetworkRead: "See the network's health",
	access.RulesWrite: "Publish rule sets", access.AuditRead: "Read this node's audit log",
}

// tags in the order in which a reader meets them.
var tags = []*huma.Tag{
	{Name: "Access", Description: "How people and clients get access tokens. The development issuer's routes are not there where an OIDC provider takes its place."},
	{Name: "Trackers", Description: "Devices, their keys and calibration; how they connect over MQTT."},
	{Name: "Profiles", Description: "How the messages of trackers that do not speak Trackseal's own format are read."},
	{Name: "Shipments", Description: "Consignments, the trackers bound to them, delivery and close."},
	{Name: "Custody", Description: "Handovers: custody moves only by the word of both sides."},
	{Name: "Telemetry", Description: "Readings and messages as the store holds them."},
	{Name: "Live", Description: "Server-sent events."},
	{Name: "Compliance", Description: "Verdicts, excursions, signatures and dispositions."},
	{Name: "Rule sets", Description: "Versioned compliance rules that shipments pin."},
	{Name: "Evidence", Description: "Anchors, verification by this server, and bundles for verification without it."},
	{Name: "Reports", Description: "Files for people and authorities."},
	{Name: "Network", Description: "Health of what this api talks to."},
	{Name: "Audit", Description: "Who changed what at this node, and who was refused. The log only grows."},
}
