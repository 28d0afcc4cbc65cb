package rest

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/trackseal/trackseal/api/internal/problem"
)

const securityScheme = "token"

// Document describes the API as a whole.
type Document struct {
	Title, Version, About string
	Tags                  []*huma.Tag       // in the order in which a reader meets them
	Scopes                map[string]string // what each allows
	TokenURL              string            // of the development issuer; "" = none
}

// config is huma's. Its own pages load scripts from elsewhere and its $schema member changes bytes that people hash, so both are off.
func (d Document) config() huma.Config {
	c := huma.DefaultConfig(d.Title, d.Version)
	c.CreateHooks = nil
	c.DocsPath = ""
	c.SchemasPath = ""
	c.OpenAPIPath = ""
	c.RejectUnknownQueryParameters = true
	c.Formats = strictFormats()
	c.Tags = d.Tags
	c.OnAddOperation = append(c.OnAddOperation, describeAnswers)
	c.Info.Description = d.About
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	scheme := &huma.SecurityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT"}
	if d.TokenURL != "" {
		scheme = &huma.SecurityScheme{Type: "oauth2", Flows: &huma.OAuthFlows{ClientCredentials: &huma.OAuthFlow{TokenURL: d.TokenURL, Scopes: d.Scopes}}}
	}
	scheme.Description = "JWT access token (RFC 9068) of a configured issuer with the claims scope and org."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{securityScheme: scheme}
	return c
}

// codesOf are the codes that a status can carry, for the document.
var codesOf = map[int][]problem.Code{
	http.StatusBadRequest:            {problem.BadRequest, problem.InvalidCursor, problem.InvalidKey},
	http.StatusUnauthorized:          {problem.Unauthenticated},
	http.StatusForbidden:             {problem.MissingScope, problem.WrongOrg, "forbidden"},
	http.StatusNotFound:              {problem.NotFound},
	http.StatusConflict:              {"exists", "bad_state", "conflict", problem.TxInvalid, problem.KeyInProgress},
	http.StatusRequestEntityTooLarge: {problem.TooLarge},
	http.StatusUnsupportedMediaType:  {problem.UnsupportedMedia},
	http.StatusUnprocessableEntity:   {problem.InvalidRequest, "invalid", "bad_proof", problem.KeyReused},
	http.StatusTooManyRequests:       {problem.RateLimited, problem.TooManyStreams},
	http.StatusInternalServerError:   {problem.Internal},
	http.StatusServiceUnavailable:    {problem.LedgerDown, problem.NoBeat, problem.StoreUnavailable, problem.IngestDown, problem.NotAnchored},
	http.StatusGatewayTimeout:        {problem.CommitUnknown, problem.Timeout},
}

// headersOf are the headers that a status can carry.
var headersOf = map[int][]string{
	http.StatusNotModified:        {"ETag"},
	http.StatusUnauthorized:       {"WWW-Authenticate"},
	http.StatusForbidden:          {"WWW-Authenticate"},
	http.StatusConflict:           {"Retry-After"},
	http.StatusTooManyRequests:    {"Retry-After"},
	http.StatusServiceUnavailable: {"Retry-After"},
	http.StatusGatewayTimeout:     {"Retry-After"},
}

var aboutHeader = map[string]string{
	"ETag":                 "Hash of the answer",
	"WWW-Authenticate":     "What is wrong with the token, or which scope is missing (RFC 6750)",
	"Retry-After":          "Seconds; present when trying again can help",
	"Idempotency-Replayed": "true when the answer is that of an earlier request with the same Idempotency-Key",
}

