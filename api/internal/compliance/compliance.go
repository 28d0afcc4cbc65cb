// Package compliance answers the routes of verdicts, rule sets, breaches and signatures.
package compliance

import (
	"context"
	"net/http"
	"time"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Resource is made of these parts.
type Resource struct {
	*records.Records
	Logs      *records.Logs
	Judge     *judging.Judge
	Rules     *judging.Rules
	Telemetry judging.Telemetry
	Cursors   rest.Cursors
	Heavy     *rest.Queue
	Now       func() time.Time
}

// Register adds the routes.
func (s *Resource) Register(api *rest.API) {
	const tag = "Compliance"
	const acks, dispositions = "/v1/shipments/{id}/excursions/{excursion}/acknowledgements", "/v1/shipments/{id}/disposition"
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: "/v1/shipments/{id}/compliance", ID: "get-compliance", Tag: tag, Scope: access.TelemetryRead, Limit: rest.LongTime,
		Summary: "Judge the shipment by its rule set", Errors: []int{http.StatusNotFound, http.StatusConflict},
		About: "Recomputed from the stored readings by the same code as at ingest and in the auditor's verifier, and joined with what the ledger holds. " +
			"Each party's opinion is compared with what this node says of the same leaves."}, s.compliance)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: acks, ID: "acknowledge-excursion", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Sign an excursion on the ledger, with a reason", Errors: []int{http.StatusNotFound},
		About:   "An excursion's id has slashes: escape them as %2F. Acknowledgements only grow; none is changed. " + whoSigns,
		Example: rest.Object{"meaning": "reviewed", "reason": "door open while loading"}}, s.acknowledge)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: acks, ID: "list-acknowledgements", Tag: tag, Scope: access.TelemetryRead,
		Summary: "List an excursion's acknowledgements, oldest first", Errors: []int{http.StatusNotFound}}, s.acknowledgements)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: dispositions, ID: "dispose-shipment", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Release, reject or quarantine the goods, signed on the ledger", Errors: []int{http.StatusNotFound},
		About: "Any party may quarantine; consignee and shipper release and reject. A release needs delivered goods and names a party's newest verdict: a decision on an older one is a 409. " +
			"Where the shipment's release rule asks for parties that confirm it, too few are a 409 that says who does and who does not. " + whoSigns,
		Example: rest.Object{"decision": "release", "meaning": "approved", "reason": "within the stability budget", "verdict_by": "coldroad", "verdict_revision": 3}}, s.dispose)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: dispositions, ID: "list-dispositions", Tag: tag, Scope: access.TelemetryRead,
		Summary: "List the dispositions, oldest first", Errors: []int{http.StatusNotFound}}, s.dispositions)
	s.breachRoutes(api)
	s.ruleSetRoutes(api)
	s.simulateRoutes(api)
}

func (s *Resource) compliance(ctx context.Context, in *shapes.ShipmentPath) (*rest.Answer[judging.Compliance], error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	_, v, err := s.Judge.Pinned(ctx, r)
	return rest.Reply(v, err)
}

// ExcursionPath names an excursion of a shipment.
type ExcursionPath struct {
	shapes.ShipmentPath
	Excursion string `path:"excursion" pattern:"^[A-Za-z0-9][A-Za-z0-9._:@+/-]{0,199}$" doc:"Excursion id, its slashes escaped as %2F" example:"warm/T-1/1767607260000"`
}

// Signed are the signer's words.
type Signed struct {
	Meaning string `json:"meaning" enum:"reviewed,approved,responsibility,authorship" doc:"What the signature means"`
	Reason  string `json:"reason" minLength:"1" maxLength:"1024"`
}

type acknowledgeInput struct {
	ExcursionPath
	rest.Idempotent
	Body Signed
}

// acknowledged lists what was signed of an excursion.
func (s *Resource) acknowledged(ctx context.Context, in *ExcursionPath) ([]ledger.Acknowledgement, error) {
	if _, err := s.Shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := ledger.ComplianceAcknowledgements.All(ctx, s.Ledger, in.ID, records.Max)
	if err != nil {
		return nil, err
	}
	out := []ledger.Acknowledgement{}
	for _, a := range all {
		if a.Excursion == in.Excursion {
			out = append(out, a)
		}
	}
	return out, nil
}

