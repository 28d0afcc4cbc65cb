package httpapi

import (
	"context"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/members"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/ledger"
)

// Signature is an electronic signature as 21 CFR 11.50 shows it. Name and meaning are the signer's words; the rest comes
// from the certificate and the transaction.
type Signature struct {
	Name     string  `json:"name" doc:"Printed name"`
	Meaning  string  `json:"meaning" enum:"reviewed,approved,responsibility,authorship"`
	Org      string  `json:"org"`
	Subject  string  `json:"subject" doc:"Of the certificate"`
	Issuer   string  `json:"issuer"`
	Cert     string  `json:"cert" doc:"SHA-256 of the certificate"`
	SignedAt Instant `json:"signed_at"`
	Tx       string  `json:"tx"`
}

func showSignature(names *members.Directory, g ledger.Signature) Signature {
	return Signature{g.Name, g.Meaning, names.Name(g.MSP), g.Subject, g.Issuer, g.Cert, Instant(g.TimeMS), g.Tx}
}

// Acknowledgement is a signed statement about an excursion.
type Acknowledgement struct {
	Excursion string    `json:"excursion"`
	N         int       `json:"n"`
	Reason    string    `json:"reason"`
	Of        string    `json:"of" doc:"Transaction that last changed the excursion: what the signer saw"`
	Signature Signature `json:"signature"`
}

func showAcknowledgement(names *members.Directory, a ledger.Acknowledgement) Acknowledgement {
	return Acknowledgement{a.Excursion, a.N, a.Reason, a.Of, showSignature(names, a.Signature)}
}

// Disposition is what becomes of the goods.
type Disposition struct {
	Revision        int       `json:"revision"`
	Decision        string    `json:"decision" enum:"release,reject,quarantine"`
	Reason          string    `json:"reason"`
	VerdictRevision int       `json:"verdict_revision" doc:"That it rests on; below the newest verdict's when late data overtook it"`
	Result          string    `json:"result" doc:"Of that verdict; empty when there was none"`
	Signature       Signature `json:"signature"`
}

func showDisposition(names *members.Directory, d ledger.Disposition) Disposition {
	return Disposition{d.Revision, d.Decision, d.Reason, d.VerdictRevision, d.Result, showSignature(names, d.Signature)}
}

func (s *Server) signOffRoutes() {
	const tag = "Compliance"
	const acks, dispositions = "/v1/shipments/{id}/excursions/{excursion}/acknowledgements", "/v1/shipments/{id}/disposition"
	rest.Add(s.api, rest.Operation{Method: http.MethodPost, Path: acks, ID: "acknowledge-excursion", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Sign an excursion on the ledger, with a reason", Errors: []int{http.StatusNotFound},
		About:   "An excursion's id has slashes: escape them as %2F. Acknowledgements only grow; none is changed.",
		Example: rest.Object{"name": "A. Person", "meaning": "reviewed", "reason": "door open while loading"}}, s.acknowledge)
	rest.Add(s.api, rest.Operation{Method: http.MethodGet, Path: acks, ID: "list-acknowledgements", Tag: tag, Scope: access.TelemetryRead,
		Summary: "List an excursion's acknowledgements, oldest first", Errors: []int{http.StatusNotFound}}, s.acknowledgements)
	rest.Add(s.api, rest.Operation{Method: http.MethodPost, Path: dispositions, ID: "dispose-shipment", Tag: tag, Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Release, reject or quarantine the goods, signed on the ledger", Errors: []int{http.StatusNotFound},
		About:   "Any party may quarantine; consignee and shipper release and reject. A release needs delivered goods and names the newest verdict: a decision on an older one is a 409.",
		Example: rest.Object{"decision": "release", "name": "A. Person", "meaning": "approved", "reason": "within the stability budget", "verdict_revision": 3}}, s.dispose)
	rest.Add(s.api, rest.Operation{Method: http.MethodGet, Path: dispositions, ID: "list-dispositions", Tag: tag, Scope: access.TelemetryRead,
		Summary: "List the dispositions, oldest first", Errors: []int{http.StatusNotFound}}, s.dispositions)
}

// ExcursionPath names an excursion of a shipment.
type ExcursionPath struct {
	ShipmentPath
	Excursion string `path:"excursion" pattern:"^[A-Za-z0-9][A-Za-z0-9._:@+/-]{0,199}$" doc:"Excursion id, its slashes escaped as %2F" example:"warm/T-1/1767607260000"`
}

