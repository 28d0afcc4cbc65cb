package compliance

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/api/internal/upload"
	"github.com/trackseal/trackseal/internal/canon"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/compliance/detect"
	"github.com/trackseal/trackseal/internal/recording"
	"github.com/trackseal/trackseal/internal/telemetry"
)

const (
	simulatePath = "/v1/rule-sets/simulate"
	maxTripJSON  = 8 << 20 // bytes of a file in JSON, which takes several times its size
)

func (s *Resource) simulateRoutes(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: simulatePath, ID: "simulate-rule-set", Tag: "Rule sets", Scope: access.TelemetryRead, Limit: rest.LongTime, Body: upload.MaxBytes, Own: true,
		Summary: "Try a rule set on a shipment, or on a trip from a CSV file",
		About: "Writes nothing. As JSON: `rule_set` is id@version or a whole rule set, beside it `shipment`, or `csv` with `options`. As text/csv: the file as the logger wrote it, " +
			"in UTF-8, UTF-16 or Windows-1252, with ?rule_set=id@version and the options as parameters. `file` in the answer tells how it was read.",
		Errors: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests}}, s.simulate)
	text := &huma.Schema{Type: huma.TypeString}
	api.DescribeBody(simulatePath, rest.TypeCSV, text, upload.Example)
	api.DescribeBody(simulatePath, "application/json", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"rule_set"}, Properties: map[string]*huma.Schema{
		"rule_set": {AnyOf: []*huma.Schema{{Type: huma.TypeString, Description: "id@version"}, api.Schema(reflect.TypeFor[compliance.RuleSet]())}},
		"shipment": {Type: huma.TypeString, Description: "Shipment id"},
		"csv":      {Type: huma.TypeString, Description: "A trip instead of a shipment: the file of a logger"},
		"options":  api.Schema(reflect.TypeFor[recording.Options]()),
		"sensors":  api.Schema(reflect.TypeFor[[]telemetry.Sensor]()),
	}}, rest.Object{"rule_set": "general-2-8@1", "csv": upload.Example})
}

type simulateInput struct {
	RuleSet     string   `query:"rule_set" maxLength:"128" doc:"id@version, for a text/csv body"`
	Sensor      []string `query:"sensor,explode" maxItems:"16" doc:"quantity:model, or quantity:min=-40,max=85,error=85: what the file's loggers send in the place of a measurement, for a text/csv body" example:"temperature:ds18b20"`
	ContentType string   `header:"Content-Type" maxLength:"256" hidden:"true"`
	recording.Options
	RawBody []byte `contentType:"application/json"`
}

// Simulation is a judgement that nobody recorded.
type Simulation struct {
	judging.Compliance
	File rest.Null[recording.Report] `json:"file" doc:"How the file was read; null for a shipment"`
}

// trial is what to judge by what.
type trial struct {
	RuleSet  json.RawMessage    `json:"rule_set"`
	Shipment string             `json:"shipment"`
	CSV      *string            `json:"csv"`
	Options  recording.Options  `json:"options"`
	Sensors  []telemetry.Sensor `json:"sensors"`
	file     func() io.Reader   // the CSV, each time from its beginning
}

