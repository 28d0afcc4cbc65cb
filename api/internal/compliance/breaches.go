package compliance

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/shapes"
	"github.com/trackseal/trackseal/internal/ledger"
	"github.com/trackseal/trackseal/internal/stored"
)

func (s *Resource) breachRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: "/v1/shipments/{id}/breaches", ID: "claim-breach", Tag: "Compliance", Scope: access.ShipmentsWrite, Status: http.StatusCreated, Write: true,
		Summary: "Claim that signed messages break an instant limit", Errors: []int{http.StatusNotFound},
		About: "The messages are named by log and leaf; their bytes go to the peers, and every endorsing peer checks signature, tracker, assignment and limit by itself. " +
			"What they refuse comes back with their reason. Nothing is judged here.",
		Example: rest.Object{"rule": "hot", "messages": []any{rest.Object{"log": strings.Repeat("c7", 32), "leaf": 118}}}}, s.breach)
}

type breachInput struct {
	shapes.ShipmentPath
	rest.Idempotent
	Body struct {
		Rule     string        `json:"rule" maxLength:"64" doc:"Id of an instant limit in the pinned rule set"`
		Messages []breachClaim `json:"messages" minItems:"1" maxItems:"8" doc:"Of one tracker"`
	}
}

type breachClaim struct {
	Log  string        `json:"log" pattern:"^[0-9a-f]{64}$"`
	Leaf uint64        `json:"leaf" maximum:"9007199254740991"`
	Time *rest.Instant `json:"time,omitempty" doc:"Of the reading in it that breaks the limit; when absent, of the worst one"`
}

func (s *Resource) breach(ctx context.Context, in *breachInput) (*rest.Answer[shapes.RecordedExcursion], error) {
	r, err := s.Shipment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rules, err := s.Rules.Pinned(ctx, r)
	if err != nil {
		return nil, err
	}
	limit, err := rules.InstantLimit(in.Body.Rule)
	if err != nil {
		return nil, rest.InvalidField("body.rule", err.Error())
	}
	refs, err := s.Logs.Of(ctx, r)
	if err != nil {
		return nil, err
	}
	args := ledger.BreachArgs{Shipment: r.ID, RuleHash: r.RuleSetHash, Rule: in.Body.Rule, Metric: limit.Metric, Op: limit.Op}
	tracker := ""
	for i, c := range in.Body.Messages {
		m, err := s.messageAt(ctx, refs, c)
		if err != nil {
			return nil, err
		}
		if m.Trust != stored.Signed {
			return nil, rest.InvalidField("body.messages["+strconv.Itoa(i)+"]", "the message is unsigned: it shows nothing to a peer")
		}
		claim := ledger.BreachMessage{Raw: m.Raw, TimeMS: worstReading(m, limit)}
		if c.Time != nil {
			claim.TimeMS = int64(*c.Time)
		}
		tracker = cmp.Or(tracker, m.Tracker)
		args.Messages = append(args.Messages, claim)
	}
	slices.SortFunc(args.Messages, func(a, b ledger.BreachMessage) int { return cmp.Compare(a.TimeMS, b.TimeMS) })
	e, _, err := ledger.ComplianceBreach.Do(ctx, s.Ledger, args)
	if rest.WriteOf(ctx).Again && ledger.CodeOf(err) == ledger.Exists {
		id := ledger.BreachID(args.Rule, tracker, args.Messages[0].TimeMS)
		all, lerr := ledger.ComplianceList.All(ctx, s.Ledger, r.ID, records.Max)
		if i := slices.IndexFunc(all, func(x ledger.Excursion) bool { return x.ID == id && x.By == s.MSP }); lerr == nil && i >= 0 {
			e, err = all[i], nil
		}
	}
	return rest.Reply(shapes.ShowRecorded(s.Members, e, nil), err)
}

// messageAt reads a stored message of the shipment.
func (s *Resource) messageAt(ctx context.Context, refs []records.LogRef, c breachClaim) (stored.Message, error) {
	var found stored.Message
	missing := rest.NotFound("message", c.Log+"/"+strconv.FormatUint(c.Leaf, 10))
	if !slices.Contains(records.LogIDs(refs), c.Log) {
		return found, missing
	}
	ok := false
	err := s.Telemetry.Messages(ctx, c.Log, c.Leaf, c.Leaf+1, func(m stored.Message) error {
		found, ok = m, true
		return nil
	})
	if err == nil && !ok {
		return found, missing
	}
	return found, err
}

// instantLimit is compliance.InstantLimit.
type instantLimit interface {
	Value(reading map[string]float64) (float64, bool)
	Worse(a, b float64) bool
}

// worstReading is the time of the reading that goes furthest in the limit's direction, whether it breaks it or not: that is
// for the peers to say. Without such a reading it is the message's own time.
func worstReading(m stored.Message, limit instantLimit) int64 {
	at, worst, found := m.TimeMS, 0.0, false
	o, err := m.Open()
	if err != nil {
		return at
	}
	for _, r := range o.Readings {
		if v, ok := limit.Value(r.Values); ok && (!found || limit.Worse(v, worst)) {
			at, worst, found = r.TimeMS, v, true
		}
	}
	return at
}
