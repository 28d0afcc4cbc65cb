package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/trackseal/trackseal/api/internal/access"
	"github.com/trackseal/trackseal/api/internal/idempotency"
	"github.com/trackseal/trackseal/api/internal/problem"
)

// Write is what a handler may know about the request as a write.
type Write struct {
	// Again: an earlier attempt with the same key may have had its effect. Look before acting; finding exactly what was
	// asked for is success.
	Again bool
	// Key identifies the request for good, "" without an Idempotency-Key.
	Key string
	// Secret is set by a handler whose answer must not be kept.
	Secret bool
}

type writeKey struct{}

// WriteOf never returns nil.
func WriteOf(ctx context.Context) *Write {
	if w, ok := ctx.Value(writeKey{}).(*Write); ok {
		return w
	}
	return &Write{}
}

// rememberWrites gives requests with an Idempotency-Key one effect. See package idempotency for the order of the steps.
func (a *API) rememberWrites(c huma.Context, next func(huma.Context)) {
	key := c.Header("Idempotency-Key")
	rules := rulesOf(c.Operation())
	if !rules.Write || key == "" {
		next(c)
		return
	}
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		a.reply(c, problem.New(http.StatusBadRequest, problem.InvalidKey, "Idempotency-Key must be 1 to 255 visible ASCII characters"))
		return
	}
	g := humagin.Unwrap(c)
	body, err := io.ReadAll(io.LimitReader(g.Request.Body, int64(rules.Body)+1))
	if err != nil || len(body) > rules.Body {
		a.reply(c, problem.New(http.StatusRequestEntityTooLarge, problem.TooLarge, "the body has more than %d bytes", rules.Body))
		return
	}
	g.Request.Body = io.NopCloser(bytes.NewReader(body))

	who := access.PrincipalOf(c.Context()).Identity()
	req := idempotency.Request{Who: who, Key: key,
		Fingerprint: sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", c.Method(), g.Request.URL.RequestURI(), body))}
	stored, attempt, err := a.Writes.Begin(req)
	switch {
	case errors.Is(err, idempotency.ErrInProgress):
		a.reply(c, problem.New(http.StatusConflict, problem.KeyInProgress, "a request with this Idempotency-Key is in progress; try again soon").RetryAfter("1"))
		return
	case errors.Is(err, idempotency.ErrReused):
		a.reply(c, problem.New(http.StatusUnprocessableEntity, problem.KeyReused, "this Idempotency-Key was used with another request; choose a new one"))
		return
	case err != nil:
		a.reply(c, err)
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

	w := &Write{Again: attempt.Again, Key: who + "\x00" + key}
	kept := &keeping{ResponseWriter: g.Writer}
	g.Writer = kept
	settled := false
	defer func() {
		g.Writer = kept.ResponseWriter
		if !settled { // a panic: the effect may be there
			a.settle(c.Context(), attempt.Unknown())
		}
	}()
	// A client that goes away must not cut a write in half: the time limit stays, the client's going does not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), rules.Limit)
	defer cancel()
	next(huma.WithContext(c, context.WithValue(ctx, writeKey{}, w)))
	settled = true

	switch status := kept.Status(); {
	case status >= 200 && status < 300 && w.Secret:
		a.settle(ctx, attempt.Done(nil))
	case status >= 200 && status < 300:
		answer := &idempotency.Answer{Status: status, Header: map[string]string{}, Body: kept.body.Bytes()}
		for _, name := range []string{"Content-Type", "Etag", "Location"} {
			if v := kept.Header().Get(name); v != "" {
				answer.Header[name] = v
			}
		}
		a.settle(ctx, attempt.Done(answer))
	case status >= 500:
		a.settle(ctx, attempt.Unknown())
	default: // refused: nothing was written
		a.settle(ctx, attempt.Undone())
	}
}

// settle logs that an outcome could not be recorded; the next attempt with this key then looks before it acts.
func (a *API) settle(ctx context.Context, err error) {
	if err != nil {
		a.Log.ErrorContext(ctx, "recording the outcome of a write failed", "trace_id", problem.TraceID(ctx), "error", err)
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
