package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/problem"
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
	p, err := a.Access.Authenticate(humagin.Unwrap(c).Request.WithContext(c.Context()))
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
		a.reply(c, NotFound(string(rules.of), c.Param("id")))
	default:
		next(huma.WithContext(c, access.WithPrincipal(c.Context(), p)))
	}
}
