// Package dashboard serves the page's files where no route answers.
package dashboard

import (
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/trackseal/trackseal/api/internal/problem"
)

// Pages is an http.Handler.
type Pages struct {
	Org string
	Dir string // of the built files; "" = there are none
}

// reserved are the first path elements that never belong to the dashboard.
var reserved = []string{"v1", "oauth2", ".well-known", "openapi.json", "docs", "healthz", "readyz", "metrics"}

// ServeHTTP serves the dashboard's files, or says what is missing.
func (s *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	first, _, _ := strings.Cut(name, "/")
	mayBe := !slices.Contains(reserved, first) && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	switch {
	case mayBe && s.serveFile(w, r, name):
	case mayBe && name == "":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		_, _ = fmt.Fprintf(w, "Trackseal api of %s.\n\nThe dashboard is not built. Install Node 20 or later and run `make up`; the API itself is complete.\n\n/openapi.json  what there is\n/docs          the same, to read\n", s.Org) // the client is gone: nobody to tell
	default:
		problem.New(http.StatusNotFound, problem.NotFound, "nothing is here; /openapi.json lists what there is").Write(w, r)
	}
}

// pageCSP lets the dashboard load what it brings and talk to this api, nothing else. 'wasm-unsafe-eval' allows WebAssembly
// (and no eval of scripts): the evidence verifier, which runs in a worker.
const pageCSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// hashed is the folder whose file names change with their content.
const hashed = "assets/"

// packed are the encodings in which the dashboard's build leaves its large files, the smallest first.
var packed = []struct{ coding, ending string }{{"br", ".br"}, {"gzip", ".gz"}}

// serveFile answers from dashboard_dir; paths below app/ are the page's own and answer index.html.
func (s *Pages) serveFile(w http.ResponseWriter, r *http.Request, name string) bool {
	if s.Dir == "" {
		return false
	}
	// A root never leaves its folder, whatever links are in it.
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return false
	}
	defer root.Close()
	files := root.FS()
	if name == "" || name == "app" || strings.HasPrefix(name, "app/") {
		name = "index.html"
	}
	// Hidden files and folders are not served; a folder has no listing.
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || !regular(files, name) {
		return false
	}
	w.Header().Set("Content-Security-Policy", pageCSP)
	w.Header().Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, hashed) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Vary", "Accept-Encoding")
	for _, p := range packed {
		if accepts(r.Header.Get("Accept-Encoding"), p.coding) && regular(files, name+p.ending) {
			w.Header().Set("Content-Encoding", p.coding)
			w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
			name += p.ending
			break
		}
	}
	http.ServeFileFS(w, r, files, name)
	return true
}

func regular(files fs.FS, name string) bool {
	info, err := fs.Stat(files, name)
	return err == nil && info.Mode().IsRegular()
}

// accepts reads Accept-Encoding (RFC 9110 12.5.3): a coding that is named and not refused with q=0. What "*" would allow is
// left alone: the plain file is always right.
func accepts(header, coding string) bool {
	for member := range strings.SplitSeq(header, ",") {
		name, parameter, _ := strings.Cut(member, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		key, value, found := strings.Cut(strings.TrimSpace(parameter), "=")
		if !found || !strings.EqualFold(strings.TrimSpace(key), "q") {
			return true
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err == nil && q > 0
	}
	return false
}
