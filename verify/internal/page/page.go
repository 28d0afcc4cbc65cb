// Package page writes a report as one HTML file without references to anything else.
package page

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/trackseal/trackseal/internal/evidence"
)

//go:embed report.html
var source string

var report = template.Must(template.New("report").Funcs(template.FuncMap{
	"time":   func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05 UTC") },
	"length": func(ms int64) string { return (time.Duration(ms) * time.Millisecond).Round(time.Second).String() },
	"words":  func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	"join":   func(list []string) string { return strings.Join(list, ", ") },
	"questions": func(r *evidence.Report) []answer {
		out := make([]answer, 0, len(evidence.Questions))
		for _, q := range evidence.Questions {
			out = append(out, answer{string(q), string(r.Verdicts.Of(q))})
		}
		return out
	},
}).Parse(source))

type answer struct{ Question, Status string }

// Write writes the page.
func Write(w io.Writer, r *evidence.Report) error { return report.Execute(w, r) }
