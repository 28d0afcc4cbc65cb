package compliance

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/judging"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/api/internal/records"
	"github.com/trackseal/trackseal/api/internal/rest"
	"github.com/trackseal/trackseal/internal/compliance"
	"github.com/trackseal/trackseal/internal/ledger"
)

func (s *Resource) ruleSetRoutes(api *rest.API) {
	const tag, path = "Rule sets", "/v1/rule-sets"
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: path, ID: "list-rule-sets", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "List the rule sets that a shipment can be pinned to", About: "The built-in ones first, then those that were published.", Errors: []int{http.StatusBadRequest}}, s.listRuleSets)
	rest.Add(api, rest.Operation{Method: http.MethodPost, Path: path, ID: "publish-rule-set", Tag: tag, Scope: access.RulesWrite, Status: http.StatusCreated, Write: true, Own: true,
		Summary: "Publish a version of a rule set on the ledger",
		About: "Versions count from 1 and never change. The id begins with the organisation's name and a dot; one without a dot gets them. Publishing the same rules again answers 200 with the version that is there. " +
			"What is wrong with a rule set is listed in `errors`, each with its place."}, s.publish)
	api.DescribeBody(path, "application/json", api.Schema(reflect.TypeFor[compliance.RuleSet]()), exampleRules)
	answers := api.OpenAPI().Paths[path].Post.Responses
	known := *answers["201"]
	known.Description = "These rules are published already"
	answers["200"] = &known
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: path + "/{ref}", ID: "get-rule-set", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "Get a rule set", Errors: []int{http.StatusNotFound, http.StatusConflict}}, s.getRuleSet)
	rest.Add(api, rest.Operation{Method: http.MethodGet, Path: path + "/schema", ID: "get-rule-set-schema", Tag: tag, Scope: access.ShipmentsRead,
		Summary: "Get the JSON Schema of a rule set", About: "For editors. It says less than publishing checks: docs/compliance.md has the rest.",
		Answers: map[string]*huma.Response{"200": {Description: "JSON Schema 2020-12", Content: map[string]*huma.MediaType{schemaType: {Schema: &huma.Schema{Type: huma.TypeObject}}}}}}, func(context.Context, *struct{}) (*rest.File, error) {
		return &rest.File{ContentType: schemaType, Body: compliance.JSONSchema}, nil
	})
}

const schemaType = "application/schema+json"

// PublishedRuleSet is what publishing answers.
type PublishedRuleSet struct {
	Ref         string                  `json:"ref" doc:"id@version: what a shipment names"`
	Hash        string                  `json:"hash" doc:"SHA-256 of the canonical JSON: what a shipment pins"`
	Publisher   string                  `json:"publisher"`
	PublishedAt rest.Null[rest.Instant] `json:"published_at"`
	Tx          rest.Null[string]       `json:"tx"`
}

type publishInput struct {
	rest.Idempotent
	RawBody []byte `contentType:"application/json"`
}

type publishOutput struct {
	Status int
	Body   PublishedRuleSet
}