// Signed are the signer's words.
type Signed struct {
	Name    string `json:"name" minLength:"1" maxLength:"128" doc:"Printed name of the signer"`
	Meaning string `json:"meaning" enum:"reviewed,approved,responsibility,authorship" doc:"What the signature means"`
	Reason  string `json:"reason" minLength:"1" maxLength:"1024"`
}

type acknowledgeInput struct {
	ExcursionPath
	Idempotent
	Body Signed
}

// acknowledged lists what was signed of an excursion.
func (s *Server) acknowledged(ctx context.Context, in *ExcursionPath) ([]ledger.Acknowledgement, error) {
	if _, err := s.shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := ledger.ComplianceAcknowledgements.All(ctx, s.Ledger, in.ID, maxRecords)
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

func (s *Server) acknowledge(ctx context.Context, in *acknowledgeInput) (*answer[Acknowledgement], error) {
	known, err := s.acknowledged(ctx, &in.ExcursionPath)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if rest.WriteOf(ctx).Again {
		for _, a := range known {
			if g := a.Signature; g.MSP == s.MSP && g.Name == b.Name && g.Meaning == b.Meaning && a.Reason == b.Reason {
				return &answer[Acknowledgement]{Body: showAcknowledgement(s.Members, a)}, nil
			}
		}
	}
	// With its number, a transaction that is ordered late cannot sign a second time.
	a, _, err := ledger.ComplianceAcknowledge.Do(ctx, s.Ledger, ledger.AcknowledgeArgs{Shipment: in.ID, Excursion: in.Excursion, N: len(known) + 1, Reason: b.Reason, Name: b.Name, Meaning: b.Meaning})
	if ledger.CodeOf(err) == ledger.NotFound {
		return nil, rest.NotFound("excursion", in.Excursion)
	}
	if err != nil {
		return nil, err
	}
	return &answer[Acknowledgement]{Body: showAcknowledgement(s.Members, a)}, nil
}

func (s *Server) acknowledgements(ctx context.Context, in *ExcursionPath) (*answer[List[Acknowledgement]], error) {
	known, err := s.acknowledged(ctx, in)
	if err != nil {
		return nil, err
	}
	out := List[Acknowledgement]{Items: []Acknowledgement{}}
	for _, a := range known {
		out.Items = append(out.Items, showAcknowledgement(s.Members, a))
	}
	return &answer[List[Acknowledgement]]{Body: out}, nil
}

type disposeInput struct {
	ShipmentPath
	Idempotent
	Body struct {
		Signed
		Decision        string `json:"decision" enum:"release,reject,quarantine"`
		VerdictRevision int    `json:"verdict_revision" minimum:"0" maximum:"1000000000" doc:"Newest verdict on the ledger, which the signer has seen; 0 when there is none"`
		Revision        int    `json:"revision,omitempty" minimum:"1" maximum:"1000000000" doc:"Number of this disposition: one more than the newest, which is also taken when absent"`
	}
}

func (s *Server) dispose(ctx context.Context, in *disposeInput) (*answer[Disposition], error) {
	if _, err := s.shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	known, err := ledger.ComplianceDispositions.All(ctx, s.Ledger, in.ID, maxRecords)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if rest.WriteOf(ctx).Again {
		for _, d := range known {
			if g := d.Signature; g.MSP == s.MSP && g.Name == b.Name && g.Meaning == b.Meaning && d.Reason == b.Reason && d.Decision == b.Decision && d.VerdictRevision == b.VerdictRevision {
				return &answer[Disposition]{Body: showDisposition(s.Members, d)}, nil
			}
		}
	}
	args := ledger.DisposeArgs{Shipment: in.ID, Revision: b.Revision, Decision: b.Decision, Reason: b.Reason, VerdictRevision: b.VerdictRevision, Name: b.Name, Meaning: b.Meaning}
	if args.Revision == 0 {
		args.Revision = len(known) + 1
	}
	d, _, err := ledger.ComplianceDispose.Do(ctx, s.Ledger, args)
	if err != nil {
		return nil, err
	}
	return &answer[Disposition]{Body: showDisposition(s.Members, d)}, nil
}

func (s *Server) dispositions(ctx context.Context, in *ShipmentPath) (*answer[List[Disposition]], error) {
	if _, err := s.shipment(ctx, in.ID); err != nil {
		return nil, err
	}
	known, err := ledger.ComplianceDispositions.All(ctx, s.Ledger, in.ID, maxRecords)
	if err != nil {
		return nil, err
	}
	out := List[Disposition]{Items: []Disposition{}}
	for _, d := range known {
		out.Items = append(out.Items, showDisposition(s.Members, d))
	}
	return &answer[List[Disposition]]{Body: out}, nil
}
