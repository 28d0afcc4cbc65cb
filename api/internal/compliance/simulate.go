package compliance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/tripfile"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
)

const (
	simulatePath = "/v1/rule-sets/simulate"
	maxTrip      = 8 << 20 // bytes of a request with a trip in it
)

func (s *Resource) simulateRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: simulatePath, ID: "simulate-rule-set", Tag: "Rule sets", Scope: access.TelemetryRead, Limit: rest.LongTime, Body: maxTrip, Own: true,
		Summary: "Try a rule set on a shipment, or on a trip from a CSV file",
		About: "Writes nothing. As JSON: `rule_set` is id@version or a whole rule set, beside it `shipment` or `csv`. As text/csv: the file, with ?rule_set=id@version. " +
			"Columns: time (RFC 3339, or milliseconds since 1970), tracker (may be left out), and metrics by their names.",
		Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests}}, s.simulate)
	text := &huma.Schema{Type: huma.TypeString}
	api.DescribeBody(simulatePath, rest.TypeCSV, text, exampleTrip)
	api.DescribeBody(simulatePath, "application/json", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"rule_set"}, Properties: map[string]*huma.Schema{
		"rule_set": {AnyOf: []*huma.Schema{{Type: huma.TypeString, Description: "id@version"}, api.Schema(reflect.TypeFor[compliance.RuleSet]())}},
		"shipment": {Type: huma.TypeString, Description: "Shipment id"},
		"csv":      {Type: huma.TypeString, Description: "A trip instead of a shipment"},
	}}, rest.Object{"rule_set": "general-2-8@1", "csv": exampleTrip})
}

type simulateInput struct {
	RuleSet     string `query:"rule_set" maxLength:"128" doc:"id@version, for a text/csv body"`
	ContentType string `header:"Content-Type" maxLength:"256" hidden:"true"`
	RawBody     []byte `contentType:"application/json"`
}

// trial is what to judge by what.
type trial struct {
	RuleSet  json.RawMessage `json:"rule_set"`
	Shipment string          `json:"shipment"`
	CSV      *string         `json:"csv"`
}

func (s *Resource) simulate(ctx context.Context, in *simulateInput) (*rest.Answer[judging.Compliance], error) {
	done, err := s.Heavy.Take(ctx) // it costs a core, and memory for the trip
	if err != nil {
		return nil, err
	}
	defer done()
	try, rules, err := s.trial(ctx, in)
	if err != nil {
		return nil, err
	}
	var j *judging.Judged
	if try.CSV != nil {
		j, err = judgeTrip(*try.CSV, rules)
	} else {
		r, serr := s.Shipment(ctx, try.Shipment)
		if serr != nil {
			return nil, serr
		}
		j, err = s.Judge.Judge(ctx, r, rules)
	}
	if err != nil {
		return nil, err
	}
	return rest.Reply(s.Judge.Show(ctx, j))
}

// trial reads the request.
func (s *Resource) trial(ctx context.Context, in *simulateInput) (try trial, rules judging.RuleSetInfo, err error) {
	kind, _, err := mime.ParseMediaType(cmp.Or(in.ContentType, "application/json"))
	switch {
	case err == nil && kind == rest.TypeCSV:
		if in.RuleSet == "" {
			return try, rules, rest.InvalidField("query.rule_set", "is needed beside a CSV body: id@version")
		}
		text := string(in.RawBody)
		try.CSV = &text
		rules, err = s.named(ctx, "query.rule_set", in.RuleSet)
		return try, rules, err
	case err != nil || kind != "application/json":
		return try, rules, problem.New(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "send application/json or text/csv")
	case in.RuleSet != "":
		return try, rules, rest.InvalidField("query.rule_set", "is for a CSV body; here it stands in the body")
	}
	if err := canon.UnmarshalJSON(in.RawBody, &try); err != nil {
		return try, rules, rest.InvalidField("body", "must be an object with rule_set and shipment or csv: "+err.Error())
	}
	if (try.Shipment == "") == (try.CSV == nil) {
		return try, rules, rest.InvalidField("body", "must have either shipment or csv")
	}
	if len(try.RuleSet) == 0 {
		return try, rules, rest.InvalidField("body.rule_set", "is missing: id@version or a rule set")
	}
	var ref string
	if json.Unmarshal(try.RuleSet, &ref) == nil {
		rules, err = s.named(ctx, "body.rule_set", ref)
		return try, rules, err
	}
	parsed, err := compliance.Parse(try.RuleSet)
	if err != nil {
		return try, rules, badRules("body.rule_set", err)
	}
	return try, judging.RuleSetInfo{RuleSet: parsed, Ref: parsed.Ref(), Hash: parsed.Hash()}, nil
}

func (s *Resource) named(ctx context.Context, field, ref string) (judging.RuleSetInfo, error) {
	v, err := s.Rules.Find(ctx, ref)
	if rest.IsNotFound(err) {
		return v, rest.InvalidField(field, "no such rule set; /v1/rule-sets lists them")
	}
	return v, err
}

// judgeTrip judges a trip that no ledger knows: nobody handed it over, nobody calibrated its tracker, and it ends with its
// last reading.
func judgeTrip(text string, rules judging.RuleSetInfo) (*judging.Judged, error) {
	trip, err := tripfile.Read(strings.NewReader(text))
	if err != nil {
		return nil, badTrip(err)
	}
	j := &judging.Judged{Rules: rules, Gaps: judging.NewGaps(int64(rules.MaxGapS) * 1000)}
	facts := detect.Journey{FromMS: trip[0].TimeMS}
	first := map[string]int64{}
	var order []string
	readings := make([]compliance.Reading, len(trip))
	for i, r := range trip {
		if at, known := first[r.Tracker]; !known || r.TimeMS < at {
			if !known {
				order = append(order, r.Tracker)
			}
			first[r.Tracker] = r.TimeMS
		}
		facts.FromMS = min(facts.FromMS, r.TimeMS)
		readings[i] = compliance.Reading{Tracker: r.Tracker, Point: detect.NewPoint(r.TimeMS, [32]byte{}, r.Values)}
		trip[i].Values = nil // the file is large, and the point has them
	}
	if len(order) > maxTripTrackers {
		return nil, rest.InvalidField("body.csv", fmt.Sprintf("%d trackers; at most %d", len(order), maxTripTrackers))
	}
	for _, id := range order {
		facts.Trackers = append(facts.Trackers, detect.Tracker{ID: id, Windows: []detect.Window{{FromMS: first[id]}}})
	}
	j.Result, err = compliance.Judge(rules.RuleSet, facts, readings, 0)
	return j, err
}

// maxTripTrackers in one file: each is judged by itself.
const maxTripTrackers = 100

// badTrip names each wrong place of a CSV file.
func badTrip(err error) *problem.Problem {
	p := problem.New(http.StatusUnprocessableEntity, problem.InvalidRequest, "the CSV cannot be read; see errors")
	for _, e := range eachOf(err) {
		field, f := "csv", tripfile.Fault{}
		if errors.As(e, &f) {
			field = fmt.Sprintf("csv.line[%d]", f.Line)
			if f.Column != "" {
				field += "." + f.Column
			}
		}
		p.Errors = append(p.Errors, problem.Field{Field: field, Detail: e.Error()})
	}
	return p
}

const exampleTrip = "time,temperature\n2026-01-31T08:00:00Z,4.5\n2026-01-31T08:05:00Z,5.1\n"
