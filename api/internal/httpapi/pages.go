package httpapi

import (
	"encoding/json"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/trackseal/trackseal/api/internal/problem"
)

// infrastructure routes are not part of the OpenAPI document.
func (s *Server) pageRoutes() {
	s.engine.GET("/healthz", gin.WrapF(s.Health.ServeLive))
	s.engine.GET("/readyz", gin.WrapF(s.Health.ServeReady))
	s.engine.GET("/metrics", gin.WrapH(s.Health.Mux(s.Metrics)))

	document := sync.OnceValues(func() ([]byte, error) { return json.Marshal(s.api.OpenAPI()) })
	s.engine.GET("/openapi.json", func(c *gin.Context) {
		body, err := document()
		if err != nil {
			s.problem(c.Request.Context(), err).Write(c.Writer, c.Request)
			return
		}
		c.Data(http.StatusOK, "application/openapi+json", body)
	})
	s.engine.GET("/docs", func(c *gin.Context) {
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		c.Header("Content-Type", "text/html; charset=utf-8")
		if err := docsPage.Execute(c.Writer, listing(s.api.OpenAPI())); err != nil {
			s.Log.DebugContext(c.Request.Context(), "writing the docs page failed", "error", err)
		}
	})
}

// reserved are the first path elements that never belong to the dashboard.
var reserved = []string{"v1", "oauth2", ".well-known", "openapi.json", "docs", "healthz", "readyz", "metrics"}

// noRoute serves the dashboard's files, or says what is missing.
func (s *Server) noRoute(c *gin.Context) {
	name := strings.TrimPrefix(path.Clean("/"+c.Request.URL.Path), "/")
	first, _, _ := strings.Cut(name, "/")
	if slices.Contains(reserved, first) || c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		problem.New(http.StatusNotFound, problem.NotFound, "nothing is here; /openapi.json lists what there is").Write(c.Writer, c.Request)
		return
	}
	if s.dashboard(c, name) {
		return
	}
	if name == "" {
		c.String(http.StatusOK, "Trackseal api of %s.\n\nThe dashboard is not built. Install Node 20 or later and run `make up`; the API itself is complete.\n\n/openapi.json  what there is\n/docs          the same, to read\n", s.Org)
		return
	}
	problem.New(http.StatusNotFound, problem.NotFound, "nothing is here; /openapi.json lists what there is").Write(c.Writer, c.Request)
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
