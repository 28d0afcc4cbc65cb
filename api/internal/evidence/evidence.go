// Package evidence answers the routes of anchors, of verification here, and of bundles for verification elsewhere.
package evidence

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/bundle"
	"github.com/trackseal/trackseal/api/internal/ingestclient"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/replica"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/api/internal/verification"
	proof "github.com/trackseal/trackseal/internal/evidence"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored/copying"
)

// Peers are those of other organisations too.
type Peers interface {
	verification.Peers
	PeerOrgs() []string // that EvaluateAt can ask
}

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *records.Logs
	Rules     *judging.Rules
	Telemetry verification.Store
	Peers     Peers
	Ingest    ingestclient.Instances
	Evidence  *bundle.Source   // nil: no bundles
	Copies    *replica.Replica // nil: the store has what every instance writes
	Cursors   rest.Cursors
	Heavy     *rest.Queue
	Metrics   *prometheus.Registry
	Log       *slog.Logger
	Now       func() time.Time

	findings *prometheus.CounterVec
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	s.findings = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trackseal_api_verification_findings_total", Help: "Findings of verifications, by check."}, []string{"check"})
	for _, check := range verification.Checks {
		s.findings.WithLabelValues(check) // from 0, or the first finding would be no increase
	}
	s.Metrics.MustRegister(s.findings)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/verification", ID: "verify-shipment", Tag: "Evidence", Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Recompute the shipment's history and compare it with the ledger", Errors: []int{http.StatusNotFound, http.StatusTooManyRequests},
		About: "Rebuilds every log from the stored bytes: entries, hashes, signatures, stored values, sequence, roots, and the anchors at every organisation's peer. " +
			"Then it collects the shipment's evidence and runs the offline verifier on it, as far as it is about the record: times, messages that went elsewhere, readings left out. " +
			"Each finding names the message and what is wrong with it. This trusts this api's server; the offline verifier trusts none."}, s.verification)
	s.evidenceRoutes(api)
	s.anchorRoutes(api)
	s.headsRoutes(api)
}

// Verification is what recomputing a shipment's logs has shown.
type Verification struct {
	OK        bool                     `json:"ok" doc:"No check has a finding. What is unknown is not checked"`
	Unknown   []string                 `json:"unknown" doc:"Ingest instances that could not be asked: whether all that they have stored since their newest anchor is here is not known" example:"carrier.ingest-1"`
	CheckedAt rest.Instant             `json:"checked_at"`
	Messages  uint64                   `json:"messages"`
	Logs      []verification.LogReport `json:"logs"`
	Checks    []verification.Check     `json:"checks"`
}

func (s *Resource) verification(ctx context.Context, in *shapes.ShipmentPath) (*rest.Answer[Verification], error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	refs, err := s.Logs.Of(ctx, r)
	if err != nil {
		return nil, err
	}
	job := verification.Job{Shipment: r, Ledger: s.Ledger, Peers: s.Peers, Orgs: s.Peers.PeerOrgs(), Store: s.Telemetry}
	unknown := []string{}
	for _, ref := range refs {
		size, asked := s.claimedSize(ctx, r.ID, ref)
		if !asked && !slices.Contains(unknown, ref.Ingest) {
			unknown = append(unknown, ref.Ingest)
		}
		job.Logs = append(job.Logs, verification.Log{ID: ref.ID, Ingest: ref.Ingest, Heads: ref.Heads, Size: size})
	}
	if job.Close, err = s.Close(ctx, r); err != nil {
		return nil, err
	}
	if s.Copies != nil {
		job.Copied = s.copied
	}
	if s.Evidence != nil {
		job.Offline = func(ctx context.Context) ([]proof.Finding, error) { return s.offline(ctx, r.ID) }
	}
	rep, err := job.Run(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range rep.Checks {
		s.findings.WithLabelValues(c.Check).Add(float64(c.Count))
	}
	return rest.Reply(Verification{OK: rep.OK, Unknown: unknown, CheckedAt: rest.Instant(s.Now().UnixMilli()), Messages: rep.Messages, Logs: rep.Logs, Checks: rep.Checks}, nil)
}

// copied is what the copying found wrong with a log, under the checks that it belongs to. A copy that is only behind is none.
func (s *Resource) copied(log string) []verification.Finding {
	var all []verification.Finding
	for _, f := range s.Copies.FindingsOf(log) {
		check := map[string]string{copying.Forged: verification.Signature, copying.Misread: verification.Fields, copying.Differs: verification.Hash, copying.Root: verification.Root, copying.Anchor: verification.Anchor}[f.What]
		all = append(all, verification.Finding{Log: f.Log, Leaf: f.Leaf, Check: cmp.Or(check, verification.Leaf), Detail: fmt.Sprintf("%s gives it otherwise, or not at all: %s", f.By, f.Detail)})
	}
	return all
}

// offline collects the shipment's evidence and verifies it. Evidence that cannot be made because of what is stored is a finding; a part
// of the system that cannot be asked is an error.
func (s *Resource) offline(ctx context.Context, id string) ([]proof.Finding, error) {
	b, err := s.collect(ctx, id, "", "")
	var rep *proof.Report
	if err == nil {
		rep, err = b.Verify(ctx)
	}
	if err == nil {
		return rep.Findings, nil
	}
	if p, _ := problem.Of(err); p.Code == "bad_state" {
		return nil, nil // no anchor covers it yet: the other checks say so
	} else if p.Status == http.StatusServiceUnavailable || ctx.Err() != nil {
		return nil, err
	}
	return []proof.Finding{{Code: proof.BundleFormat, Severity: proof.Failure, Where: "shipment", Expected: "evidence that can be collected", Found: err.Error()}}, nil
}

// claimedSize is how many leaves the log's writer says it has stored, 0 when it does not know, and whether it could be asked. When the store
// holds fewer, that is a finding; without the writer only the anchored size can show it. What the writer has logged and not
// stored yet is on its way: InfluxDB may have been away.
func (s *Resource) claimedSize(ctx context.Context, shipment string, ref records.LogRef) (size uint64, asked bool) {
	for _, i := range s.Ingest.All() {
		if instance, _ := ledger.LifeOf(ref.Ingest); i.ID() != instance {
			continue
		}
		logs, err := i.Logs(ctx, shipment)
		if err != nil {
			s.Log.DebugContext(ctx, "verifying without the writer's own size", "ingest", ref.Ingest, "error", err)
			return 0, false
		}
		for _, l := range logs {
			if l.Log == ref.ID && l.Stored != nil {
				return *l.Stored, true
			}
		}
	}
	return 0, true
}
