package rest

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/problem"
)

// audited records what was refused at the door. What was let in to change something is recorded by begun.
func (a *API) audited(c huma.Context, next func(huma.Context)) {
	note := audit.NoteOf(c.Context())
	note.With(func(r *audit.Record) { r.Operation = c.Operation().OperationID })
	next(c)
	status := humagin.Unwrap(c).Writer.Status()
	r := note.Record()
	if r.N != 0 || r.Kind == audit.Change || r.Kind != audit.Refusal && status != http.StatusUnauthorized && status != http.StatusForbidden {
		return
	}
	r.Status = status
	n, err := a.Audit.Refuse(r)
	if err != nil {
		a.Log.ErrorContext(c.Context(), "recording a refusal in the audit log failed", "trace_id", r.Request, "error", err)
	}
	note.With(func(r *audit.Record) { r.N = n })
}

// begun records a change: that it begins, before it can have any effect, and what came of it.
func (a *API) begun(c huma.Context, next func(huma.Context)) {
	if !rulesOf(c.Operation()).Write {
		next(c)
		return
	}
	note := audit.NoteOf(c.Context())
	entry, err := a.Audit.Begin(note.Record())
	if err != nil {
		a.reply(c, err)
		return
	}
	note.With(func(r *audit.Record) { r.Kind = audit.Change })
	w := humagin.Unwrap(c).Writer
	status := http.StatusInternalServerError // unless the handler comes back from a panic
	defer func() {
		r := note.Record()
		r.Status, r.Replayed = status, w.Header().Get("Idempotency-Replayed") != ""
		n, err := entry.End(r)
		if err != nil { // the next start of this process finds it begun
			a.Log.ErrorContext(c.Context(), "recording a change in the audit log failed", "trace_id", r.Request, "error", err)
		}
		note.With(func(r *audit.Record) { r.N = n })
	}()
	next(c)
	status = w.Status()
}

// noteWho puts a principal into the note of its request.
func noteWho(n *audit.Note, p *access.Principal) {
	n.With(func(r *audit.Record) {
		r.Org, r.Issuer, r.Subject, r.Name, r.Client, r.Token = p.Org, p.Issuer, p.Subject, p.Name, p.Client, p.Token
	})
}

// quiet routes are asked every second by machines, and change nothing.
var quiet = []string{"/healthz", "/readyz", "/metrics"}

// logAccess writes one line for a request: neither its query, headers or body, nor anything of a token but whose it is.
func (a *API) logAccess(c *gin.Context, note *audit.Note, began time.Time) {
	level := slog.LevelInfo
	if slices.Contains(quiet, c.FullPath()) {
		level = slog.LevelDebug
	}
	r := note.Record()
	line := []any{"trace_id", r.Request, "method", r.Method, "path", r.Path, "operation", r.Operation, "status", c.Writer.Status(), "bytes", max(c.Writer.Size(), 0),
		"ms", time.Since(began).Milliseconds(), "client", r.Client, "remote", r.Remote}
	if r.N != 0 {
		line = append(line, "audit", r.N)
	}
	a.Log.Log(c.Request.Context(), level, "request", line...)
}

// newNote is what every request is known by.
func newNote(c *gin.Context, id string) *audit.Note {
	n := new(audit.Note)
	remote, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		remote = c.Request.RemoteAddr
	}
	path := c.Request.URL.EscapedPath()
	if len(path) > maxNotedPath {
		path = path[:maxNotedPath]
	}
	n.With(func(r *audit.Record) {
		r.Request, r.Method, r.Path, r.Remote = id, methodLabel(c.Request.Method), path, remote
	})
	return n
}

// maxNotedPath is longer than any path that a route takes.
const maxNotedPath = 2048

// noteProblem keeps why a request was refused.
func noteProblem(n *audit.Note, p *problem.Problem) {
	n.With(func(r *audit.Record) { r.Code = string(p.Code) })
}
