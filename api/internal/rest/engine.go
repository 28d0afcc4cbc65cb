package rest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackseal/trackseal/api/internal/audit"
	"github.com/trackseal/trackseal/api/internal/problem"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// newEngine is gin with the rules that hold for every answer, also for those that no route gives.
func (a *API) newEngine() *gin.Engine {
	e := gin.New()
	// X-Forwarded-For is believed from nobody: set this up in a proxy that we know, or not at all.
	if err := e.SetTrustedProxies(nil); err != nil {
		panic(err)
	}
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.UseRawPath = true // an excursion's id has slashes, which come escaped
	e.Use(a.trace, secure, a.recovered)
	e.NoRoute(gin.WrapH(a.Elsewhere))
	e.NoMethod(func(c *gin.Context) {
		c.Header("Allow", allowed(e.Routes(), c.Request.URL.EscapedPath()))
		problem.New(http.StatusMethodNotAllowed, problem.MethodNotAllowed, "%s is not possible here; see /openapi.json", c.Request.Method).Write(c.Writer, c.Request)
	})
	return e
}

// allowed are the methods of the route that a path leads to. gin also counts those of a wider route: of /x/{id} for /x/simulate.
func allowed(routes gin.RoutesInfo, path string) string {
	var methods []string
	fewest := -1
	for _, r := range routes {
		wild, ok := leads(r.Path, path)
		if !ok || fewest >= 0 && wild > fewest {
			continue
		}
		if wild < fewest {
			methods = nil
		}
		fewest = wild
		methods = append(methods, r.Method)
		if r.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}

// leads reports whether a path is one of a pattern such as /x/:id, and how many of its elements may be anything.
func leads(pattern, path string) (wild int, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return 0, false
	}
	for i := range want {
		switch {
		case strings.HasPrefix(want[i], ":") && got[i] != "":
			wild++
		case want[i] != got[i]:
			return 0, false
		}
	}
	return wild, true
}

var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)

// trace gives the request an id (the caller's W3C trace id when there is one), counts it, and logs it.
func (a *API) trace(c *gin.Context) {
	id := ""
	if m := traceparent.FindStringSubmatch(c.GetHeader("Traceparent")); m != nil {
		id = m[1]
	} else {
		var b [16]byte
		rand.Read(b[:])
		id = hex.EncodeToString(b[:])
	}
	note := newNote(c, id)
	c.Request = c.Request.WithContext(audit.WithNote(problem.WithTraceID(c.Request.Context(), id), note))
	c.Header("Trace-Id", id)
	// How long a client may take to read an answer. Recorders in tests do not support it and need none.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(LongTime + time.Minute))
	began := time.Now()
	c.Next()
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	a.metrics.requests.WithLabelValues(methodLabel(c.Request.Method), route, strconv.Itoa(c.Writer.Status())).Inc()
	a.metrics.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
	a.logAccess(c, note, began)
}

// methodLabel is one of few: a method that somebody made up must not become a series of its own.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// headKey marks the context of a HEAD request, which is routed as a GET.
type headKey struct{}

// headAsGet lets each GET route answer HEAD as well (RFC 9110 section 9.3.2). net/http still holds the original request and so
// sends no body. The copy keeps its method.
func headAsGet(r *http.Request) *http.Request {
	if r.Method != http.MethodHead {
		return r
	}
	r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
	r.Method = http.MethodGet
	return r
}

// IsHead reports whether only the headers of the answer are asked for.
func IsHead(ctx context.Context) bool {
	head, _ := ctx.Value(headKey{}).(bool)
	return head
}

const apiCSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// secure sets the headers that every answer carries; pages replace the policy with their own.
func secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", apiCSP)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "geolocation=(), camera=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	c.Next()
}

func (a *API) recovered(c *gin.Context) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler {
			panic(v)
		}
		a.Log.ErrorContext(c.Request.Context(), "request panicked", "trace_id", problem.TraceID(c.Request.Context()), "panic", v, "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			problem.New(http.StatusInternalServerError, problem.Internal, "internal error; quote the trace id when you report it").Write(c.Writer, c.Request)
		}
		c.Abort()
	}()
	c.Next()
}

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trackseal_api_requests_total", Help: "Answered requests."}, []string{"method", "route", "status"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trackseal_api_request_seconds", Help: "Time to answer.", Buckets: prometheus.ExponentialBuckets(0.002, 3, 10)}, []string{"route"}),
	}
	r.MustRegister(m.requests, m.seconds)
	return m
}
