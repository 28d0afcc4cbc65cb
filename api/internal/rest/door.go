package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/problem"
	"github.com/trackseal/trackseal/internal/canon"
)

// reply writes a problem before any handler runs.
func (a *API) reply(c huma.Context, err error) {
	p := a.Problem(c.Context(), err)
	for k, v := range p.GetHeaders() {
		c.SetHeader(k, v[0])
	}
	c.SetHeader("Content-Type", p.ContentType(""))
	c.SetStatus(p.Status)
	_ = json.NewEncoder(c.BodyWriter()).Encode(p) // the client is gone: nobody to tell
}

// enter is the one door: it lets a request through when its principal has the operation's scope and is not narrowed away from
// the resource that the path names. Operations on none, such as listings, are closed to a narrowed principal.
func (a *API) enter(c huma.Context, next func(huma.Context)) {
	rules := rulesOf(c.Operation())
	if rules.Scope == "" {
		next(c)
		return
	}
	note := audit.NoteOf(c.Context())
	p, err := a.Access.Authenticate(humagin.Unwrap(c).Request.WithContext(c.Context()))
	if err == nil {
		noteWho(note, p)
	}
	switch {
	case errors.Is(err, access.ErrNoProof):
		a.reply(c, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s", err).Unauthenticated())
	case errors.Is(err, access.ErrWrongOrg):
		a.reply(c, problem.New(http.StatusForbidden, problem.WrongOrg, "this is the api of %s; the token is of another organisation", a.Org))
	case err != nil:
		a.reply(c, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s; get a new one", err).With("WWW-Authenticate", `Bearer realm="trackseal", error="invalid_token"`))
	case !p.Has(rules.Scope):
		a.reply(c, problem.New(http.StatusForbidden, problem.MissingScope, "this needs the scope %s", rules.Scope).
			With("WWW-Authenticate", fmt.Sprintf(`Bearer realm="trackseal", error="insufficient_scope", scope=%q`, rules.Scope)))
	case p.Only != nil && rules.of == "":
		a.reply(c, problem.New(http.StatusForbidden, "forbidden", "this access is for single resources only"))
	case p.Only != nil && !p.May(rules.of, c.Param("id")):
		note.With(func(r *audit.Record) { r.Kind = audit.Refusal }) // the 404 says nothing of it
		a.reply(c, NotFound(string(rules.of), c.Param("id")))
	default:
		next(huma.WithContext(c, access.WithPrincipal(c.Context(), p)))
	}
}

// A request that two readers could understand differently is refused: what one of them checked, another would act on.

// strictFormats reads JSON as the ledger does: UTF-8, and each member once.
func strictFormats() map[string]huma.Format {
	f := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: StrictJSON}
	return map[string]huma.Format{"application/json": f, "json": f}
}

// StrictJSON reads one value, each member once, in UTF-8.
func StrictJSON(data []byte, v any) error {
	if err := canon.CheckJSON(data); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// plainQuery refuses what huma would pass over: a query that cannot be read, a parameter that is given twice (it takes the first), and
// one that is empty where its schema wants something (it takes it for absent).
func (a *API) plainQuery(c huma.Context, next func(huma.Context)) {
	u := c.URL()
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		a.reply(c, InvalidField("query", "cannot be read: "+err.Error()))
		return
	}
	var wrong []problem.Field
	for name, values := range query {
		switch {
		case len(values) > 1:
			wrong = append(wrong, problem.Field{Field: "query." + name, Detail: "is given twice; a list is one parameter, separated by commas"})
		case values[0] == "" && !mayBeEmpty(c.Operation(), name):
			wrong = append(wrong, problem.Field{Field: "query." + name, Detail: "is empty; give a value, or leave it out"})
		}
	}
	if len(wrong) == 0 {
		next(c)
		return
	}
	slices.SortFunc(wrong, func(a, b problem.Field) int { return strings.Compare(a.Field, b.Field) })
	a.reply(c, problem.Invalid(http.StatusUnprocessableEntity, wrong...))
}

// mayBeEmpty: by its schema. What no parameter is called, huma refuses.
func mayBeEmpty(op *huma.Operation, name string) bool {
	i := slices.IndexFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
	if i < 0 {
		return true
	}
	s := op.Parameters[i].Schema
	if s.Type != huma.TypeString || s.Format != "" || s.MinLength != nil && *s.MinLength > 0 || len(s.Enum) > 0 && !slices.Contains(s.Enum, any("")) {
		return false
	}
	matches, err := regexp.MatchString(s.Pattern, "")
	return err == nil && matches
}

// NotModified answers 304 when If-None-Match names the tag (weak comparison, RFC 9110 section 13.1.2), else nil.
func NotModified(ifNoneMatch, tag string) error {
	for given := range strings.SplitSeq(ifNoneMatch, ",") {
		given = strings.TrimSpace(given)
		if given == "*" || strings.TrimPrefix(given, "W/") == tag {
			return problem.New(http.StatusNotModified, "not_modified", "").With("ETag", tag)
		}
	}
	return nil
}