func (s *Resource) acknowledge(ctx context.Context, in *acknowledgeInput) (*rest.Answer[shapes.Acknowledgement], error) {
	kind, by, err := signer(ctx)
	if err != nil {
		return nil, err
	}
	known, err := s.acknowledged(ctx, &in.ExcursionPath)
	if err != nil {
		return nil, err
	}
	b := in.Body
	said := ledger.Details{Reason: b.Reason, Signer: by}
	if rest.WriteOf(ctx).Again {
		for _, a := range known {
			if g := a.Signature; g.MSP == s.MSP && g.Kind == kind && g.Meaning == b.Meaning && s.Said(ctx, in.ID, a.Details, said) {
				return rest.Reply(shapes.ShowAcknowledgement(ctx, s.Records, a), nil)
			}
		}
	}
	hash, err := s.Details.Keep(in.ID, said)
	if err != nil {
		return nil, err
	}
	// With its number, a transaction that is ordered late cannot sign a second time.
	a, _, err := ledger.ComplianceAcknowledge.Do(ctx, s.Ledger, ledger.AcknowledgeArgs{Shipment: in.ID, Excursion: in.Excursion, N: len(known) + 1, Details: hash, Kind: kind, Meaning: b.Meaning})
	if ledger.CodeOf(err) == ledger.NotFound {
		return nil, rest.NotFound("excursion", in.Excursion)
	}
	return rest.Reply(shapes.ShowAcknowledgement(ctx, s.Records, a), err)
}

func (s *Resource) acknowledgements(ctx context.Context, in *ExcursionPath) (*rest.Answer[rest.List[shapes.Acknowledgement]], error) {
	known, err := s.acknowledged(ctx, in)
	if err != nil {
		return nil, err
	}
	out := rest.List[shapes.Acknowledgement]{Items: []shapes.Acknowledgement{}}
	for _, a := range known {
		out.Items = append(out.Items, shapes.ShowAcknowledgement(ctx, s.Records, a))
	}
	return &rest.Answer[rest.List[shapes.Acknowledgement]]{Body: out}, nil
}

type disposeInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body struct {
		Signed
		Decision        string `json:"decision" enum:"release,reject,quarantine"`
		VerdictBy       string `json:"verdict_by,omitempty" maxLength:"64" doc:"Party whose verdict the decision rests on; absent when there is none"`
		VerdictRevision int    `json:"verdict_revision" minimum:"0" maximum:"1000000000" doc:"That party's newest verdict on the ledger, which the signer has seen; 0 when there is none"`
		Revision        int    `json:"revision,omitempty" minimum:"1" maximum:"1000000000" doc:"Number of this disposition: one more than the newest, which is also taken when absent"`
	}
}

func (s *Resource) dispose(ctx context.Context, in *disposeInput) (*rest.Answer[shapes.Disposition], error) {
	kind, by, err := signer(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.Shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	known, err := ledger.ComplianceDispositions.All(ctx, s.Ledger, in.ID, records.Max)
	if err != nil {
		return nil, err
	}
	b := in.Body
	var verdictBy string
	if b.VerdictBy != "" {
		if verdictBy, err = s.Member(ctx, "verdict_by", b.VerdictBy); err != nil {
			return nil, err
		}
	}
	said := ledger.Details{Reason: b.Reason, Signer: by}
	if rest.WriteOf(ctx).Again {
		for _, d := range known {
			if g := d.Signature; g.MSP == s.MSP && g.Kind == kind && g.Meaning == b.Meaning && d.Decision == b.Decision && d.VerdictBy == verdictBy && d.VerdictRevision == b.VerdictRevision && s.Said(ctx, in.ID, d.Details, said) {
				return rest.Reply(shapes.ShowDisposition(ctx, s.Records, d), nil)
			}
		}
	}
	hash, err := s.Details.Keep(in.ID, said)
	if err != nil {
		return nil, err
	}
	args := ledger.DisposeArgs{Shipment: in.ID, Revision: b.Revision, Decision: b.Decision, Details: hash, VerdictBy: verdictBy, VerdictRevision: b.VerdictRevision, Kind: kind, Meaning: b.Meaning}
	if args.Revision == 0 {
		args.Revision = len(known) + 1
	}
	d, _, err := ledger.ComplianceDispose.Do(ctx, s.Ledger, args)
	return rest.Reply(shapes.ShowDisposition(ctx, s.Records, d), err)
}

func (s *Resource) dispositions(ctx context.Context, in *shapes.ShipmentPath) (*rest.Answer[rest.List[shapes.Disposition]], error) {
	if _, err := s.Shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	known, err := ledger.ComplianceDispositions.All(ctx, s.Ledger, in.ID, records.Max)
	if err != nil {
		return nil, err
	}
	out := rest.List[shapes.Disposition]{Items: []shapes.Disposition{}}
	for _, d := range known {
		out.Items = append(out.Items, shapes.ShowDisposition(ctx, s.Records, d))
	}
	return &rest.Answer[rest.List[shapes.Disposition]]{Body: out}, nil
}