func (s *Resource) publish(ctx context.Context, in *publishInput) (*publishOutput, error) {
	rules, err := s.read(in.RawBody)
	if err != nil {
		return nil, badRules("body", err)
	}
	rules.ID = s.OwnID(rules.ID)
	out := &publishOutput{Status: http.StatusCreated}
	r, _, err := ledger.RuleSetPublish.Do(ctx, s.Ledger, ledger.PublishArgs{Rules: rules.Canonical()})
	if ledger.CodeOf(err) == ledger.Exists {
		known, ferr := s.Rules.Find(ctx, rules.Ref())
		if ferr != nil {
			return nil, ferr
		}
		if !rest.WriteOf(ctx).Again {
			out.Status = http.StatusOK
		}
		out.Body = PublishedRuleSet{Ref: known.Ref, Hash: known.Hash, Publisher: known.Publisher.Value(), PublishedAt: known.PublishedAt, Tx: known.Tx}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.Body = PublishedRuleSet{Ref: rules.Ref(), Hash: r.Hash, Publisher: s.Members.Name(r.Publisher), PublishedAt: rest.InstantOrNull(r.TimeMS), Tx: rest.OrNull(r.Tx)}
	return out, nil
}

// maxFields bounds how many problems one answer lists.
const maxFields = 100

// badRules lists all that is wrong with a rule set. Each line of compliance's error begins with its place.
func badRules(where string, err error) *problem.Problem {
	p := problem.New(http.StatusUnprocessableEntity, problem.InvalidRequest, "the rule set is not valid; see errors")
	for _, e := range eachOf(err) {
		text := strings.TrimPrefix(e.Error(), "rule set: ")
		place, what, ok := strings.Cut(text, " ")
		if !ok || !isPlace(place) {
			place, what = "", text
		}
		at := where
		if place != "" {
			at += "." + place
		}
		p.Errors = append(p.Errors, problem.Field{Field: at, Detail: what})
		if len(p.Errors) == maxFields {
			break
		}
	}
	return p
}

// isPlace tells a path such as rules[2].limit.value from a word.
func isPlace(s string) bool {
	switch s {
	case "schema", "id", "version", "title", "jurisdiction", "max_gap_s", "rules":
		return true
	}
	return strings.HasPrefix(s, "rules[") || strings.HasPrefix(s, "zone.")
}

// eachOf takes a joined error apart.
func eachOf(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

type ruleSetPath struct {
	Ref string `path:"ref" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}@[1-9][0-9]{0,8}$" doc:"id@version" example:"general-2-8@1"`
}

func (s *Resource) getRuleSet(ctx context.Context, in *ruleSetPath) (*rest.Answer[judging.RuleSetInfo], error) {
	return rest.Reply(s.Rules.Find(ctx, in.Ref))
}

// rulePlace is where a page of rule sets ended: how many built-in ones were given, then the ledger's bookmark.
type rulePlace struct {
	N int    `json:"n"`
	B string `json:"b"`
}

func (s *Resource) listRuleSets(ctx context.Context, in *rest.Paging) (*rest.Answer[rest.List[judging.RuleSetInfo]], error) {
	const route = "rule-sets"
	var at rulePlace
	if err := s.Cursors.Open(route, in.Cursor, &at); err != nil {
		return nil, err
	}
	out := rest.List[judging.RuleSetInfo]{Items: []judging.RuleSetInfo{}}
	builtin := compliance.Builtin()
	for ; at.N < len(builtin) && len(out.Items) < in.Limit; at.N++ {
		r := builtin[at.N]
		out.Items = append(out.Items, judging.RuleSetInfo{RuleSet: r, Ref: r.Ref(), Hash: r.Hash(), Builtin: true})
	}
	more := at.N < len(builtin)
	if room := in.Limit - len(out.Items); room > 0 {
		page, err := ledger.RuleSetList.Page(ctx, s.Ledger, ledger.ListArgs{Limit: room, Bookmark: at.B})
		if err != nil {
			return nil, err
		}
		published := make([]judging.RuleSetInfo, len(page.Items))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(records.Parallel)
		for i, r := range page.Items {
			g.Go(func() (err error) {
				published[i], err = s.Rules.Find(ctx, compliance.RuleSet{ID: r.ID, Version: r.Version}.Ref())
				if ledger.CodeOf(err) == ledger.Conflict { // of a newer version: it is there, but cannot be shown whole
					published[i], err = judging.ShowPublished(s.Members, compliance.RuleSet{ID: r.ID, Version: r.Version, Rules: []compliance.Rule{}}, r), nil
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		out.Items = append(out.Items, published...)
		at.B, more = page.Bookmark, page.Bookmark != ""
	} else if !more {
		// The page is full of built-in ones and they are all given: whether any is published, the next page tells.
		more = true
	}
	if more {
		out.Next = s.Cursors.Seal(route, at)
	}
	return &rest.Answer[rest.List[judging.RuleSetInfo]]{Body: out}, nil
}

var exampleRules = rest.Object{"schema": "trackseal-rule-set/1", "id": "our-2-8", "version": 1, "title": "Our goods, 2 to 8 °C", "max_gap_s": 900, "rules": []any{
	rest.Object{"id": "hot", "severity": "critical", "limit": rest.Object{"metric": "temperature", "op": ">=", "value": "12", "mode": "instant"}},
	rest.Object{"id": "warm", "severity": "major", "limit": rest.Object{"metric": "temperature", "op": ">", "value": "8", "mode": "consecutive", "duration_s": 1800}},
}}
