package rest

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

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
