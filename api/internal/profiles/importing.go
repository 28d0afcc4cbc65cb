package profiles

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/codec/importer"
	"github.com/trackseal/trackseal/internal/profile"
)

func (s *Resource) importRoute(api *rest.API) {
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: importPath, ID: "import-codec", Tag: tag, Scope: access.TrackersWrite, Write: true, Body: maxImport,
		Summary: "Run a codec's own examples, and make a profile of it",
		About: "`script` and `description` are the files of a public LoRaWAN collection as they are: the JavaScript, and the YAML or JSON with its examples. The answer tells which examples agree, " +
			"and proposes a profile whose readings are what the examples show. With `publish` it goes on the ledger, where all members can read it: " +
			"its `licence` must allow that. When examples disagree, only with `confirm`.",
		Errors: []int{http.StatusTooManyRequests}}, s.importCodec)
	var example importInput
	b := &example.Body
	b.ID, b.Carrier, b.Licence = "our-sensor", "ttn-v3", "Apache-2.0"
	b.Script = "function decodeUplink(input) { return { data: { temperature: input.bytes[0] } } }"
	b.Description = "uplinkDecoder:\n  examples:\n    - description: 21 °C\n      input: {fPort: 1, bytes: [21]}\n      output: {data: {temperature: 21}}\n"
	api.OpenAPI().Paths[importPath].Post.RequestBody.Content["application/json"].Example = *b
}

type importInput struct {
	rest.Idempotent
	Body struct {
		ID          string            `json:"id" minLength:"1" maxLength:"64" doc:"Of the profile; one without a dot gets the organisation's name and a dot"`
		Version     int               `json:"version,omitempty" minimum:"1" maximum:"1000000" doc:"Absent = 1"`
		Title       string            `json:"title,omitempty" maxLength:"200"`
		Carrier     string            `json:"carrier" enum:"ttn-v3,chirpstack-v4" doc:"Network server whose messages carry the bytes"`
		Kind        string            `json:"kind,omitempty" enum:"auto,ttn,chirpstack,decoder" doc:"Of the script; absent = the carrier's"`
		Script      string            `json:"script" minLength:"1" maxLength:"262144" doc:"JavaScript"`
		Description string            `json:"description" maxLength:"262144" doc:"The examples, YAML or JSON"`
		Licence     string            `json:"licence" minLength:"1" maxLength:"200" doc:"Of the script, as its collection says" example:"Apache-2.0"`
		Origin      string            `json:"origin,omitempty" maxLength:"200" doc:"Where the script is from"`
		Readings    []json.RawMessage `json:"readings,omitempty" maxItems:"64" doc:"In place of those that the examples show, as in a profile"`
		Publish     bool              `json:"publish,omitempty"`
		Confirm     bool              `json:"confirm,omitempty" doc:"Publish although examples disagree"`
	}
}

// ImportedCodec is what came of an import.
type ImportedCodec struct {
	Licence   string             `json:"licence" doc:"Of the script"`
	Examples  []ImportedExample  `json:"examples"`
	Agreed    int                `json:"agreed" doc:"How many of the examples agree"`
	Document  json.RawMessage    `json:"document,omitempty" doc:"The proposed profile; absent when none could be made"`
	Problem   string             `json:"problem,omitempty" doc:"Why the proposal cannot be published as it is"`
	Published rest.Null[Profile] `json:"published" doc:"The profile on the ledger, with publish"`
}

// ImportedExample is what came of an example.
type ImportedExample struct {
	Name    string          `json:"name"`
	Agrees  bool            `json:"agrees"`
	Problem string          `json:"problem,omitempty" doc:"Where it differs"`
	Decoded json.RawMessage `json:"decoded,omitempty" doc:"What came out"`
}

func (s *Resource) importCodec(ctx context.Context, in *importInput) (*rest.Answer[ImportedCodec], error) {
	done, err := s.Heavy.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	b := in.Body
	examples, err := importer.Examples([]byte(b.Description))
	if err != nil {
		return nil, rest.InvalidField("body.description", err.Error())
	}
	kind := b.Kind
	if kind == "" {
		kind = importer.Kind(b.Carrier)
	}
	results, err := importer.Try(ctx, s.Codecs, kind, []byte(b.Script), examples)
	if err != nil {
		return nil, unavailable(err)
	}
	out := ImportedCodec{Licence: b.Licence, Examples: []ImportedExample{}}
	for _, r := range results {
		out.Examples = append(out.Examples, ImportedExample(r))
		if r.Agrees {
			out.Agreed++
		}
	}
	want := importer.Want{ID: s.OwnID(b.ID), Version: b.Version, Title: b.Title, Carrier: b.Carrier, Kind: kind, Licence: b.Licence, Origin: b.Origin}
	p, err := s.propose(want, []byte(b.Script), results, b.Readings)
	switch {
	case errors.Is(err, importer.ErrExamples), errors.Is(err, importer.ErrNothing):
		out.Problem = err.Error()
	case err != nil:
		return nil, err
	default:
		out.Document = p.Canonical()
		if out.Agreed < len(results) {
			out.Problem = fmt.Sprintf("%d of %d examples disagree", len(results)-out.Agreed, len(results))
		}
	}
	if !b.Publish {
		return rest.Reply(out, nil)
	}
	if p == nil || out.Problem != "" && !b.Confirm {
		refusal := problem.New(http.StatusUnprocessableEntity, problem.InvalidRequest, "not published: %s", out.Problem)
		for i, e := range out.Examples {
			if !e.Agrees {
				refusal.Errors = append(refusal.Errors, problem.Field{Field: fmt.Sprintf("body.description.examples[%d]", i), Detail: e.Name + ": " + e.Problem})
			}
		}
		return nil, refusal
	}
	v, _, err := s.put(ctx, p)
	if err != nil {
		return nil, err
	}
	out.Published = rest.Some(v)
	return rest.Reply(out, nil)
}

// propose makes the profile, by readings of the caller's own where there are any.
func (s *Resource) propose(want importer.Want, script []byte, results []importer.Result, own []json.RawMessage) (*profile.Profile, error) {
	d, err := importer.Propose(want, script, results)
	if errors.Is(err, importer.ErrNothing) && len(own) > 0 {
		err = nil
	}
	switch {
	case errors.Is(err, importer.ErrLicence):
		return nil, rest.InvalidField("body.licence", err.Error())
	case err != nil:
		return nil, err
	}
	if len(own) > 0 {
		d.Readings = make([]profile.Reading, len(own))
		for i, raw := range own {
			if err := json.Unmarshal(raw, &d.Readings[i]); err != nil {
				return nil, rest.InvalidField(fmt.Sprintf("body.readings[%d]", i), err.Error())
			}
		}
	}
	var raw bytes.Buffer
	e := json.NewEncoder(&raw)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return s.read("body", raw.Bytes())
}
