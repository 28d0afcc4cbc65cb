// Package fakeinflux is the InfluxDB of ingest's tests.
package fakeinflux

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/trackseal/trackseal/internal/stored"
)

// Server is an InfluxDB that takes line protocol over HTTP, keeps it in memory and fails on demand. Like the real one it
// keeps one point per series and time. Queries answer nothing; Messages reads messages back.
type Server struct {
	URL, Bucket, TokenFile string

	server *httptest.Server
	mu     sync.Mutex
	points map[string]string // series and time -> fields
	writes int
	down   bool
	failed int // answers to lose after the write was applied
	refuse func(line string) bool
}

// New starts one; it ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	f := &Server{Bucket: "trackseal/autogen", TokenFile: filepath.Join(t.TempDir(), "token"), points: map[string]string{}}
	if err := os.WriteFile(f.TokenFile, []byte("admin:test"), 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/write", f.write)
	mux.HandleFunc("POST /query", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"results":[{"statement_id":0}]}`)
	})
	mux.HandleFunc("GET /fake/messages", f.messages)
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	f.server = httptest.NewServer(mux)
	f.URL = f.server.URL
	t.Cleanup(f.server.Close)
	return f
}

// SetUnavailable makes every write answer 503, or ends that.
func (f *Server) SetUnavailable(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// FailAfter makes the next n writes be applied and answer 503 all the same.
func (f *Server) FailAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = n
}

// Refuse makes batches with a line for which refuse is true be rejected as a whole; nil ends that.
func (f *Server) Refuse(refuse func(line string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = refuse
}

// Writes counts the batches that were applied.
func (f *Server) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

func (f *Server) write(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		http.Error(w, "injected", http.StatusServiceUnavailable)
		return
	}
	points := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(body), "\n"), "\n") {
		m := linePattern.FindStringSubmatch(line)
		if m == nil || f.refuse != nil && f.refuse(line) {
			w.Header().Set("X-Influxdb-Error", "unable to parse a line")
			http.Error(w, "unable to parse a line", http.StatusBadRequest)
			return
		}
		points[m[1]+" "+m[3]] = m[2]
	}
	maps.Copy(f.points, points)
	f.writes++
	if f.failed > 0 {
		f.failed--
		http.Error(w, "injected", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// linePattern is enough for the points of docs/formats.md: series without escaped spaces, fields, time.
var linePattern = regexp.MustCompile(`^(\S+) (.+) (-?\d+)$`)

// Point is one stored point.
type Point struct{ Series, Fields, Time string }

// Points lists the points of a measurement, in no order.
func (f *Server) Points(measurement string) []Point {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Point
	for k, v := range f.points {
		series, at, _ := strings.Cut(k, " ")
		if strings.HasPrefix(series, measurement+",") {
			all = append(all, Point{series, v, at})
		}
	}
	return all
}

// Field returns a field's text without its quotes or type mark.
func (p Point) Field(name string) string {
	m := regexp.MustCompile(fmt.Sprintf(`(?:^|,)%s=("(?:[^"\\]|\\.)*"|[^,]*)`, regexp.QuoteMeta(name))).FindStringSubmatch(p.Fields)
	if m == nil {
		return ""
	}
	return strings.TrimSuffix(strings.Trim(m[1], `"`), "i")
}

// Tag returns a tag's value.
func (p Point) Tag(name string) string {
	for part := range strings.SplitSeq(p.Series, ",") {
		if v, ok := strings.CutPrefix(part, name+"="); ok {
			return v
		}
	}
	return ""
}

// messages answers the stored messages of ?log= from leaf ?from= on, in their order: Messages reads them.
func (f *Server) messages(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.ParseUint(r.URL.Query().Get("from"), 10, 64)
	all := []stored.Message{}
	for _, p := range f.Points("message") {
		leaf, err := strconv.ParseUint(p.Field("leaf"), 10, 64)
		if err != nil || leaf < from || p.Tag("log") != r.URL.Query().Get("log") {
			continue
		}
		ns, _ := strconv.ParseInt(p.Time, 10, 64)
		m := stored.Message{Log: p.Tag("log"), Leaf: leaf, Tracker: p.Tag("tracker"), Shipment: p.Tag("shipment"), Trust: p.Tag("trust"), ReceivedMS: ns / 1e6}
		m.Entry, _ = base64.StdEncoding.DecodeString(p.Field("entry"))
		m.Raw, _ = base64.StdEncoding.DecodeString(p.Field("raw"))
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b stored.Message) int { return cmp.Compare(a.Leaf, b.Leaf) })
	_ = json.NewEncoder(w).Encode(all) // the caller is gone: nobody to tell
}

// Messages is Messages of a store, answered by the Server at a URL, also from another process.
func Messages(ctx context.Context, url, log string, from uint64, fn func(stored.Message) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/fake/messages?log=%s&from=%d", url, log, from), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", stored.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	var all []stored.Message
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return err
	}
	for _, m := range all {
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}