func (s *Resource) simulate(ctx context.Context, in *simulateInput) (*rest.Answer[Simulation], error) {
	done, err := s.Heavy.Take(ctx) // it costs a core, and memory for the trip
	if err != nil {
		return nil, err
	}
	defer done()
	try, rules, err := s.trial(ctx, in)
	if err != nil {
		return nil, err
	}
	var (
		j   *judging.Judged
		out Simulation
	)
	if try.file != nil {
		var rep recording.Report
		if j, rep, err = judgeTrip(ctx, try, rules); err == nil {
			out.File = rest.Some(rep)
		}
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
	if out.Compliance, err = s.Judge.Show(ctx, j); err != nil {
		return nil, err
	}
	return rest.Reply(out, nil)
}

// trial reads the request.
func (s *Resource) trial(ctx context.Context, in *simulateInput) (try trial, rules judging.RuleSetInfo, err error) {
	kind, _, err := mime.ParseMediaType(cmp.Or(in.ContentType, "application/json"))
	switch {
	case err == nil && kind == rest.TypeCSV:
		if in.RuleSet == "" {
			return try, rules, rest.InvalidField("query.rule_set", "is needed beside a CSV body: id@version")
		}
		try.file, try.Options = func() io.Reader { return bytes.NewReader(in.RawBody) }, in.Options
		for _, text := range in.Sensor {
			x, err := telemetry.ParseSensor(text)
			if err != nil {
				return try, rules, rest.InvalidField("query.sensor", err.Error())
			}
			try.Sensors = append(try.Sensors, x)
		}
		if err := telemetry.CheckSensors(try.Sensors); err != nil {
			return try, rules, rest.InvalidField("query.sensor", err.Error())
		}
		rules, err = s.named(ctx, "query.rule_set", in.RuleSet)
		return try, rules, err
	case err != nil || kind != "application/json":
		return try, rules, problem.New(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "send application/json or text/csv")
	case in.RuleSet != "" || len(in.Sensor) > 0 || !reflect.DeepEqual(in.Options, recording.Options{}):
		return try, rules, rest.InvalidField("query", "is for a CSV body; here rule_set, options and sensors stand in the body")
	case len(in.RawBody) > maxTripJSON:
		return try, rules, problem.New(http.StatusRequestEntityTooLarge, problem.TooLarge, "the body has more than %d bytes; send the file as text/csv", maxTripJSON)
	}
	if err := canon.UnmarshalJSON(in.RawBody, &try); err != nil {
		return try, rules, rest.InvalidField("body", "must be an object with rule_set and shipment or csv: "+err.Error())
	}
	if (try.Shipment == "") == (try.CSV == nil) {
		return try, rules, rest.InvalidField("body", "must have either shipment or csv")
	}
	if err := telemetry.CheckSensors(try.Sensors); err != nil {
		return try, rules, rest.InvalidField("body.sensors", err.Error())
	}
	if try.CSV == nil && len(try.Sensors) > 0 {
		return try, rules, rest.InvalidField("body.sensors", "are those of a file; a shipment's record has its own")
	}
	if try.CSV != nil {
		try.file = func() io.Reader { return strings.NewReader(*try.CSV) }
	}
	if len(try.RuleSet) == 0 {
		return try, rules, rest.InvalidField("body.rule_set", "is missing: id@version or a rule set")
	}
	var ref string
	if json.Unmarshal(try.RuleSet, &ref) == nil {
		rules, err = s.named(ctx, "body.rule_set", ref)
		return try, rules, err
	}
	parsed, err := s.read(try.RuleSet)
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
// last reading. The file is read twice, so that its readings need not be held: first for the trackers and for what is wrong.
func judgeTrip(ctx context.Context, try trial, rules judging.RuleSetInfo) (*judging.Judged, recording.Report, error) {
	first := map[string]int64{}
	facts, n := detect.Journey{FromMS: math.MaxInt64}, 0
	rep, err := recording.Read(try.file(), try.Options, func(tracker string, r telemetry.Reading) error {
		if n++; n > upload.MaxReadings {
			return rest.InvalidField("csv", fmt.Sprintf("more than %d readings", upload.MaxReadings))
		}
		tracker = cmp.Or(tracker, noTracker)
		at, known := first[tracker]
		if !known && len(first) == maxTripTrackers {
			return rest.InvalidField("csv", fmt.Sprintf("more than %d trackers", maxTripTrackers))
		}
		if !known || r.TimeMS < at {
			first[tracker] = r.TimeMS
		}
		facts.FromMS = min(facts.FromMS, r.TimeMS)
		return ctx.Err()
	})
	if err != nil {
		return nil, rep, upload.Problem(err)
	}
	for _, tracker := range slices.Sorted(maps.Keys(first)) {
		facts.Trackers = append(facts.Trackers, detect.Tracker{ID: tracker, Windows: []detect.Window{{FromMS: first[tracker]}}, Sensors: []detect.Stated{{Sensors: try.Sensors}}})
	}
	j := &judging.Judged{Rules: rules}
	if j.Result, err = judgeInOrder(ctx, try, rules, facts); errors.Is(err, compliance.ErrStale) {
		j.Result, err = judgeSorted(ctx, try, rules, facts, n)
	}
	return j, rep, err
}

// judgeInOrder judges the readings as they come, of which an evaluator holds a few. ErrStale: they are too far out of order for that.
func judgeInOrder(ctx context.Context, try trial, rules judging.RuleSetInfo, facts detect.Journey) (compliance.Result, error) {
	e, err := compliance.New(rules.RuleSet, facts)
	if err != nil {
		return compliance.Result{}, err
	}
	err = eachPoint(ctx, try, func(r compliance.Reading) error {
		if e.Add(r.Tracker, r.Point); e.Stale() {
			return compliance.ErrStale
		}
		return nil
	})
	if err != nil {
		return compliance.Result{}, err
	}
	return e.Result(0)
}

// judgeSorted holds all n readings.
func judgeSorted(ctx context.Context, try trial, rules judging.RuleSetInfo, facts detect.Journey, n int) (compliance.Result, error) {
	all := make([]compliance.Reading, 0, n)
	err := eachPoint(ctx, try, func(r compliance.Reading) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		return compliance.Result{}, err
	}
	return compliance.Judge(rules.RuleSet, facts, all, 0)
}

func eachPoint(ctx context.Context, try trial, give func(compliance.Reading) error) error {
	_, err := recording.Read(try.file(), try.Options, func(tracker string, r telemetry.Reading) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return give(compliance.Reading{Tracker: cmp.Or(tracker, noTracker), Point: detect.NewPoint(r.TimeMS, [32]byte{}, r.Said())})
	})
	return err
}

const (
	maxTripTrackers = 100   // in one file: each is judged by itself
	noTracker       = "csv" // stands for the one that a file does not name
)
