package httpapi

import (
	"log/slog"
	"net/http"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/trackseal/trackseal/internal/node"
)

// trail is the audit lines: every change that a member's node asked for, and refusals, of which a flood must not fill the log.
type trail struct {
	log               *slog.Logger
	members, unknowns *bounded
}

// bounded lets a hundred refusals through at once, and one a second.
type bounded struct {
	limit *rate.Limiter
	more  atomic.Uint64 // left out since the last line
}

func newTrail(log *slog.Logger) trail {
	return trail{log, &bounded{limit: rate.NewLimiter(1, 100)}, &bounded{limit: rate.NewLimiter(1, 100)}}
}

func (t trail) changed(r *http.Request, who node.Caller, status int) {
	t.log.InfoContext(r.Context(), "changed by a member's node", append(fields(r, who), "status", status)...)
}

func (t trail) refused(r *http.Request, who node.Caller, p *problem) {
	of := t.members
	if who.MSP == "" {
		of = t.unknowns
	}
	if !of.limit.Allow() {
		of.more.Add(1)
		return
	}
	t.log.WarnContext(r.Context(), "a node was refused", append(fields(r, who), "status", p.status, "why", p.detail, "more", of.more.Swap(0))...)
}

func fields(r *http.Request, who node.Caller) []any {
	return []any{"member", who.Member, "msp", who.MSP, "role", who.Role, "subject", who.Subject, "method", r.Method, "path", r.URL.Path, "remote", r.RemoteAddr}
}