// describeAnswers adds to an operation what all answers of one status have in common.
func describeAnswers(_ *huma.OpenAPI, op *huma.Operation) {
	rules := rulesOf(op)
	for text, r := range op.Responses {
		status, err := strconv.Atoi(text)
		if err != nil {
			continue
		}
		names := headersOf[status]
		if status < 300 && rules.Write {
			names = []string{"Idempotency-Replayed"}
		}
		for _, name := range names {
			if r.Headers == nil {
				r.Headers = map[string]*huma.Param{}
			}
			if r.Headers[name] == nil {
				r.Headers[name] = &huma.Param{Description: aboutHeader[name], Schema: &huma.Schema{Type: huma.TypeString}}
			}
		}
		codes := codesOf[status]
		if rules.Codes[status] != nil {
			codes = rules.Codes[status]
		}
		if status == http.StatusNotModified {
			r.Content = nil
		}
		if len(codes) > 0 {
			quoted := make([]string, len(codes))
			for i, c := range codes {
				quoted[i] = "`" + string(c) + "`"
			}
			r.Description = http.StatusText(status) + ": " + strings.Join(quoted, ", ")
		}
	}
	if rules.Example != nil {
		op.RequestBody.Content["application/json"].Example = rules.Example
	}
}

// documentRoutes describe the API and are not part of its description.
func (a *API) documentRoutes() {
	document := sync.OnceValues(func() ([]byte, error) { return json.Marshal(a.OpenAPI()) })
	a.engine.GET("/openapi.json", func(c *gin.Context) {
		body, err := document()
		if err != nil {
			a.Problem(c.Request.Context(), err).Write(c.Writer, c.Request)
			return
		}
		c.Data(http.StatusOK, "application/openapi+json", body)
	})
	a.engine.GET("/docs", func(c *gin.Context) {
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		c.Header("Content-Type", "text/html; charset=utf-8")
		if err := docsPage.Execute(c.Writer, listing(a.OpenAPI())); err != nil {
			a.Log.DebugContext(c.Request.Context(), "writing the docs page failed", "error", err)
		}
	})
}

type docsLine struct{ Method, Path, Summary, About, Scope string }

type docsTag struct {
	Name  string
	Lines []docsLine
}

type docsListing struct {
	Title, Version, About string
	Tags                  []docsTag
}

func listing(doc *huma.OpenAPI) docsListing {
	l := docsListing{Title: doc.Info.Title, Version: doc.Info.Version, About: doc.Info.Description}
	byTag := map[string][]docsLine{}
	for p, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op == nil {
				continue
			}
			line := docsLine{op.Method, p, op.Summary, op.Description, "open"}
			if len(op.Security) > 0 {
				line.Scope = op.Security[0][securityScheme][0]
			}
			byTag[op.Tags[0]] = append(byTag[op.Tags[0]], line)
		}
	}
	for name, lines := range byTag {
		slices.SortFunc(lines, func(a, b docsLine) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
		l.Tags = append(l.Tags, docsTag{name, lines})
	}
	slices.SortFunc(l.Tags, func(a, b docsTag) int { return strings.Compare(a.Name, b.Name) })
	return l
}

var docsPage = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{{.Title}} API</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
table{border-collapse:collapse;width:100%;margin:0 0 2rem}td{border-top:1px solid #d8dee6;padding:.45rem .6rem;vertical-align:top}
code{font:14px/1.4 ui-monospace,monospace}small{color:#55606e}.m{width:4.5rem;font-weight:600}.s{white-space:nowrap}
@media (prefers-color-scheme:dark){body{color:#dfe5ec;background:#12161c}td{border-color:#2c3440}small{color:#9aa6b4}a{color:#8ab8ff}}
</style></head><body>
<h1>{{.Title}} API {{.Version}}</h1>
<p>{{.About}}</p>
<p>The full description with all shapes is <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
{{range .Tags}}<h2>{{.Name}}</h2><table>{{range .Lines}}
<tr><td class="m">{{.Method}}</td><td><code>{{.Path}}</code><br>{{.Summary}}{{if .About}}<br><small>{{.About}}</small>{{end}}</td><td class="s"><small>{{.Scope}}</small></td></tr>{{end}}
</table>{{end}}
</body></html>
`))
