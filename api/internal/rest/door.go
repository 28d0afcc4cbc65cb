package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trackseal/trackseal/api/internal/auth"
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

// enter lets a request through when its token has the operation's scope.
func (a *API) enter(c huma.Context, next func(huma.Context)) {
	scope := rulesOf(c.Operation()).Scope
	if scope == "" {
		next(c)
		return
	}
	scheme, token, _ := strings.Cut(c.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		a.reply(c, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "send Authorization: Bearer <access token>").Unauthenticated())
		return
	}
	p, err := a.Verifier.Verify(c.Context(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, auth.ErrWrongOrg):
		a.reply(c, problem.New(http.StatusForbidden, problem.WrongOrg, "this is the api of %s; the token is of another organisation", a.Org))
		return
	case err != nil:
		a.reply(c, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s; get a new one", err).With("WWW-Authenticate", `Bearer realm="trackseal", error="invalid_token"`))
		return
	case !p.Has(scope):
		a.reply(c, problem.New(http.StatusForbidden, problem.MissingScope, "this needs the scope %s", scope).
			With("WWW-Authenticate", fmt.Sprintf(`Bearer realm="trackseal", error="insufficient_scope", scope=%q`, scope)))
		return
	}
	next(huma.WithContext(c, auth.WithPrincipal(c.Context(), p)))
}
