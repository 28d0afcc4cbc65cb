package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/trackseal/trackseal/api/internal/auth"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/problem"
)

// reply writes a problem before any handler runs.
func (s *Server) reply(c huma.Context, err error) {
	p := s.problem(c.Context(), err)
	for k, v := range p.GetHeaders() {
		c.SetHeader(k, v[0])
	}
	c.SetHeader("Content-Type", p.ContentType(""))
	c.SetStatus(p.Status)
	_ = json.NewEncoder(c.BodyWriter()).Encode(p) // the client is gone: nobody to tell
}

// limitTime ends a request that takes too long; streams have no limit.
func (s *Server) limitTime(c huma.Context, next func(huma.Context)) {
	limit := limitOf(c.Operation())
	if limit == unlimited {
		next(c)
		return
	}
	ctx, cancel := context.WithTimeout(c.Context(), limit)
	defer cancel()
	next(huma.WithContext(c, ctx))
}

const unlimited = -1

func limitOf(op *huma.Operation) time.Duration {
	if limit, _ := op.Metadata[metaLimit].(time.Duration); limit != 0 {
		return limit
	}
	return requestTime
}

// authorise lets a request through when its token has the operation's scope. Every operation either names a scope or says
// that it is open; a route without either is a programming error that answers 500.
func (s *Server) authorise(c huma.Context, next func(huma.Context)) {
	security := c.Operation().Security
	if security == nil {
		s.reply(c, fmt.Errorf("operation %s has no security", c.Operation().OperationID))
		return
	}
	if len(security) == 0 {
		next(c)
		return
	}
	scope := security[0][securityScheme][0]
	scheme, token, _ := strings.Cut(c.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		s.reply(c, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "send Authorization: Bearer <access token>").Unauthenticated())
		return
	}
	p, err := s.Verifier.Verify(c.Context(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, auth.ErrWrongOrg):
		s.reply(c, problem.New(http.StatusForbidden, problem.WrongOrg, "this is the api of %s; the token is of another organisation", s.Org))
		return
	case err != nil:
		s.reply(c, problem.New(http.StatusUnauthorized, problem.Unauthenticated, "%s; get a new one", err).With("WWW-Authenticate", `Bearer realm="trackseal", error="invalid_token"`))
		return
	case !p.Has(scope):
		s.reply(c, problem.New(http.StatusForbidden, problem.MissingScope, "this needs the scope %s", scope).
			With("WWW-Authenticate", fmt.Sprintf(`Bearer realm="trackseal", error="insufficient_scope", scope=%q`, scope)))
		return
	}
	next(huma.WithContext(c, auth.WithPrincipal(c.Context(), p)))
}

// write is what a handler may know about the request as a write.
type write struct {
	// again: an earlier attempt with the same key may have had its effect. Look before acting; finding exactly what was
	// asked for is success.
	again bool
	// key identifies the request for good, "" without an Idempotency-Key.
	key string
	// secret is set by a handler whose answer must not be kept.
	secret bool
}

type writeKey struct{}

// writeOf never returns nil.
func writeOf(ctx context.Context) *write {
	if w, ok := ctx.Value(writeKey{}).(*write); ok {
		return w
	}
	return &write{}
}

// rememberWrites gives requests with an Idempotency-Key one effect. See package idempotency for the order of the steps.
func (s *Server) rememberWrites(c huma.Context, next func(huma.Context)) {
	key := c.Header("Idempotency-Key")
	if isWrite, _ := c.Operation().Metadata[metaWrite].(bool); !isWrite || key == "" {
		next(c)
		return
	}
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		s.reply(c, problem.New(http.StatusBadRequest, problem.InvalidKey, "Idempotency-Key must be 1 to 255 visible ASCII characters"))
		return
	}
	g := humagin.Unwrap(c)
	body, err := io.ReadAll(io.LimitReader(g.Request.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		s.reply(c, problem.New(http.StatusRequestEntityTooLarge, problem.TooLarge, "the body has more than %d bytes", maxBody))
		return
	}
	g.Request.Body = io.NopCloser(bytes.NewReader(body))

	who := auth.PrincipalOf(c.Context())
	req := idempotency.Request{Issuer: who.Issuer, Client: who.Client, Key: key,
		Fingerprint: sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", c.Method(), g.Request.URL.RequestURI(), body))}
	stored, attempt, err := s.Idempotency.Begin(req)
	switch {
	case errors.Is(err, idempotency.ErrInProgress):
		s.reply(c, problem.New(http.StatusConflict, problem.KeyInProgress, "a request with this Idempotency-Key is in progress; try again soon").RetryAfter("1"))
		return
	case errors.Is(err, idempotency.ErrReused):
		s.reply(c, problem.New(http.StatusUnprocessableEntity, problem.KeyReused, "this Idempotency-Key was used with another request; choose a new one"))
		return
	case err != nil:
		s.reply(c, err)
		return
	case stored != nil:
		for k, v := range stored.Header {
			c.SetHeader(k, v)
		}
		c.SetHeader("Idempotency-Replayed", "true")
		c.SetStatus(stored.Status)
		_, _ = c.BodyWriter().Write(stored.Body) // the client is gone: nobody to tell
		return
	}

	w := &write{again: attempt.Again, key: who.Issuer + "\x00" + who.Client + "\x00" + key}
	kept := &keeping{ResponseWriter: g.Writer}
	g.Writer = kept
	settled := false
	defer func() {
		g.Writer = kept.ResponseWriter
		if !settled { // a panic: the effect may be there
			s.settle(c.Context(), attempt.Unknown())
		}
	}()
	// A client that goes away must not cut a write in half: the time limit stays, the client's going does not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), limitOf(c.Operation()))
	defer cancel()
	next(huma.WithContext(c, context.WithValue(ctx, writeKey{}, w)))
	settled = true

	switch status := kept.Status(); {
	case status >= 200 && status < 300 && w.secret:
		s.settle(ctx, attempt.Done(nil))
	case status >= 200 && status < 300:
		a := &idempotency.Answer{Status: status, Header: map[string]string{}, Body: kept.body.Bytes()}
		for _, name := range []string{"Content-Type", "Etag", "Location"} {
			if v := kept.Header().Get(name); v != "" {
				a.Header[name] = v
			}
		}
		s.settle(ctx, attempt.Done(a))
	case status >= 500:
		s.settle(ctx, attempt.Unknown())
	default: // refused: nothing was written
		s.settle(ctx, attempt.Undone())
	}
}

// settle logs that an outcome could not be recorded; the next attempt with this key then looks before it acts.
func (s *Server) settle(ctx context.Context, err error) {
	if err != nil {
		s.Log.ErrorContext(ctx, "recording the outcome of a write failed", "trace_id", problem.TraceID(ctx), "error", err)
	}
}

// keeping is a response writer that keeps a copy of the body.
type keeping struct {
	gin.ResponseWriter
	body bytes.Buffer
}

func (k *keeping) Write(b []byte) (int, error) {
	k.body.Write(b)
	return k.ResponseWriter.Write(b)
}

func (k *keeping) WriteString(s string) (int, error) {
	k.body.WriteString(s)
	return k.ResponseWriter.WriteString(s)
}
